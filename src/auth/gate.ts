/** Lets a few costly tasks run at a time, a few more wait, and turns the rest away. */
import { tooMany } from "./refusals.ts";

export interface GateOptions {
  readonly runningMax: number;
  readonly waitingMax: number;
  /** What those turned away are told to wait. */
  readonly retryAfterMs: number;
}

export interface Gate {
  /** Throws `rate-limited` at once when too many wait; otherwise runs the task when its turn comes. */
  run<T>(task: () => Promise<T>): Promise<T>;
  /** Throws what `run` would throw at this moment: asked before work that would be for nothing. */
  check(): void;
  readonly running: number;
  readonly waiting: number;
}

export function createGate({ runningMax, waitingMax, retryAfterMs }: GateOptions): Gate {
  const waiters: (() => void)[] = [];
  let running = 0;
  const check = (): void => {
    if (running < runningMax || waiters.length < waitingMax) return;
    throw tooMany(retryAfterMs, "Too many passwords are being checked at the moment; try again shortly.");
  };
  return {
    check,
    get running() {
      return running;
    },
    get waiting() {
      return waiters.length;
    },
    async run(task) {
      if (running >= runningMax) {
        check();
        const { promise, resolve } = Promise.withResolvers<void>();
        waiters.push(resolve);
        await promise;
      } else {
        running += 1;
      }
      try {
        return await task();
      } finally {
        // The place goes straight to the next in line, so that nobody slips in between.
        const next = waiters.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
