/** Reads answers of Cohere, event by event; a whole answer is told as its events would have been. */
import type {
  Annotation,
  ChatEvent,
  ChatResponse,
  FinishReason,
  JsonObject,
  TokenLogprob,
  Usage,
} from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { collect } from "../fold.ts";
import { PartSequencer } from "../order.ts";
import { arrayOr, compact, isObject, numberOf, objectOr, parseJson, textOf } from "../shared/json.ts";
import { inputJsonOf } from "../shared/tool-input.ts";
import { classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";

/** One reader per answer. It is complete at `message-end`. */
export function createStreamDecoder(): (frame: Frame | null) => ChatEvent[] {
  const reader = new EventReader();
  return (frame) => {
    reader.events = [];
    if (frame === null) reader.endOfStream();
    else if (frame.data !== "") reader.frame(frame);
    return reader.events;
  };
}

export function decodeResponse(body: JsonObject): ChatResponse {
  const { message } = body;
  if (!isObject(message)) {
    throw message === undefined || message === null
      ? malformed("The upstream's answer holds no message.")
      : classifyError(readErrorFacts(body));
  }
  const reader = new EventReader();
  reader.begin(body);
  reader.wholeMessage(message, readLogprobs(body["logprobs"]));
  reader.succeed(body);
  return collect(reader.events);
}

const REASONS: { readonly [word: string]: FinishReason } = {
  COMPLETE: "stop",
  STOP_SEQUENCE: "stop",
  MAX_TOKENS: "length",
  TOOL_CALL: "tool-calls",
  ERROR_TOXIC: "content-filter",
  ERROR_LIMIT: "context",
  ERROR: "error",
  TIMEOUT: "error",
};

class EventReader {
  events: ChatEvent[] = [];
  readonly #parts = new PartSequencer((event) => this.events.push(event));
  #isStarted = false;
  #isDone = false;
  #callCount = 0;
  #hasSaid = false;
  /** Calls by the number their events give them. */
  readonly #calls = new Map<number, string>();

  frame({ event, data }: Frame): void {
    if (this.#isDone) return;
    const body = parseJson(data);
    if (!isObject(body)) {
      // Written behind the end by this vendor too.
      if (data.trim() !== "[DONE]") this.#fail(malformed("The upstream sent an event that is not a JSON object."));
      return;
    }
    const delta = objectOr(body["delta"]);
    const message = objectOr(delta["message"]);
    const index = numberOf(body["index"]) ?? 0;
    const type = textOf(body["type"]) ?? event;
    switch (type) {
      case "message-start":
        this.begin(body);
        break;
      case "content-start":
        this.begin(body);
        this.#parts.endText();
        this.#content(objectOr(message["content"]));
        break;
      case "content-delta":
        this.begin(body);
        this.#content(objectOr(message["content"]), readLogprobs([body["logprobs"]]));
        break;
      case "tool-plan-delta":
        this.begin(body);
        this.#plan(message["tool_plan"]);
        break;
      case "citation-start":
        this.#cite(message["citations"]);
        break;
      case "tool-call-start":
        this.begin(body);
        this.#openCall(index, callOf(message));
        break;
      case "tool-call-delta":
        this.#callDelta(index, callOf(message));
        break;
      case "tool-call-end":
        this.#endCall(index);
        break;
      case "message-end":
        this.begin(body);
        this.succeed(delta);
        break;
      case undefined:
        if (body["message"] !== undefined || body["error"] !== undefined) {
          this.#fail(classifyError(readErrorFacts(body)));
        }
    }
  }

  endOfStream(): void {
    if (!this.#isDone) this.#fail(malformed("The upstream's answer ended before it was complete."));
  }

  /** The model is not told. */
  begin(body: JsonObject): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.events.push({ type: "response-start", id: textOf(body["id"]) ?? "", model: "" });
  }

  /** @param logprobs of all its words, however many blocks they make */
  wholeMessage(message: JsonObject, logprobs: TokenLogprob[] | undefined): void {
    const { content, tool_plan: plan, tool_calls: calls, citations } = message;
    let untold = logprobs;
    for (const block of arrayOr(content)) {
      this.#parts.endText();
      this.#content(objectOr(block), untold);
      if (objectOr(block)["text"] !== undefined) untold = undefined;
    }
    this.#plan(plan);
    this.#cite(citations);
    arrayOr(calls).forEach((call, index) => {
      const { function: called } = objectOr(call);
      this.#openCall(index, { ...objectOr(call), function: { ...objectOr(called), arguments: "" } });
      this.#callDelta(index, { function: { arguments: inputJsonOf(objectOr(called)["arguments"]) } });
      this.#endCall(index);
    });
  }

  succeed({ finish_reason: word, usage, error }: JsonObject): void {
    if (this.#isDone) return;
    const raw = textOf(word);
    const known =
      raw !== undefined && Object.hasOwn(REASONS, raw) ? REASONS[raw]! : raw === undefined ? "stop" : "other";
    if (known === "error" && !this.#hasSaid) {
      this.#fail(malformed(textOf(error) ?? `The model broke off its answer (${raw}).`));
      return;
    }
    this.#parts.end();
    this.#isDone = true;
    const isCalling = this.#callCount > 0 && (known === "stop" || known === "other");
    this.events.push({
      type: "response-end",
      finish: { reason: isCalling ? "tool-calls" : known, ...(raw === undefined ? {} : { raw }) },
      usage: readUsage(usage),
    });
  }

  #content({ text, thinking }: JsonObject, logprobs?: TokenLogprob[]): void {
    this.#said({ type: "reasoning" }, thinking);
    this.#said({ type: "text" }, text, logprobs);
  }

  /** Told before calls, in a field of its own: words of the model all the same. */
  #plan(plan: unknown): void {
    this.#said({ type: "text" }, plan);
  }

  #said(head: { type: "text" | "reasoning" }, value: unknown, logprobs?: TokenLogprob[]): void {
    const text = textOf(value);
    if (text === undefined) return;
    this.#hasSaid = true;
    this.#parts.text(head, text, logprobs);
  }

  #cite(citations: unknown): void {
    const all = Array.isArray(citations) ? citations : [citations];
    const annotations = all.filter(isObject).flatMap(readCitation);
    if (annotations.length > 0) this.#parts.textTail({ type: "text" }, { annotations });
  }

  #openCall(index: number, call: JsonObject): void {
    this.#endCall(index);
    const { name, arguments: input } = objectOr(call["function"]);
    const toolName = textOf(name);
    // Arguments under a nameless call are nobody's.
    if (toolName === undefined) return;
    const key = String(this.#callCount);
    this.#callCount += 1;
    this.#hasSaid = true;
    this.#calls.set(index, key);
    this.#parts.tool(key, { type: "tool-call", id: textOf(call["id"]) ?? "", name: toolName });
    this.#parts.toolDelta(key, textOf(input) ?? "");
  }

  #callDelta(index: number, call: JsonObject): void {
    const key = this.#calls.get(index);
    if (key !== undefined) this.#parts.toolDelta(key, textOf(objectOr(call["function"])["arguments"]) ?? "");
  }

  #endCall(index: number): void {
    const key = this.#calls.get(index);
    if (key !== undefined) this.#parts.endTool(key);
    this.#calls.delete(index);
  }

  #fail(error: RelayError): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.events.push({ type: "error", error });
  }
}

