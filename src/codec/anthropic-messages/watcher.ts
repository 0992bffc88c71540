/** Reads over an Anthropic client's shoulder: what the records need, and no more parsing than that. */
import type { Finish, JsonObject, Usage } from "../../contract/chat.ts";
import type { AnswerFacts, Frame, StreamWatcher } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { compact, isObject, objectOr, parseJson, textOf } from "../shared/json.ts";
import { classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";
import { isOpenCall } from "./content.ts";
import { disguisedError, readFinish } from "./response.ts";
import { mergeReports, readUsage } from "./usage.ts";

export function createWatcher(): StreamWatcher {
  return new MessagesWatcher();
}

const TELLING: ReadonlySet<string | undefined> = new Set(["message_start", "message_delta", "message_stop", "error"]);
/** Names of events that can tell something in quotes, as only the `type` field writes them. */
const TELLING_TYPES = [...TELLING].map((name) => `"${name}"`);

/** How far into an event its type stands when it is written first, as everybody does. */
const TYPE_WITHIN_CHARS = 48;

class MessagesWatcher implements StreamWatcher {
  started = false;
  marked = false;
  model: string | undefined;
  error: RelayError | undefined;
  #report: JsonObject = {};
  #stopReason: string | undefined;
  #stopSequence: string | undefined;

  get ended(): boolean {
    return this.marked && this.error === undefined;
  }

  get usage(): Usage | undefined {
    return readUsage(Object.keys(this.#report).length === 0 ? undefined : this.#report);
  }

  get finish(): Finish | undefined {
    return this.#stopReason === undefined ? undefined : readFinish(this.#stopReason, this.#stopSequence, false, false);
  }

  see({ event, data }: Frame): void {
    if (event === "ping" || data === "") return;
    const isBlock = event?.startsWith("content_block_") ?? data.slice(0, TYPE_WITHIN_CHARS).includes("content_block_");
    if (isBlock) {
      this.started = true;
      return;
    }
    if (!TELLING.has(event) && !TELLING_TYPES.some((name) => data.includes(name))) return;
    const body = parseJson(data);
    if (isObject(body)) this.#read(body, textOf(body["type"]) ?? event);
  }

  #read(body: JsonObject, type: string | undefined): void {
    if (type === "message_start") {
      const message = objectOr(body["message"]);
      this.started = true;
      this.model ??= textOf(message["model"]);
      this.#report = mergeReports(this.#report, objectOr(message["usage"]));
    } else if (type === "message_delta") {
      const delta = objectOr(body["delta"]);
      this.started = true;
      this.#stopReason = textOf(delta["stop_reason"]) ?? this.#stopReason;
      this.#stopSequence = textOf(delta["stop_sequence"]) ?? this.#stopSequence;
      this.#report = mergeReports(this.#report, objectOr(body["usage"]));
    } else if (type === "message_stop") {
      this.marked = true;
    } else if (type === "error" || isObject(body["error"])) {
      this.error ??= classifyError(readErrorFacts(body));
    }
  }
}

export function readFacts(body: JsonObject): AnswerFacts {
  const error = disguisedError(body);
  if (error !== undefined) return { error };
  if (!Array.isArray(body["content"])) throw malformed("The upstream's answer holds no content.");
  const stopSequence = textOf(body["stop_sequence"]);
  const hasCalls = body["content"].some((block) => isObject(block) && isOpenCall(block));
  return compact<AnswerFacts>({
    model: textOf(body["model"]),
    usage: readUsage(body["usage"]),
    finish: readFinish(textOf(body["stop_reason"]), stopSequence, hasCalls, false),
  });
}
