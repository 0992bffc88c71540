/** Errors in Google's form: bodies, and the chunk that ends a stream that failed. */
import type { JsonObject } from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { numberOf, objectOr, textOf } from "../shared/json.ts";

export { decodeErrorResponse as decodeError } from "../shared/upstream-error.ts";

/** https://cloud.google.com/apis/design/errors#handling_errors */
const STATUSES: { readonly [status: number]: string } = {
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  408: "DEADLINE_EXCEEDED",
  409: "ABORTED",
  424: "UNAVAILABLE",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  500: "INTERNAL",
  504: "DEADLINE_EXCEEDED",
};

function statusWord({ status }: RelayError): string {
  return STATUSES[status] ?? (status >= 500 ? "UNAVAILABLE" : "INVALID_ARGUMENT");
}

function detail(type: string, fields: JsonObject): JsonObject {
  return { "@type": `type.googleapis.com/google.rpc.${type}`, ...fields };
}

/** What clients look for: when to repeat, that a budget is used up, and by which name to ask us about it. */
function detailsOf(error: RelayError, requestId: string): JsonObject[] {
  const details: JsonObject[] = [];
  if (error.code === "quota-exceeded") {
    details.push(detail("QuotaFailure", { violations: [{ description: error.message }] }));
  } else if (error.status === 429 && error.retryAfterMs !== undefined) {
    details.push(detail("RetryInfo", { retryDelay: `${error.retryAfterMs / 1000}s` }));
  }
  if (error.status >= 500 && requestId !== "") details.push(detail("RequestInfo", { requestId }));
  return details;
}

export function encodeError(error: RelayError, requestId: string): JsonObject {
  // One body for every way of not being known, byte for byte.
  if (error.code === "unauthenticated") {
    return { error: { code: 401, message: "Unauthorized", status: "UNAUTHENTICATED" } };
  }
  const details = detailsOf(error, requestId);
  const body = { code: error.status, message: error.message, status: statusWord(error) };
  return { error: details.length === 0 ? body : { ...body, details } };
}

export function readsError(body: unknown): boolean {
  const { code, message, status } = objectOr(objectOr(body)["error"]);
  return numberOf(code) !== undefined && textOf(message) !== undefined && textOf(status) !== undefined;
}

/** The chunk holds nothing but the error: clients look for exactly that. */
export function encodeStreamError(error: RelayError, requestId: string): Frame[] {
  return [{ data: JSON.stringify(encodeError(error, requestId)) }];
}
