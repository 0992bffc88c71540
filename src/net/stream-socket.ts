/** A stream in the clothes of the runtime's own sockets: for connections that lead through a proxy. */
import type { Duplex } from "node:stream";
import type { Socket, SocketUser } from "./socket.ts";

export class StreamSocket implements Socket {
  data: SocketUser;
  /** Whoever made the stream has seen to it. */
  readonly authorized = true;
  /** Only the proxy knows. */
  readonly remoteAddress = "";
  readonly #stream: Duplex;
  #error: Error | undefined;

  constructor(stream: Duplex, user: SocketUser) {
    this.#stream = stream;
    this.data = user;
    stream.on("data", (bytes: Buffer) => this.data.receive(bytes));
    stream.on("drain", () => this.data.drained());
    stream.on("error", (error: Error) => {
      this.#error = error;
    });
    stream.on("close", () => this.data.closed(this.#error));
  }

  write(bytes: Uint8Array, from: number, length: number): number {
    const stream = this.#stream;
    if (stream.destroyed) return -1;
    if (stream.writableNeedDrain) return 0;
    // The caller uses its bytes again as soon as this returns.
    stream.write(Buffer.from(bytes.subarray(from, from + length)));
    return length;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  terminate(): void {
    this.#stream.destroy();
  }
}
