/** One connection to an origin: sends a request, receives its answer, then is free for the next. */
import type { Clock } from "../support/clock.ts";
import { ResponseParser } from "../wire/http1.ts";
import { NetError } from "./errors.ts";
import type { Carrier, Exchange } from "./exchange.ts";
import type { Origin } from "./origin.ts";
import type { Socket, SocketUser } from "./socket.ts";
import { Upload, type UploadSink } from "./upload.ts";

/** A body up to this size is copied behind the head, so that both go out in one piece. */
const COPIED_BYTES_MAX = 16 * 1024;
/**
 * A kept connection that breaks this soon after a request was sent on it had been closed by the other side before; later
 * than that, the upstream may have died at work, and the same request again could do the work twice. ms.
 */
const STALE_MS = 2000;

/** Writes are synchronous: what lies in here has been taken, or copied, before anybody else uses it. */
const scratch = Buffer.allocUnsafe(2 * COPIED_BYTES_MAX);

const LENGTH_NAME = Buffer.from("content-length: ");
const END_OF_HEADERS = Buffer.from("\r\n\r\n");
/** Behind the last header, whose own line break stands already. */
const END_OF_HEAD = Buffer.from("\r\n");
const CHUNKED = Buffer.from("transfer-encoding: chunked\r\n\r\n");
const LENGTH_BYTES_MAX = LENGTH_NAME.length + 16 + END_OF_HEADERS.length;

export interface ConnectionOwner {
  readonly clock: Clock;
  /** The connection is free. */
  keep(connection: Connection): void;
  /** The connection is gone. */
  forget(connection: Connection): void;
  /** Nothing of this request has reached anybody: it wants another connection, a new one. */
  sendAgain(exchange: Exchange): void;
}

export class Connection implements Carrier, SocketUser, UploadSink {
  readonly origin: Origin;
  /** Since when it has been free, monotonic ms. */
  idleSinceMs = 0;

  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #parser: ResponseParser;
  #exchange: Exchange | null = null;
  #isClosed = false;
  #isPaused = false;
  /** It has carried a call before. */
  #isReused = false;
  /** Something of the current answer has arrived. */
  #hasHeard = false;
  #sentAtMs = 0;
  /** What the system has not taken yet; of the first piece, bytes from `#outAt` on. */
  #out: Uint8Array[] | null = null;
  #outAt = 0;
  #upload: Upload | null = null;
  #drain: (() => void) | null = null;
  /** A write has failed. The system tells so once, and calls the close that follows one in good order. */
  #isBroken = false;

  constructor(owner: ConnectionOwner, origin: Origin, socket: Socket, headBytesMax: number) {
    this.#owner = owner;
    this.origin = origin;
    this.#socket = socket;
    this.#parser = new ResponseParser(headBytesMax);
  }

