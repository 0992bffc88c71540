/** Reads any error an upstream may answer with and files it under one of the house's failures. */
import type { Finish, JsonObject } from "../../contract/chat.ts";
import { RelayError, type RelayErrorOptions } from "../../contract/errors.ts";
import { arrayOr, isObject, numberOf, objectOr, parseJson, textOf } from "./json.ts";

/** Longest upstream message that is passed on, in characters. */
export const ERROR_MESSAGE_CHARS_MAX = 2000;

/** What a client may be told when our own key was refused: nothing that names key or account. */
const CREDENTIAL_MESSAGE = "The upstream refused the relay's credentials.";
const MODEL_MESSAGE = "The upstream does not let the relay use this model.";

/** What an error body says, whatever its shape. */
export interface ErrorFacts {
  readonly message?: string;
  readonly type?: string;
  readonly code?: string;
  readonly param?: string;
  /** The status the body claims, where it is a number between 400 and 599. */
  readonly status?: number;
  readonly retryAfterMs?: number;
  /** The input was found offensive (OpenRouter answers 403 then). */
  readonly isFlagged: boolean;
  /** Reasons out of Google's `details`. */
  readonly reasons: readonly string[];
}

/**
 * Shapes seen: `{error:{...}}`, `{error:"text"}`, `[{error}]`, `{detail}`, `{message}`, `{object:"error",...}`, numbers
 * for codes, the true cause as JSON text in `message` or in `error.metadata.raw`.
 */
export function readErrorFacts(body: unknown): ErrorFacts {
  const outer = objectOr(Array.isArray(body) ? body[0] : body);
  const inner = outer["error"] ?? outer["Error"];
  const error: JsonObject = isObject(inner) ? inner : outer;
  const metadata = objectOr(error["metadata"]);
  const details = [...arrayOr(error["details"])].filter(isObject);
  const codes = [error["code"], error["status"], outer["code"], outer["status"]];
  const status = codes.map(statusOf).find((candidate) => candidate !== undefined);
  const code = [error["code"], outer["code"], error["status"]].map(wordOf).find((word) => word !== undefined);
  const type = wordOf(error["type"]) ?? wordOf(error["status"]);
  const param = textOf(error["param"]);
  const message = readMessage(inner, error, outer, metadata);
  const retryAfterMs = details
    .map((detail) => durationMs(detail["retryDelay"]))
    .find((candidate) => candidate !== undefined);
  return {
    ...(message === undefined ? {} : { message }),
    ...(type === undefined || type === "error" ? {} : { type }),
    ...(code === undefined || statusOf(code) !== undefined ? {} : { code }),
    ...(param === undefined ? {} : { param }),
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    isFlagged: metadata["flagged_input"] !== undefined || Array.isArray(metadata["reasons"]),
    reasons: details.flatMap((detail) => textOf(detail["reason"]) ?? []),
  };
}

function readMessage(inner: unknown, error: JsonObject, outer: JsonObject, metadata: JsonObject): string | undefined {
  const text =
    textOf(inner) ??
    textOf(error["message"]) ??
    textOf(error["Message"]) ??
    textOf(error["msg"]) ??
    readDetail(error["detail"] ?? outer["detail"]) ??
    textOf(outer["message"]);
  const raw = textOf(metadata["raw"]);
  // OpenRouter says only "Provider returned error" and keeps the cause here.
  const better = raw !== undefined && (text === undefined || /^provider returned error/i.test(text)) ? raw : text;
  if (better === undefined) return undefined;
  if (!better.trimStart().startsWith("{")) return better;
  const nested = parseJson(better);
  return (isObject(nested) ? readErrorFacts(nested).message : undefined) ?? better;
}

/** FastAPI answers either a sentence or a list of `{loc, msg}`. */
function readDetail(detail: unknown): string | undefined {
  if (typeof detail === "string") return textOf(detail);
  if (isObject(detail)) return textOf(detail["message"]) ?? textOf(detail["msg"]);
  const lines = arrayOr(detail).flatMap((entry) => {
    if (!isObject(entry)) return [];
    const where = arrayOr(entry["loc"]).join(".");
    const what = textOf(entry["msg"]);
    return what === undefined ? [] : [where === "" ? what : `${where}: ${what}`];
  });
  return lines.length === 0 ? undefined : lines.join("; ");
}

/** A machine's word; some servers put whole sentences into `code`. */
function wordOf(value: unknown): string | undefined {
  return typeof value === "string" && /^[\w.:/-]{1,80}$/.test(value) ? value : undefined;
}

