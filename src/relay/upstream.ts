/** One try at one upstream: connect, send, judge the status. */
import { type Codec, RelayError, type UpstreamCall, type UpstreamRequest } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { PoolKey } from "../routing/key-pool.ts";
import type { Call } from "./call.ts";
import { HOP_BY_HOP, upstreamIdOf } from "./headers.ts";

/** Of a failure's body, this much is read to find out what it says. */
const FAILURE_BODY_MAX = 64 * 1024;

/** An upstream's own refusal, which a client of the same dialect may see byte for byte. */
export interface Verbatim {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const verbatims = new WeakMap<RelayError, Verbatim>();

/** The refusal behind an `upstream-rejected`, if there is one worth showing as it is. */
export function verbatimOf(error: RelayError): Verbatim | undefined {
  return verbatims.get(error);
}

export type CallShape = Omit<UpstreamCall, "signal" | "secret">;

/** Sends a call and returns the answer once its status is good; throws a `RelayError` for anything else. */
export async function callUpstream(
  call: Call,
  entry: ProviderEntry,
  key: PoolKey,
  codec: Codec,
  shape: CallShape,
): Promise<Response> {
  const signal = call.beginAttempt(entry);
  const { provider } = entry;
  call.limitTotal(entry.timeouts.totalMs);
  try {
    if (entry.reachBy !== "" && !call.services.guard.isTrusted(entry.reachBy)) {
      await call.services.guard.check(entry.reachBy, entry.timeouts.connectMs, signal);
    }
    const built = provider.request({ ...shape, secret: key.secret, signal });
    const request = built instanceof Promise ? await built : built;
    setFirstDeadline(call, entry);
    const response =
      provider.send !== undefined ? await provider.send(request, signal) : await send(entry, request, signal);
    call.services.guard.trust(entry.reachBy);
    const { status } = response;
    if (status >= 200 && status < 300) {
      call.deadline = undefined;
      call.upstreamId = upstreamIdOf(response.headers);
      return response;
    }
    throw await readFailure(call, codec, response, key);
  } catch (cause) {
    throw failureOf(call, signal, cause);
  }
}

/** How long until the first byte. */
export function setFirstDeadline(call: Call, entry: ProviderEntry): void {
  const { firstTokenMs } = entry.timeouts;
  call.deadline = {
    at: call.services.active.now + firstTokenMs,
    error: () =>
      new RelayError("upstream-timeout", `The upstream gave no answer within ${Math.round(firstTokenMs / 1000)} s.`),
  };
}

function send(entry: ProviderEntry, request: UpstreamRequest | Request, signal: AbortSignal): Promise<Response> {
  if (request instanceof Request) {
    return entry.send(request.url, {
      method: request.method,
      headers: withEntryHeaders(entry, Object.fromEntries(request.headers)),
      body: request.body,
      signal,
    });
  }
  return entry.send(request.url, {
    method: request.method ?? "POST",
    headers: withEntryHeaders(entry, request.headers),
    body: (request.body ?? null) as Bun.BodyInit | null,
    signal,
  });
}

/** The configuration's own headers come last, but never over the credential unless the operator says so. */
function withEntryHeaders(entry: ProviderEntry, headers: Record<string, string>): Record<string, string> {
  // Compressed answers could not be read along with.
  headers["accept-encoding"] = "identity";
  headers["user-agent"] ??= entry.userAgent;
  const { extraHeaders } = entry;
  if (extraHeaders === undefined) return headers;
  const isOverriding = entry.config.headersOverrideAuth;
  for (const name in extraHeaders) {
    if (HOP_BY_HOP.has(name)) continue;
    if (!isOverriding && CREDENTIALS.has(name)) continue;
    headers[name] = extraHeaders[name]!;
  }
  return headers;
}

const CREDENTIALS: ReadonlySet<string> = new Set(["authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"]);

/** Reads what an upstream answered instead of an answer, and decides what it means. */
async function readFailure(call: Call, codec: Codec, response: Response, key: PoolKey): Promise<RelayError> {
  const { status, headers } = response;
  const contentType = headers.get("content-type") ?? "";
  if (status >= 300 && status < 400) {
    await response.body?.cancel().catch(() => {});
    // Following it would carry the key to wherever the upstream points.
    return new RelayError("upstream-unavailable", "The upstream answered with a redirect, which is not followed.");
  }
  if (status < 200 || status > 599) {
    await response.body?.cancel().catch(() => {});
    return new RelayError("upstream-malformed", "The upstream answered with a status that does not exist.");
  }
  const body = scrub(call, await readText(response, FAILURE_BODY_MAX), key);
  const decoded = codec.egress?.decodeError(status, body, headers);
  if (decoded === undefined) return new RelayError("upstream-unavailable", "The upstream failed.");
  call.upstreamId = upstreamIdOf(headers);
  if (decoded.code === "upstream-rejected" && /^application\/json/i.test(contentType)) {
    verbatims.set(decoded, { status, contentType, body });
  }
  return decoded;
}

/** Neither our key nor anything that looks like one leaves in an upstream's words. */
export function scrub(call: Call, text: string, key: PoolKey): string {
  const clean = key.secret.length >= 4 ? text.replaceAll(key.secret, "[redacted]") : text;
  return call.services.redact(clean);
}

/** The beginning of a body as text; the rest is dropped. */
async function readText(response: Response, bytesMax: number): Promise<string> {
  if (response.body === null) return "";
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    text += decoder.decode(value, { stream: true });
    if (size >= bytesMax) {
      reader.cancel().catch(() => {});
      return text;
    }
  }
}

/** Names what went wrong while talking to an upstream. */
export function failureOf(call: Call, signal: AbortSignal, cause: unknown): RelayError {
  call.deadline = undefined;
  call.idleMs = 0;
  if (call.abortReason !== undefined) return call.abortReason;
  if (RelayError.is(cause)) return cause;
  if (signal.aborted && RelayError.is(signal.reason)) return signal.reason;
  const code = (cause as { code?: unknown } | null)?.code;
  if (
    typeof code === "string" &&
    /ECONN|ENOTFOUND|EAI_|EPIPE|ConnectionRefused|ConnectionClosed|FailedToOpenSocket|CERT|TLS|SSL|UNABLE_TO|SELF_SIGNED|Timeout/i.test(
      code,
    )
  ) {
    return new RelayError("upstream-unavailable", "The upstream could not be reached, or broke the connection.", {
      cause,
    });
  }
  if (cause instanceof TypeError || (cause instanceof Error && cause.name === "TimeoutError")) {
    return new RelayError("upstream-unavailable", "The upstream could not be reached, or broke the connection.", {
      cause,
    });
  }
  return new RelayError("internal", "Internal error", { cause });
}
