/** Runs one call from its start to its response, whatever happens on the way. */
import { requireAddress } from "../auth/key-networks.ts";
import { RelayError } from "../plugin/index.ts";
import { isFinal } from "./attempt.ts";
import { readJsonBody } from "./body.ts";
import { Call, type CallStart } from "./call.ts";
import { runChat } from "./chat.ts";
import { runCompletions } from "./completions.ts";
import { runCountTokens } from "./count-tokens.ts";
import { runCredits } from "./credits.ts";
import { runEmbeddings } from "./embeddings.ts";
import { addRelayHeaders } from "./headers.ts";
import { runRaw } from "./raw.ts";
import { runObject } from "./objects.ts";
import { runRealtime } from "./realtime.ts";
import type { RelayRoute } from "./route.ts";
import type { RelayServices } from "./services.ts";
import { verbatimOf } from "./upstream.ts";

/** Clients ignore hints outside this range, `http-api.md` section 2.2. */
const HINT_MIN_MS = 1000;
const HINT_MAX_MS = 60_000;

/** Everything but chat, which has its body read at once. */
const LANES: { readonly [Body in RelayRoute["body"]]?: (call: Call) => Promise<Response> } = {
  json: runRaw,
  multipart: runRaw,
  none: runRaw,
  completions: runCompletions,
  "count-tokens": runCountTokens,
  embeddings: runEmbeddings,
  credits: runCredits,
  realtime: runRealtime,
};

/** Never throws and never rejects: a failure becomes the dialect's error, and one record is written either way. */
export async function runCall(services: RelayServices, start: CallStart): Promise<Response> {
  const { limits } = start.lease.snapshot.config;
  const isFull = services.active.size >= limits.maxConcurrency;
  const call = new Call(services, start);
  try {
    if (isFull) {
      throw new RelayError("unavailable", "The relay is at its limit of concurrent calls (limits.max_concurrency).", {
        wireCode: "overloaded",
        retryAfterMs: HINT_MIN_MS,
      });
    }
    requireAddress(call.identity, start.clientAddress);
    if (!call.identity.scopes.has(call.route.scope)) {
      throw new RelayError("forbidden", `This credential lacks the scope "${call.route.scope}".`, {
        wireCode: "insufficient_scope",
      });
    }
    const lane = call.route.object === undefined ? LANES[call.route.body] : runObject;
    if (lane !== undefined) return await lane(call);
    const body = readJsonBody(call);
    return await runChat(call, body instanceof Promise ? await body : body);
  } catch (cause) {
    return failed(call, call.abortReason ?? RelayError.from(cause));
  }
}

function failed(call: Call, error: RelayError): Response {
  if (error.code === "internal") call.services.log.error("a call failed inside the relay", { req: call.id, error });
  const { server } = call.snapshot.config;
  const isUpstreams = error.code.startsWith("upstream-");
  const status = server.legacyErrorStatus && isUpstreams ? 503 : error.status;
  const headers = errorHeaders(call.id, error);
  addRelayHeaders(call, headers);
  call.end(status, error);
  // Nobody is there to read it.
  if (error.code === "client-closed") return new Response(null, { status: 499, headers });

  const verbatim = call.lane === "translate" ? undefined : verbatimOf(error);
  if (verbatim !== undefined) {
    headers["content-type"] = verbatim.contentType;
    return new Response(verbatim.body, { status, headers });
  }
  return new Response(JSON.stringify(call.route.codec.ingress!.encodeError(error, call.id)), { status, headers });
}

/** Headers of every error answer, relay routes and others alike. */
export function errorHeaders(requestId: string, error: RelayError): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-request-id": requestId,
    "request-id": requestId,
    "x-content-type-options": "nosniff",
    ...error.headers,
  };
  if (error.retryAfterMs !== undefined) {
    const ms = Math.min(HINT_MAX_MS, Math.max(HINT_MIN_MS, error.retryAfterMs));
    headers["retry-after"] = String(Math.ceil(ms / 1000));
    headers["retry-after-ms"] = String(Math.ceil(ms));
  }
  if (isFinal(error) || error.code === "quota-exceeded") headers["x-should-retry"] = "false";
  if (error.status === 401) headers["www-authenticate"] = "Bearer";
  return headers;
}
