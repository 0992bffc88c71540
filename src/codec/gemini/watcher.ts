/** Reads over a Gemini client's shoulder: what the records need, and no more parsing than that. */
import type { Finish, JsonObject, Usage } from "../../contract/chat.ts";
import type { AnswerFacts, Frame, StreamWatcher } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { arrayOr, compact, isObject, objectOr, parseJson, textOf } from "../shared/json.ts";
import { malformed } from "../shared/upstream-error.ts";
import { disguisedError, unwrap } from "./decode-stream.ts";
import { readUsage } from "./usage.ts";
import { asList, readFinishReason } from "./wire.ts";

export function createWatcher(): StreamWatcher {
  return new ChunkWatcher();
}

/** Chunks that can tell something beside words and counts. A quote inside a text is escaped and does not match. */
const TELLING = ['"finishReason"', '"promptFeedback"', '"error"'];

class ChunkWatcher implements StreamWatcher {
  started = false;
  model: string | undefined;
  error: RelayError | undefined;
  #raw: string | undefined;
  #blockReason: string | undefined;
  #hasCalls = false;
  #report: JsonObject = {};
  /** The newest chunk with counts: every chunk has them, so only the last is read, and only when asked. */
  #unread: string | undefined;

  get ended(): boolean {
    return this.error === undefined && (this.#raw !== undefined || this.#blockReason !== undefined);
  }

  /** No mark of its own ends a stream. */
  get marked(): boolean {
    return this.ended;
  }

  get usage(): Usage | undefined {
    const unread = this.#unread === undefined ? undefined : parseJson(this.#unread);
    this.#unread = undefined;
    for (const chunk of asList(unread)) if (isObject(chunk)) this.#count(unwrap(chunk));
    return readUsage(Object.keys(this.#report).length === 0 ? undefined : this.#report);
  }

  get finish(): Finish | undefined {
    if (this.#raw !== undefined) return { reason: readFinishReason(this.#raw, this.#hasCalls), raw: this.#raw };
    return this.#blockReason === undefined ? undefined : { reason: "content-filter", raw: this.#blockReason };
  }

  see({ data }: Frame): void {
    if (data === "") return;
    this.#hasCalls ||= data.includes('"functionCall"');
    const isTelling = !this.started || this.model === undefined || TELLING.some((name) => data.includes(name));
    if (!isTelling) {
      if (data.includes('"usageMetadata"')) this.#unread = data;
      return;
    }
    for (const chunk of asList(parseJson(data))) if (isObject(chunk)) this.#read(unwrap(chunk));
  }

  #read(chunk: JsonObject): void {
    const error = disguisedError(chunk);
    if (error !== undefined) {
      this.error ??= error;
      return;
    }
    this.started = true;
    this.model ??= textOf(chunk["modelVersion"]);
    this.#unread = undefined;
    this.#count(chunk);
    this.#blockReason = blockReasonOf(chunk) ?? this.#blockReason;
    this.#raw = finishReasonOf(chunk) ?? this.#raw;
  }

  #count(chunk: JsonObject): void {
    this.#report = { ...this.#report, ...objectOr(chunk["usageMetadata"]) };
  }
}

function firstCandidate(body: JsonObject): JsonObject | undefined {
  return arrayOr(body["candidates"]).find((entry) => isObject(entry) && !entry["index"]) as JsonObject | undefined;
}

function blockReasonOf(body: JsonObject): string | undefined {
  return textOf(objectOr(body["promptFeedback"])["blockReason"]);
}

function finishReasonOf(body: JsonObject): string | undefined {
  const word = textOf(firstCandidate(body)?.["finishReason"]);
  return word === "FINISH_REASON_UNSPECIFIED" ? undefined : word;
}

export function readFacts(given: JsonObject): AnswerFacts {
  const body = unwrap(given);
  const error = disguisedError(body);
  if (error !== undefined) return { error };
  const candidate = firstCandidate(body);
  const blockReason = blockReasonOf(body);
  if (candidate === undefined && blockReason === undefined) throw malformed("The upstream's answer holds no message.");
  const raw = finishReasonOf(body);
  const parts = asList(objectOr(candidate?.["content"])["parts"]).filter(isObject);
  const hasCalls = parts.some((part) => isObject(part["functionCall"]));
  const finish: Finish =
    raw === undefined && blockReason !== undefined
      ? { reason: "content-filter", raw: blockReason }
      : { reason: readFinishReason(raw, hasCalls), ...(raw === undefined ? {} : { raw }) };
  return compact<AnswerFacts>({ model: textOf(body["modelVersion"]), usage: readUsage(body["usageMetadata"]), finish });
}
