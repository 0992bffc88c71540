/** What an upstream answered, whoever carried it. */

export interface Answer {
  readonly status: number;
  /** Value of a header by its lower-case name; repeated ones joined by `, `; `null` if absent. */
  header(name: string): string | null;
  /** Declared length of the body; `undefined` when it was not declared. */
  readonly length: number | undefined;
  /**
   * The next bytes of the body, `null` after its proper end. Bytes that are there already come without a promise.
   * One reader only; call again only after the last result. Rejects with a `NetError`; bytes received before a break
   * are delivered first.
   */
  read(): Uint8Array<ArrayBuffer> | null | Promise<Uint8Array<ArrayBuffer> | null>;
  /**
   * As `read`, without a promise: `undefined` = nothing is there; `ready` is called once as soon as something is, be it
   * the end or a failure, which is then thrown. Absent where only promises are to be had. Not beside a pending `read`.
   */
  take?(ready: () => void): Uint8Array<ArrayBuffer> | null | undefined;
  /**
   * The rest of the body in one piece, without a promise when it is all there. Rejects with `too-large` beyond `max`
   * bytes.
   */
  bytes(max: number): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
  /** Drops the connection unless the body has been read to its end. Idempotent; a pending read rejects with `aborted`. */
  abort(): void;
}

export interface Sending {
  readonly answer: Promise<Answer>;
  /** Gives up, at whatever stage; `answer` rejects with `aborted` if it has not settled. Idempotent. */
  abort(): void;
}

export interface NetRequest {
  readonly method: string;
  /** Absolute, http or https. */
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | string | ReadableStream<Uint8Array> | Blob | null;
  /** Until the connection stands, TLS included; ms. */
  readonly connectMs: number;
}

export interface Client {
  send(request: NetRequest): Sending;
  /** Closes idle connections; requests under way finish. */
  close(): void;
}
