/** Keeps the last bytes of a stream, so that what its end says can be read once it is over. */

const START_BYTES = 2048;

/** A ring that grows up to `capacity` bytes; older bytes make room for newer ones. */
export class Tail {
  #ring = new Uint8Array(0);
  #end = 0;
  #isFull = false;
  #hasLost = false;

  constructor(private readonly capacity: number) {}

  /** Bytes have been dropped: the first frame in `bytes()` may be cut off at its beginning. */
  get hasLost(): boolean {
    return this.#hasLost;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length >= this.capacity) {
      if (this.#ring.length < this.capacity) this.#ring = new Uint8Array(this.capacity);
      this.#hasLost ||= chunk.length > this.capacity || this.#end > 0 || this.#isFull;
      this.#ring.set(chunk.subarray(chunk.length - this.capacity));
      this.#end = 0;
      this.#isFull = true;
      return;
    }
    if (!this.#isFull && this.#end + chunk.length > this.#ring.length && this.#ring.length < this.capacity) {
      this.#grow(this.#end + chunk.length);
    }
    const room = this.#ring.length - this.#end;
    if (chunk.length <= room) {
      this.#ring.set(chunk, this.#end);
      this.#end += chunk.length;
      if (this.#isFull) this.#hasLost = true;
      if (this.#end === this.#ring.length && this.#ring.length === this.capacity) {
        this.#end = 0;
        this.#isFull = true;
      }
      return;
    }
    this.#ring.set(chunk.subarray(0, room), this.#end);
    this.#ring.set(chunk.subarray(room), 0);
    this.#end = chunk.length - room;
    this.#isFull = true;
    this.#hasLost = true;
  }

  /** Everything kept, oldest first. */
  bytes(): Uint8Array<ArrayBuffer> {
    if (!this.#isFull) return this.#ring.slice(0, this.#end);
    const all = new Uint8Array(this.#ring.length);
    all.set(this.#ring.subarray(this.#end), 0);
    all.set(this.#ring.subarray(0, this.#end), this.#ring.length - this.#end);
    return all;
  }

  #grow(needed: number): void {
    let size = Math.max(START_BYTES, this.#ring.length);
    while (size < needed) size *= 2;
    const ring = new Uint8Array(Math.min(size, this.capacity));
    ring.set(this.#ring.subarray(0, this.#end));
    this.#ring = ring;
  }
}
