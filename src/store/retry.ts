/** Waits for a database that another process holds, without stopping the event loop. */
import type { Clock } from "../support/clock.ts";
import { classify } from "./errors.ts";

export interface Patience {
  /** How long to try, ms. */
  readonly busyTimeoutMs: number;
  readonly clock: Clock;
  readonly sleep: (ms: number) => Promise<void>;
}

const PAUSE_MS_FIRST = 5;
const PAUSE_MS_MAX = 100;

/** Runs the work until the database is free for it; throws what it threw last when patience ends, or at once anything
 * that waiting does not mend. */
export async function whenFree<T>({ busyTimeoutMs, clock, sleep }: Patience, work: () => T): Promise<T> {
  const deadline = clock.monotonic() + busyTimeoutMs;
  for (let pause = PAUSE_MS_FIRST; ; pause = Math.min(PAUSE_MS_MAX, pause * 2)) {
    try {
      return work();
    } catch (error) {
      if (classify(error) !== "busy" || clock.monotonic() + pause > deadline) throw error;
    }
    await sleep(pause);
  }
}

/** Lets everything else that is ready run first. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
