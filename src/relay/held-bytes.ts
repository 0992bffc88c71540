/** Bounds the memory that request bodies of all calls take together. */
import { RelayError } from "../contract/errors.ts";

/** Over this, a call that brings more is refused with 503 instead of the process with a kernel kill. */
export const HELD_BYTES_MAX = 512 * 1024 * 1024;

export class HeldBytes {
  #held = 0;

  constructor(private readonly limit: number = HELD_BYTES_MAX) {}

  get held(): number {
    return this.#held;
  }

  take(bytes: number): void {
    if (this.#held + bytes > this.limit) {
      throw new RelayError("unavailable", "The relay is holding too many request bodies at the moment.", {
        wireCode: "overloaded",
        retryAfterMs: 1000,
      });
    }
    this.#held += bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}
