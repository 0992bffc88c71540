/** Keeps the last bytes of a stream, so that what its end says can be read once it is over. */
import { bufferOf } from "../wire/part.ts";

const START_BYTES = 4096;
/** Of the largest piece seen, at least so many fit in. */
const PIECES = 8;

/** A ring that grows with the size of the pieces up to `capacity` bytes; older bytes make room for newer ones. */
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
    if (this.#ring.length < this.capacity && chunk.length * PIECES > this.#ring.length) {
      this.#grow(Math.max(START_BYTES, chunk.length * PIECES));
    }
    const room = this.#ring.length - this.#end;
    if (chunk.length <= room) {
      this.#ring.set(chunk, this.#end);
      this.#end += chunk.length;
      if (this.#isFull) this.#hasLost = true;
      if (this.#end === this.#ring.length) {
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

  /** At most so many of the last bytes, from the beginning of an event on; `undefined` when that is not known to be one. */
  last(bytesMax: number): Uint8Array | undefined {
    const start = this.#end - bytesMax;
    let bytes: Uint8Array;
    if (start >= 0) {
      bytes = this.#ring.subarray(start, this.#end);
    } else {
      if (!this.#isFull) return undefined;
      // It lies around the end of the ring.
      bytes = new Uint8Array(bytesMax);
      bytes.set(this.#ring.subarray(start), 0);
      bytes.set(this.#ring.subarray(0, this.#end), -start);
    }
    const boundary = firstFrameBoundary(bytes);
    return boundary < bytes.length ? bytes.subarray(boundary) : undefined;
  }

  #grow(needed: number): void {
    let size = START_BYTES;
    while (size < needed) size *= 2;
    const ring = new Uint8Array(Math.min(size, this.capacity));
    const kept = this.bytes();
    ring.set(kept);
    this.#ring = ring;
    this.#end = kept.length;
    this.#isFull = false;
  }
}

/** Index behind the first blank line; the length if there is none. */
export function firstFrameBoundary(bytes: Uint8Array): number {
  for (let at = 0; at + 1 < bytes.length; at += 1) {
    if (bytes[at] === 0x0a && bytes[at + 1] === 0x0a) return at + 2;
    if (bytes[at] === 0x0d && bytes[at + 1] === 0x0d) return at + 2;
    if (bytes[at] === 0x0a && bytes[at + 1] === 0x0d && bytes[at + 2] === 0x0a) return at + 3;
  }
  return bytes.length;
}

/** Last events larger than this are not read; their stream then counts as broken off. */
const MARKED_BYTES_MAX = 8 * 1024 * 1024;

/** Keeps everything from the last piece that holds one of the texts on: what may be the end, however large it is. */
export class MarkedTail extends Tail {
  readonly #texts: readonly Buffer[];
  #marked: Uint8Array[] | undefined;
  #size = 0;

  constructor(capacity: number, texts: readonly string[]) {
    super(capacity);
    this.#texts = texts.map((text) => Buffer.from(text));
  }

  override get hasLost(): boolean {
    return this.#marked === undefined && super.hasLost;
  }

  override push(chunk: Uint8Array): void {
    const buffer = bufferOf(chunk);
    if (this.#texts.some((text) => buffer.includes(text))) {
      this.#marked = [];
      this.#size = 0;
    }
    if (this.#marked === undefined || this.#size + chunk.length > MARKED_BYTES_MAX) {
      this.#marked = undefined;
      super.push(chunk);
      return;
    }
    this.#marked.push(chunk);
    this.#size += chunk.length;
  }

  override last(bytesMax: number): Uint8Array | undefined {
    return this.#marked === undefined ? super.last(bytesMax) : undefined;
  }

  override bytes(): Uint8Array<ArrayBuffer> {
    return this.#marked === undefined ? super.bytes() : new Uint8Array(Buffer.concat(this.#marked));
  }
}
