/** An upstream on bare sockets, which sends what a test writes, byte for byte, and breaks where a test wants it. */
import { createServer, type Server, type Socket } from "node:net";

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  /** The head as it came, without the empty line. */
  readonly head: string;
  readonly body: Buffer;
  header(name: string): string | undefined;
}

type Script = (peer: Peer) => unknown;

/** One accepted connection. */
export class Peer {
  readonly socket: Socket;
  /** Resolves when the connection is gone, in whatever way. */
  readonly closed: Promise<void>;
  /** Whole requests received so far. */
  requests = 0;
  /** Bytes received so far. */
  bytesReceived = 0;
  #received = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#isClosed = true;
        this.#wake?.();
        resolve();
      });
    });
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      this.bytesReceived += bytes.length;
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake?.();
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when at least so many bytes, which nobody has taken yet, have come. */
  async until(size: number): Promise<Buffer> {
    while (this.#received.length < size) {
      if (this.#isClosed) throw new Error("the connection was closed");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received;
  }

  /** The next request, when it is complete. */
  async request(): Promise<ReceivedRequest> {
    const head = (await this.#takeThrough("\r\n\r\n")).slice(0, -4);
    const [line = "", ...fields] = head.split("\r\n");
    const [method = "", path = ""] = line.split(" ");
    const headers = new Map(fields.map((field) => [field.split(":")[0]!.toLowerCase(), field.replace(/^[^:]*: /, "")]));
    let body = Buffer.alloc(0);
    if (headers.get("transfer-encoding") === "chunked") {
      for (;;) {
        const size = Number.parseInt(await this.#takeThrough("\r\n"), 16);
        if (size === 0) break;
        body = Buffer.concat([body, await this.#take(size)]);
        await this.#take(2);
      }
      await this.#take(2);
    } else {
      body = Buffer.from(await this.#take(Number(headers.get("content-length") ?? 0)));
    }
    this.requests += 1;
    return { method, path, head, body, header: (name) => headers.get(name) };
  }

  /** Resolves when the system has taken the bytes. */
  send(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, () => resolve());
    });
  }

  /** An answer with a length. */
  answer(body = "", fields = ""): Promise<void> {
    return this.send(`HTTP/1.1 200 OK\r\n${fields}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  /** Closes in good order. */
  end(): void {
    this.socket.end();
  }

  /** Breaks the connection. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  async #take(size: number): Promise<Buffer> {
    const taken = (await this.until(size)).subarray(0, size);
    this.#received = this.#received.subarray(size);
    return taken;
  }

  async #takeThrough(mark: string): Promise<string> {
    for (;;) {
      const at = this.#received.indexOf(mark);
      if (at >= 0) return (await this.#take(at + mark.length)).toString("latin1");
      await this.until(this.#received.length + 1);
    }
  }
}

export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Every connection so far. */
  readonly peers: readonly Peer[];
  /** The connection with this number, as soon as there is one. */
  peer(index: number): Promise<Peer>;
  /** Whole requests of all connections. */
  readonly requests: number;
}

/** Runs the script for every connection; what it throws when the connection ends is of no interest. */
export async function startServer(script: Script, host = "127.0.0.1"): Promise<ScriptedServer> {
  const peers: Peer[] = [];
  let wake: (() => void)[] = [];
  const server: Server = createServer({ noDelay: true }, (socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    for (const each of wake) each();
    wake = [];
    void (async () => script(peer))().catch(() => {});
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as { port: number };
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    peers,
    get requests() {
      return peers.reduce((sum, peer) => sum + peer.requests, 0);
    },
    async peer(index) {
      while (peers[index] === undefined) await new Promise<void>((resolve) => wake.push(resolve));
      return peers[index];
    },
    async [Symbol.asyncDispose]() {
      for (const { socket } of peers) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Answers every request with its own body, on and on. */
export async function echo(peer: Peer): Promise<void> {
  for (;;) {
    const { body } = await peer.request();
    await peer.answer(body.toString());
  }
}
