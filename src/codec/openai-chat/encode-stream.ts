/** Writes an answer as a stream of chat chunks. */
import type { ChatEvent, JsonObject, PartHead, PartTail, TokenLogprob } from "../../contract/chat.ts";
import type { AnswerContext, Frame, StreamEncoder } from "../../contract/codec.ts";
import { type EventOf, encoderOf, type FrameWriter } from "../shared/frame-writer.ts";
import { arrayOr, isEmpty, isObject, objectOr } from "../shared/json.ts";
import { brokenOff } from "../shared/upstream-error.ts";
import { mergeUsage, writeChatUsage } from "../shared/usage.ts";
import { mergeVendor } from "../shared/vendor.ts";
import { encodeStreamError } from "./errors.ts";
import { isLegacy } from "./fields.ts";
import { choiceLogprobs } from "./logprobs.ts";
import { partToDetail, TEXT_LENGTH } from "./reasoning.ts";
import { callWriter, imageOf, otherChoices, ownExtras, writeAnnotation, writtenCallExtras } from "./response.ts";
import { CHAT, writeFinishReason } from "./wire.ts";

/** `[DONE]` ends a good stream, and only a good one. */
export const END_MARK: Frame = { data: "[DONE]" };

export function createStreamEncoder(context: AnswerContext): StreamEncoder {
  return encoderOf(new ChunkWriter(context));
}

