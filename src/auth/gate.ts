/** Lets a few costly tasks run at a time, a few more wait, and turns the rest away. */
import { tooMany } from "./refusals.ts";

export interface GateOptions {
  readonly runningMax: number;
  readonly waitingMax: number;
  /** What those turned away are told to wait. */
  readonly retryAfterMs: number;
}

/** `last`: begun when none of the `first` waits. */
export type Turn = "first" | "last";

export interface Gate {
  /**
   * Throws `rate-limited` at once when too many wait; otherwise runs the task when its turn comes. Those who come
   * `last` find too many where all together are, those who come `first` where too many of their own wait.
   */
  run<T>(task: () => Promise<T>, turn?: Turn): Promise<T>;
  /** Throws what `run` would throw at this moment: asked before work that would be for nothing. */
  check(turn?: Turn): void;
  readonly running: number;
  readonly waiting: number;
}

export function createGate({ runningMax, waitingMax, retryAfterMs }: GateOptions): Gate {
  const first: (() => void)[] = [];
  const last: (() => void)[] = [];
  let running = 0;
  const waiting = (): number => first.length + last.length;
  const check = (turn: Turn = "first"): void => {
    if (running < runningMax || (turn === "first" ? first.length : waiting()) < waitingMax) return;
    throw tooMany(retryAfterMs, "Too many passwords are being checked at the moment; try again shortly.");
  };
  return {
    check,
    get running() {
      return running;
    },
    get waiting() {
      return waiting();
    },
    async run(task, turn = "first") {
      if (running >= runningMax) {
        check(turn);
        const { promise, resolve } = Promise.withResolvers<void>();
        (turn === "first" ? first : last).push(resolve);
        await promise;
      } else {
        running += 1;
      }
      try {
        return await task();
      } finally {
        // The place goes straight to the next in line, so that nobody slips in between.
        const next = first.shift() ?? last.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
