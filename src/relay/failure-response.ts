/** What a client is told of a call that failed before its first byte. */
import { RelayError } from "../plugin/index.ts";
import { boundedHint, isFinal } from "./attempt.ts";
import { withoutBodySecrets } from "./body-secrets.ts";
import type { Call } from "./call.ts";
import { addRelayHeaders } from "./headers.ts";
import { verbatimOf } from "./upstream.ts";

/** The answer to a call that failed before its first byte; the call is over with it. */
export function failureResponse(call: Call, cause: unknown): Response {
  const error = call.abortReason ?? RelayError.from(cause);
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
    return new Response(withoutBodySecrets(verbatim.body, call.body), { status, headers });
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
    const ms = boundedHint(error.retryAfterMs);
    headers["retry-after"] = String(Math.ceil(ms / 1000));
    headers["retry-after-ms"] = String(Math.ceil(ms));
  }
  if (isFinal(error) || error.code === "quota-exceeded") headers["x-should-retry"] = "false";
  if (error.status === 401) headers["www-authenticate"] = "Bearer";
  return headers;
}
