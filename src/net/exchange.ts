/** One request and its answer: what the caller holds while connections come and go below. */
import type { ResponseHead } from "../wire/http1-head.ts";
import type { Answer, NetRequest, Sending } from "./answer.ts";
import { join } from "./bytes.ts";
import { codingOf, DecodedAnswer } from "./decode.ts";
import { NetError } from "./errors.ts";
import { requestHead, type Target } from "./request-head.ts";

/** Received bytes that wait for the reader: from here on the connection is not read any more. */
export const HIGH_WATER_BYTES = 256 * 1024;
/** Once the reader has taken so much that less than this waits, reading goes on. */
export const LOW_WATER_BYTES = 64 * 1024;

/** Whoever does the work for an exchange at the moment: somebody who dials, or a connection. */
export interface Carrier {
  /** The caller has given up. */
  drop(): void;
  /** The reader has caught up. */
  resume(): void;
}

type Bytes = Uint8Array<ArrayBuffer>;

const ignore = (): void => {};

/** Also the caller's `Sending` and `Answer`: one object per call is enough. */
export class Exchange implements Sending, Answer {
  readonly answer: Promise<Answer>;
  readonly method: string;
  readonly connectMs: number;
  readonly target: Target;
  /** Let go of as soon as nobody will send it again. */
  body: NetRequest["body"];
  /** Of the request, up to the framing of its body. */
  readonly head: Uint8Array;
  carrier: Carrier | null = null;
  /** It was sent once more after a connection that had been kept proved dead. */
  isRetried = false;
  /** The body, a stream, has been begun to be read: there is no second time. */
  isBodyTouched = false;

  #resolve!: (answer: Answer) => void;
  #reject!: (error: NetError) => void;
  #head: ResponseHead | null = null;
  #hasBody = true;
  #failure: NetError | null = null;
  /** The body has arrived to its end. */
  #hasEnded = false;
  #first: Bytes | null = null;
  /** Behind `#first`: rarely used, as readers are mostly faster than upstreams. */
  #more: Bytes[] | null = null;
  #waiting = 0;
  #isPaused = false;
  #wake: ((piece: Bytes | null) => void) | null = null;
  #refuse: ((error: NetError) => void) | null = null;
  #ready: (() => void) | null = null;

