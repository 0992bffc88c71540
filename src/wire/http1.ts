/** HTTP/1 responses, from the client's side: bytes in, head and body out; strict, incremental, without any I/O. */
import { ChunkedDecoder } from "./http1-chunked.ts";
import { Http1Error, parseHead, type ResponseHead } from "./http1-head.ts";
import { partOf } from "./part.ts";

/** Most bytes of one head. */
export const HEAD_BYTES_MAX = 64 * 1024;
/** Most interim responses (1xx) before the final one. */
export const INTERIM_MAX = 16;

const CR = 13;
const LF = 10;
const HEAD_END = Buffer.from("\r\n\r\n");

enum State {
  Head,
  Length,
  Chunked,
  /** No framing: the body is what comes until the connection ends. */
  UntilClose,
  Done,
  Failed,
}

/**
 * Reads the responses of one connection, one after the other. It never throws: what is wrong is in `failure`, so that
 * bytes received before it are not lost.
 */
export class ResponseParser {
  readonly #headBytesMax: number;
  readonly #chunked = new ChunkedDecoder();
  #state: State = State.Done;
  #remaining = 0;
  #interims = 0;
  /** The beginning of a head that came in pieces. */
  #held: Buffer | null = null;
  #heldBytes = 0;

  /** Of the response being read, as soon as it is complete. */
  head: ResponseHead | null = null;
  /** What is wrong with the response, if anything. */
  failure: string | null = null;
  /** Another request may follow on this connection; meaningful once `isDone`. */
  isReusable = false;

  constructor(headBytesMax = HEAD_BYTES_MAX) {
    this.#headBytesMax = headBytesMax;
  }

  /** The response may have a body, if only of length 0; meaningful once there is a `head`. */
  hasBody = true;

  /** The response has come to its proper end. */
  get isDone(): boolean {
    return this.#state === State.Done;
  }

  /** Gets ready for the next response. `hasBody`: false when the request was a HEAD. */
  begin(hasBody: boolean): void {
    this.#state = State.Head;
    this.hasBody = hasBody;
    this.#interims = 0;
    this.head = null;
    this.failure = null;
    this.isReusable = false;
  }

  /**
   * Takes what has arrived and gives the part of the body that is in it. The parser keeps `bytes`, may move bytes about
   * in them, and the part may be a view of them: they belong to it from now on.
   */
  take(bytes: Buffer): Uint8Array<ArrayBuffer> | null {
    let at = 0;
    if (this.#state === State.Head) {
      try {
        at = this.#takeHead(bytes);
      } catch (error) {
        this.#fail((error as Http1Error).message);
        return null;
      }
      if (at < 0) return null;
    }
    switch (this.#state) {
      case State.Length:
        return this.#takeLength(bytes, at);
      case State.Chunked:
        return this.#takeChunked(bytes, at);
      case State.UntilClose:
        return at === bytes.length ? null : partOf(bytes, at, bytes.length);
      default:
        if (at < bytes.length) this.isReusable = false;
        return null;
    }
  }

  /** The connection has ended in good order; `true` when that is a proper end of the response. */
  close(): boolean {
    if (this.#state === State.UntilClose) this.#state = State.Done;
    return this.#state === State.Done;
  }

  #fail(reason: string): void {
    this.#state = State.Failed;
    this.failure = reason;
    this.#held = null;
    this.#heldBytes = 0;
  }

  /** Index behind the final head, -1 when it is not complete. Throws an `Http1Error`. */
  #takeHead(bytes: Buffer): number {
    let at = 0;
    for (;;) {
      let head: ResponseHead | undefined;
      if (this.#held === null) {
        head = parseHead(bytes, at);
        if (head === undefined) {
          this.#hold(bytes, at);
          return -1;
        }
        if (head.end - at > this.#headBytesMax) throw this.#tooLarge();
        at = head.end;
      } else {
        const before = this.#heldBytes;
        head = this.#hold(bytes, at);
        if (head === undefined) return -1;
        at += head.end - before;
        this.#held = null;
        this.#heldBytes = 0;
      }
      if (head.status >= 200) {
        this.head = head;
        this.#choose(head);
        return at;
      }
      if (head.status === 101) throw new Http1Error("The protocol was switched, although nobody asked for it.");
      this.#interims += 1;
      if (this.#interims > INTERIM_MAX) throw new Http1Error(`There are more than ${INTERIM_MAX} interim responses.`);
      if (at === bytes.length) return -1;
    }
  }

  /** Puts bytes behind those of an incomplete head; the head, if that completes it. Linear, however small the pieces. */
  #hold(bytes: Buffer, from: number): ResponseHead | undefined {
    const before = this.#heldBytes;
    const length = Math.min(before + bytes.length - from, this.#headBytesMax + 1);
    let held = this.#held;
    if (held === null || held.length < length) {
      const larger = Buffer.allocUnsafe(Math.max(1024, length * 2));
      if (held !== null) larger.set(held.subarray(0, before));
      this.#held = held = larger;
    }
    held.set(bytes.subarray(from, from + length - before), before);
    this.#heldBytes = length;
    const end = held.subarray(0, length).indexOf(HEAD_END, Math.max(0, before - HEAD_END.length + 1));
    const behind = end < 0 ? length : end + HEAD_END.length;
    // Waiting for the end of a head whose lines do not end as they must would take long.
    checkLineEnds(held.subarray(Math.max(0, before - 1), behind));
    if (behind > this.#headBytesMax) throw this.#tooLarge();
    return end < 0 ? undefined : parseHead(held.subarray(0, behind), 0);
  }

  #tooLarge(): Http1Error {
    return new Http1Error(`The head is larger than ${this.#headBytesMax} bytes.`);
  }

  /** How the body is framed (RFC 9112 §6.3). */
  #choose(head: ResponseHead): void {
    const { status } = head;
    this.isReusable = head.isPersistent;
    if (status === 204 || status === 304) this.hasBody = false;
    if (!this.hasBody) {
      this.#state = State.Done;
    } else if (head.isChunked) {
      this.#chunked.reset();
      this.#state = State.Chunked;
    } else if (head.length === undefined) {
      this.isReusable = false;
      this.#state = State.UntilClose;
    } else {
      this.#remaining = head.length;
      this.#state = head.length === 0 ? State.Done : State.Length;
    }
  }

  #takeLength(bytes: Buffer, at: number): Uint8Array<ArrayBuffer> | null {
    const available = bytes.length - at;
    if (available < this.#remaining) {
      this.#remaining -= available;
      return available === 0 ? null : partOf(bytes, at, bytes.length);
    }
    if (available > this.#remaining) this.isReusable = false;
    this.#state = State.Done;
    return partOf(bytes, at, at + this.#remaining);
  }

  #takeChunked(bytes: Buffer, at: number): Uint8Array<ArrayBuffer> | null {
    const chunked = this.#chunked;
    const piece = chunked.decode(bytes, at);
    if (chunked.isDone) {
      if (chunked.end < bytes.length) this.isReusable = false;
      this.#state = State.Done;
    } else if (chunked.hasFailed) {
      this.#fail("The framing of a chunk is malformed.");
    }
    return piece;
  }
}

/** CR and LF occur only together. The first byte has been looked at before, but for what follows it. */
function checkLineEnds(bytes: Buffer): void {
  const { length } = bytes;
  for (let at = bytes.indexOf(LF, 1); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) throw new Http1Error("A line of the head is malformed.");
  }
  for (let at = bytes.indexOf(CR); at >= 0 && at + 1 < length; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] !== LF) throw new Http1Error("A line of the head is malformed.");
  }
}
