/** Listens: one TCP port, optionally TLS, optionally a Unix socket; drains without failing a request. */
import { chmodSync, rmSync, statSync } from "node:fs";
import type { Config } from "../config/types.ts";
import { IDLE_TIMEOUT_S } from "../relay/call.ts";
import { type ClientSocket, MESSAGE_BYTES_MAX, type SocketSession } from "../relay/realtime.ts";
import type { ConnectionInfo } from "./edge.ts";

/** While draining, answers ask clients to close their connections for this long before the listener goes. */
export const CLOSE_NOTICE_MS = 90;

type Handler = (request: Request, connection: ConnectionInfo) => Response | Promise<Response>;

export interface RunningServer {
  readonly port: number;
  readonly url: string;
  /** Renewed certificate files are read again. */
  reloadTls(tls: Config["server"]["tls"]): Promise<void>;
  /** From now on answers ask clients to close their connections, so that none is cut with a request on its way. */
  announceClose(): void;
  /** Refuses new connections; requests under way go on. */
  stopListening(): void;
  /** Cuts what is left. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly unixSocket: string | null;
  readonly tls: Config["server"]["tls"];
  /** Outer bound of all bodies; routes have their own. */
  readonly bodyBytesMax: number;
  readonly handler: Handler;
}

/** The runtime's own refusal has no body: routes are to be the first to refuse, in the words of their family. */
export function outerBound(routesMax: number): number {
  return routesMax * 4;
}

/** Throws when the port is taken: a second listener on it would silently share the connections. */
export async function listen(options: ListenOptions): Promise<RunningServer> {
  const { handler } = options;
  let isClosing = false;
  const fetch = (request: Request, server: Bun.Server<SocketSession>): Response | Promise<Response> => {
    const answer = handler(request, new Connection(request, server));
    return isClosing ? closing(answer) : answer;
  };
  const common = {
    fetch,
    idleTimeout: IDLE_TIMEOUT_S,
    maxRequestBodySize: options.bodyBytesMax,
    development: false,
    websocket,
    // The handler never throws; this is for the runtime's own troubles.
    error: () =>
      new Response(
        '{"error":{"message":"Internal error","type":"server_error","code":"internal_error","param":null}}',
        {
          status: 500,
          headers: { "content-type": "application/json", "cache-control": "no-store" },
        },
      ),
  };
  const tls = async (files: Config["server"]["tls"]) =>
    files === null ? undefined : { cert: await Bun.file(files.cert).text(), key: await Bun.file(files.key).text() };
  const firstTls = await tls(options.tls);
  const server = Bun.serve({
    ...common,
    hostname: options.host,
    port: options.port,
    reusePort: false,
    ...(firstTls === undefined ? {} : { tls: firstTls }),
  });
  const unix = options.unixSocket === null ? undefined : listenUnix(options.unixSocket, common);
  const port = server.port ?? 0;
  const shownHost = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    port,
    url: `${firstTls === undefined ? "http" : "https"}://${shownHost}:${port}`,
    async reloadTls(files) {
      const next = await tls(files);
      if (next !== undefined) server.reload({ ...common, tls: next } as never);
    },
    announceClose() {
      isClosing = true;
    },
    stopListening() {
      void server.stop();
      void unix?.stop();
    },
    async close() {
      await Promise.all([server.stop(true), unix?.stop(true)]);
    },
  };
}

/** Messages wait up to this much for a slow client; then the upstream is paused. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

/** Hands what happens to a WebSocket to its session. */
const websocket: Bun.WebSocketHandler<SocketSession> = {
  maxPayloadLength: MESSAGE_BYTES_MAX,
  backpressureLimit: MESSAGE_BYTES_MAX + WAITING_BYTES_MAX,
  // The session pings both ends itself.
  idleTimeout: 120,
  sendPings: false,
  open: (socket) => socket.data.opened(socket as ClientSocket),
  message: (socket, data) => socket.data.message(data),
  drain: (socket) => socket.data.drained(),
  close: (socket, code) => socket.data.closed(code),
};

/** What the edge may know of the connection; the address is looked up only where it is asked for. */
class Connection implements ConnectionInfo {
  readonly #request: Request;
  readonly #server: Bun.Server<SocketSession>;

  constructor(request: Request, server: Bun.Server<SocketSession>) {
    this.#request = request;
    this.#server = server;
  }

  get address(): string {
    return this.#server.requestIP(this.#request)?.address ?? "";
  }

  setIdleTimeout(seconds: number): void {
    this.#server.timeout(this.#request, seconds);
  }

  upgrade(session: SocketSession, headers: Headers): boolean {
    return this.#server.upgrade(this.#request, { data: session, headers });
  }
}

async function closing(answer: Response | Promise<Response>): Promise<Response> {
  const response = await answer;
  response.headers.set("connection", "close");
  return response;
}

function listenUnix(path: string, common: object) {
  // A socket left behind by a process that is gone would make the name unusable; anything else there is not ours.
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path);
  const server = Bun.serve({ ...common, unix: path } as never) as Bun.Server<SocketSession>;
  chmodSync(path, 0o660);
  return server;
}