  constructor(request: NetRequest, target: Target) {
    this.method = request.method;
    this.connectMs = request.connectMs;
    this.body = request.body;
    this.target = target;
    this.head = requestHead(request.method, target, request.headers);
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get status(): number {
    return this.#head!.status;
  }

  get length(): number | undefined {
    return this.#hasBody ? this.#head!.length : 0;
  }

  header(name: string): string | null {
    return this.#head!.get(name);
  }

  take(ready: () => void): Bytes | null | undefined {
    if (this.#first !== null) return this.#next(this.#first);
    if (this.#failure !== null) throw this.#failure;
    if (this.#hasEnded) return null;
    this.#ready = ready;
    return undefined;
  }

  read(): Bytes | null | Promise<Bytes | null> {
    if (this.#first !== null) return this.#next(this.#first);
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#hasEnded) return null;
    return new Promise((resolve, reject) => {
      this.#wake = resolve;
      this.#refuse = reject;
    });
  }

  bytes(max: number): Bytes | Promise<Bytes> {
    const { length } = this;
    if (length !== undefined && length > max) return Promise.reject(this.#tooLarge());
    const only = this.#first;
    if (this.#hasEnded && this.#failure === null && this.#more === null) {
      if (only === null) return new Uint8Array(0);
      if (only.length > max) return Promise.reject(this.#tooLarge());
      this.#first = null;
      this.#waiting = 0;
      return only;
    }
    return this.#collect(max);
  }

  abort(): void {
    const { carrier } = this;
    const isUnread = this.#first !== null;
    this.#first = null;
    this.#more = null;
    this.#waiting = 0;
    if (this.#failure !== null || (this.#hasEnded && !isUnread)) return;
    const error = new NetError("aborted", "The call was given up.");
    if (this.#hasEnded) this.#failure = error;
    else this.fail(error);
    carrier?.drop();
  }

  /** Nobody waits for this exchange any more. */
  get isOver(): boolean {
    return this.#failure !== null || this.#hasEnded;
  }

  /** It may be sent again as it was. */
  get isRepeatable(): boolean {
    return !this.isRetried && !this.isBodyTouched;
  }

  /**
   * For the carrier: the head has arrived. What is pushed in the same turn is there when the caller gets to see it.
   * `hasBody`: one may follow, if only of length 0.
   */
  begin(head: ResponseHead, hasBody: boolean): void {
    this.body = null;
    this.#head = head;
    this.#hasBody = hasBody;
    const encoding = hasBody ? head.get("content-encoding") : null;
    if (encoding === null) return this.#resolve(this);
    const coding = codingOf(encoding);
    if (coding !== undefined) return this.#resolve(coding === null ? this : new DecodedAnswer(this, coding));
    const { carrier } = this;
    this.fail(new NetError("malformed", "The answer has an unknown content coding."));
    carrier?.drop();
  }

  /** For the carrier: a part of the body. `false`: the reader is behind, nothing more is wanted until `resume`. */
  push(piece: Bytes): boolean {
    const wake = this.#wake;
    if (wake !== null) {
      this.#wake = null;
      this.#refuse = null;
      wake(piece);
      return true;
    }
    if (this.#first === null) {
      this.#first = piece;
      this.#waiting += piece.length;
      if (this.#ready !== null) this.#tell();
      return this.#isRoom();
    }
    if (this.#more === null) this.#more = [piece];
    else this.#more.push(piece);
    this.#waiting += piece.length;
    return this.#isRoom();
  }

  /** For the carrier, which is free again: the body is complete. */
  finish(): void {
    this.carrier = null;
    this.#hasEnded = true;
    const wake = this.#wake;
    if (wake === null) return this.#tell();
    this.#wake = null;
    this.#refuse = null;
    wake(null);
  }

  /** For the carrier: nothing more will come. What has been received before can still be read. */
  fail(error: NetError): void {
    this.carrier = null;
    if (this.isOver) return;
    this.#failure = error;
    const refuse = this.#refuse;
    this.#wake = null;
    this.#refuse = null;
    if (refuse !== null) refuse(error);
    else this.#tell();
    // Whoever still waits for the answer hears of it; that nobody does any more is no fault of the process.
    this.answer.catch(ignore);
    this.#reject(error);
  }

  /** Gives out the piece that came first. */
  #next(piece: Bytes): Bytes {
    this.#first = this.#more === null ? null : this.#shift();
    this.#waiting -= piece.length;
    if (this.#isPaused && this.#waiting < LOW_WATER_BYTES) {
      this.#isPaused = false;
      this.carrier?.resume();
    }
    return piece;
  }

  #isRoom(): boolean {
    if (this.#waiting < HIGH_WATER_BYTES) return true;
    this.#isPaused = true;
    return false;
  }

  /** Whoever found nothing may look again. */
  #tell(): void {
    const ready = this.#ready;
    this.#ready = null;
    ready?.();
  }

  #shift(): Bytes | null {
    const more = this.#more!;
    const next = more.shift() ?? null;
    if (more.length === 0) this.#more = null;
    return next;
  }

  async #collect(max: number): Promise<Bytes> {
    const pieces: Bytes[] = [];
    let size = 0;
    for (;;) {
      const read = this.read();
      const piece = read instanceof Promise ? await read : read;
      if (piece === null) break;
      size += piece.length;
      if (size > max) throw this.#tooLarge();
      pieces.push(piece);
    }
    return pieces.length === 1 ? pieces[0]! : join(pieces, size);
  }

  #tooLarge(): NetError {
    this.abort();
    return new NetError("too-large", "The answer is larger than it may be.");
  }
}
