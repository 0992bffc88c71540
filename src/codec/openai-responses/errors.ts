/** Errors in the form of Responses: bodies, and the event that ends a stream that failed. */
import type { JsonObject } from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { isObject, numberOf, objectOr, parseJson } from "../shared/json.ts";
import { encodeOpenAiError, openAiError, readsOpenAiError } from "../shared/openai-errors.ts";
import { CONTEXT_LENGTH_EXCEEDED } from "../shared/upstream-error.ts";

export { decodeErrorResponse as decodeError } from "../shared/upstream-error.ts";
export { readsOpenAiError as readsError };

/**
 * Codes that clients act upon: they compact, wait, or give up. Elsewhere `response.error.code` is one of a fixed list
 * of the vendor's, unlike the free `code` of an error body.
 */
const KEPT_CODES: ReadonlySet<string> = new Set([
  CONTEXT_LENGTH_EXCEEDED,
  "insufficient_quota",
  "rate_limit_exceeded",
  "invalid_prompt",
  "invalid_image",
  "invalid_image_format",
  "invalid_base64_image",
  "invalid_image_url",
  "image_too_large",
  "image_parse_error",
  "image_content_policy_violation",
  "unsupported_image_media_type",
  "failed_to_download_image",
]);

function codeOf(error: RelayError): string {
  if (error.code === "quota-exceeded") return "insufficient_quota";
  if (error.code === "rate-limited" || error.code === "upstream-rate-limited") return "rate_limit_exceeded";
  const isAboutRequest = error.code === "upstream-rejected" || error.code === "bad-request";
  if (!isAboutRequest) return "server_error";
  return error.wireCode !== undefined && KEPT_CODES.has(error.wireCode) ? error.wireCode : "invalid_prompt";
}

/** Codex reads from the text how long to wait. */
function messageOf(error: RelayError, requestId: string): string {
  const { message } = openAiError(error, requestId);
  if (error.retryAfterMs === undefined || /try again in/i.test(message)) return message;
  const seconds = Math.ceil(error.retryAfterMs / 1000);
  return `${message} Please try again in ${seconds}s.`;
}

export function encodeError(error: RelayError, requestId: string): JsonObject {
  const body = encodeOpenAiError(error, requestId);
  if (error.status !== 429 || !isObject(body["error"])) return body;
  return { error: { ...body["error"], message: messageOf(error, requestId) } };
}

/** The value of `response.error`. */
export function failureOf(error: RelayError, requestId: string): JsonObject {
  return { code: codeOf(error), message: messageOf(error, requestId) };
}

/** Numbers of events rise; behind a stream whose events were not counted this one is higher than all of them. */
const SEQUENCE_NUMBER_LAST = 2_147_483_647;

/** As much of a response as clients need to read the failure, where nothing is known of the one that failed. */
const UNKNOWN: JsonObject = {
  object: "response",
  created_at: 0,
  incomplete_details: null,
  instructions: null,
  model: "",
  parallel_tool_calls: true,
  temperature: null,
  tool_choice: "auto",
  tools: [],
  top_p: null,
  metadata: {},
};

/**
 * The end of a stream: the response that began has failed, with the items that were complete by then. Codex knows
 * `response.failed` and passes over a bare `error`.
 */
export function encodeStreamError(error: RelayError, requestId: string, told: readonly Frame[] = []): Frame[] {
  const { response: begun, sequence, output } = readTold(told);
  const response = {
    id: `resp_${requestId}`,
    ...UNKNOWN,
    ...begun,
    status: "failed",
    error: failureOf(error, requestId),
    output,
  };
  // A response that has ended tells counts or says nothing of them, but no null.
  if (begun["usage"] === null) delete (response as JsonObject)["usage"];
  const body = { type: "response.failed", sequence_number: sequence ?? SEQUENCE_NUMBER_LAST, response };
  return [{ event: "response.failed", data: JSON.stringify(body) }];
}

interface Told {
  /** As it stood when it began. */
  readonly response: JsonObject;
  /** Of the next event; `undefined` where the last events did not tell theirs. */
  readonly sequence: number | undefined;
  /** All of the items, or none where some of them are not known. */
  readonly output: JsonObject[];
}

const NUMBER = /"sequence_number"\s*:\s*(\d{1,15})(?=\s*[,}])/;

function readTold(told: readonly Frame[]): Told {
  let response: JsonObject = {};
  let sequence: number | undefined;
  let places = 0;
  const items = new Map<number, JsonObject>();
  for (const { data } of told) {
    const body = parseJson(data);
    if (!isObject(body)) {
      // Cut off at its beginning; in texts the name would be written with backslashes.
      const number = NUMBER.exec(data)?.[1];
      sequence = number === undefined ? undefined : Number(number);
      continue;
    }
    if (isObject(body["response"])) response = { ...body["response"], ...response };
    sequence = numberOf(body["sequence_number"]) ?? sequence;
    const place = numberOf(body["output_index"]);
    if (place === undefined || body["type"] !== "response.output_item.done") continue;
    items.set(place, objectOr(body["item"]));
    places = Math.max(places, place + 1);
  }
  return {
    response,
    sequence: sequence === undefined ? undefined : sequence + 1,
    output: items.size === places ? [...items].toSorted(([a], [b]) => a - b).map(([, item]) => item) : [],
  };
}
