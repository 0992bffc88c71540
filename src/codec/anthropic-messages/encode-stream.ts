/** Writes an answer as a stream of Anthropic events. */
import type { ChatEvent, JsonObject, PartHead, PartTail } from "../../contract/chat.ts";
import type { AnswerContext, Frame, StreamEncoder } from "../../contract/codec.ts";
import { type EventOf, encoderOf, type FrameWriter } from "../shared/frame-writer.ts";
import { isObject } from "../shared/json.ts";
import { brokenOff } from "../shared/upstream-error.ts";
import { estimateTokens, mergeUsage } from "../shared/usage.ts";
import { fieldsOf, mergeVendor } from "../shared/vendor.ts";
import { encodeStreamError } from "./errors.ts";
import { HostedWriter } from "./hosted.ts";
import { callWriter, citationsOf, hiddenThinking, isStopDetail, ownExtras, signatureFor } from "./response.ts";
import { writeFullUsage, writeUsage } from "./usage.ts";
import { MESSAGES, writeStopReason } from "./wire.ts";

export function createStreamEncoder(context: AnswerContext): StreamEncoder {
  return encoderOf(new EventWriter(context));
}

class EventWriter implements FrameWriter {
  frames: Frame[] = [];
  readonly #context: AnswerContext;
  readonly #calls: ReturnType<typeof callWriter>;
  readonly #hosted: HostedWriter;
  #start: EventOf<"response-start"> | undefined;
  #head: PartHead | undefined;
  #partText = "";
  #isBlockOpen = false;
  #blockIndex = -1;
  #charsWritten = 0;
  #stopDetails: JsonObject | undefined;
  #isDone = false;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#calls = callWriter(context);
    this.#hosted = new HostedWriter(context.seed);
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
        this.#writeDelta(event.delta);
        break;
      case "part-end":
        this.#closePart(event.tail ?? {});
        break;
      case "response-end":
        this.#end(event);
        break;
      case "error":
        this.#isDone = true;
        this.frames.push(...encodeStreamError(event.error, this.#context.requestId ?? ""));
    }
  }

