/** A standard `Response` seen as an answer: for plugins that send by themselves, and for the runtime's own client. */
import type { Answer } from "./answer.ts";
import { join } from "./bytes.ts";
import { NetError } from "./errors.ts";
import { failureOf } from "./failure.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The runtime's own type of a body's reader has more members than the standard's; only these are used. */
interface BodyReader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** A declared body up to this size is read in one go. */
const ONE_GO_BYTES_MAX = 1024 * 1024;
/** What says how the bytes travelled; the runtime has decoded them already, but leaves the headers as they were. */
const OF_THE_WIRE: ReadonlySet<string> = new Set(["content-encoding", "content-length"]);

/**
 * The response must not have been read, and must not be read by anybody else. Its body counts as decoded, as that of
 * every response of `fetch` is, whatever its `content-encoding` says.
 */
export function answerOf(response: Response): Answer {
  const encoding = response.headers.get("content-encoding");
  return new ResponseAnswer(response, encoding !== null && encoding !== "identity");
}

/** `isDecoded`: the body is no longer what the headers say. */
export class ResponseAnswer implements Answer {
  readonly status: number;
  readonly length: number | undefined;
  readonly #response: Response;
  readonly #isDecoded: boolean;
  #reader: BodyReader | null = null;
  #failure: NetError | null = null;
  #hasEnded = false;
  #refuse: ((error: NetError) => void) | null = null;

  constructor(response: Response, isDecoded: boolean) {
    this.#response = response;
    this.#isDecoded = isDecoded;
    this.status = response.status;
    const declared = isDecoded ? null : response.headers.get("content-length");
    this.length = declared === null ? undefined : Number(declared);
  }

  header(name: string): string | null {
    return this.#isDecoded && OF_THE_WIRE.has(name) ? null : this.#response.headers.get(name);
  }

  read(): null | Promise<Bytes | null> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#hasEnded) return null;
    if (this.#reader === null) {
      // Asking a `Response` for its body turns it into a stream, so it is done only when somebody wants to read one.
      const { body } = this.#response;
      if (body === null) {
        this.#hasEnded = true;
        return null;
      }
      this.#reader = body.getReader() as BodyReader;
    }
    return this.#abortable(this.#reader.read().then((result) => this.#taken(result)));
  }

  async bytes(max: number): Promise<Bytes> {
    const { length } = this;
    if (length !== undefined && length > max) return this.#tooLarge();
    const isUntouched = this.#reader === null && this.#failure === null && !this.#hasEnded;
    if (isUntouched && length !== undefined && length <= ONE_GO_BYTES_MAX) {
      this.#hasEnded = true;
      const whole = (await this.#abortable(this.#response.bytes())) as Bytes;
      return whole.length > max ? this.#tooLarge() : whole;
    }
    const pieces: Bytes[] = [];
    let size = 0;
    for (;;) {
      const piece = await this.read();
      if (piece === null) return pieces.length === 1 ? pieces[0]! : join(pieces, size);
      size += piece.length;
      if (size > max) return this.#tooLarge();
      pieces.push(piece);
    }
  }

  abort(): void {
    if (this.#failure !== null || (this.#hasEnded && this.#refuse === null)) return;
    this.#failure = new NetError("aborted", "The call was given up.");
    const refuse = this.#refuse;
    this.#refuse = null;
    refuse?.(this.#failure);
    const cancelled = this.#reader === null ? this.#response.body?.cancel() : this.#reader.cancel();
    // Whatever is wrong with a body that nobody wants any more.
    cancelled?.catch(() => {});
  }

  #taken({ done, value }: { done: boolean; value?: Uint8Array | undefined }): Bytes | null {
    if (!done) return value as Bytes;
    this.#hasEnded = true;
    return null;
  }

  /** What is read, unless it fails or is given up first. */
  #abortable<Value>(reading: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#refuse = reject;
      reading.then(
        (value) => {
          this.#refuse = null;
          resolve(value);
        },
        (cause) => {
          this.#refuse = null;
          this.#failure ??= failureOf(cause);
          reject(this.#failure);
        },
      );
    });
  }

  #tooLarge(): never {
    this.abort();
    throw new NetError("too-large", "The answer is larger than it may be.");
  }
}
