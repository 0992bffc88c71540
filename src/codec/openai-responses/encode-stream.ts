/** Writes an answer as the events of Responses; a whole answer is what the last of them says. */
import type { ChatEvent, ChatResponse, JsonObject, PartHead, PartTail, TokenLogprob } from "../../contract/chat.ts";
import type { AnswerContext, Frame, StreamEncoder } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { replay } from "../fold.ts";
import { createCallWriter } from "../shared/answer-calls.ts";
import { CustomInputReader } from "../shared/custom-input.ts";
import type { EventOf } from "../shared/frame-writer.ts";
import { arrayOr, isObject, textOf } from "../shared/json.ts";
import { writeLogprobs } from "../shared/logprobs.ts";
import { estimateTokens, mergeUsage } from "../shared/usage.ts";
import { fieldsOf, formOf, mergeVendor } from "../shared/vendor.ts";
import { writeAnnotation } from "./content.ts";
import { failureOf } from "./errors.ts";
import { begunHosted, HOSTED_TYPES, hostedEvents, ownItem, writeHosted } from "./hosted.ts";
import { ItemWriter } from "./item-writer.ts";
import { sealFor } from "./reasoning.ts";
import { ownExtras } from "./response.ts";
import { responseObject } from "./response-object.ts";
import { namespaceFinder } from "./tools.ts";
import { writeUsage } from "./usage.ts";
import { RESPONSES, writeFinish } from "./wire.ts";

type HeadOf<Type extends PartHead["type"]> = Extract<PartHead, { type: Type }>;

export function createStreamEncoder(context: AnswerContext): StreamEncoder {
  const writer = new AnswerWriter(context, true);
  return (event) => writer.write(event);
}

/** Told by the same writer, so that a stream put together and a whole answer are the same to the last id. */
export function encodeResponse(response: ChatResponse, context: AnswerContext): JsonObject {
  const writer = new AnswerWriter(context, false);
  for (const event of replay(response)) writer.write(event);
  return writer.response;
}

class AnswerWriter {
  /** The whole response as it stands. */
  response: JsonObject = {};
  readonly #context: AnswerContext;
  readonly #items: ItemWriter;
  readonly #calls: ReturnType<typeof createCallWriter>;
  readonly #split: ReturnType<typeof namespaceFinder>;
  #start: EventOf<"response-start"> | undefined;
  #head: PartHead | undefined;
  /** Of the part at hand: its text so far, and whether its content has been opened in the item. */
  #text = "";
  /** Of its tokens. */
  #logprobs: TokenLogprob[] = [];
  #isPartOpen = false;
  #custom: CustomInputReader | undefined;
  #hasRefusalText = false;
  #charsWritten = 0;
  #isDone = false;

  constructor(context: AnswerContext, isStream: boolean) {
    this.#context = context;
    this.#items = new ItemWriter(context.seed, isStream);
    this.#calls = createCallWriter(context, "call_");
    this.#split = namespaceFinder(context.request.tools);
  }

  write(event: ChatEvent): Frame[] {
    this.#items.frames = [];
    if (!this.#isDone) this.#event(event);
    return this.#items.frames;
  }

  #event(event: ChatEvent): void {
    switch (event.type) {
      case "response-start":
        if (this.#start === undefined) this.#begin(event);
        break;
      case "part-start":
        this.#openPart(event.head);
        break;
      case "part-delta":
        this.#delta(event.delta, event.logprobs);
        break;
      case "part-end":
        this.#closePart(event.tail ?? {});
        break;
      case "response-end":
        this.#end(event);
        break;
      case "error":
        this.#fail(event.error);
    }
  }

  #prepare(start: EventOf<"response-start"> | undefined): void {
    const { request, seed, createdAt } = this.#context;
    const head = responseObject(
      request,
      start?.id || `resp_${seed}`,
      start?.createdAt ?? createdAt,
      start?.model || request.model,
    );
    this.response = { ...head, ...ownExtras(start?.vendor).body };
  }

