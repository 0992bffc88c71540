/** Error bodies outside the relay's own routes: which family a path belongs to, and what its errors look like. */
import { anthropicMessages, gemini, type JsonObject, openaiChat, RelayError } from "../plugin/index.ts";
import { errorHeaders } from "../relay/failure-response.ts";

/** `http-api.md` section 2.1. */
export type Family = "openai" | "anthropic" | "gemini" | "native" | "relay" | "openrelay" | "rest";

/** By path alone; the model list also looks at a header, which its handler does. */
export function familyOf(path: string): Family {
  if (path === "/v1/me" || path === "/v1/whoami" || path === "/v1/orgs" || path.startsWith("/v1/orgs/"))
    return "openrelay";
  if (path === "/v1/messages" || path.startsWith("/v1/messages/") || path.startsWith("/v1/anthropic/"))
    return "anthropic";
  if (path.startsWith("/v1beta/") || path.startsWith("/v1alpha/") || path.startsWith("/upload/v1")) return "gemini";
  if (/^\/v1\/models\/.+:[a-zA-Z]+$/.test(path)) return "gemini";
  if (path === "/v1" || path.startsWith("/v1/")) return "openai";
  if (path === "/api/v1/auth/api-keys" || path.startsWith("/api/v1/auth/api-keys/")) return "relay";
  if (path === "/api" || path.startsWith("/api/")) return "native";
  return "rest";
}

const OPENRELAY_CODE: Readonly<Record<number, string>> = {
  400: "invalid_request",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  413: "request_too_large",
  422: "invalid_request",
  429: "rate_limited",
  500: "internal",
};

/** Its 401, 403 and 404 say the same whatever is behind them. */
function openrelayMessage({ status, message, details }: RelayError): string {
  if (status === 401) return "Unauthorized";
  if (status === 403) return "Forbidden";
  if (status === 404) return "Not found";
  const [first] = details ?? [];
  if (first === undefined) return message;
  const [, field, ...below] = first.loc;
  const shown = field === "expires_at" ? "expiresAt" : field;
  return `${[shown, ...below].join(".")} ${first.msg}`.trim();
}

/** Field by field: path and rule, never a value. */
function fieldsOf({ details }: RelayError) {
  return details?.map(({ loc, msg, type }) => ({ loc: [...loc], msg, type }));
}

/** The body of an error in a family's words. */
export function errorBody(family: Family, error: RelayError, requestId: string): JsonObject {
  const code = error.wireCode ?? error.code.replaceAll("-", "_");
  switch (family) {
    case "openai":
      return openaiChat.ingress!.encodeError(error, requestId);
    case "anthropic":
      return anthropicMessages.ingress!.encodeError(error, requestId);
    case "gemini":
      return gemini.ingress!.encodeError(error, requestId);
    case "native":
      // A refused sign-in is no missing credential, and its page has to tell the two apart.
      if (error.status === 401 && error.wireCode !== "invalid_credentials")
        return { error: { message: "Unauthorized", type: "auth_error" } };
      if (error.status >= 500 && error.code === "internal") {
        return { detail: "Internal error", code: "internal", request_id: requestId };
      }
      return { detail: fieldsOf(error) ?? error.message, code };
    case "relay":
      if (error.status === 401) return { detail: "Invalid or missing API key" };
      if (error.status === 404) return { detail: "API key not found" };
      return { detail: fieldsOf(error) ?? error.message };
    case "openrelay":
      return { error: openrelayMessage(error), code: OPENRELAY_CODE[error.status] ?? code };
    case "rest":
      return { error: error.status === 404 ? "Not found" : error.message };
  }
}

export function errorResponse(family: Family, cause: unknown, requestId: string): Response {
  const error = RelayError.from(cause);
  return new Response(JSON.stringify(errorBody(family, error, requestId)), {
    status: error.status,
    headers: errorHeaders(requestId, error),
  });
}
