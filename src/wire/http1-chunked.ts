/** The chunked transfer coding, decoded where the bytes lie (RFC 9112 §7.1). */
import { NAME_CHARS, VALUE_CHARS } from "./http1-head.ts";
import { partOf } from "./part.ts";

/** Most bytes of extensions behind the size of one chunk. */
export const EXTENSION_BYTES_MAX = 4096;
/** Most bytes of trailer fields, which are checked and dropped. */
export const TRAILER_BYTES_MAX = 16 * 1024;
/** Digits of a size: 2^52 bytes still is an exact number. */
const SIZE_DIGITS_MAX = 13;

const LF = 10;
const CR = 13;
const SEMICOLON = 59;

enum State {
  Size,
  /** White space behind the size: only an extension may follow. */
  Padding,
  Extension,
  SizeLineFeed,
  Data,
  DataCarriageReturn,
  DataLineFeed,
  /** Beginning of a line of the trailer. */
  Trailer,
  TrailerField,
  TrailerLineFeed,
  LastLineFeed,
  Done,
  Failed,
}

const HEX = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit += 1) {
  const char = digit.toString(16);
  HEX[char.charCodeAt(0)] = digit;
  HEX[char.toUpperCase().charCodeAt(0)] = digit;
}

/** One body. Whatever the pieces it arrives in, the same bytes come out. */
export class ChunkedDecoder {
  #state: State = State.Size;
  /** Of the size being read, or of the data still to come. */
  #remaining = 0;
  /** Digits of the size, then bytes of the extension or of the trailer. */
  #count = 0;

  /** Index behind the last byte of the body in what was decoded last, once `isDone`. */
  end = 0;

  get isDone(): boolean {
    return this.#state === State.Done;
  }

  /** The framing is broken: nothing that follows can be believed. */
  get hasFailed(): boolean {
    return this.#state === State.Failed;
  }

  reset(): void {
    this.#state = State.Size;
    this.#remaining = 0;
    this.#count = 0;
  }

  /**
   * Decodes `bytes` from `from` on. The data of all chunks are moved together over the framing between them, so that
   * they are one piece and nothing is allocated; `null` when there are none. What came before an error is returned too.
   */
  decode(bytes: Buffer, from: number): Uint8Array<ArrayBuffer> | null {
    const { length } = bytes;
    let at = from;
    let first = -1;
    let write = -1;
    let state = this.#state;
    while (at < length && state < State.Done) {
      const byte = bytes[at]!;
      switch (state) {
        case State.Data: {
          const take = Math.min(this.#remaining, length - at);
          if (first < 0) first = write = at;
          if (write !== at) bytes.copyWithin(write, at, at + take);
          write += take;
          at += take;
          this.#remaining -= take;
          if (this.#remaining === 0) state = State.DataCarriageReturn;
          continue;
        }
        case State.Size:
          state = this.#readSize(byte);
          break;
        case State.SizeLineFeed:
          this.#count = 0;
          if (byte !== LF) state = State.Failed;
          else state = this.#remaining === 0 ? State.Trailer : State.Data;
          break;
        case State.DataCarriageReturn:
          state = byte === CR ? State.DataLineFeed : State.Failed;
          break;
        case State.DataLineFeed:
          state = byte === LF ? State.Size : State.Failed;
          break;
        case State.Padding:
        case State.Extension:
          state = this.#readExtension(state, byte);
          break;
        default:
          state = this.#readTrailer(state, byte);
      }
      at += 1;
    }
    this.#state = state;
    this.end = at;
    return first < 0 ? null : partOf(bytes, first, write);
  }

  #readSize(byte: number): State {
    const digit = HEX[byte]!;
    if (digit < 16) {
      this.#count += 1;
      if (this.#count > SIZE_DIGITS_MAX) return State.Failed;
      this.#remaining = this.#remaining * 16 + digit;
      return State.Size;
    }
    if (this.#count === 0) return State.Failed;
    this.#count = 0;
    if (byte === CR) return State.SizeLineFeed;
    if (byte === SEMICOLON) return State.Extension;
    return byte === 32 || byte === 9 ? State.Padding : State.Failed;
  }

  #readExtension(state: State, byte: number): State {
    this.#count += 1;
    if (this.#count > EXTENSION_BYTES_MAX) return State.Failed;
    if (state === State.Padding) {
      if (byte === SEMICOLON) return State.Extension;
      return byte === 32 || byte === 9 ? State.Padding : State.Failed;
    }
    if (byte === CR) return State.SizeLineFeed;
    return VALUE_CHARS[byte] === 1 ? State.Extension : State.Failed;
  }

  #readTrailer(state: State, byte: number): State {
    this.#count += 1;
    if (this.#count > TRAILER_BYTES_MAX) return State.Failed;
    switch (state) {
      case State.Trailer:
        if (byte === CR) return State.LastLineFeed;
        return NAME_CHARS[byte] === 1 ? State.TrailerField : State.Failed;
      case State.TrailerField:
        if (byte === CR) return State.TrailerLineFeed;
        return VALUE_CHARS[byte] === 1 ? State.TrailerField : State.Failed;
      case State.TrailerLineFeed:
        return byte === LF ? State.Trailer : State.Failed;
      default:
        return byte === LF ? State.Done : State.Failed;
    }
  }
}
