/** Counts what happened in the last minute, second by second, so that no sixty seconds ever hold more than allowed. */

const SECOND_MS = 1000;
/** The running second and the sixty before it: whatever the place of an event in its second, it counts a whole minute. */
const SLOTS = 61;

/** Instants are on the monotonic clock, ms. */
export class SlidingMinute {
  readonly #slots = new Float64Array(SLOTS);
  #second = 0;
  #sum = 0;

  sum(now: number): number {
    this.#moveTo(now);
    return this.#sum;
  }

  /** Returns the second it was counted in, for `giveBack`. */
  add(amount: number, now: number): number {
    this.#moveTo(now);
    this.#slots[this.#second % SLOTS]! += amount;
    this.#sum += amount;
    return this.#second;
  }

  /** Takes back some of what was counted in that second; nothing once the minute has passed. */
  giveBack(amount: number, second: number, now: number): void {
    this.#moveTo(now);
    if (this.#second - second >= SLOTS) return;
    this.#slots[second % SLOTS]! -= amount;
    this.#sum -= amount;
  }

  /** Milliseconds until at least so much of what counts now counts no more. */
  freedIn(amount: number, now: number): number {
    this.#moveTo(now);
    let freed = 0;
    for (let second = Math.max(0, this.#second - SLOTS + 1); second <= this.#second; second += 1) {
      freed += this.#slots[second % SLOTS]!;
      if (freed >= amount) return Math.max(0, (second + SLOTS) * SECOND_MS - now);
    }
    return SLOTS * SECOND_MS;
  }

  #moveTo(now: number): void {
    const second = Math.floor(now / SECOND_MS);
    if (second <= this.#second) return;
    if (second - this.#second >= SLOTS) {
      this.#slots.fill(0);
      this.#sum = 0;
    } else {
      for (let next = this.#second + 1; next <= second; next += 1) {
        this.#sum -= this.#slots[next % SLOTS]!;
        this.#slots[next % SLOTS] = 0;
      }
    }
    this.#second = second;
  }
}
