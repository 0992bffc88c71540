/** Reads answers of Ollama, line by line; a whole answer is a stream of one line. */
import type { ChatEvent, ChatResponse, FinishReason, JsonObject, Usage } from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { collect } from "../fold.ts";
import { PartSequencer } from "../order.ts";
import { arrayOr, compact, isObject, numberOf, objectOr, textOf } from "../shared/json.ts";
import { parseJsonExact } from "../shared/exact-json.ts";
import { readLogprobs } from "../shared/logprobs.ts";
import { inputJsonOf } from "../shared/tool-input.ts";
import { classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";

/** One reader per answer. It is complete at the line that says `done`. */
export function createStreamDecoder(): (frame: Frame | null) => ChatEvent[] {
  const reader = new LineReader();
  return (frame) => {
    reader.events = [];
    if (frame === null) reader.endOfStream();
    else if (frame.data !== "") reader.line(frame.data);
    return reader.events;
  };
}

export function decodeResponse(body: JsonObject): ChatResponse {
  const reader = new LineReader();
  reader.body(body);
  reader.endOfStream();
  return collect(reader.events);
}

class LineReader {
  events: ChatEvent[] = [];
  readonly #parts = new PartSequencer((event) => this.events.push(event));
  #isStarted = false;
  #isDone = false;
  #callCount = 0;

  line(data: string): void {
    if (this.#isDone) return;
    const body = parseJsonExact(data);
    if (isObject(body)) this.body(body);
    else this.#fail(malformed("The upstream sent a line that is not a JSON object."));
  }

  body(body: JsonObject): void {
    if (body["error"] !== undefined && body["error"] !== null) {
      this.#fail(classifyError(readErrorFacts(body)));
      return;
    }
    const message = body["message"];
    if (!isObject(message) && body["done"] !== true) {
      this.#fail(malformed("The upstream's answer holds no message."));
      return;
    }
    this.#begin(body);
    const { thinking, content, tool_calls: calls } = objectOr(message);
    this.#parts.text({ type: "reasoning" }, textOf(thinking) ?? "");
    // Of a line with thoughts alone they are those of the thoughts, which nobody is told.
    const areWords = textOf(thinking) === undefined || textOf(content) !== undefined;
    const logprobs = areWords ? readLogprobs(body["logprobs"], "ollama") : undefined;
    this.#parts.text({ type: "text" }, textOf(content) ?? "", logprobs);
    for (const call of arrayOr(calls)) if (isObject(call)) this.#call(call);
    if (body["done"] === true) this.#succeed(body);
  }

  endOfStream(): void {
    if (!this.#isDone) this.#fail(malformed("The upstream's answer ended before it was complete."));
  }

  #begin(body: JsonObject): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const createdMs = Date.parse(textOf(body["created_at"]) ?? "");
    this.events.push(
      compact<Extract<ChatEvent, { type: "response-start" }>>({
        type: "response-start",
        id: "",
        model: textOf(body["model"]) ?? "",
        createdAt: Number.isNaN(createdMs) ? undefined : Math.floor(createdMs / 1000),
      }),
    );
  }

  /** Calls arrive complete; older servers give them no ids. */
  #call(call: JsonObject): void {
    const { name, arguments: input } = objectOr(call["function"]);
    const toolName = textOf(name);
    if (toolName === undefined) return;
    const key = String(this.#callCount);
    this.#callCount += 1;
    this.#parts.tool(key, { type: "tool-call", id: textOf(call["id"]) ?? "", name: toolName });
    this.#parts.toolDelta(key, inputJsonOf(input));
    this.#parts.endTool(key);
  }

  #succeed(body: JsonObject): void {
    this.#parts.end();
    this.#isDone = true;
    const raw = textOf(body["done_reason"]);
    const usage = compact<Usage>({
      // Left out when the whole prompt came from the cache.
      inputTokens: numberOf(body["prompt_eval_count"]),
      outputTokens: numberOf(body["eval_count"]),
    });
    this.events.push({
      type: "response-end",
      finish: { reason: readReason(raw, this.#callCount > 0), ...(raw === undefined ? {} : { raw }) },
      usage,
    });
  }

  #fail(error: RelayError): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.events.push({ type: "error", error });
  }
}

/** It has no word of its own for "call these". */
function readReason(raw: string | undefined, hasCalls: boolean): FinishReason {
  if (raw === "length") return "length";
  if (raw === undefined || raw === "stop") return hasCalls ? "tool-calls" : "stop";
  return hasCalls ? "tool-calls" : "other";
}
