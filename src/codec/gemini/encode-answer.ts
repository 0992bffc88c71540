/** What whole and streamed Gemini answers have in common: parts, candidates, counts. */
import type { Alternative, ChatResponse, Finish, JsonObject, Part, ReasoningPart, Usage } from "../../contract/chat.ts";
import type { AnswerContext } from "../../contract/codec.ts";
import { createCallWriter } from "../shared/answer-calls.ts";
import { wrapCustomInput } from "../shared/custom-tools.ts";
import { inputObject } from "../shared/input-object.ts";
import { arrayOr, isObject, objectOr } from "../shared/json.ts";
import { writeStandardTier } from "../shared/service-tier.ts";
import { fieldsOf } from "../shared/vendor.ts";
import { Grounding } from "./citations.ts";
import { writeMedia } from "./encode-parts.ts";
import { writeHosted } from "./hosted.ts";
import { besideCandidate, meanLogprob } from "./logprobs.ts";
import { CarriedSignatures, isGeminis, sealSignature } from "./signatures.ts";
import { writeUsage } from "./usage.ts";
import { GEMINI, TIERS, writeFinishReason } from "./wire.ts";

/** Media of an answer go out as they are. */
const AS_IS = { target: { model: "", traits: {}, lose: () => {} }, isNative: false } as const;

/** Writes the parts of one answer, in their order. */
export class AnswerPartWriter {
  readonly #calls: ReturnType<typeof createCallWriter>;
  readonly #carried = new CarriedSignatures();
  #hasCalls = false;

  constructor(context: AnswerContext) {
    this.#calls = createCallWriter(context, "call_");
  }

  all(parts: readonly Part[]): JsonObject[] {
    return parts.flatMap((part) => this.write(part));
  }

  write(part: Part): JsonObject[] {
    const extras = objectOr(fieldsOf(part.vendor, GEMINI)["part"]);
    switch (part.type) {
      case "text":
        if (part.text === "" && !isGeminis(part.signature)) return [];
        return [{ text: part.text, ...(isGeminis(part.signature) ? proof(part.signature.value) : {}), ...extras }];
      case "refusal":
        return part.text === "" ? [] : [{ text: part.text }];
      case "reasoning": {
        const signature = this.thoughtSignature(part);
        if (part.text === "" && signature === undefined) return [];
        return [{ text: part.text, thought: true, ...proof(signature), ...extras }];
      }
      case "tool-call":
        return [this.#call(part)];
      case "media":
        return isForeignFile(part) ? [] : [writeMedia(part, AS_IS)];
      case "hosted-call":
        return writeHosted(part);
      case "opaque":
        return part.codecId === GEMINI ? [part.value] : [];
      case "tool-result":
        return [];
    }
  }

  /**
   * What stands at the thought itself: Gemini's own signature of it, or another maker's in our wrapping. One of Gemini's
   * that only travels with the thought waits for its call.
   */
  thoughtSignature(part: Pick<ReasoningPart, "signature" | "redacted" | "vendor">): string | undefined {
    const { signature, redacted } = part;
    if (isGeminis(signature)) {
      if (fieldsOf(part.vendor, GEMINI)["signed"] === true) return signature.value;
      this.#carried.carry(signature.value);
      return undefined;
    }
    return signature === undefined && !redacted ? undefined : sealSignature(part);
  }

  /**
   * A first call that no Gemini model made gets an empty signature of ours: should the conversation move to one, the
   * call can be known for what it is.
   */
  #call(call: Extract<Part, { type: "tool-call" }>): JsonObject {
    const fields = fieldsOf(call.vendor, GEMINI);
    const signature = this.#carried.take(call.signature) ?? (this.#hasCalls ? undefined : sealSignature({}));
    this.#hasCalls = true;
    const functionCall: JsonObject = {
      ...(call.id === "" ? {} : { id: this.#calls.id(call.id) }),
      name: this.#calls.name(call.name),
      args: inputObject(call.custom ? wrapCustomInput(call.inputJson) : call.inputJson),
      ...objectOr(fields["body"]),
    };
    return { functionCall, ...proof(signature), ...objectOr(fields["part"]) };
  }
}

function proof(signature: string | undefined): JsonObject {
  return signature === undefined ? {} : { thoughtSignature: signature };
}

/** A file that only another vendor can look up. */
export function isForeignFile({ source }: Extract<Part, { type: "media" }>): boolean {
  return source.type === "file" && source.origin !== GEMINI;
}

/** The upstream's own extras of an answer, sorted into where they stand. */
export function ownExtras(vendor: ChatResponse["vendor"]) {
  const { usage, candidate, candidates, ...body } = fieldsOf(vendor, GEMINI);
  return {
    body,
    usage: objectOr(usage),
    candidate: objectOr(candidate),
    candidates: arrayOr(candidates).filter(isObject),
  };
}

/** The answer's candidates; of a refused prompt none is left. */
export function writeCandidates(
  first: JsonObject,
  { finish, others = [] }: Pick<ChatResponse, "finish" | "others">,
  extras: ReturnType<typeof ownExtras>,
  context: AnswerContext,
): JsonObject {
  const isRefused = isObject(extras.body["promptFeedback"]) && finish.reason === "content-filter";
  if (isRefused && first["content"] === undefined) return {};
  const own = extras.candidates;
  // Of a stream there are pieces, several of one candidate.
  const isWhole = own.length === others.length && own.every(({ finishReason }) => finishReason !== undefined);
  const written = () =>
    others.map((other, at) => writeCandidate(other, at + 1, new AnswerPartWriter(context).all(other.parts)));
  return { candidates: [{ ...first, ...extras.candidate }, ...(isWhole ? own : written())] };
}

/** @param written the parts as they go out; in a stream only the last of them are left */
export function writeCandidate(
  { parts, finish }: Alternative,
  index: number,
  written: readonly JsonObject[],
): JsonObject {
  const grounding = new Grounding();
  for (const part of parts) {
    if (part.type === "text") grounding.text(part.text, part.annotations);
    else if (part.type === "refusal") grounding.text(part.text);
    else if (part.type === "hosted-call") grounding.call(part.work);
  }
  const logprobs = parts.flatMap((part) =>
    part.type === "text" || part.type === "refusal" ? (part.logprobs ?? []) : [],
  );
  return candidateOf(written, finish, index, {
    ...grounding.write(),
    ...meanLogprob(logprobs),
    ...besideCandidate(logprobs),
  });
}

export function candidateOf(
  parts: readonly JsonObject[],
  finish: Finish,
  index: number,
  beside: JsonObject,
): JsonObject {
  return {
    ...(parts.length === 0 ? {} : { content: { parts: [...parts], role: "model" } }),
    finishReason: writeFinishReason(finish),
    index,
    ...beside,
  };
}

export function writeCounts(usage: Usage, raw: JsonObject, tier: string | undefined): JsonObject {
  const serviceTier = writeStandardTier(tier, TIERS);
  const counts = writeUsage(usage, raw);
  if (counts === undefined) return {};
  return { usageMetadata: { ...(serviceTier === undefined ? {} : { serviceTier }), ...counts } };
}
