/** Realtime: a WebSocket of the client joined with one of the upstream; messages pass unchanged in both directions. */
import { NetError } from "../net/errors.ts";
import { openWebSocket, type UpstreamSocket } from "../net/web-socket.ts";
import { RelayError, type Usage } from "../plugin/index.ts";
import type { PoolKey } from "../routing/key-pool.ts";
import type { Target } from "../routing/resolve.ts";
import { admitSession } from "./admission.ts";
import { attempt } from "./attempt.ts";
import { chargeSoFar } from "./booking.ts";
import type { Call } from "./call.ts";
import { forwardedHeaders } from "./headers.ts";
import { limitHeaders } from "./limit-headers.ts";
import { serving } from "./raw.ts";
import { resolveFor } from "./reach.ts";
import { failureOf, Shape } from "./upstream.ts";

/** Largest message in either direction. */
export const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
/** More than this waits for nobody: a side that takes nothing is given up. */
const WAITING_BYTES_MAX = 32 * 1024 * 1024;
const PING_MS = 20_000;
/** Carries a credential, which is not for the upstream. */
const KEY_PROTOCOL = /^openai-insecure-api-key\./;

const CLOSE = { normal: 1000, refused: 1008, failed: 1011, stopping: 1012 } as const;

/** The client's end, as the server gives it. */
export interface ClientSocket {
  /** −1: it is waiting to be sent; 0: it was dropped. */
  send(data: string | Uint8Array): number;
  pause(): void;
  resume(): void;
  ping(): void;
  close(code: number, reason: string): void;
}

/** What the server tells of the client's end. */
export interface SocketSession {
  opened(socket: ClientSocket): void;
  message(data: string | Uint8Array): void;
  drained(): void;
  closed(code: number): void;
}

/** Stands for the answer that the server has already given by switching protocols. */
export const SWITCHED = new Response(null, { status: 204 });

/** Connects the upstream first: as long as it does not stand, failures are answers with a status. */
export async function runRealtime(call: Call): Promise<Response> {
  call.lane = "raw";
  call.streaming = true;
  if (call.request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    throw new RelayError("bad-request", "This path is served over a WebSocket only.", {
      status: 426,
      wireCode: "upgrade_required",
      headers: { upgrade: "websocket" },
    });
  }
  const parameters = new URLSearchParams(call.query);
  const model =
    parameters.get("model") || (call.identity.defaultModel ?? call.snapshot.config.modelRouting.defaultModel);
  if (model === null) {
    throw new RelayError("bad-request", 'The query parameter "model" is missing.', { param: "model" });
  }
  call.requestedModel = model;
  const resolution = resolveFor(call.snapshot.router, call.identity, model);
  const targets = serving(call, resolution);
  if (targets.length === 0) {
    throw new RelayError("not-found", "No provider of this model offers Realtime.", { wireCode: "not_found" });
  }
  const session = await attempt(call, admitSession(call, { ...resolution, targets }), {
    tryOne: (target, key) => connect(call, parameters, target, key),
  });
  const { protocol } = session.upstream;
  const headers = new Headers({ "x-request-id": call.id, ...limitHeaders(call) });
  if (protocol !== "") headers.set("sec-websocket-protocol", protocol);
  if (call.upgrade(session, headers)) return SWITCHED;
  session.upstream.abort();
  throw new RelayError("bad-request", "The WebSocket could not be opened.");
}

async function connect(call: Call, asked: URLSearchParams, { entry, model }: Target, key: PoolKey): Promise<Session> {
  const query = new URLSearchParams(asked);
  query.set("model", model);
  const headers = forwardedHeaders(call.request.headers);
  const { operation, codec } = call.route;
  const path = "/realtime";
  const shape = new Shape(call, operation, codec, "GET", path, `?${query}`, model, null, "", headers, key.secret);
  call.beginAttempt(entry);
  try {
    const request = await entry.provider.request(shape);
    const own = request instanceof Request ? Object.fromEntries(request.headers) : request.headers;
    const session = new Session(call);
    const url = request.url.replace(/^http/, "ws");
    const opening = openWebSocket(
      {
        url,
        headers: { ...own, ...entry.extraHeaders },
        protocols: protocolsOf(call),
        connectMs: entry.timeouts.connectMs,
        way: key.way ?? entry.way,
      },
      {
        message: (data) => session.told(data),
        closed: (code, reason) => session.upstreamClosed(code, reason),
      },
    );
    call.carryBy(opening);
    session.upstream = await opening.socket;
    return session;
  } catch (cause) {
    throw cause instanceof NetError && cause.code === "closed"
      ? new RelayError("upstream-unavailable", "The upstream refused the WebSocket.", { cause })
      : failureOf(call, cause);
  }
}

