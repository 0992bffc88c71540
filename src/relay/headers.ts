/** Which headers travel: by list, in both directions. */
import type { Answer } from "../net/answer.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { Call } from "./call.ts";
import { costHeader, limitHeaders } from "./limit-headers.ts";

/** Of the client's headers, what an upstream of the same family may see. Everything else stays here. */
const FORWARDED = ["anthropic-version", "anthropic-beta", "openai-beta", "idempotency-key"] as const;

const NONE: Readonly<Record<string, string>> = Object.freeze({});

export function forwardedHeaders(headers: Headers): Readonly<Record<string, string>> {
  let forwarded: Record<string, string> | undefined;
  for (let index = 0; index < FORWARDED.length; index += 1) {
    const name = FORWARDED[index]!;
    const value = headers.get(name);
    if (value !== null) (forwarded ??= {})[name] = value;
  }
  return forwarded ?? NONE;
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

/** What answers have in common as long as these are the same. */
interface Common {
  readonly contentType: string;
  readonly provider: string;
  readonly lane: string;
  readonly attempts: number;
  readonly isExposed: boolean;
  readonly headers: Headers;
}

/** By snapshot and model: headers made one by one cost more than copies. */
const commons = new WeakMap<Snapshot, Map<string, Common[]>>();
const MODELS_MAX = 256;
const VARIANTS_MAX = 16;

/** Headers of an answer to the client, whatever lane it took. */
export function answerHeaders(call: Call, contentType: string): Headers {
  const headers = new Headers(commonHeaders(call, contentType));
  addOwnHeaders(call, headers);
  return headers;
}

/** A whole answer to the client: the response copies the common headers, and copying them twice costs. */
export function wholeResponse(call: Call, contentType: string, bytes: Uint8Array<ArrayBuffer>): Response {
  const response = new Response(bytes, { status: 200, headers: commonHeaders(call, contentType) });
  addOwnHeaders(call, response.headers);
  return response;
}

function addOwnHeaders(call: Call, headers: Headers): void {
  headers.set("x-request-id", call.id);
  headers.set("request-id", call.id);
  if (call.plan !== undefined) for (const [name, value] of Object.entries(limitHeaders(call))) headers.set(name, value);
  const cost = call.usage === undefined ? undefined : costHeader(call);
  if (cost !== undefined) headers.set("x-relay-cost", cost);
  if (call.identity.exposeRouting === false) return;
  if (call.upstreamId !== null) headers.set("x-upstream-request-id", call.upstreamId);
  if (call.dropped !== undefined && call.snapshot.config.server.relayHeaders) {
    headers.set("x-relay-dropped-params", headerText(call.dropped.join(", ")));
  }
}

function commonHeaders(call: Call, contentType: string): Headers {
  const { snapshot, model, provider, lane, attempts } = call;
  const isExposed = call.identity.exposeRouting !== false;
  let models = commons.get(snapshot);
  if (models === undefined || models.size > MODELS_MAX) {
    models = new Map();
    commons.set(snapshot, models);
  }
  let known = models.get(model);
  if (known === undefined || known.length > VARIANTS_MAX) {
    known = [];
    models.set(model, known);
  }
  for (const common of known) {
    if (
      common.contentType === contentType &&
      common.provider === provider &&
      common.lane === lane &&
      common.attempts === attempts &&
      common.isExposed === isExposed
    ) {
      return common.headers;
    }
  }
  const named: Record<string, string> = { "content-type": contentType, "x-content-type-options": "nosniff" };
  addRoadHeaders(call, named);
  const headers = new Headers(named);
  known.push({ contentType, provider, lane, attempts, isExposed, headers });
  return headers;
}

/** What an error answer says of the call's road. */
export function addRelayHeaders(call: Call, headers: Record<string, string>): void {
  addRoadHeaders(call, headers);
  Object.assign(headers, limitHeaders(call));
  if (call.identity.exposeRouting === false) return;
  if (call.dropped !== undefined && call.snapshot.config.server.relayHeaders) {
    headers["x-relay-dropped-params"] = headerText(call.dropped.join(", "));
  }
  if (call.upstreamId !== null) headers["x-upstream-request-id"] = call.upstreamId;
}

/** `x-relay-*`, so that a puzzled user sees which road the call took. */
function addRoadHeaders(call: Call, headers: Record<string, string>): void {
  // Whoever uses such a key is not told where its calls go.
  if (call.identity.exposeRouting === false) return;
  const { server } = call.snapshot.config;
  if (server.relayHeaders) {
    if (call.provider !== "") headers["x-relay-provider"] = call.provider;
    if (call.model !== "") headers["x-relay-model"] = headerText(call.model);
    if (call.lane !== "none") headers["x-relay-lane"] = call.lane;
    headers["x-relay-attempts"] = String(call.attempts);
  }
  if (server.legacyHeaders) {
    if (call.model !== "") headers["x-prisma-model"] = headerText(call.model);
    if (call.provider !== "") headers["x-prisma-provider"] = call.provider;
  }
}

export function streamHeaders(call: Call, contentType: string): Headers {
  const headers = answerHeaders(call, contentType);
  headers.set("cache-control", "no-cache, no-transform");
  headers.set("x-accel-buffering", "no");
  return headers;
}

const UPSTREAM_ID = /^[\w.:-]+$/;

/** The upstream's id of the call, if it sent one that may stand in a header. */
export function upstreamIdOf(answer: Answer): string | null {
  const id = answer.header("x-request-id") ?? answer.header("request-id");
  return id !== null && id.length <= 128 && UPSTREAM_ID.test(id) ? id : null;
}

export function returnedHeaders(from: Answer, to: Headers): void {
  for (const name of RETURNED) {
    const value = from.header(name);
    if (value !== null) to.set(name, value);
  }
}

const HEADER_TEXT = /^[\x20-\x7e]*$/;

/** Header values are Latin-1 without control characters; names of models may be anything. */
function headerText(text: string): string {
  return HEADER_TEXT.test(text) ? text : encodeURIComponent(text);
}
