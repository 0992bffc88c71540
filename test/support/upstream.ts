/** A scripted upstream on loopback: answers what a test tells it to, and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** Resolves when the caller has dropped the connection. */
  readonly aborted: Promise<void>;
}

/** One answer. `chunks` stream; a function among them is awaited before the next chunk. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  readonly text?: string;
  readonly chunks?: readonly (string | Uint8Array | (() => Promise<unknown> | unknown))[];
  /** After the chunks: end cleanly (default), break the connection, or hang. */
  readonly end?: "clean" | "break" | "hang";
  /** Awaited before anything is answered. */
  readonly before?: () => Promise<unknown>;
}

export type Script = Reply | ((received: Received) => Reply | Promise<Reply>);

export interface Upstream {
  readonly url: string;
  readonly port: number;
  readonly received: Received[];
  /** Answers in turn; the last one repeats. */
  script(...replies: Script[]): void;
  /** All requests and their bodies are forgotten, the script stays. */
  forget(): void;
  stop(): Promise<void>;
}

export async function startUpstream(...replies: Script[]): Promise<Upstream> {
  let script = replies;
  let next = 0;
  const received: Received[] = [];
  // The runtime's own server cannot break a connection at a chosen byte; this one can.
  const server = createServer((request, response) => {
    const gone = Promise.withResolvers<void>();
    response.on("close", () => gone.resolve());
    void serve(request, response, gone.promise).catch(() => response.destroy());
  });
  const serve = async (request: IncomingMessage, response: ServerResponse, aborted: Promise<void>): Promise<void> => {
    const parts: Uint8Array[] = [];
    for await (const part of request) parts.push(part as Uint8Array);
    const bytes = Buffer.concat(parts);
    const url = new URL(request.url ?? "/", "http://upstream");
    const record: Received = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.search,
      headers: new Headers(request.headers as Record<string, string>),
      bytes,
      text: bytes.toString(),
      aborted,
    };
    received.push(record);
    const chosen = script[Math.min(next, script.length - 1)];
    next += 1;
    const reply = typeof chosen === "function" ? await chosen(record) : chosen;
    await respond(reply ?? { status: 500, json: { error: { message: "nothing scripted" } } }, response);
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    script(...newReplies) {
      script = newReplies;
      next = 0;
    },
    forget() {
      received.length = 0;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function respond(reply: Reply, response: ServerResponse): Promise<void> {
  await reply.before?.();
  const { status = 200, headers = {} } = reply;
  if (reply.chunks === undefined) {
    const body = reply.json === undefined ? (reply.text ?? "") : JSON.stringify(reply.json);
    const type = reply.json === undefined ? {} : { "content-type": "application/json" };
    response.writeHead(status, { ...type, "content-length": Buffer.byteLength(body), ...headers });
    response.end(body);
    return;
  }
  response.writeHead(status, { "content-type": "text/event-stream", ...headers });
  for (const step of reply.chunks) {
    if (typeof step === "function") await step();
    else await new Promise<void>((resolve) => response.write(step, () => resolve()));
  }
  if (reply.end === "hang") return;
  if (reply.end === "break") response.destroy();
  else response.end();
}

/** Chat chunks as SSE frames; objects become `data:` lines, strings go as they are. */
export function sse(...frames: (object | string)[]): string {
  return frames
    .map((frame) => (typeof frame === "string" ? `data: ${frame}\n\n` : `data: ${JSON.stringify(frame)}\n\n`))
    .join("");
}

/** Anthropic events as SSE frames. */
export function events(...frames: { type: string }[]): string {
  return frames.map((frame) => `event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`).join("");
}
