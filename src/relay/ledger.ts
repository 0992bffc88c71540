/** Bookkeeping of calls that have ended, done for many at once: one by one it would be a fifth of what a call costs. */
import type { Schedule } from "../support/clock.ts";

/** A record is written at most so much later than its call ended, ms. */
const DELAY_MS = 5;
/** More do not wait. */
const WAITING_MAX = 512;

export interface Ended {
  /** Reads what is still unread of the answer, writes record and log line. Must not throw. */
  settle(): void;
}

export class Ledger {
  readonly #schedule: Schedule | undefined;
  #waiting: Ended[] = [];
  #isScheduled = false;

  /** Without a schedule every call is settled as it ends. */
  constructor(schedule?: Schedule) {
    this.#schedule = schedule;
  }

  push(call: Ended): void {
    if (this.#schedule === undefined) return call.settle();
    this.#waiting.push(call);
    if (this.#waiting.length >= WAITING_MAX) return this.flush();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#schedule(DELAY_MS, () => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    const calls = this.#waiting;
    this.#waiting = [];
    for (const call of calls) call.settle();
  }
}
