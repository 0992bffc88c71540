/** Sends a stream as the body of a request, at the pace at which the connection takes it. */

/** Where the bytes go. */
export interface UploadSink {
  /** Bytes that the system does not take at once are kept until it does. */
  write(bytes: Uint8Array): void;
  /** Resolves when nothing waits to be taken any more, or never will be; `null` when nothing waits now. */
  writable(): Promise<void> | null;
  /** The body is complete. */
  uploaded(): void;
  /** The source failed, or gave more or fewer bytes than it had declared. */
  uploadFailed(cause: unknown): void;
}

/** Smaller pieces are put together with their framing: one write is cheaper than two. */
const COPIED_BYTES_MAX = 16 * 1024;

const LAST_CHUNK = Buffer.from("0\r\n\r\n");
const LINE_END = Buffer.from("\r\n");

export class Upload {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #declared: number | undefined;
  readonly #sink: UploadSink;
  #isOver = false;

  /** `declared`: the body's length in bytes, sent as such; `undefined` = sent in chunks. */
  constructor(stream: ReadableStream<Uint8Array>, declared: number | undefined, sink: UploadSink) {
    this.#reader = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    this.#declared = declared;
    this.#sink = sink;
  }

  /** Never rejects. */
  async run(): Promise<void> {
    let sent = 0;
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (this.#isOver) return;
        if (done) break;
        if (value.length === 0) continue;
        sent += value.length;
        if (this.#declared === undefined) this.#writeChunk(value);
        else if (sent > this.#declared) throw new RangeError("The body is longer than declared.");
        else this.#sink.write(value);
        await this.#sink.writable();
        if (this.#isOver) return;
      }
      if (this.#declared === undefined) this.#sink.write(LAST_CHUNK);
      else if (sent < this.#declared) throw new RangeError("The body is shorter than declared.");
    } catch (cause) {
      if (this.#isOver) return;
      this.cancel();
      return this.#sink.uploadFailed(cause);
    }
    this.#isOver = true;
    this.#sink.uploaded();
  }

  /** The source is told that nobody wants the rest. Idempotent. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reader.cancel().catch(() => {});
  }

  #writeChunk(bytes: Uint8Array): void {
    const size = Buffer.from(`${bytes.length.toString(16)}\r\n`, "latin1");
    if (bytes.length > COPIED_BYTES_MAX) {
      this.#sink.write(size);
      this.#sink.write(bytes);
      this.#sink.write(LINE_END);
    } else {
      this.#sink.write(Buffer.concat([size, bytes, LINE_END]));
    }
  }
}
