/** The error object of the OpenAI family, shared by chat and responses. */
import type { JsonObject } from "../../contract/chat.ts";
import type { FailureCode, RelayError } from "../../contract/errors.ts";
import { objectOr, textOf } from "./json.ts";

/** `type`, and `code` where it is not simply the failure's name; a `code` of the error itself goes before both. */
const WIRE: { readonly [Code in FailureCode]: readonly [type: string, code?: string] } = {
  "bad-request": ["invalid_request_error"],
  unauthenticated: ["auth_error"],
  forbidden: ["permission_error"],
  "model-not-found": ["invalid_request_error"],
  "not-found": ["invalid_request_error"],
  "method-not-allowed": ["invalid_request_error"],
  "body-too-large": ["invalid_request_error", "request_too_large"],
  "unsupported-media-type": ["invalid_request_error"],
  "rate-limited": ["rate_limit_error", "rate_limit_exceeded"],
  "quota-exceeded": ["insufficient_quota"],
  "headers-too-large": ["invalid_request_error"],
  "client-closed": ["invalid_request_error"],
  internal: ["server_error", "internal_error"],
  unavailable: ["server_error"],
  "upstream-rejected": ["invalid_request_error"],
  "upstream-credential": ["upstream_error"],
  "upstream-rate-limited": ["rate_limit_error"],
  "upstream-unavailable": ["upstream_error"],
  "upstream-timeout": ["upstream_error"],
  "upstream-malformed": ["upstream_error"],
};

export interface OpenAiError extends JsonObject {
  message: string;
  type: string;
  param: string | null;
  code: string;
}

/** The inside of `{"error": ...}`, always with its four keys. */
export function openAiError(error: RelayError, requestId: string): OpenAiError {
  const [type, code] = WIRE[error.code];
  const isRejected = error.code === "upstream-rejected";
  // An upstream's own code is only shown where it speaks about the request; elsewhere it would speak about us.
  const own = error.code.startsWith("upstream-") && !isRejected ? undefined : error.wireCode;
  return {
    message: openAiMessage(error, requestId),
    type: (isRejected ? error.wireType : undefined) ?? type,
    param: error.param ?? null,
    code: own ?? code ?? error.code.replaceAll("-", "_"),
  };
}

function openAiMessage(error: RelayError, requestId: string): string {
  const isUpstream = error.code.startsWith("upstream-");
  const prefix = isUpstream && error.provider !== undefined ? `[${error.provider}] ` : "";
  const suffix = error.status >= 500 && requestId !== "" ? ` (request id: ${requestId})` : "";
  return prefix + error.message + suffix;
}

/** Clients look into `error` for a `message`, and show nothing of any other shape. */
export function readsOpenAiError(body: unknown): boolean {
  return textOf(objectOr(objectOr(body)["error"])["message"]) !== undefined;
}

export function encodeOpenAiError(error: RelayError, requestId: string): JsonObject {
  // One body for every way of not being known, byte for byte.
  if (error.code === "unauthenticated") return { error: { message: "Unauthorized", type: "auth_error" } };
  return { error: openAiError(error, requestId) };
}