function statusOf(value: unknown): number | undefined {
  const status = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : numberOf(value);
  return status !== undefined && Number.isInteger(status) && status >= 400 && status <= 599 ? status : undefined;
}

/** Google writes `37s` or `1.5s`. */
function durationMs(value: unknown): number | undefined {
  const seconds = typeof value === "string" ? /^(\d+(?:\.\d+)?)s$/.exec(value)?.[1] : undefined;
  return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1000);
}

/** `retry-after-ms`, else `retry-after` in seconds or as a date, which is measured against the answer's own date. */
function retryAfterOf(headers: Headers | undefined): number | undefined {
  const milliseconds = headers?.get("retry-after-ms");
  if (milliseconds && /^\d+(\.\d+)?$/.test(milliseconds)) return Math.ceil(Number(milliseconds));
  const after = headers?.get("retry-after");
  if (!after) return undefined;
  if (/^\d+(\.\d+)?$/.test(after)) return Math.ceil(Number(after) * 1000);
  const wait = Date.parse(after) - Date.parse(headers?.get("date") ?? "");
  return Number.isFinite(wait) && wait >= 0 ? wait : undefined;
}

/** "Please try again in 1.2s", "in 350ms", "in 6m0s": the only hint some servers give. */
function retryAfterInText(message: string | undefined): number | undefined {
  const found = /(?:try again|retry) (?:in|after) (?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)(ms|s))?/i.exec(message ?? "");
  if (!found || (found[1] === undefined && found[2] === undefined)) return undefined;
  const minutes = Number(found[1] ?? 0) * 60_000;
  return Math.ceil(minutes + Number(found[2] ?? 0) * (found[3] === "ms" ? 1 : 1000));
}

