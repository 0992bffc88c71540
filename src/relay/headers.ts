/** Which headers travel: by list, in both directions. */
import type { Answer } from "../net/answer.ts";
import type { Call } from "./call.ts";

/** Of the client's headers, what an upstream of the same family may see. Everything else stays here. */
const FORWARDED = ["anthropic-version", "anthropic-beta", "openai-beta", "idempotency-key"] as const;

export function forwardedHeaders(headers: Headers): Record<string, string> {
  const forwarded: Record<string, string> = {};
  for (const name of FORWARDED) {
    const value = headers.get(name);
    if (value !== null) forwarded[name] = value;
  }
  return forwarded;
}

/** Never set by plugins or configuration on the way up: they belong to one connection, or to the relay. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  "content-length",
]);

/** Of an upstream's headers, what a client may see beside the content type (raw lane). */
const RETURNED = ["content-disposition", "content-language"] as const;

/** Headers of an answer to the client, whatever lane it took. */
export function answerHeaders(call: Call, contentType: string): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": contentType,
    "x-request-id": call.id,
    "request-id": call.id,
    "x-content-type-options": "nosniff",
  };
  addRelayHeaders(call, headers);
  return headers;
}

/** `x-relay-*`, so that a puzzled user sees which road the call took. */
export function addRelayHeaders(call: Call, headers: Record<string, string>): void {
  // Whoever uses such a key is not told where its calls go.
  if (call.identity.exposeRouting === false) return;
  const { server } = call.snapshot.config;
  if (server.relayHeaders) {
    if (call.provider !== "") headers["x-relay-provider"] = call.provider;
    if (call.model !== "") headers["x-relay-model"] = headerText(call.model);
    if (call.lane !== "none") headers["x-relay-lane"] = call.lane;
    headers["x-relay-attempts"] = String(call.attempts);
    if (call.dropped !== undefined) headers["x-relay-dropped-params"] = headerText(call.dropped.join(", "));
  }
  if (server.legacyHeaders) {
    if (call.model !== "") headers["x-prisma-model"] = headerText(call.model);
    if (call.provider !== "") headers["x-prisma-provider"] = call.provider;
  }
  if (call.upstreamId !== null) headers["x-upstream-request-id"] = call.upstreamId;
}

export function streamHeaders(call: Call, contentType: string): Record<string, string> {
  const headers = answerHeaders(call, contentType);
  headers["cache-control"] = "no-cache, no-transform";
  headers["x-accel-buffering"] = "no";
  return headers;
}

/** The upstream's id of the call, if it sent one that may stand in a header. */
export function upstreamIdOf(answer: Answer): string | null {
  const id = answer.header("x-request-id") ?? answer.header("request-id");
  return id !== null && id.length <= 128 && /^[\w.:-]+$/.test(id) ? id : null;
}

export function returnedHeaders(from: Answer, to: Record<string, string>): void {
  for (const name of RETURNED) {
    const value = from.header(name);
    if (value !== null) to[name] = value;
  }
}

/** Header values are Latin-1 without control characters; names of models may be anything. */
function headerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text);
}
