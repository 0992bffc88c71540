/** Reads a stream of Responses events, from OpenAI or from servers that imitate it. */
import type { ChatEvent, JsonObject, Part, PartTail, TokenLogprob } from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import { RelayError } from "../../contract/errors.ts";
import { PartSequencer } from "../order.ts";
import { arrayOr, compact, isEmpty, isObject, numberOf, objectOr, parseJson, textOf } from "../shared/json.ts";
import { readLogprobs } from "../shared/logprobs.ts";
import { servedBy } from "../shared/service-tier.ts";
import { classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";
import { PARAGRAPH, readSeal } from "./reasoning.ts";
import { answerExtras, disguisedError, messageEnd, readItem, textTail } from "./response.ts";
import { contentSpot, INPUT, type Item, ItemTable, note, RAW_THOUGHTS, summarySpot, unsaid } from "./stream-items.ts";
import { readCall } from "./tools.ts";
import { readUsage } from "./usage.ts";
import { RESPONSES, readFinish } from "./wire.ts";

/** One reader per answer. An answer is complete when the response itself has been told to be. */
export function createStreamDecoder(): (frame: Frame | null) => ChatEvent[] {
  const reader = new EventReader();
  return (frame) => {
    reader.events = [];
    if (frame === null) reader.endOfStream();
    else if (frame.data !== "") reader.frame(frame);
    return reader.events;
  };
}

/** Events that end a good answer. */
export const ENDS: ReadonlySet<string> = new Set(["response.completed", "response.incomplete", "response.done"]);

/** Events that tell something of an item. */
const TELLING = /^response\.(?:output_text|refusal|content_part|reasoning|function_call|custom_tool_call)/;

class EventReader {
  events: ChatEvent[] = [];
  readonly #parts = new PartSequencer((event) => this.events.push(event));
  readonly #items = new ItemTable();
  /** Whose text is at hand, and which of its texts. */
  #speaker: Item | undefined;
  #spot = "";
  #isStarted = false;
  #isDone = false;
  #hasCalls = false;
  #hasRefused = false;

  frame({ event, data }: Frame): void {
    if (this.#isDone) return;
    const body = parseJson(data);
    if (body === undefined) {
      if (data.trim() === "[DONE]") return; // imitators append it
      this.#fail(malformed("The upstream sent an event that is not JSON."));
      return;
    }
    if (!isObject(body)) return;
    try {
      this.#event(textOf(body["type"]) ?? event ?? "", body);
    } catch (cause) {
      this.#fail(RelayError.from(cause, "upstream-malformed", "The upstream's answer cannot be read."));
    }
  }

  endOfStream(): void {
    if (!this.#isDone) this.#fail(malformed("The upstream's answer ended before it was complete."));
  }

  #event(type: string, body: JsonObject): void {
    switch (type) {
      case "response.created":
        this.#created(objectOr(body["response"]));
        return;
      case "response.queued":
      case "response.in_progress":
        this.#begin(objectOr(body["response"]));
        return;
      case "response.failed":
        this.#end({ ...objectOr(body["response"]), status: "failed" });
        return;
      case "error":
        this.#fail(classifyError(readErrorFacts(body)));
        return;
      case "response.output_item.added":
        this.#added(this.#itemOf(body), objectOr(body["item"]));
        return;
      case "response.output_item.done":
        this.#done(this.#itemOf(body), objectOr(body["item"]));
        return;
      default:
        if (ENDS.has(type)) this.#end(objectOr(body["response"]));
        else if (type.startsWith("response.")) this.#detail(type, body);
        else if (isObject(body["error"])) this.#fail(classifyError(readErrorFacts(body))); // as proxies send it
    }
  }

  /** What happens inside an item. */
  #detail(type: string, body: JsonObject): void {
    if (!TELLING.test(type)) return;
    const item = this.#itemOf(body);
    const delta = textOf(body["delta"]) ?? "";
    switch (type) {
      case "response.content_part.added":
        this.#partAdded(item, body);
        break;
      case "response.output_text.delta":
        this.#text(item, indexOf(body), "text", delta, readLogprobs(body["logprobs"], RESPONSES));
        break;
      case "response.refusal.delta":
        this.#text(item, indexOf(body), "refusal", delta);
        break;
      case "response.output_text.done":
        this.#text(item, indexOf(body), "text", unsaid(item, contentSpot(indexOf(body)), body["text"]));
        break;
      case "response.refusal.done":
        this.#text(item, indexOf(body), "refusal", unsaid(item, contentSpot(indexOf(body)), body["refusal"]));
        break;
      case "response.output_text.annotation.added":
        if (isObject(body["annotation"])) item.annotations.push(body["annotation"]);
        break;
      case "response.content_part.done":
        this.#contentDone(item, indexOf(body), objectOr(body["part"]));
        break;
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_summary.delta": // as it was called at first
        this.#think(item, summarySpot(body), delta);
        break;
      case "response.reasoning_text.delta":
      case "response.reasoning.delta":
        this.#think(item, RAW_THOUGHTS, delta);
        break;
      case "response.reasoning_summary_text.done":
      case "response.reasoning_summary_part.done": {
        const text = body["text"] ?? objectOr(body["part"])["text"];
        this.#think(item, summarySpot(body), unsaid(item, summarySpot(body), text));
        break;
      }
      case "response.reasoning_text.done":
        this.#think(item, RAW_THOUGHTS, unsaid(item, RAW_THOUGHTS, body["text"]));
        break;
      case "response.function_call_arguments.delta":
      case "response.custom_tool_call_input.delta":
        this.#input(item, delta);
        break;
      case "response.function_call_arguments.done":
        this.#input(item, unsaid(item, INPUT, body["arguments"]));
        break;
      case "response.custom_tool_call_input.done":
        this.#input(item, unsaid(item, INPUT, body["input"]));
    }
  }

  #itemOf(body: JsonObject): Item {
    if (!this.#isStarted) this.#begin({});
    return this.#items.of(body);
  }

  #created(response: JsonObject): void {
    // Proxies that retry splice a second answer behind the first: harmless only while nothing was said.
    if (this.#items.size > 0) this.#fail(malformed("The upstream began a second answer inside the first."));
    else this.#begin(response);
  }

  #begin(response: JsonObject): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const createdAt = numberOf(response["created_at"]);
    this.events.push({
      type: "response-start",
      id: textOf(response["id"]) ?? "",
      model: textOf(response["model"]) ?? "",
      ...(createdAt === undefined ? {} : { createdAt }),
    });
  }

  #added(item: Item, value: JsonObject): void {
    item.type = textOf(value["type"]);
    if (isCall(item.type)) this.#openCall(item, value);
  }

  /** A call without a name waits for it. */
  #openCall(item: Item, value: JsonObject): void {
    if (item.isCallOpen) return;
    const { id, name, custom, inputJson } = readCall(value, true);
    if (name === "") return;
    item.isCallOpen = true;
    this.#hasCalls = true;
    this.#parts.tool(item.key, { type: "tool-call", id, name, ...(custom ? { custom } : {}) });
    if (custom || inputJson !== "{}") this.#input(item, inputJson);
  }

  #input(item: Item, text: string): void {
    if (text === "" || !item.isCallOpen) return;
    note(item, INPUT, text);
    this.#parts.toolDelta(item.key, text);
  }

  #partAdded(item: Item, body: JsonObject): void {
    const part = objectOr(body["part"]);
    if (part["type"] === "reasoning_text") return;
    const text = textOf(part["text"]) ?? textOf(part["refusal"]);
    if (text !== undefined) this.#text(item, indexOf(body), part["type"] === "refusal" ? "refusal" : "text", text);
  }

  #text(item: Item, index: number, type: "text" | "refusal", text: string, logprobs?: TokenLogprob[]): void {
    if (text === "" && logprobs === undefined) return;
    const spot = contentSpot(index);
    item.type ??= "message";
    note(item, spot, text);
    this.#hasRefused ||= type === "refusal";
    this.#turnTo(item, spot);
    if (logprobs !== undefined) item.scored.add(index);
    this.#parts.text({ type }, text, logprobs);
  }

  /** Every text of every item is a part of its own. */
  #turnTo(item: Item, spot: string): void {
    if (this.#speaker !== item || this.#spot !== spot) this.#parts.endText();
    this.#speaker = item;
    this.#spot = spot;
  }

  /** A content part is complete: what of its text was not said before, and what is only known now. */
  #contentDone(item: Item, index: number, part: JsonObject): void {
    if (part["type"] === "reasoning_text" || item.told.has(index)) return;
    item.told.add(index);
    const type = part["type"] === "refusal" ? "refusal" : "text";
    this.#text(item, index, type, unsaid(item, contentSpot(index), part["text"] ?? part["refusal"]));
    const annotations = arrayOr(part["annotations"]).length > 0 ? part["annotations"] : item.annotations;
    item.annotations = [];
    const { logprobs, ...rest } = textTail({ ...part, annotations: annotations ?? [] });
    const tail = logprobs === undefined || item.scored.has(index) ? rest : { ...rest, logprobs };
    const isAtHand = this.#speaker === item && this.#spot === contentSpot(index);
    if (!isEmpty(tail) && isAtHand) this.#parts.textTail({ type }, tail);
  }

  /** Paragraphs of a summary become one text; a summary and the raw thoughts beside it stay two. */
  #think(item: Item, spot: string, text: string): void {
    if (text === "") return;
    item.type ??= "reasoning";
    note(item, spot, text);
    const kind = spot === RAW_THOUGHTS ? "full" : "summary";
    const isNext = kind === "summary" && item.thought !== undefined && item.thought !== spot;
    const isSameText = isNext && item.thought !== RAW_THOUGHTS;
    item.thought = spot;
    this.#turnTo(item, kind);
    this.#parts.text({ type: "reasoning", kind }, isSameText ? PARAGRAPH + text : text);
  }

  #done(item: Item, value: JsonObject): void {
    if (item.isDone) return;
    item.isDone = true;
    item.type ??= textOf(value["type"]);
    if (item.type === "message") this.#messageDone(item, value);
    else if (item.type === "reasoning") this.#reasoningDone(item, value);
    else if (isCall(item.type)) this.#callDone(item, value);
    else if (item.type !== undefined) for (const part of readItem(value)) this.#whole(item, part);
  }

  #messageDone(item: Item, value: JsonObject): void {
    arrayOr(value["content"]).forEach((part, index) => {
      this.#contentDone(item, index, objectOr(part));
    });
    if (this.#speaker !== item) return;
    const end = messageEnd(value);
    this.#parts.textTail({ type: "text" }, end);
    this.#parts.textTail({ type: "refusal" }, end);
    this.#parts.endText();
  }

  #reasoningDone(item: Item, value: JsonObject): void {
    if (item.thought === undefined) {
      for (const part of readItem(value)) this.#whole(item, part);
      return;
    }
    const seal = readSeal(value);
    const isAtHand = this.#speaker === item;
    // Behind other text it can only stand by itself.
    if (seal.signature !== undefined && isAtHand) this.#parts.textTail({ type: "reasoning" }, seal);
    else if (seal.signature !== undefined) this.#parts.whole({ type: "reasoning" }, seal);
    if (isAtHand) this.#parts.endText();
  }

  #callDone(item: Item, value: JsonObject): void {
    this.#openCall(item, value);
    if (!item.isCallOpen) throw malformed("The upstream called a tool without naming it.");
    const { inputJson, vendor } = readCall(value, true);
    this.#input(item, unsaid(item, INPUT, inputJson));
    this.#parts.endTool(item.key, vendor === undefined ? undefined : { vendor });
  }

  #whole(item: Item, part: Part): void {
    switch (part.type) {
      case "text":
      case "refusal": {
        const { annotations, logprobs, vendor }: PartTail = part;
        this.#hasRefused ||= part.type === "refusal";
        this.#wholeText(item, { type: part.type }, part.text, compact<PartTail>({ annotations, logprobs, vendor }));
        break;
      }
      case "reasoning": {
        const head = { type: part.type, ...(part.kind === undefined ? {} : { kind: part.kind }) };
        const tail = compact<PartTail>({ signature: part.signature, redacted: part.redacted });
        this.#wholeText(item, head, part.text, tail);
        this.#parts.endText();
        break;
      }
      case "media":
      case "hosted-call":
      case "opaque":
        this.#parts.whole(part);
    }
  }

  #wholeText(item: Item, head: Parameters<PartSequencer["text"]>[0], text: string, tail: PartTail): void {
    this.#parts.endText();
    this.#speaker = item;
    this.#spot = "";
    this.#parts.text(head, text);
    if (!isEmpty(tail)) this.#parts.textTail(head, tail);
  }

  /** The response as a whole is told last. Items that were never spoken of are read from it; it may also be empty. */
  #end(response: JsonObject): void {
    const error = disguisedError(response);
    if (error !== undefined) {
      this.#fail(error);
      return;
    }
    this.#begin(response);
    const output = arrayOr(response["output"]).filter(isObject);
    if (this.#items.size < output.length) {
      output.forEach((value, index) => {
        if (this.#items.isKnown(index, value)) return;
        const item = this.#items.create();
        this.#added(item, value);
        this.#done(item, value);
      });
    }
    this.#parts.end();
    this.#isDone = true;
    const vendor = answerExtras(response);
    this.events.push({
      type: "response-end",
      finish: readFinish(response, { calls: this.#hasCalls, refusal: this.#hasRefused }),
      usage: readUsage(response["usage"]) ?? {},
      ...servedBy(response["service_tier"]),
      ...(vendor === undefined ? {} : { vendor }),
    });
  }

  #fail(error: RelayError): void {
    this.#isDone = true;
    this.events.push({ type: "error", error });
  }
}

function indexOf(body: JsonObject): number {
  return numberOf(body["content_index"]) ?? 0;
}

function isCall(type: string | undefined): boolean {
  return type === "function_call" || type === "custom_tool_call";
}