  #begin(start: EventOf<"response-start">): void {
    this.#start = start;
    this.#prepare(start);
    this.#items.emit("response.created", { response: this.response });
    this.#items.emit("response.in_progress", { response: this.response });
  }

  /** The last event, which repeats everything. */
  #tell(ending: JsonObject & { status: string }): void {
    this.response = { ...this.response, ...ending, output: this.#items.output };
    this.#items.emit(`response.${ending.status}`, { response: this.response });
  }

  /** Text and thoughts open with their first words, so that nothing empty appears; texts in a row share a message. */
  #openPart(head: PartHead): void {
    const isSpeech = head.type === "text" || head.type === "refusal";
    if (!isSpeech || this.#items.openType !== "message") this.#items.close("completed");
    this.#head = head;
    this.#text = "";
    this.#logprobs = [];
    this.#isPartOpen = false;
    this.#custom = undefined;
    if (head.type === "tool-call") this.#openCall(head);
    else if (head.type === "media") this.#image(head);
    else if (head.type === "hosted-call") this.#hosted(head);
    else if (head.type === "opaque" && head.codecId === RESPONSES) {
      this.#items.whole({ ...head.value, id: textOf(head.value["id"]) ?? this.#items.id("other") });
    }
  }

  #openCall(head: HeadOf<"tool-call">): void {
    const flat = this.#calls.name(head.name);
    const { name, namespace } = this.#split(flat);
    const base = { call_id: this.#calls.id(head.id), name, ...(namespace === undefined ? {} : { namespace }) };
    this.#charsWritten += flat.length;
    if (!this.#calls.isCustom(head)) {
      this.#items.open("function_call", { ...base, arguments: "" });
      return;
    }
    if (!head.custom) this.#custom = new CustomInputReader();
    this.#items.open("custom_tool_call", { ...base, input: "" });
  }

  /** Pictures are shown by their bytes; one that is only an address has no form here. */
  #image(head: HeadOf<"media">): void {
    if (head.kind !== "image" || head.source.type !== "base64") return;
    const type = "image_generation_call";
    const id = this.#items.id(type);
    const item = { id, type, status: "completed", result: head.source.data };
    this.#items.whole(
      { ...fieldsOf(head.vendor, RESPONSES), ...item },
      { ...item, status: "in_progress", result: null },
    );
  }

  #hosted(head: HeadOf<"hosted-call">): void {
    const own = ownItem(head);
    const id = textOf(own?.["id"]) ?? this.#items.id(HOSTED_TYPES[head.work.kind]);
    const item =
      own === undefined ? writeHosted(head, id, formOf(this.#context.request.vendor, RESPONSES)) : { ...own, id };
    this.#items.whole(item, begunHosted(item), hostedEvents(item));
  }

  #delta(delta: string, logprobs: readonly TokenLogprob[] = []): void {
    if (delta === "" && logprobs.length === 0) return;
    this.#charsWritten += delta.length;
    switch (this.#head?.type) {
      case "text":
        this.#speak({ type: "output_text", text: "", annotations: [], logprobs: [] });
        this.#text += delta;
        this.#logprobs.push(...logprobs);
        this.#contentDelta("response.output_text.delta", delta, `,"logprobs":${writeList(logprobs)}`);
        break;
      case "refusal":
        this.#speak({ type: "refusal", refusal: "" });
        this.#text += delta;
        this.#hasRefusalText = true;
        this.#contentDelta("response.refusal.delta", delta);
        break;
      case "reasoning":
        this.#think(delta);
        break;
      case "tool-call":
        this.#input(this.#custom === undefined ? delta : this.#custom.read(delta));
    }
  }

  #contentDelta(type: string, delta: string, rest = ""): void {
    this.#items.emitDelta(type, `,"content_index":${this.#items.contentIndex}`, delta, rest);
  }

  /** Opens a text in the message at hand, or in a new one. */
  #speak(part: JsonObject): void {
    if (this.#isPartOpen) return;
    this.#isPartOpen = true;
    if (this.#items.openType === undefined) this.#items.open("message", { role: "assistant", content: [] });
    this.#items.openContent(part);
  }

  /** Thoughts are shown as a summary, unless they are known to be a model's raw ones. */
  get #isRawThought(): boolean {
    return this.#head?.type === "reasoning" && this.#head.kind === "full";
  }

  #openReasoning(): void {
    this.#items.open("reasoning", { summary: [], ...(this.#isRawThought ? { content: [] } : {}) });
  }

  #think(delta: string): void {
    if (!this.#isPartOpen) {
      this.#isPartOpen = true;
      this.#openReasoning();
      if (this.#isRawThought) this.#items.openContent({ type: "reasoning_text", text: "" });
      else {
        const part = { type: "summary_text", text: "" };
        this.#items.emitInside("response.reasoning_summary_part.added", { summary_index: 0, part });
      }
    }
    this.#text += delta;
    if (this.#isRawThought) this.#contentDelta("response.reasoning_text.delta", delta);
    else this.#items.emitDelta("response.reasoning_summary_text.delta", ',"summary_index":0', delta);
  }

  #input(text: string): void {
    if (text === "") return;
    this.#text += text;
    const isCustom = this.#items.openType === "custom_tool_call";
    const type = isCustom ? "response.custom_tool_call_input.delta" : "response.function_call_arguments.delta";
    this.#items.emitDelta(type, "", text);
  }

  #closePart(tail: PartTail): void {
    switch (this.#head?.type) {
      case "text":
        if (this.#isPartOpen) this.#closeText(tail);
        break;
      case "refusal":
        if (this.#isPartOpen) this.#closeRefusal();
        break;
      case "reasoning":
        this.#closeThought(tail);
        break;
      case "tool-call":
        this.#closeCall(tail);
    }
    this.#head = undefined;
    if (this.#items.openType !== "message" || formOf(tail.vendor, RESPONSES)?.["end"] !== true) return;
    const phase = fieldsOf(tail.vendor, RESPONSES)["phase"];
    if (phase !== undefined) this.#items.change({ phase });
    this.#items.close("completed");
  }

  #closeText(tail: PartTail): void {
    const own = fieldsOf(tail.vendor, RESPONSES);
    const raw = arrayOr(own["annotations"]).filter(isObject);
    const text = this.#text;
    const sources = tail.annotations ?? [];
    const annotations = raw.length > 0 ? raw : sources.map((source) => writeAnnotation(source, text.length));
    const told = arrayOr(own["logprobs"]);
    const logprobs = told.length > 0 ? told : writeLogprobs([...this.#logprobs, ...(tail.logprobs ?? [])], RESPONSES);
    const content_index = this.#items.contentIndex;
    for (const [annotation_index, annotation] of annotations.entries()) {
      const place = { content_index, annotation_index };
      this.#items.emitInside("response.output_text.annotation.added", { ...place, annotation });
    }
    this.#items.emitInside("response.output_text.done", { content_index, text, logprobs });
    this.#items.closeContent({ type: "output_text", text, annotations, logprobs });
  }

  #closeRefusal(): void {
    const refusal = this.#text;
    this.#items.emitInside("response.refusal.done", { content_index: this.#items.contentIndex, refusal });
    this.#items.closeContent({ type: "refusal", refusal });
  }

  /** Thoughts without words are an item all the same, if there is something in them to be given back. */
  #closeThought(tail: PartTail): void {
    const text = this.#text;
    if (!this.#isPartOpen) {
      if (tail.signature === undefined) return;
      this.#openReasoning();
    } else if (this.#isRawThought) {
      this.#items.emitInside("response.reasoning_text.done", { content_index: 0, text });
      this.#items.closeContent({ type: "reasoning_text", text });
    } else {
      const part = { type: "summary_text", text };
      this.#items.emitInside("response.reasoning_summary_text.done", { summary_index: 0, text });
      this.#items.emitInside("response.reasoning_summary_part.done", { summary_index: 0, part });
      this.#items.change({ summary: [part] });
    }
    this.#items.change({ encrypted_content: sealFor(tail) });
  }

  #closeCall(tail: PartTail): void {
    if (this.#items.openType === "custom_tool_call") {
      this.#input(this.#custom?.end() ?? "");
      this.#items.emitInside("response.custom_tool_call_input.done", { input: this.#text });
      this.#items.change({ input: this.#text });
    } else {
      if (this.#text === "") this.#input("{}"); // clients parse what they collected, and nothing is not JSON
      const { name } = this.#head as HeadOf<"tool-call">;
      const done = { arguments: this.#text, name: this.#split(this.#calls.name(name)).name };
      this.#items.emitInside("response.function_call_arguments.done", done);
      this.#items.change({ arguments: this.#text });
    }
    this.#items.change(fieldsOf(tail.vendor, RESPONSES));
  }

  /** What was said stays said. A call is not closed: clients carry out what is complete. */
  #fail(error: RelayError): void {
    this.#isDone = true;
    if (this.#head?.type !== "tool-call") {
      this.#closePart({});
      this.#items.close("incomplete");
    }
    this.#prepare(this.#start);
    delete this.response["usage"]; // a response that has ended tells counts or says nothing of them, but no null
    this.#tell({ status: "failed", error: failureOf(error, this.#context.requestId ?? "") });
  }

  #end({ finish, usage, serviceTier = this.#start?.serviceTier, vendor }: EventOf<"response-end">): void {
    this.#isDone = true;
    if (this.#start === undefined) this.#begin({ type: "response-start", id: "", model: "" });
    const ending = writeFinish(finish, this.#hasRefusalText);
    this.#items.close(ending.status === "incomplete" ? "incomplete" : "completed");
    const extras = ownExtras(mergeVendor(this.#start?.vendor, vendor));
    const { inputTokensEstimate } = this.#context;
    const total = mergeUsage(this.#start?.usage, usage);
    // Counts the upstream left out are guessed: clients read their absence as a broken answer, and zero as a fact.
    const { inputTokens = inputTokensEstimate, outputTokens = estimateTokens(this.#charsWritten), ...details } = total;
    this.#tell({
      service_tier: serviceTier ?? "default",
      ...extras.body,
      ...ending,
      error: ending.status === "failed" ? { code: "server_error", message: failureText(finish.raw) } : null,
      usage: writeUsage({ ...details, inputTokens, outputTokens }, extras.usage),
    });
  }
}

/** The upstream's word for it is shown when it is a word. */
function failureText(raw: string | undefined): string {
  const word = raw !== undefined && /^\w{1,64}$/.test(raw) ? ` (${raw})` : "";
  return `The model stopped with an error${word}.`;
}

function writeList(logprobs: readonly TokenLogprob[]): string {
  return logprobs.length === 0 ? "[]" : JSON.stringify(writeLogprobs(logprobs, RESPONSES));
}
