/** A bounded queue that writes in batches: pushing never waits, and an ailing writer costs old entries, not memory. */
import { type Schedule, systemSchedule } from "./clock.ts";

export interface BatchQueueOptions<T> {
  /** Entries held at most; one more pushes out the oldest. */
  readonly max: number;
  /** Entries per `write`, and one `write` per turn of the event loop. */
  readonly batch: number;
  /** From the first entry to its `write`, ms; also the first pause after a failure. */
  readonly delayMs: number;
  /** Longest pause between tries while `write` fails, ms. Default 5000. */
  readonly retryMsMax?: number;
  /** Takes all of the batch or, by throwing, nothing of it. */
  readonly write: (batch: readonly T[]) => void;
  /** Told how many entries were pushed out, at the moment they were. */
  readonly onDrop?: (count: number) => void;
  /** Told each time `write` throws; the batch stays queued. */
  readonly onError?: (error: unknown, waiting: number) => void;
  readonly schedule?: Schedule;
}

export interface BatchQueue<T> {
  /** Never throws, never waits. After `drain` has begun entries are still taken, for as long as it runs. */
  push(entry: T): void;
  /** Writes everything now, without pauses; stops at the first failure. Returns how many entries remain unwritten. */
  drain(): number;
  readonly size: number;
  /** Entries pushed out since the start. */
  readonly dropped: number;
}

const RETRY_MS_MAX = 5000;
/** Entries already written are cut off the array once they are so many; cutting each time would copy the rest. */
const COMPACT_FROM = 1024;

export function createBatchQueue<T>(options: BatchQueueOptions<T>): BatchQueue<T> {
  const { max, batch, delayMs, write, retryMsMax = RETRY_MS_MAX, schedule = systemSchedule } = options;
  let entries: T[] = [];
  let first = 0;
  let dropped = 0;
  let failures = 0;
  let cancelTimer: (() => void) | undefined;

  const size = () => entries.length - first;

  const forget = (count: number) => {
    first += count;
    if (first === entries.length) {
      entries = [];
      first = 0;
    } else if (first >= COMPACT_FROM && first * 2 >= entries.length) {
      entries = entries.slice(first);
      first = 0;
    }
  };

  const writeOne = (): boolean => {
    const chunk = entries.slice(first, first + batch);
    try {
      write(chunk);
    } catch (error) {
      failures += 1;
      options.onError?.(error, size());
      return false;
    }
    failures = 0;
    forget(chunk.length);
    return true;
  };

  const arm = (ms: number) => {
    cancelTimer = schedule(ms, onTimer);
  };

  const onTimer = () => {
    cancelTimer = undefined;
    if (size() === 0) return;
    if (writeOne()) {
      if (size() > 0) arm(0);
    } else {
      arm(Math.min(retryMsMax, delayMs * 2 ** Math.min(failures, 16)));
    }
  };

  return {
    get size() {
      return size();
    },
    get dropped() {
      return dropped;
    },
    push(entry) {
      entries.push(entry);
      if (size() > max) {
        forget(1);
        dropped += 1;
        options.onDrop?.(1);
      }
      if (cancelTimer === undefined) arm(delayMs);
    },
    drain() {
      cancelTimer?.();
      cancelTimer = undefined;
      while (size() > 0) if (!writeOne()) break;
      if (size() > 0) arm(delayMs);
      return size();
    },
  };
}
