/** A WebSocket to an upstream: stands, or is given up in time; then messages in both directions, as they are. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { NetError } from "./errors.ts";
import { failureOf } from "./failure.ts";
import { rootsWith } from "./roots.ts";
import { bridgeTo, type SocksBridge } from "./socks-bridge.ts";
import type { WayOut } from "./way-out.ts";

export interface UpstreamSocketUser {
  message(data: string | Uint8Array): void;
  closed(code: number, reason: string): void;
}

export interface UpstreamSocket {
  /** The subprotocol agreed upon; empty = none. */
  readonly protocol: string;
  /** Bytes that wait to be sent. */
  readonly waiting: number;
  send(data: string | Uint8Array): void;
  /** Nothing more is read until `resume`. */
  pause(): void;
  resume(): void;
  ping(): void;
  close(code: number, reason: string): void;
  /** Breaks it off. */
  abort(): void;
}

export interface Opening {
  readonly socket: Promise<UpstreamSocket>;
  abort(): void;
}

export interface WebSocketRequest {
  /** ws or wss. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Subprotocols on offer. */
  readonly protocols: readonly string[];
  /** Until it stands, proxy and TLS included; ms. */
  readonly connectMs: number;
  readonly way: WayOut;
}

/** The socket comes paused: its taker resumes it when it is ready for messages. */
export function openWebSocket(request: WebSocketRequest, user: UpstreamSocketUser): Opening {
  return new OpeningSocket(request, user);
}

class OpeningSocket implements Opening {
  readonly socket: Promise<UpstreamSocket>;
  readonly #user: UpstreamSocketUser;
  readonly #timer: Timer;
  readonly #refuse: (error: NetError) => void;
  #socket: WebSocket | undefined;
  #bridge: SocksBridge | undefined;
  /** What the runtime says of a failure; it comes before the close. */
  #complaint = "";
  #isOpen = false;
  #isOver = false;

  constructor(request: WebSocketRequest, user: UpstreamSocketUser) {
    const { promise, resolve, reject } = Promise.withResolvers<UpstreamSocket>();
    this.socket = promise;
    this.#user = user;
    this.#refuse = reject;
    this.#timer = setTimeout(() => {
      this.#end(new NetError("connect-timeout", "The upstream could not be reached in time."));
    }, request.connectMs);
    this.#open(request, resolve).catch((cause: unknown) => {
      this.#end(failureOf(cause));
    });
  }

  abort(): void {
    this.#end(new NetError("aborted", "The call was given up."));
  }

  async #open(
    { url, headers, protocols, way }: WebSocketRequest,
    stands: (socket: UpstreamSocket) => void,
  ): Promise<void> {
    const { protocol, hostname, port } = new URL(url);
    const isTls = protocol === "wss:";
    const to = { isTls, hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || (isTls ? 443 : 80) };
    const proxy = way.proxyFor(to);
    if (proxy === null && way.mayReach !== undefined) await checkAddresses(to.hostname, way.mayReach);
    // The runtime knows web proxies only.
    if (proxy?.scheme === "socks5") this.#bridge = await bridgeTo(proxy);
    if (this.#isOver) return this.#bridge?.close();
    const through = this.#bridge?.url ?? proxy?.url;
    const socket = new WebSocket(url, {
      headers: { ...headers },
      protocols: [...protocols],
      tls: { rejectUnauthorized: true, ...(way.roots === null ? {} : { ca: [...rootsWith(way.roots)] }) },
      ...(through === undefined ? {} : { proxy: through }),
    } as never);
    this.#socket = socket;
    socket.binaryType = "nodebuffer";
    socket.onopen = () => {
      // The taker may not be ready yet, and messages must not be lost to it.
      socket.pause();
      clearTimeout(this.#timer);
      this.#isOpen = this.#isOver = true;
      stands(standing(socket));
    };
    socket.onmessage = ({ data }) => this.#user.message(data as string | Uint8Array);
    socket.onerror = (event) => {
      this.#complaint = (event as ErrorEvent).message ?? "";
    };
    socket.onclose = ({ code, reason }) => {
      this.#bridge?.close();
      if (this.#isOpen) this.#user.closed(code, reason);
      else this.#end(refusalOf(this.#complaint));
    };
  }

  #end(error: NetError): void {
    clearTimeout(this.#timer);
    this.#bridge?.close();
    const wasOver = this.#isOver;
    this.#isOver = true;
    if (!wasOver) this.#refuse(error);
    this.#socket?.terminate();
  }
}

/** The runtime does not tell which address it connects to: all that the name has must do. */
async function checkAddresses(hostname: string, mayReach: (address: string) => boolean): Promise<void> {
  const found = isIP(hostname) === 0 ? await lookup(hostname, { all: true }) : [{ address: hostname }];
  if (found.every(({ address }) => mayReach(address))) return;
  throw new NetError("address", "The address of the upstream is one that is not allowed.");
}

function standing(socket: WebSocket): UpstreamSocket {
  return {
    protocol: socket.protocol,
    get waiting() {
      return socket.bufferedAmount;
    },
    send: (data) => void socket.send(data as never),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    ping: () => void socket.ping(),
    close: (code, reason) => socket.close(code, reason),
    abort: () => socket.terminate(),
  };
}

/** The runtime says what it was in words only. */
function refusalOf(complaint: string): NetError {
  const cause = complaint === "" ? undefined : new Error(complaint);
  if (/\bTLS\b|certificate/i.test(complaint)) {
    return new NetError("tls", "The certificate of the upstream is not to be trusted, or TLS with it failed.", cause);
  }
  if (/\bproxy\b/i.test(complaint)) {
    return new NetError("proxy", "The proxy did not open a way to the upstream.", cause);
  }
  return new NetError("closed", "The upstream refused the WebSocket.", cause);
}