/** Told per piece of text, with one number for each token in it: the piece is as likely as all of them together. */
function readLogprobs(value: unknown): TokenLogprob[] | undefined {
  const read = arrayOr(value).flatMap((piece): TokenLogprob[] => {
    const { text, logprobs } = objectOr(piece);
    const numbers = arrayOr(logprobs).map(numberOf);
    if (typeof text !== "string" || numbers.length === 0) return [];
    return [{ token: text, logprob: numbers.reduce((sum: number, number) => sum + (number ?? 0), 0) }];
  });
  return read.length === 0 ? undefined : read;
}

/** One call, or, from older models, a list of one. */
function callOf({ tool_calls: calls }: JsonObject): JsonObject {
  return objectOr(Array.isArray(calls) ? calls[0] : calls);
}

/** Sources with an address; the others point into documents that only the vendor has. */
function readCitation({ start, end, sources }: JsonObject): Annotation[] {
  return arrayOr(sources).flatMap((source): Annotation[] => {
    const document = objectOr(objectOr(source)["document"]);
    const url = textOf(document["url"]);
    if (url === undefined || !/^https?:\/\//i.test(url)) return [];
    return [
      compact<Annotation>({
        type: "url-citation",
        url,
        title: textOf(document["title"]),
        startIndex: numberOf(start),
        endIndex: numberOf(end),
      }),
    ];
  });
}

/** What was billed leaves out what the vendor adds; what was read and written is what counts here. */
function readUsage(value: unknown): Usage {
  const usage = objectOr(value);
  const counts = isObject(usage["tokens"]) ? usage["tokens"] : objectOr(usage["billed_units"]);
  return compact<Usage>({
    inputTokens: numberOf(counts["input_tokens"]),
    outputTokens: numberOf(counts["output_tokens"]),
    cacheReadTokens: numberOf(usage["cached_tokens"]),
  });
}
