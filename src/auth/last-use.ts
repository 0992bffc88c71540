/** Notes when something was last used: at most a write a minute each, and never while somebody waits for it. */
import type { Clock, Schedule } from "../support/clock.ts";
import type { Use } from "../store/types.ts";

/** Between two writes of the same id. */
const WRITE_MS_MIN = 60_000;
/** From the first use to its write, so that many go into one. */
const FLUSH_MS = 1000;
const RETRY_MS = 10_000;
const ENTRIES_MAX = 20_000;

export interface LastUseOptions {
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly write: (uses: readonly Use[]) => Promise<void>;
  /** Told when a write failed; it is tried again. */
  readonly onError: (error: unknown) => void;
}

export interface LastUse {
  /** Never throws, never waits. */
  note(id: string): void;
  /** Writes what is not written yet, now. */
  flush(): Promise<void>;
}

interface Entry {
  usedAt: number;
  writtenAt: number;
  /** Monotonic. */
  lastWrite: number;
}

export function createLastUse({ clock, schedule, write, onError }: LastUseOptions): LastUse {
  const entries = new Map<string, Entry>();
  let due = new Set<string>();
  let cancel: (() => void) | undefined;

  const arm = (delayMs: number) => {
    cancel ??= schedule(delayMs, () => {
      cancel = undefined;
      void flushDue();
    });
  };
  const writeThese = async (ids: Iterable<string>): Promise<void> => {
    const uses = [...ids].flatMap((id) => {
      const entry = entries.get(id);
      return entry === undefined || entry.usedAt === entry.writtenAt ? [] : [{ id, at: entry.usedAt }];
    });
    if (uses.length === 0) return;
    await write(uses);
    for (const { id, at } of uses) {
      const entry = entries.get(id);
      if (entry === undefined) continue;
      entry.writtenAt = at;
      entry.lastWrite = clock.monotonic();
    }
  };
  const flushDue = async (): Promise<void> => {
    const ids = due;
    due = new Set();
    try {
      await writeThese(ids);
    } catch (error) {
      for (const id of ids) due.add(id);
      arm(RETRY_MS);
      onError(error);
    }
  };

  return {
    note(id) {
      const now = Math.floor(clock.now());
      let entry = entries.get(id);
      if (entry === undefined) {
        if (entries.size >= ENTRIES_MAX) forgetWritten(entries);
        entry = { usedAt: now, writtenAt: 0, lastWrite: Number.NEGATIVE_INFINITY };
        entries.set(id, entry);
      } else if (now > entry.usedAt) {
        entry.usedAt = now;
      }
      if (clock.monotonic() - entry.lastWrite < WRITE_MS_MIN || due.has(id)) return;
      due.add(id);
      arm(FLUSH_MS);
    },
    async flush() {
      cancel?.();
      cancel = undefined;
      due = new Set();
      await writeThese(entries.keys());
    },
  };
}

/** Whoever is forgotten is merely written a little sooner next time. */
function forgetWritten(entries: Map<string, Entry>): void {
  for (const [id, entry] of entries) {
    if (entry.usedAt === entry.writtenAt) entries.delete(id);
  }
  // A file that cannot be written must not cost memory without end.
  if (entries.size >= ENTRIES_MAX) entries.clear();
}