function protocolsOf({ request }: Call): string[] {
  const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
  return offered.filter((name) => name !== "" && !KEY_PROTOCOL.test(name));
}

class Session implements SocketSession {
  upstream!: UpstreamSocket;
  #client: ClientSocket | undefined;
  #isOver = false;
  #pinging: Timer | undefined;
  readonly #usage: { inputTokens: number; outputTokens: number } = { inputTokens: 0, outputTokens: 0 };
  #hasUsage = false;

  constructor(private readonly call: Call) {}

  opened(socket: ClientSocket): void {
    const { call } = this;
    this.#client = socket;
    call.firstByteMs = call.services.clock.monotonic();
    // From here on a departure is told by the socket itself.
    call.lastWriteMs = call.services.active.now;
    call.failStream = (error) => this.#end(closeCodeOf(error), error);
    this.#pinging = setInterval(() => {
      socket.ping();
      this.upstream.ping();
    }, PING_MS);
    this.upstream.resume();
  }

  /** From the client. */
  message(data: string | Uint8Array): void {
    this.call.bytesIn += data.length;
    this.upstream.send(data);
    if (this.upstream.waiting > WAITING_BYTES_MAX) {
      this.#end(CLOSE.failed, new RelayError("upstream-timeout", "The upstream takes no more messages."));
    }
  }

  /** The client takes more again. */
  drained(): void {
    this.upstream.resume();
  }

  /** The client has left, or said that it is done. */
  closed(code: number): void {
    if (this.#finish(undefined)) this.upstream.close(sendable(code) ? code : CLOSE.normal, "");
  }

  upstreamClosed(code: number, reason: string): void {
    const isProper = sendable(code);
    const failure = isProper ? undefined : new RelayError("upstream-malformed", "The upstream broke off the session.");
    if (!this.#finish(failure)) return;
    this.#client?.close(isProper ? code : CLOSE.failed, isProper ? reason : "the upstream failed");
  }

  #end(code: number, error: RelayError): void {
    if (!this.#finish(error)) return;
    this.#client?.close(code, code === CLOSE.refused ? reasonOf(error) : "");
    this.upstream.close(CLOSE.normal, "");
  }

  #finish(failure: RelayError | undefined): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearInterval(this.#pinging);
    const { call } = this;
    if (this.#hasUsage) call.usage = this.#usage as Usage;
    call.end(failure?.status ?? 101, failure);
    return true;
  }

  /** From the upstream. */
  told(data: string | Uint8Array): void {
    const { call } = this;
    call.bytesOut += data.length;
    const used = typeof data === "string" && data.includes('"response.done"') ? this.#count(data) : undefined;
    if (this.#client?.send(data) === -1) this.upstream.pause();
    if (used === undefined) return;
    const refusal = chargeSoFar(call, used);
    if (refusal !== undefined) this.#end(closeCodeOf(refusal), refusal);
  }

  #count(text: string): Usage | undefined {
    try {
      const { type, response } = JSON.parse(text) as {
        type?: unknown;
        response?: { usage?: { input_tokens?: unknown; output_tokens?: unknown } | null };
      };
      const usage = response?.usage;
      if (type !== "response.done" || typeof usage !== "object" || usage === null) return undefined;
      this.#hasUsage = true;
      const inputTokens = Number(usage.input_tokens ?? 0);
      const outputTokens = Number(usage.output_tokens ?? 0);
      this.#usage.inputTokens += inputTokens;
      this.#usage.outputTokens += outputTokens;
      return { inputTokens, outputTokens };
    } catch {
      return undefined; // a message that is no JSON says nothing about usage
    }
  }
}

function closeCodeOf({ code, wireCode }: RelayError): number {
  if (wireCode === "shutting_down") return CLOSE.stopping;
  return REFUSALS.has(code) ? CLOSE.refused : CLOSE.failed;
}

const REFUSALS: ReadonlySet<string> = new Set(["unauthenticated", "forbidden", "rate-limited", "quota-exceeded"]);

function reasonOf({ code }: RelayError): string {
  const isLimit = code === "rate-limited" || code === "quota-exceeded";
  return isLimit ? "a limit of this credential is reached" : "the credential is not valid any more";
}

/** Codes that an endpoint may send itself, RFC 6455 section 7.4. */
function sendable(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)
  );
}
