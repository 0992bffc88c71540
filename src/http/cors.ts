/** Cross-origin rules of `/v1*`: by list, never with credentials. */
import type { Snapshot } from "../snapshot/snapshot.ts";

const EXPOSED = [
  "x-request-id",
  "request-id",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  "x-relay-provider",
  "x-relay-model",
  "x-relay-lane",
  "x-relay-attempts",
  "x-relay-dropped-params",
  "x-ratelimit-limit-requests",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-reset-requests",
  "x-ratelimit-limit-tokens",
  "x-ratelimit-remaining-tokens",
  "x-ratelimit-reset-tokens",
].join(", ");

const ALLOWED_HEADERS = [
  "authorization",
  "content-type",
  "x-api-key",
  "x-access-key",
  "x-goog-api-key",
  "x-request-id",
];
/** Of the headers a page asks to send, also those of the vendors' SDKs. */
const SDK_HEADER = /^(?:anthropic|openai|x-stainless|x-relay)-[a-z0-9-]{1,64}$/;
const METHODS = "GET, HEAD, POST, DELETE, OPTIONS";

function allowedOrigin(origin: string, origins: readonly string[]): string | null {
  if (origins.includes("*")) return "*";
  return origins.includes(origin) ? origin : null;
}

export function addCorsHeaders(response: Response, origin: string, origins: readonly string[]): Response {
  const allowed = allowedOrigin(origin, origins);
  if (allowed !== "*") response.headers.append("vary", "Origin");
  if (allowed === null) return response;
  response.headers.set("access-control-allow-origin", allowed);
  response.headers.set("access-control-expose-headers", EXPOSED);
  return response;
}

/** Answered before authentication: a browser sends no credential with it. */
export function preflight(request: Request, snapshot: Snapshot): Response {
  const origin = request.headers.get("origin");
  const response = new Response(null, { status: 204, headers: { "x-content-type-options": "nosniff" } });
  if (origin === null || allowedOrigin(origin, snapshot.config.server.corsOrigins) === null) return response;
  const asked = (request.headers.get("access-control-request-headers") ?? "").toLowerCase().split(",");
  const extra = asked.map((name) => name.trim()).filter((name) => SDK_HEADER.test(name));
  response.headers.set("access-control-allow-methods", METHODS);
  response.headers.set("access-control-allow-headers", [...ALLOWED_HEADERS, ...new Set(extra)].slice(0, 64).join(", "));
  response.headers.set("access-control-max-age", "86400");
  return response;
}
