/** Reads over a chat client's shoulder: what the records need, and no more parsing than that. */
import type { Finish, JsonObject, Usage } from "../../contract/chat.ts";
import type { AnswerFacts, Frame, StreamWatcher } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { arrayOr, compact, isObject, objectOr, parseJson, textOf } from "../shared/json.ts";
import { malformed } from "../shared/upstream-error.ts";
import { isEndMark } from "./decode-stream.ts";
import { disguisedError, saysSomething, usageOf } from "./response.ts";
import { readFinishReason } from "./wire.ts";

const SPACE = 32;
const COLON = 58;
const QUOTE = 34;
const OPEN_BRACE = 123;

/** Does `"name":` stand somewhere in the text with a value that begins with one of these characters? */
function hasValue(data: string, quotedName: string, ...beginnings: number[]): boolean {
  for (let at = data.indexOf(quotedName); at >= 0; at = data.indexOf(quotedName, at + 1)) {
    let next = at + quotedName.length;
    while (data.charCodeAt(next) === SPACE || data.charCodeAt(next) === COLON) next += 1;
    if (beginnings.includes(data.charCodeAt(next))) return true;
  }
  return false;
}

export function createWatcher(): StreamWatcher {
  return new ChatWatcher();
}

class ChatWatcher implements StreamWatcher {
  started = false;
  marked = false;
  model: string | undefined;
  usage: Usage | undefined;
  error: RelayError | undefined;
  #raw: string | undefined;
  #hasToolCalls = false;

  get ended(): boolean {
    return this.error === undefined && (this.marked || this.#raw !== undefined);
  }

  get finish(): Finish | undefined {
    if (this.#raw === undefined) return undefined;
    return { reason: readFinishReason(this.#raw, { calls: this.#hasToolCalls, refusal: false }), raw: this.#raw };
  }

  see({ data }: Frame): void {
    if (data === "") return;
    if (isEndMark(data)) {
      this.marked = true;
      return;
    }
    this.#hasToolCalls ||= data.includes('"tool_calls":[{') || data.includes('"tool_calls": [{');
    const hasNews =
      hasValue(data, '"finish_reason"', QUOTE) ||
      hasValue(data, '"usage"', OPEN_BRACE) ||
      hasValue(data, '"error"', OPEN_BRACE, QUOTE);
    if (this.started && this.model !== undefined && !hasNews) return;
    const chunk = parseJson(data);
    if (isObject(chunk)) this.#read(chunk);
  }

  #read(chunk: JsonObject): void {
    const choices = arrayOr(chunk["choices"]).filter(isObject);
    const error = disguisedError(chunk);
    if (error !== undefined) this.error ??= error;
    if (error === undefined || choices.some(saysSomething)) this.started = true;
    this.model ??= textOf(chunk["model"]);
    this.usage = usageOf(chunk) ?? this.usage;
    for (const choice of choices) this.#raw = textOf(choice["finish_reason"]) ?? this.#raw;
  }
}

export function readFacts(body: JsonObject): AnswerFacts {
  const error = disguisedError(body);
  if (error !== undefined) return { error };
  const choice = arrayOr(body["choices"]).find(isObject);
  if (choice === undefined) throw malformed("The upstream's answer holds no message.");
  const message = objectOr(choice["message"]);
  const raw = textOf(choice["finish_reason"]);
  const said = {
    calls: arrayOr(message["tool_calls"]).length > 0 || isObject(message["function_call"]),
    refusal: textOf(message["refusal"]) !== undefined,
  };
  return compact<AnswerFacts>({
    model: textOf(body["model"]),
    usage: usageOf(body),
    finish: { reason: readFinishReason(raw, said), ...(raw === undefined ? {} : { raw }) },
  });
}
