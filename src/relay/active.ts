/** All calls under way, and the one timer that watches over them: deadlines, departures, keep-alives. */
import type { Identity, RelayError } from "../plugin/index.ts";
import type { Clock } from "../support/clock.ts";

/**
 * How often the watch runs. It bounds how late a deadline, a departure (contract: 1 s) or a keep-alive can be; one
 * timer for all calls costs nothing per call, where a timer of its own for each would.
 */
export const WATCH_INTERVAL_MS = 250;

/** What the watch may ask of a call. */
export interface Watched {
  readonly identity: Identity;
  /** Whether a caller of these rights may have this call, as far as it has come. */
  isOpenTo(identity: Identity): boolean;
  /** Ends the call for this reason; the first one counts. */
  abort(reason: RelayError): void;
  /** `now` on the monotonic clock, ms. Must not throw. */
  watch(now: number): void;
  /** The relay stops: end now, with the dialect's error. */
  cut(): void;
}

export class ActiveCalls {
  readonly #calls = new Set<Watched>();
  readonly #clock: Clock;
  #now: number;
  #waiting: (() => void)[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#now = clock.monotonic();
  }

  /** The monotonic clock as of the last tick: good enough for idle times, and free. */
  get now(): number {
    return this.#now;
  }

  get size(): number {
    return this.#calls.size;
  }

  calls(): Iterable<Watched> {
    return this.#calls;
  }

  add(call: Watched): void {
    if (this.#calls.size === 0) this.#now = this.#clock.monotonic();
    this.#calls.add(call);
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => this.tick(), WATCH_INTERVAL_MS);
      this.#timer.unref();
    }
  }

  remove(call: Watched): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0 || this.#waiting.length === 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  tick(): void {
    this.#now = this.#clock.monotonic();
    for (const call of this.#calls) call.watch(this.#now);
  }

  /** Resolves once no call is under way. */
  drained(): Promise<void> {
    if (this.#calls.size === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    return promise;
  }

  /** Ends every call that is still under way. */
  cutAll(): void {
    for (const call of [...this.#calls]) call.cut();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