  #frame(type: string, body: JsonObject): void {
    this.frames.push({ event: type, data: JSON.stringify({ type, ...body }) });
  }

  #begin(event: EventOf<"response-start">): void {
    if (this.#start !== undefined) return;
    this.#start = event;
    const { seed, request, inputTokensEstimate } = this.#context;
    // A zero here hides the context from clients that watch how full it is.
    const usage =
      event.usage?.inputTokens === undefined ? { ...event.usage, inputTokens: inputTokensEstimate } : event.usage;
    this.#frame("message_start", {
      message: {
        ...ownExtras(event.vendor).body,
        id: event.id || `msg_${seed}`,
        type: "message",
        role: "assistant",
        model: event.model || request.model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: writeFullUsage(usage, ownExtras(event.vendor).usage, event.serviceTier),
      },
    });
  }

  /** Text and thinking open with their first delta, so that no empty block appears. */
  #openPart(head: PartHead): void {
    this.#head = head;
    this.#partText = "";
    if (head.type === "tool-call") {
      this.#charsWritten += head.name.length;
      const block = { type: "tool_use", id: this.#calls.id(head.id), name: this.#calls.name(head.name), input: {} };
      this.#openBlock(block);
    } else if (head.type === "opaque" && head.codecId === MESSAGES) {
      this.#writeWhole(head.value);
    } else if (head.type === "hosted-call") {
      for (const block of this.#hosted.write(head)) this.#writeWhole(block);
    }
  }

  #writeWhole(block: JsonObject): void {
    const { input } = block;
    if (!isObject(input)) {
      this.#openBlock(block);
    } else {
      this.#openBlock({ ...block, input: {} });
      this.#blockDelta({ type: "input_json_delta", partial_json: JSON.stringify(input) });
    }
    this.#closeBlock();
  }

  #openBlock(block: JsonObject): void {
    this.#blockIndex += 1;
    this.#isBlockOpen = true;
    this.#frame("content_block_start", { index: this.#blockIndex, content_block: block });
  }

  #blockDelta(delta: JsonObject): void {
    this.#frame("content_block_delta", { index: this.#blockIndex, delta });
  }

  #closeBlock(): void {
    if (!this.#isBlockOpen) return;
    this.#isBlockOpen = false;
    this.#frame("content_block_stop", { index: this.#blockIndex });
  }

  #writeDelta(delta: string): void {
    if (delta === "") return;
    this.#charsWritten += delta.length;
    switch (this.#head?.type) {
      case "text":
      case "refusal":
        if (this.#head.type === "refusal") {
          // Held back: words that explain a stop of Anthropic's own are not part of the text.
          this.#partText += delta;
          return;
        }
        if (!this.#isBlockOpen) this.#openBlock({ type: "text", text: "" });
        this.#textDelta("text_delta", "text", delta);
        return;
      case "reasoning":
        if (!this.#isBlockOpen) this.#openBlock({ type: "thinking", thinking: "", signature: "" });
        this.#textDelta("thinking_delta", "thinking", delta);
        return;
      case "tool-call":
        if (this.#head.custom) this.#partText += delta;
        else this.#textDelta("input_json_delta", "partial_json", delta);
    }
  }

  /** The hot path: one string put together, nothing but the text escaped. */
  #textDelta(type: string, field: string, text: string): void {
    const delta = `{"type":"${type}","${field}":${JSON.stringify(text)}}`;
    this.frames.push({
      event: "content_block_delta",
      data: `{"type":"content_block_delta","index":${this.#blockIndex},"delta":${delta}}`,
    });
  }

  #closePart(tail: PartTail): void {
    const head = this.#head;
    this.#head = undefined;
    switch (head?.type) {
      case "text":
        if (this.#isBlockOpen) {
          for (const citation of citationsOf(tail)) this.#blockDelta({ type: "citations_delta", citation });
        }
        break;
      case "reasoning":
        this.#closeThinking(tail);
        break;
      case "refusal":
        this.#closeRefusal(tail);
        break;
      case "tool-call":
        if (head.custom) {
          this.#textDelta("input_json_delta", "partial_json", this.#calls.inputJson(head, this.#partText));
        }
    }
    this.#closeBlock();
  }

  #closeThinking(tail: PartTail): void {
    const data = hiddenThinking(tail);
    if (data !== undefined) {
      if (!this.#isBlockOpen) this.#openBlock({ type: "redacted_thinking", data });
      return;
    }
    if (!this.#isBlockOpen) {
      if (tail.signature === undefined) return;
      this.#openBlock({ type: "thinking", thinking: "", signature: "" });
    }
    this.#blockDelta({ type: "signature_delta", signature: signatureFor(tail) });
  }

  #closeRefusal(tail: PartTail): void {
    const details = fieldsOf(tail.vendor, MESSAGES)["stop_details"];
    if (isStopDetail(tail) && isObject(details)) this.#stopDetails = details;
    else if (this.#partText !== "") {
      this.#openBlock({ type: "text", text: "" });
      this.#textDelta("text_delta", "text", this.#partText);
    }
  }

  #end({ finish, usage, vendor }: EventOf<"response-end">): void {
    const failure = brokenOff(finish);
    if (failure !== undefined) return this.event({ type: "error", error: failure });
    const total = mergeUsage(this.#start?.usage, usage);
    const extras = ownExtras(mergeVendor(this.#start?.vendor, vendor));
    const outputTokens = total.outputTokens ?? estimateTokens(this.#charsWritten);
    this.#frame("message_delta", {
      delta: {
        stop_reason: writeStopReason(finish),
        stop_sequence: finish.stopSequence ?? null,
        ...(this.#stopDetails === undefined ? {} : { stop_details: this.#stopDetails }),
        ...(extras.body["container"] === undefined ? {} : { container: extras.body["container"] }),
      },
      usage: { ...writeUsage({ ...total, outputTokens }, extras.usage), ...this.#hosted.usage(extras.usage) },
      ...(extras.body["context_management"] === undefined
        ? {}
        : { context_management: extras.body["context_management"] }),
    });
    this.#frame("message_stop", {});
    this.#isDone = true;
  }
}
