/** Remembers who a credential belongs to for as long as nothing in the accounts has changed, and never over a second. */
import type { Clock } from "../support/clock.ts";

const AGE_MS_MAX = 1000;
const ENTRIES_MAX = 10_000;

export interface LiveCacheOptions {
  readonly clock: Clock;
  /** Changes when another process has written to the accounts; a quarter of a microsecond. */
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

  const clear = () => {
    generation += 1;
    entries.clear();
  };
  const isOutdated = (): boolean => {
    try {
      const now = outsideVersion();
      if (now === version) return false;
      version = now;
      return true;
    } catch {
      // The file is out of reach for the moment; age bounds what may be believed meanwhile.
      return false;
    }
  };

  return {
    get(key) {
      if (isOutdated()) clear();
      const entry = entries.get(key);
      return entry !== undefined && clock.monotonic() - entry.readAt < AGE_MS_MAX ? entry.value : undefined;
    },
    async load(key, read) {
      if (isOutdated()) clear();
      const { monotonic } = clock;
      const readAt = monotonic();
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
