/** Writes an answer as a stream of Gemini chunks, each in the form of an answer. */
import type { ChatEvent, JsonObject, Part, PartHead, PartTail, TokenLogprob } from "../../contract/chat.ts";
import type { AnswerContext, Frame, StreamEncoder } from "../../contract/codec.ts";
import { type EventOf, encoderOf, type FrameWriter } from "../shared/frame-writer.ts";
import { isEmpty } from "../shared/json.ts";
import { mergeUsage } from "../shared/usage.ts";
import { mergeVendor } from "../shared/vendor.ts";
import { AnswerPartWriter, candidateOf, ownExtras, writeCandidates, writeCounts } from "./encode-answer.ts";
import { Grounding } from "./citations.ts";
import { encodeStreamError } from "./errors.ts";
import { besideCandidate, meanLogprob } from "./logprobs.ts";
import { isGeminis } from "./signatures.ts";

/** There is no end mark: the chunk with the finish reason is the last. */
export function createStreamEncoder(context: AnswerContext): StreamEncoder {
  return encoderOf(new ChunkWriter(context));
}

class ChunkWriter implements FrameWriter {
  frames: Frame[] = [];
  readonly #context: AnswerContext;
  readonly #parts: AnswerPartWriter;
  /** What follows the parts in every chunk but the last: put together once. */
  #behind = "";
  #identity: JsonObject = {};
  #start: EventOf<"response-start"> | undefined;
  #head: PartHead | undefined;
  /** Of parts that are written whole. */
  #partText = "";
  /** Whole parts written last: they wait, because the last of them stands beside the finish reason. */
  #held: JsonObject[] = [];
  readonly #grounding = new Grounding();
  /** Of tokens whose chunk is still to be written, and of all others. */
  readonly #untold: TokenLogprob[] = [];
  readonly #told: TokenLogprob[] = [];
  #hasWritten = false;
  #isDone = false;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#parts = new AnswerPartWriter(context);
  }

  event(event: ChatEvent): void {
    if (this.#isDone) return;
    switch (event.type) {
      case "response-start":
        this.#begin(event);
        break;
      case "part-start":
        this.#release();
        this.#head = event.head;
        this.#partText = "";
        break;
      case "part-delta":
        this.#writeDelta(event.delta, event.logprobs);
        break;
      case "part-end":
        this.#closePart(event.tail ?? {});
        break;
      case "response-end":
        this.#end(event);
        break;
      case "error":
        this.#release();
        this.#isDone = true;
        this.frames.push(...encodeStreamError(event.error, this.#context.requestId ?? ""));
    }
  }

  /** The first chunk is the first part: one without would tell the client nothing. */
  #begin(event: EventOf<"response-start">): void {
    if (this.#start !== undefined) return;
    this.#start = event;
    const { request, seed } = this.#context;
    this.#identity = { modelVersion: event.model || request.model, responseId: event.id || seed };
    this.#behind = `],"role":"model"},"index":0}],${JSON.stringify(this.#identity).slice(1)}`;
  }

  #chunk(part: string): void {
    this.#hasWritten = true;
    const beside = this.#takeLogprobs();
    const opening = isEmpty(beside) ? "" : `${JSON.stringify(beside).slice(1, -1)},`;
    this.frames.push({ data: `{"candidates":[{${opening}"content":{"parts":[${part}${this.#behind}` });
  }

  #takeLogprobs(): JsonObject {
    if (this.#untold.length === 0) return {};
    this.#told.push(...this.#untold);
    return besideCandidate(this.#untold.splice(0));
  }

  #release(): void {
    for (const part of this.#held) this.#chunk(JSON.stringify(part));
    this.#held = [];
  }

  #writeDelta(delta: string, logprobs: readonly TokenLogprob[] = []): void {
    this.#untold.push(...logprobs);
    if (delta === "") return;
    switch (this.#head?.type) {
      case "text":
      case "refusal":
        this.#partText += delta;
        this.#chunk(`{"text":${JSON.stringify(delta)}}`);
        break;
      case "reasoning":
        this.#chunk(`{"text":${JSON.stringify(delta)},"thought":true}`);
        break;
      default:
        this.#partText += delta; // a call is one part: its arguments are an object
    }
  }

  #closePart(tail: PartTail): void {
    const head = this.#head;
    this.#head = undefined;
    this.#untold.push(...(tail.logprobs ?? []));
    switch (head?.type) {
      case "text":
        this.#grounding.text(this.#partText, tail.annotations);
        if (isGeminis(tail.signature)) this.#hold({ type: "text", text: "", ...tail });
        break;
      case "refusal":
        this.#grounding.text(this.#partText);
        break;
      case "reasoning":
        // What was said has been sent; behind it only its signature is left.
        this.#hold({ ...head, ...tail, text: "" });
        break;
      case "tool-call":
        this.#hold({ ...head, ...tail, inputJson: this.#partText === "" ? "{}" : this.#partText });
        break;
      case "hosted-call":
        this.#grounding.call(head.work);
        this.#hold(head);
        break;
      case "media":
      case "opaque":
        this.#hold(head);
    }
  }

  #hold(part: Part): void {
    this.#held.push(...this.#parts.write(part));
  }

  #end({ finish, usage, others, serviceTier = this.#start?.serviceTier, vendor }: EventOf<"response-end">): void {
    const extras = ownExtras(mergeVendor(this.#start?.vendor, vendor));
    const total = mergeUsage(this.#start?.usage, usage);
    const logprobs = this.#takeLogprobs();
    const beside = { ...this.#grounding.write(), ...meanLogprob(this.#told), ...logprobs };
    // Clients that keep a history want a content in every chunk.
    const parts = this.#held.length === 0 && this.#hasWritten ? [{ text: "" }] : this.#held;
    const body = {
      ...writeCandidates(
        candidateOf(parts, finish, 0, beside),
        { finish, ...(others && { others }) },
        extras,
        this.#context,
      ),
      ...writeCounts(total, extras.usage, serviceTier),
      ...this.#identity,
      ...extras.body,
    };
    this.frames.push({ data: JSON.stringify(body) });
    this.#isDone = true;
  }
}