const CONTEXT_OVERFLOW =
  /prompt is too long|maximum context length|context[ _]length|context window|too many (?:input |prompt )?tokens|exceeds? the (?:model'?s )?(?:maximum |max )?(?:context|number of tokens)|total length of all messages is too long|input is too long|reduce the length of the (?:messages|prompt|input)/i;
const CONTEXT_CODES: ReadonlySet<string> = new Set([
  "context_length_exceeded",
  "string_above_max_length",
  "too_many_prompt_tokens",
  "model_context_window_exceeded",
]);

export const CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded";

function isContextOverflow({ code, type, message }: ErrorFacts): boolean {
  if (CONTEXT_CODES.has(code ?? "") || CONTEXT_CODES.has(type ?? "")) return true;
  return CONTEXT_OVERFLOW.test(message ?? "");
}

/** Some vendors answer 400 for a bad key. */
function isBadKey({ reasons, message, code }: ErrorFacts): boolean {
  if (reasons.includes("API_KEY_INVALID") || code === "invalid_api_key") return true;
  return /(?:incorrect|invalid|expired) api key|api key (?:not valid|not found|expired|is invalid)/i.test(
    message ?? "",
  );
}

/** Rights are given by model too; such a refusal names it, or the resource that it is to the vendor. */
const OF_ONE_MODEL =
  /\baccess to (?:the |this )?model\b|\bmodel access\b|\b(?:the|this) model\b|:(?:foundation-model|inference-profile)\/|\/models\/[\w.@-]/i;

function isOfModel({ code, message }: ErrorFacts): boolean {
  return /^model_/.test(code ?? "") || OF_ONE_MODEL.test(message ?? "");
}

/** What the words of an error mean when no status does: inside a stream, or under a 200. */
function statusOfWords(facts: ErrorFacts): number {
  const words = `${facts.type ?? ""} ${facts.code ?? ""}`.toLowerCase();
  if (/authentication|unauthenticated|invalid_api_key|permission|forbidden/.test(words)) return 401;
  if (/rate_limit|resource_exhausted|quota|too_many_requests/.test(words)) return 429;
  if (isContextOverflow(facts)) return 400;
  if (/overloaded|unavailable|capacity|slow_down/.test(words)) return 503;
  if (/timeout|deadline/.test(words)) return 504;
  if (/billing|payment/.test(words)) return 402;
  if (/not_found/.test(words)) return 404;
  if (/too_large/.test(words)) return 413;
  if (/invalid_request|invalid_argument|bad_request|tool_use_failed|content_filter|too_many_prompt/.test(words)) {
    return 400;
  }
  // Responses tells these only inside an answer that failed.
  if (/invalid_prompt|_policy|_image|image_/.test(words)) return 400;
  return 502;
}

/** An error with status 4xx that keeps its status, though the next candidate may still do better. */
const NEXT_STATUSES: ReadonlySet<number> = new Set([402, 408, 424]);

/** One error, filed. `status` is that of the response; `undefined` where there was none, as inside a stream. */
export function classifyError(facts: ErrorFacts, responseStatus?: number, headers?: Headers): RelayError {
  const isErrorStatus = responseStatus !== undefined && responseStatus >= 300;
  const status = isErrorStatus ? responseStatus : (facts.status ?? statusOfWords(facts));
  const message = boundMessage(facts.message) ?? neutralMessage(status);
  const retryAfterMs = retryAfterOf(headers) ?? facts.retryAfterMs ?? retryAfterInText(facts.message);
  const hint: RelayErrorOptions = retryAfterMs === undefined ? {} : { retryAfterMs };

  if (status === 403 && !facts.isFlagged && isOfModel(facts)) {
    return new RelayError("upstream-credential", MODEL_MESSAGE, { isForModel: true });
  }
  if (status === 401 || (status === 403 && !facts.isFlagged) || (status === 400 && isBadKey(facts))) {
    return new RelayError("upstream-credential", CREDENTIAL_MESSAGE);
  }
  if (status === 429) {
    const quota = facts.code === "insufficient_quota" || facts.type === "insufficient_quota";
    return new RelayError("upstream-rate-limited", message, {
      ...hint,
      ...(quota ? { wireCode: "insufficient_quota" } : {}),
    });
  }
  if (status === 503 || status === 529)
    return new RelayError("upstream-unavailable", message, { ...hint, status: 503 });
  if (status === 504) return new RelayError("upstream-timeout", message, hint);
  if (status >= 500 || status < 400) return new RelayError("upstream-unavailable", message, hint);

  const wireCode = isContextOverflow(facts) ? CONTEXT_LENGTH_EXCEEDED : facts.code;
  return new RelayError("upstream-rejected", message, {
    status,
    ...hint,
    ...(NEXT_STATUSES.has(status) ? { retry: "next" as const } : {}),
    ...(wireCode === undefined ? {} : { wireCode }),
    ...(facts.type === undefined ? {} : { wireType: facts.type }),
    ...(facts.param === undefined ? {} : { param: facts.param }),
  });
}

/** An error response. `body` may be JSON, a stream of one error, HTML, or nothing. */
export function decodeErrorResponse(status: number, body: string, headers?: Headers): RelayError {
  const parsed = parseJson(body) ?? parseJson(firstData(body) ?? "");
  if (parsed !== undefined && parsed !== null && typeof parsed === "object") {
    return classifyError(readErrorFacts(parsed), status, headers);
  }
  const text = typeof parsed === "string" ? parsed : parsed === undefined ? body.trim() : "";
  const isProse = text !== "" && !text.startsWith("<");
  return classifyError({ isFlagged: false, reasons: [], ...(isProse ? { message: text } : {}) }, status, headers);
}

/** Gemini and others answer a streamed request with an error status and an event-stream body. */
function firstData(body: string): string | undefined {
  return /^data:\s?(.*)$/m.exec(body)?.[1];
}

function boundMessage(message: string | undefined): string | undefined {
  const text = message?.trim();
  if (text === undefined || text === "" || /^<(!doctype|html|\?xml)/i.test(text)) return undefined;
  return text.length <= ERROR_MESSAGE_CHARS_MAX ? text : `${text.slice(0, ERROR_MESSAGE_CHARS_MAX - 1)}…`;
}

function neutralMessage(status: number): string {
  if (status === 429) return "The upstream is limiting the rate of requests.";
  if (status === 503 || status === 529) return "The upstream is overloaded or unavailable.";
  if (status === 504 || status === 408) return "The upstream took too long to answer.";
  if (status >= 300 && status < 400) return "The upstream answered with a redirect, which is not followed.";
  if (status === 413) return "The upstream found the request too large.";
  if (status === 404) return "The upstream does not know the model or the address.";
  return status >= 500 ? "The upstream failed." : "The upstream refused the request.";
}

/** The failure that an answer ended with, after it had begun well. */
export function brokenOff({ reason, raw }: Finish): RelayError | undefined {
  if (reason !== "error") return undefined;
  const word = raw !== undefined && /^\w{1,64}$/.test(raw) ? ` (${raw})` : "";
  return malformed(`The model broke off its answer${word}.`);
}

export function malformed(message: string, cause?: unknown): RelayError {
  return new RelayError("upstream-malformed", message, cause === undefined ? {} : { cause });
}
