/** Reads a stream of chat chunks from any compatible server. */
import type { Alternative, ChatEvent, Json, JsonObject, PartTail, Usage, Vendor } from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import { RelayError } from "../../contract/errors.ts";
import { alternativesOf } from "../fold.ts";
import { PartSequencer } from "../order.ts";
import { arrayOr, compact, isEmpty, isObject, numberOf, objectOr, parseJson, restOf, textOf } from "../shared/json.ts";
import { servedBy } from "../shared/service-tier.ts";
import { classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";
import { vendorOf } from "../shared/vendor.ts";
import { readContent } from "./content.ts";
import { type SplitLogprobs, saysOnlyWords, splitLogprobs } from "./logprobs.ts";
import { DetailCollector, detailText, detailToPart, plainReasoning } from "./reasoning.ts";
import {
  BODY_FIELDS,
  choiceExtras,
  disguisedError,
  placedIn,
  MESSAGE_FIELDS,
  readAnnotations,
  readImages,
  saysSomething,
  usageOf,
} from "./response.ts";
import { ToolCallReader } from "./tool-call-reader.ts";
import { CHAT, readFinishReason } from "./wire.ts";

/** One reader per answer. An answer is complete at `[DONE]`, or at the end of the stream if it has a finish reason. */
export function createStreamDecoder(): (frame: Frame | null) => ChatEvent[] {
  const reader = new ChunkReader();
  return (frame) => {
    reader.events = [];
    if (frame === null) reader.endOfStream();
    else if (frame.data !== "") reader.frame(frame);
    return reader.events;
  };
}

class ChunkReader {
  events: ChatEvent[] = [];
  readonly #parts = new PartSequencer((event) => this.events.push(event));
  readonly #calls = new ToolCallReader(this.#parts);
  readonly #details = new DetailCollector();
  #isStarted = false;
  #isDone = false;
  #hasRefused = false;
  #isReasoningSigned = false;
  /** Where in the content the text at hand begins, and how far it has come. */
  #textStart = 0;
  #textEnd = 0;
  #finish: string | undefined;
  #usage: Usage | undefined;
  #rawUsage: JsonObject | undefined;
  #bodyExtras: JsonObject = {};
  #tier: Json | undefined;
  #choiceExtras: JsonObject = {};
  #messageExtras: JsonObject = {};
  readonly #otherChoices: JsonObject[] = [];
  /** Of several answers each has a reader; the first one's is this. */
  readonly #others = new Map<number, ChunkReader>();

  frame({ event, data }: Frame): void {
    if (this.#isDone) return;
    if (isEndMark(data)) {
      this.#succeed();
      return;
    }
    const chunk = parseJson(data);
    if (chunk === undefined) {
      // Behind the finish reason only counts can be lost.
      if (this.#finish === undefined) this.#fail(malformed("The upstream sent a chunk that is not JSON."));
      return;
    }
    if (!isObject(chunk)) return;
    if (event === "error") this.#fail(classifyError(readErrorFacts(chunk)));
    else this.#chunk(chunk);
  }

  endOfStream(): void {
    if (this.#isDone) return;
    if (this.#finish !== undefined) this.#succeed();
    else this.#fail(malformed("The upstream's answer ended before it was complete."));
  }

  #chunk(chunk: JsonObject): void {
    const choices = arrayOr(chunk["choices"]).filter(isObject);
    const error = disguisedError(chunk);
    this.#tier = chunk["service_tier"] ?? this.#tier;
    // An error that comes before the first word begins no answer: another upstream may still give one.
    if (error === undefined || choices.some(saysSomething)) this.#begin(chunk, choices.length > 0);
    const usage = usageOf(chunk);
    if (usage !== undefined) {
      this.#usage = usage;
      this.#rawUsage = isObject(chunk["usage"]) ? chunk["usage"] : undefined;
    }
    try {
      for (const choice of choices) this.#choice(choice);
    } catch (cause) {
      this.#fail(RelayError.from(cause, "upstream-malformed", "The upstream's answer cannot be read."));
      return;
    }
    if (error !== undefined) this.#fail(error);
  }

  /** Azure's first chunk has neither choices nor an id, only filter results: it waits for one that says more. */
  #begin(chunk: JsonObject, hasChoices: boolean): void {
    if (this.#isStarted) return;
    this.#bodyExtras = { ...this.#bodyExtras, ...restOf(chunk, BODY_FIELDS) };
    const id = textOf(chunk["id"]);
    if (id === undefined && !hasChoices) return;
    this.#isStarted = true;
    const createdAt = numberOf(chunk["created"]);
    this.events.push({
      type: "response-start",
      id: id ?? "",
      model: textOf(chunk["model"]) ?? "",
      ...(createdAt === undefined ? {} : { createdAt }),
      ...servedBy(this.#tier),
      ...this.#vendor(this.#bodyExtras),
    });
  }

  #choice(choice: JsonObject): void {
    const index = numberOf(choice["index"]) ?? 0;
    if (index > 0) {
      this.#otherChoices.push(choice);
      const other = this.#others.get(index) ?? new ChunkReader();
      this.#others.set(index, other);
      other.#chunk({ choices: [{ ...choice, index: 0 }] });
      return;
    }
    const delta = choice["delta"] ?? choice["message"];
    const { logprobs, ...extras } = choiceExtras(choice);
    const given = isObject(logprobs) ? splitLogprobs(logprobs, isObject(delta) && saysOnlyWords(delta)) : undefined;
    if (isObject(delta)) this.#delta(delta, given);
    this.#finish = textOf(choice["finish_reason"]) ?? this.#finish;
    if (given !== undefined) this.#logprobs(given.rest);
    this.#choiceExtras = { ...this.#choiceExtras, ...extras };
  }

  /** Places of sources are told in the content as a whole, but kept in the text at hand. */
  #words(text: string): void {
    if (this.#parts.newestText !== "text") this.#textStart = this.#textEnd;
    this.#textEnd += text.length;
  }

  #delta(delta: JsonObject, logprobs: SplitLogprobs | undefined): void {
    this.#reasoning(delta);
    let content = logprobs?.content;
    for (const part of readContent(delta["content"], "content")) {
      if (part.type === "text") {
        this.#words(part.text);
        this.#parts.text({ type: "text" }, part.text, content);
        content = undefined;
      } else if (part.type === "reasoning") this.#parts.text({ type: "reasoning" }, part.text);
      else if (part.type === "refusal") this.#parts.text({ type: "refusal" }, part.text);
      else if (part.type === "media" || part.type === "opaque") this.#parts.whole(part);
    }
    this.#parts.text({ type: "text" }, "", content);
    const refusal = textOf(delta["refusal"]);
    this.#hasRefused ||= refusal !== undefined;
    this.#parts.text({ type: "refusal" }, refusal ?? "", logprobs?.refusal);
    const annotations = readAnnotations(delta["annotations"]);
    if (annotations.length > 0) {
      const placed = annotations.map((annotation) => placedIn(annotation, this.#textStart));
      this.#parts.textTail({ type: "text" }, { annotations: placed });
    }
    for (const image of readImages(delta["images"])) if (image.type === "media") this.#parts.whole(image);
    const calls = arrayOr(delta["tool_calls"]).filter(isObject);
    calls.forEach((call, position) => {
      this.#calls.read(call, calls.length > 1 ? position : undefined);
    });
    if (isObject(delta["function_call"])) this.#calls.read({ index: 0, function: delta["function_call"] }, undefined);
    for (const name in delta) {
      if (MESSAGE_FIELDS.has(name) || delta[name] === null) continue;
      this.#messageExtras = { ...this.#messageExtras, ...restOf(delta, MESSAGE_FIELDS) };
      break;
    }
  }

  /** The text once, from whichever field has it; each entry of the details is a part of its own. */
  #reasoning(delta: JsonObject): void {
    const plain = plainReasoning(delta);
    const pieces = arrayOr(delta["reasoning_details"]).filter(isObject);
    if (plain !== undefined && pieces.every((piece) => detailText(piece) === "")) {
      // A signature closes the thoughts it was made for.
      if (this.#isReasoningSigned) this.#parts.endText();
      this.#isReasoningSigned = false;
      this.#parts.text({ type: "reasoning" }, plain);
    }
    for (const piece of pieces) {
      const { detail, text, isNew } = this.#details.add(piece);
      const { kind, signature, redacted, vendor } = detailToPart(detail);
      const head = { type: "reasoning" as const, ...(kind === undefined ? {} : { kind }) };
      const tail = compact<PartTail>({ signature, redacted, vendor });
      if (isNew && text !== "") this.#parts.endText();
      this.#parts.text(head, text);
      if (redacted) this.#parts.whole(head, tail);
      else if (text !== "" || signature !== undefined) this.#parts.textTail(head, tail);
      this.#isReasoningSigned = signature !== undefined;
    }
  }

  #logprobs(logprobs: JsonObject): void {
    const joined: JsonObject = { ...objectOr(this.#choiceExtras["logprobs"]) };
    for (const [name, values] of Object.entries(logprobs)) {
      if (Array.isArray(values)) joined[name] = [...arrayOr(joined[name]), ...values];
    }
    if (isEmpty(joined)) return;
    this.#choiceExtras = { ...this.#choiceExtras, logprobs: joined };
  }

  #succeed(): void {
    if (!this.#isStarted) {
      this.#fail(malformed("The upstream's stream held no answer."));
      return;
    }
    try {
      this.#calls.end();
    } catch (cause) {
      this.#fail(RelayError.from(cause, "upstream-malformed", "The upstream's answer cannot be read."));
      return;
    }
    this.#parts.end();
    const raw = this.#finish;
    const reason = readFinishReason(raw, { calls: this.#calls.count > 0, refusal: this.#hasRefused });
    this.#isDone = true;
    this.events.push({
      type: "response-end",
      finish: { reason, ...(raw === undefined ? {} : { raw }) },
      usage: this.#usage ?? {},
      ...servedBy(this.#tier),
      ...this.#alternatives(),
      ...this.#vendor({
        ...(this.#rawUsage === undefined ? {} : { usage: this.#rawUsage }),
        ...filled("choice", this.#choiceExtras),
        ...filled("message", this.#messageExtras),
        ...(this.#otherChoices.length === 0 ? {} : { choices: this.#otherChoices }),
      }),
    });
  }

  #alternatives(): { others?: Alternative[] } {
    const told = new Map<number, readonly ChatEvent[]>();
    for (const [index, reader] of this.#others) {
      // The stream is complete, and it is not.
      reader.#finish ??= "length";
      reader.endOfStream();
      told.set(index, reader.events);
    }
    return alternativesOf(told);
  }

  #fail(error: RelayError): void {
    this.#isDone = true;
    this.events.push({ type: "error", error });
  }

  #vendor(fields: JsonObject): { vendor?: Vendor } {
    const vendor = vendorOf(CHAT, fields);
    return vendor === undefined ? {} : { vendor };
  }
}

/** Some servers put spaces around it. */
export function isEndMark(data: string): boolean {
  return data.length < 32 && data.trim() === "[DONE]";
}

function filled(name: string, fields: JsonObject): JsonObject {
  return Object.keys(fields).length === 0 ? {} : { [name]: fields };
}
