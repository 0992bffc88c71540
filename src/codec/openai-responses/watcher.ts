/** Reads over a Responses client's shoulder: what the records need, even from an end that is cut off at its beginning. */
import type { Finish, JsonObject, Usage } from "../../contract/chat.ts";
import type { AnswerFacts, Frame, StreamWatcher } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { arrayOr, compact, isObject, objectOr, parseJson, textOf } from "../shared/json.ts";
import { classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";
import { ENDS } from "./decode-stream.ts";
import { disguisedError } from "./response.ts";
import { readUsage } from "./usage.ts";
import { readFinish } from "./wire.ts";

export function createWatcher(): StreamWatcher {
  return new ResponsesWatcher();
}

/** How far into an event its type stands when it is written near the beginning, as everybody does. */
const TYPE_WITHIN_CHARS = 96;
const TYPE = /"type"\s*:\s*"([a-z_.]+)"/;

class ResponsesWatcher implements StreamWatcher {
  model: string | undefined;
  usage: Usage | undefined;
  finish: Finish | undefined;
  error: RelayError | undefined;
  #hasBegun = false;
  #hasItems = false;
  #hasCalls = false;
  #isComplete = false;

  /** Servers announce an answer and then fail before its first item: that is no beginning, if it is seen at once. */
  get started(): boolean {
    return this.#hasItems || (this.#hasBegun && this.error === undefined);
  }

  get ended(): boolean {
    return this.#isComplete && this.error === undefined;
  }

  get marked(): boolean {
    return this.ended;
  }

  see({ event, data }: Frame): void {
    if (data === "" || this.#isComplete) return;
    if (data.charCodeAt(0) !== OPEN_BRACE) {
      this.#readCut(data);
      return;
    }
    const type = event ?? TYPE.exec(data.slice(0, TYPE_WITHIN_CHARS))?.[1];
    if (type === undefined || !isResponseEvent(type)) {
      const body = parseJson(data);
      if (isObject(body)) this.#read(textOf(body["type"]) ?? type ?? "", body);
    } else if (ENDS.has(type) || type === "response.failed") {
      const body = parseJson(data);
      if (isObject(body)) this.#read(type, body);
      else this.#readCut(data);
    } else if (type === "response.created" || type === "response.in_progress" || type === "response.queued") {
      if (this.model === undefined) this.#read(type, objectOr(parseJson(data)));
    } else {
      this.#seeItem(data);
    }
  }

  #seeItem(data: string): void {
    this.#hasItems = true;
    this.#hasCalls ||= CALL.test(data);
  }

  #read(type: string, body: JsonObject): void {
    const response = objectOr(body["response"]);
    if (type === "error" || type === "") {
      if (type === "error" || isObject(body["error"])) this.error ??= classifyError(readErrorFacts(body));
      return;
    }
    if (!isResponseEvent(type)) return;
    if (type === "response.failed" || ENDS.has(type)) {
      this.model ??= textOf(response["model"]);
      this.usage = readUsage(response["usage"]) ?? this.usage;
      this.error ??= disguisedError(type === "response.failed" ? { ...response, status: "failed" } : response);
      if (this.error !== undefined) return;
      this.#hasItems = true;
      this.#isComplete = true;
      this.finish = readFinish(response, saidIn(response, this.#hasCalls));
    } else if (type === "response.created" || type === "response.in_progress" || type === "response.queued") {
      this.#hasBegun = true;
      this.model ??= textOf(response["model"]);
    } else {
      this.#hasItems = true;
    }
  }

  /**
   * The last event repeats the whole answer and can be longer than what is kept of a stream. The counts stand near its
   * end, behind output and tools; inside texts their name would be written with backslashes.
   */
  #readCut(text: string): void {
    const usage = lastUsage(text);
    if (usage === undefined) return;
    this.usage = usage;
    this.#hasItems = true;
    if (text.includes('"response.failed"')) {
      this.error ??= disguisedError({ status: "failed" });
      return;
    }
    this.#isComplete = true;
    this.model ??= MODEL.exec(text)?.[1];
    const reason = INCOMPLETE.exec(text)?.[1];
    const isCut = reason !== undefined || text.includes('"response.incomplete"');
    const details: JsonObject = reason === undefined ? {} : { incomplete_details: { reason } };
    const calls = this.#hasCalls || CALL.test(text);
    this.finish = readFinish(isCut ? { status: "incomplete", ...details } : { status: "completed" }, {
      calls,
      refusal: false,
    });
  }
}

const OPEN_BRACE = 123;
const CALL = /"type"\s*:\s*"(?:function_call|custom_tool_call)"/;
const MODEL = /"model"\s*:\s*"([^"\\]+)"/;
const INCOMPLETE = /"incomplete_details"\s*:\s*\{\s*"reason"\s*:\s*"([a-z_]+)"/;

function isResponseEvent(type: string): boolean {
  return type.startsWith("response.");
}

function saidIn(response: JsonObject, hasCalls: boolean) {
  const items = arrayOr(response["output"]).filter(isObject);
  return {
    calls: hasCalls || items.some(({ type }) => type === "function_call" || type === "custom_tool_call"),
    refusal: items.some((item) => arrayOr(item["content"]).some((part) => objectOr(part)["type"] === "refusal")),
  };
}

const USAGE = '"usage"';

/** The last object called `usage` in this text that holds counts. */
function lastUsage(text: string): Usage | undefined {
  for (let at = text.lastIndexOf(USAGE); at >= 0; at = at === 0 ? -1 : text.lastIndexOf(USAGE, at - 1)) {
    const open = /^\s*:\s*(?=\{)/.exec(text.slice(at + USAGE.length, at + USAGE.length + 16));
    if (open === null) continue;
    const start = at + USAGE.length + open[0].length;
    const usage = readUsage(parseJson(text.slice(start, endOfObject(text, start))));
    if (usage?.inputTokens !== undefined || usage?.outputTokens !== undefined) return usage;
  }
  return undefined;
}

/** Counts are numbers in objects; nothing in them needs a look at quotes. */
function endOfObject(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const char = text[at];
    if (char === "{") depth += 1;
    else if (char === "}") {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}

export function readFacts(body: JsonObject): AnswerFacts {
  const error = disguisedError(body);
  if (error !== undefined) return { error };
  if (!Array.isArray(body["output"])) throw malformed("The upstream's answer holds no output.");
  return compact<AnswerFacts>({
    model: textOf(body["model"]),
    usage: readUsage(body["usage"]),
    finish: readFinish(body, saidIn(body, false)),
  });
}
