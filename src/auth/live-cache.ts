/** Remembers who a credential belongs to for as long as nothing in the accounts has changed, and never over a second. */
import type { Clock } from "../support/clock.ts";

const AGE_MS_MAX = 1000;
/** How long another process's change may go unnoticed: asking the database each time would cost as much as the rest. */
const LOOK_MS = 100;
const ENTRIES_MAX = 10_000;

export interface LiveCacheOptions {
  readonly clock: Clock;
  /** Changes when another process has written to the accounts. */
  readonly outsideVersion: () => number;
}

export interface LiveCache<T> {
  get(key: string): T | undefined;
  /** Reads and remembers, unless the cache was emptied while it read. `undefined` is never remembered. */
  load(key: string, read: () => Promise<T | undefined>): Promise<T | undefined>;
  clear(): void;
}

export function createLiveCache<T>({ clock, outsideVersion }: LiveCacheOptions): LiveCache<T> {
  const entries = new Map<string, { readonly value: T; readonly readAt: number }>();
  let generation = 0;
  let version = Number.NaN;
  let lookedAt = Number.NEGATIVE_INFINITY;

  const clear = () => {
    generation += 1;
    entries.clear();
  };
  const clearIfOutdated = (now: number): void => {
    if (now - lookedAt < LOOK_MS) return;
    lookedAt = now;
    try {
      const current = outsideVersion();
      if (current === version) return;
      version = current;
      clear();
    } catch {
      // The file is out of reach for the moment; age bounds what may be believed meanwhile.
    }
  };

  return {
    get(key) {
      const now = clock.monotonic();
      clearIfOutdated(now);
      const entry = entries.get(key);
      return entry !== undefined && now - entry.readAt < AGE_MS_MAX ? entry.value : undefined;
    },
    async load(key, read) {
      const readAt = clock.monotonic();
      clearIfOutdated(readAt);
      const asked = generation;
      const value = await read();
      if (value === undefined || asked !== generation) return value;
      entries.delete(key);
      if (entries.size >= ENTRIES_MAX) {
        for (const oldest of entries.keys()) {
          entries.delete(oldest);
          break;
        }
      }
      entries.set(key, { value, readAt });
      return value;
    },
    clear,
  };
}