class ChunkWriter implements FrameWriter {
  frames: Frame[] = [];
  readonly #context: AnswerContext;
  readonly #calls: ReturnType<typeof callWriter>;
  /** The chunk up to its choices: the same in every chunk, so put together once. */
  #before = "";
  #start: EventOf<"response-start"> | undefined;
  #head: PartHead | undefined;
  #partText = "";
  #thoughtChars = 0;
  /** Where in the content the text at hand begins, and how far it has come. */
  #textStart = 0;
  #textEnd = 0;
  #toolIndex = -1;
  #isCustomCall = false;
  #detailIndex = 0;
  #isDone = false;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#calls = callWriter(context);
  }

  event(event: ChatEvent): void {
    if (this.#isDone) return;
    switch (event.type) {
      case "response-start":
        this.#begin(event);
        break;
      case "part-start":
        this.#openPart(event.head);
        break;
      case "part-delta":
        this.#writeDelta(event.delta, event.logprobs);
        break;
      case "part-end":
        this.#closePart(event.tail);
        break;
      case "response-end":
        this.#end(event);
        break;
      case "error":
        this.#isDone = true;
        this.frames.push(...encodeStreamError(event.error, this.#context.requestId ?? ""));
    }
  }

  #begin(event: EventOf<"response-start">): void {
    if (this.#start !== undefined) return;
    this.#start = event;
    const { seed, createdAt, request } = this.#context;
    const extras = Object.entries(ownExtras(event.vendor).body);
    const isScalar = (value: unknown) => typeof value !== "object";
    const body = {
      id: event.id || `chatcmpl-${seed}`,
      object: "chat.completion.chunk",
      created: event.createdAt ?? createdAt,
      model: event.model || request.model,
      ...Object.fromEntries(extras.filter(([, value]) => isScalar(value))),
    };
    const once = Object.fromEntries(extras.filter(([, value]) => !isScalar(value)));
    const prefix = JSON.stringify(body).slice(0, -1);
    this.#before = `${prefix}${isEmpty(once) ? "" : `,${JSON.stringify(once).slice(1, -1)}`},"choices":`;
    this.#delta('{"role":"assistant","content":""}');
    this.#before = `${prefix},"choices":`;
  }

  #delta(delta: string, finish = "null", extras = ""): void {
    const choice = `[{"index":0,"delta":${delta},"finish_reason":${finish}${extras}}]`;
    this.frames.push({ data: `${this.#before}${choice}}` });
  }

  #openPart(head: PartHead): void {
    this.#head = head;
    this.#partText = "";
    this.#thoughtChars = 0;
    this.#textStart = this.#textEnd;
    if (head.type === "media") {
      const images = imageOf(head);
      if (images.length > 0) this.#delta(JSON.stringify({ images }));
    } else if (head.type === "opaque") {
      if (head.codecId === CHAT) this.#delta(JSON.stringify({ content: [head.value] }));
    } else if (head.type === "tool-call") {
      this.#openCall(head);
    }
  }

  #openCall(head: Extract<PartHead, { type: "tool-call" }>): void {
    this.#toolIndex += 1;
    this.#isCustomCall = this.#calls.isCustom(head);
    const id = this.#calls.id(head.id);
    const name = this.#calls.name(head.name);
    if (isLegacy(this.#context.request)) {
      if (this.#toolIndex === 0) this.#delta(JSON.stringify({ function_call: { name, arguments: "" } }));
    } else if (this.#isCustomCall) {
      this.#call({ id, type: "custom", custom: { name, input: "" } });
    } else {
      this.#call({ id, type: "function", function: { name, arguments: "" } });
    }
  }

  #call(call: JsonObject): void {
    this.#delta(JSON.stringify({ tool_calls: [{ index: this.#toolIndex, ...call }] }));
  }

  #arguments(text: string): void {
    if (isLegacy(this.#context.request)) {
      if (this.#toolIndex === 0) this.#delta(`{"function_call":{"arguments":${JSON.stringify(text)}}}`);
      return;
    }
    const written = JSON.stringify(text);
    this.#delta(`{"tool_calls":[{"index":${this.#toolIndex},"function":{"arguments":${written}}}]}`);
  }

  #writeDelta(delta: string, logprobs?: readonly TokenLogprob[]): void {
    if (delta === "" && logprobs === undefined) return;
    switch (this.#head?.type) {
      case "text":
        this.#textEnd += delta.length;
        this.#delta(`{"content":${JSON.stringify(delta)}}`, "null", logprobs && besideDelta(logprobs, []));
        break;
      case "reasoning":
        this.#thoughtChars += delta.length;
        this.#delta(`{"reasoning_content":${JSON.stringify(delta)}}`);
        break;
      case "refusal":
        this.#delta(`{"refusal":${JSON.stringify(delta)}}`, "null", logprobs && besideDelta([], logprobs));
        break;
      case "tool-call":
        this.#partText += delta;
        // A wrapped freeform input can only be unwrapped whole.
        if (!this.#isCustomCall) this.#arguments(delta);
    }
  }

  #closePart(tail: PartTail | undefined): void {
    const head = this.#head;
    if (tail?.logprobs !== undefined) this.#writeDelta("", tail.logprobs);
    this.#head = undefined;
    if (head?.type === "tool-call") this.#closeCall(head, tail);
    else if (head?.type === "reasoning") this.#closeReasoning(head, tail);
    else if (head?.type === "text" && tail?.annotations !== undefined) {
      this.#delta(
        JSON.stringify({
          annotations: tail.annotations.map((source) =>
            writeAnnotation(source, this.#textStart, this.#textEnd - this.#textStart),
          ),
        }),
      );
    }
  }

  #closeCall(head: Extract<PartHead, { type: "tool-call" }>, tail: PartTail | undefined): void {
    if (this.#isCustomCall) {
      this.#call({ custom: { input: this.#calls.customInput(head, this.#partText) } });
    } else if (this.#partText === "") {
      this.#arguments("{}"); // clients parse what they collected, and nothing is not JSON
    }
    const extras = writtenCallExtras(tail ?? {});
    if (Object.keys(extras).length === 0 || isLegacy(this.#context.request)) return;
    // Strict clients want the call's own object in every piece of it.
    this.#call({ ...(this.#isCustomCall ? { custom: { input: "" } } : { function: { arguments: "" } }), ...extras });
  }

  /** What can be returned later, without the text: that has been sent, and readers of both would double it. */
  #closeReasoning(head: Extract<PartHead, { type: "reasoning" }>, tail: PartTail | undefined): void {
    if (tail?.signature === undefined) return;
    const part = { ...head, ...tail, text: "" };
    const { text: _text, summary: _summary, ...detail } = partToDetail(part, this.#detailIndex);
    const length = tail.redacted ? {} : { [TEXT_LENGTH]: this.#thoughtChars };
    this.#delta(JSON.stringify({ reasoning_details: [{ ...detail, ...length }] }));
    this.#detailIndex += 1;
  }

  #end({ finish, usage, others, serviceTier = this.#start?.serviceTier, vendor }: EventOf<"response-end">): void {
    const failure = brokenOff(finish);
    if (failure !== undefined) return this.event({ type: "error", error: failure });
    const { request } = this.#context;
    const extras = ownExtras(mergeVendor(this.#start?.vendor, vendor));
    if (Object.keys(extras.message).length > 0) this.#delta(JSON.stringify(extras.message));
    const choices = otherChoices(others, extras.choices, this.#calls, this.#context);
    for (const choice of choices.flatMap(asChunks)) {
      this.frames.push({ data: `${this.#before}${JSON.stringify([choice])}}` });
    }
    const isFunction = finish.reason === "tool-calls" && isLegacy(request);
    const word = isFunction ? "function_call" : writeFinishReason(finish);
    const beside = JSON.stringify(extras.choice);
    if (serviceTier !== undefined && extras.body["service_tier"] === undefined) {
      this.#before = this.#before.replace(/,"choices":$/, `,"service_tier":${JSON.stringify(serviceTier)},"choices":`);
    }
    this.#delta("{}", JSON.stringify(word), beside === "{}" ? "" : `,${beside.slice(1, -1)}`);
    const total = writeChatUsage(mergeUsage(this.#start?.usage, usage), extras.usage);
    if (request.includeUsage && total !== undefined) {
      this.frames.push({ data: `${this.#before}[],"usage":${JSON.stringify(total)}}` });
    }
    this.frames.push(END_MARK);
    this.#isDone = true;
  }
}

/** A whole answer in the two chunks that any reader understands; what is a chunk already stays one. */
function asChunks({ message, finish_reason, ...choice }: JsonObject): JsonObject[] {
  if (!isObject(message)) return [{ ...choice, finish_reason: finish_reason ?? null }];
  const calls = arrayOr(message["tool_calls"]).map((call, index) => ({ index, ...objectOr(call) }));
  const delta = { ...message, ...(calls.length === 0 ? {} : { tool_calls: calls }) };
  return [
    { ...choice, delta, finish_reason: null },
    { index: choice["index"] ?? 0, delta: {}, finish_reason: finish_reason ?? null },
  ];
}

function besideDelta(content: readonly TokenLogprob[], refusal: readonly TokenLogprob[]): string {
  return `,"logprobs":${JSON.stringify(choiceLogprobs(undefined, content, refusal))}`;
}
