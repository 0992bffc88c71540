/** Errors in Anthropic's form: bodies, and the event that ends a stream that failed. */
import type { JsonObject } from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { objectOr, textOf } from "../shared/json.ts";
import { CONTEXT_LENGTH_EXCEEDED } from "../shared/upstream-error.ts";

export { decodeErrorResponse as decodeError } from "../shared/upstream-error.ts";

/** Clients compact their conversation when they read these words. */
const TOO_LONG = "prompt is too long";

const TYPES: { readonly [status: number]: string } = {
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  408: "timeout_error",
  413: "request_too_large",
  424: "api_error",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
  529: "overloaded_error",
};

function typeOf({ status }: RelayError): string {
  return TYPES[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");
}

function messageOf({ message, wireCode }: RelayError): string {
  if (wireCode !== CONTEXT_LENGTH_EXCEEDED || message.toLowerCase().includes(TOO_LONG)) return message;
  return `${TOO_LONG}: ${message}`;
}

export function encodeError(error: RelayError, requestId: string): JsonObject {
  // One body for every way of not being known, byte for byte.
  if (error.code === "unauthenticated") {
    return { type: "error", error: { type: "auth_error", message: "Unauthorized" } };
  }
  return { type: "error", error: { type: typeOf(error), message: messageOf(error) }, request_id: requestId };
}

export function readsError(body: unknown): boolean {
  const { type, error } = objectOr(body);
  const { type: kind, message } = objectOr(error);
  return type === "error" && textOf(kind) !== undefined && textOf(message) !== undefined;
}

/** The event has no place for the request id; it stands in the headers. */
export function encodeStreamError(error: RelayError, _requestId: string): Frame[] {
  const body = { type: "error", error: { type: typeOf(error), message: messageOf(error) } };
  return [{ event: "error", data: JSON.stringify(body) }];
}