  /** Sends a request; the connection must be free. */
  start(exchange: Exchange): void {
    this.#exchange = exchange;
    exchange.carrier = this;
    this.#hasHeard = false;
    this.#parser.begin(exchange.method !== "HEAD");
    if (this.#isReused) this.#sentAtMs = this.#owner.clock.monotonic();
    this.#send(exchange);
  }

  receive(bytes: Buffer): void {
    const exchange = this.#exchange;
    // Nobody has asked for anything: what the other side means by it cannot be known.
    if (exchange === null) return this.#close();
    const parser = this.#parser;
    const hadHead = parser.head !== null;
    this.#hasHeard = true;
    const piece = parser.take(bytes);
    if (!hadHead && parser.head !== null) {
      exchange.begin(parser.head, parser.hasBody);
      if (this.#exchange === null) return;
    }
    const isKeepingUp = piece === null || exchange.push(piece);
    if (parser.isDone) this.#finish(exchange);
    else if (parser.failure !== null) this.#fail(new NetError("malformed", parser.failure));
    else if (!isKeepingUp && !this.#isPaused) {
      this.#isPaused = true;
      this.#socket.pause();
    }
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  drop(): void {
    this.#exchange = null;
    this.#close();
  }

  drained(): void {
    let out = this.#out;
    while (out !== null) {
      const piece = out[0]!;
      const left = piece.length - this.#outAt;
      const taken = this.#put(piece, this.#outAt, left);
      if (taken < left) {
        this.#outAt += taken;
        return;
      }
      this.#outAt = 0;
      out.shift();
      if (out.length === 0) out = this.#out = null;
    }
    this.#settleDrain();
  }

  closed(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#letGo();
    const exchange = this.#exchange;
    if (exchange === null) return;
    this.#exchange = null;
    const isInOrder = error === undefined && !this.#isBroken;
    if (this.#hasHeard) {
      if (isInOrder && this.#parser.close()) return exchange.finish();
    } else if (this.#isReused && exchange.isRepeatable && this.#owner.clock.monotonic() - this.#sentAtMs < STALE_MS) {
      return this.#owner.sendAgain(exchange);
    }
    exchange.fail(
      isInOrder
        ? new NetError("closed", "The upstream closed the connection before its answer was complete.")
        : new NetError("reset", "The connection to the upstream broke.", error),
    );
  }

  failed(error: Error): void {
    this.#fail(new NetError("reset", "The connection to the upstream broke.", error));
  }

  opened(): void {}

  shaken(): void {}

  write(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#out !== null) {
      this.#out.push(bytes);
      return;
    }
    const taken = this.#put(bytes, 0, bytes.length);
    if (taken === bytes.length) return;
    this.#out = [bytes];
    this.#outAt = taken;
  }

  writable(): Promise<void> | null {
    if (this.#out === null) return null;
    return new Promise((resolve) => {
      this.#drain = resolve;
    });
  }

  uploaded(): void {
    this.#upload = null;
  }

  uploadFailed(cause: unknown): void {
    this.#upload = null;
    this.#fail(new NetError("aborted", "The body of the request broke off.", cause));
  }

  /** No longer wanted while free. */
  retire(): void {
    this.#close();
  }

  #send(exchange: Exchange): void {
    const { head, body, method } = exchange;
    if (body instanceof Uint8Array) {
      this.#writeSized(head, body.length, body);
    } else if (body === null) {
      const isBodyExpected = method === "POST" || method === "PUT" || method === "PATCH";
      if (isBodyExpected) this.#writeSized(head, 0, null);
      else this.#writePieces(head, END_OF_HEAD);
    } else if (typeof body === "string") {
      const bytes = Buffer.from(body);
      this.#writeSized(head, bytes.length, bytes);
    } else if (body instanceof Blob) {
      this.#writeSized(head, body.size, null);
      this.#pull(body.stream() as ReadableStream<Uint8Array>, body.size);
    } else {
      exchange.isBodyTouched = true;
      this.#writePieces(head, CHUNKED);
      this.#pull(body, undefined);
    }
  }

  #pull(stream: ReadableStream<Uint8Array>, declared: number | undefined): void {
    this.#upload = new Upload(stream, declared, this);
    void this.#upload.run();
  }

  #writeSized(head: Uint8Array, length: number, body: Uint8Array | null): void {
    const headSize = head.length + LENGTH_BYTES_MAX;
    if (headSize > scratch.length - COPIED_BYTES_MAX || (body !== null && body.length > COPIED_BYTES_MAX)) {
      this.#writePieces(head, Buffer.from(`content-length: ${length}\r\n\r\n`, "latin1"));
      if (body !== null) this.write(body);
      return;
    }
    scratch.set(head);
    let at = head.length;
    scratch.set(LENGTH_NAME, at);
    at = writeDecimal(scratch, at + LENGTH_NAME.length, length);
    scratch.set(END_OF_HEADERS, at);
    at += END_OF_HEADERS.length;
    if (body !== null) {
      scratch.set(body, at);
      at += body.length;
    }
    const taken = this.#put(scratch, 0, at);
    if (taken === at) return;
    this.#out = [Buffer.from(scratch.subarray(taken, at))];
    this.#outAt = 0;
  }

  #writePieces(head: Uint8Array, rest: Uint8Array): void {
    this.write(Buffer.concat([head, rest]));
  }

  /** How many bytes the system has taken. */
  #put(bytes: Uint8Array, from: number, length: number): number {
    const taken = this.#socket.write(bytes, from, length);
    if (taken >= 0) return taken;
    this.#isBroken = true;
    return 0;
  }

  #finish(exchange: Exchange): void {
    this.#exchange = null;
    // An answer that did not wait for its request to be sent whole leaves a connection on which nobody knows what is next.
    if (this.#parser.isReusable && this.#out === null && this.#upload === null && !this.#isClosed) {
      this.#isReused = true;
      this.resume();
      this.#owner.keep(this);
    } else {
      this.#close();
    }
    exchange.finish();
  }

  #fail(error: NetError): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#close();
    exchange?.fail(error);
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#letGo();
    this.#socket.terminate();
  }

  #letGo(): void {
    this.#isClosed = true;
    this.#upload?.cancel();
    this.#upload = null;
    this.#out = null;
    this.#settleDrain();
    this.#owner.forget(this);
  }

  #settleDrain(): void {
    const drain = this.#drain;
    this.#drain = null;
    drain?.();
  }
}

/** Writes a whole number and returns the index behind it. */
function writeDecimal(into: Uint8Array, from: number, value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
  let rest = value;
  for (let at = from + digits - 1; at >= from; at -= 1) {
    into[at] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return from + digits;
}
