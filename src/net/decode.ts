/** Takes the content coding off a body: for upstreams that compress although nobody asked them to. */
import type { Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from "node:zlib";
import type { Answer } from "./answer.ts";
import { join } from "./bytes.ts";
import { NetError } from "./errors.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Makes a decoder for a body that begins with this byte. */
type Coding = (firstByte: number) => Transform;

const CODINGS: ReadonlyMap<string, Coding> = new Map<string, Coding>([
  ["gzip", () => createGunzip()],
  ["x-gzip", () => createGunzip()],
  // Some servers leave out the zlib envelope that the standard wants.
  ["deflate", (firstByte) => ((firstByte & 0x0f) === 8 ? createInflate() : createInflateRaw())],
  ["br", () => createBrotliDecompress()],
  ["zstd", () => createZstdDecompress()],
]);

/** By the value of `content-encoding`: how to decode it; `null` when nothing is to be done, `undefined` when we cannot. */
export function codingOf(encoding: string): Coding | null | undefined {
  const name = encoding.toLowerCase();
  return name === "" || name === "identity" ? null : CODINGS.get(name);
}

/** The same answer with its body decoded. Memory stays bounded whatever the ratio: decoding waits for the reader. */
export class DecodedAnswer implements Answer {
  readonly status: number;
  readonly length = undefined;
  readonly #raw: Answer;
  readonly #coding: Coding;
  #decoder: Transform | null = null;
  #failure: NetError | null = null;
  /** The raw body cannot be read further, for this reason; what has been decoded of it still counts. */
  #break: NetError | null = null;
  #hasEnded = false;
  #isStarted = false;
  /** Called when something has changed. */
  #wake: (() => void) | null = null;

  constructor(raw: Answer, coding: Coding) {
    this.#raw = raw;
    this.#coding = coding;
    this.status = raw.status;
  }

  header(name: string): string | null {
    return name === "content-encoding" || name === "content-length" ? null : this.#raw.header(name);
  }

  async read(): Promise<Bytes | null> {
    if (!this.#isStarted) {
      this.#isStarted = true;
      void this.#feed();
    }
    for (;;) {
      const piece: Bytes | null = this.#decoder?.read() ?? null;
      if (piece !== null) return piece;
      if (this.#failure !== null) throw this.#failure;
      if (this.#break !== null) throw this.#break;
      if (this.#hasEnded) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async bytes(max: number): Promise<Bytes> {
    const pieces: Bytes[] = [];
    let size = 0;
    for (;;) {
      const piece = await this.read();
      if (piece === null) return join(pieces, size);
      size += piece.length;
      if (size > max) {
        this.abort();
        throw new NetError("too-large", "The answer is larger than it may be.");
      }
      pieces.push(piece);
    }
  }

  abort(): void {
    if (this.#failure !== null) return;
    this.#failure = new NetError("aborted", "The call was given up.");
    this.#raw.abort();
    this.#decoder?.destroy();
    this.#decoder = null;
    this.#notify();
  }

  /** Moves the raw body into the decoder as fast as the decoder takes it; never rejects. */
  async #feed(): Promise<void> {
    try {
      for (;;) {
        const read = this.#raw.read();
        const piece = read instanceof Promise ? await read : read;
        if (this.#failure !== null) return;
        if (piece === null) break;
        if (piece.length === 0) continue;
        this.#decoder ??= this.#open(piece[0]!);
        await this.#write(this.#decoder, piece);
      }
      if (this.#decoder === null) this.#hasEnded = true;
      else this.#decoder.end();
    } catch (error) {
      this.#break = error as NetError;
    }
    this.#notify();
  }

  #open(firstByte: number): Transform {
    const decoder = this.#coding(firstByte);
    decoder.on("readable", () => this.#notify());
    decoder.on("end", () => {
      this.#hasEnded = true;
      this.#notify();
    });
    decoder.on("error", (cause) => {
      if (this.#failure !== null) return;
      this.#failure = new NetError("malformed", "The answer's content coding is malformed.", cause);
      this.#raw.abort();
      this.#notify();
    });
    return decoder;
  }

  /** Resolves when the decoder is through with the piece, or with everything. */
  #write(decoder: Transform, piece: Bytes): Promise<void> {
    return new Promise((resolve) => {
      decoder.once("close", resolve);
      decoder.write(piece, () => {
        decoder.off("close", resolve);
        resolve();
      });
    });
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
