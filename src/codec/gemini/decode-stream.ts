/** Reads answers of Gemini, chunk by chunk; a whole answer is a stream of one chunk. */
import type {
  Alternative,
  ChatEvent,
  JsonObject,
  Part,
  PartHead,
  PartTail,
  TokenLogprob,
} from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import { RelayError } from "../../contract/errors.ts";
import { alternativesOf } from "../fold.ts";
import { PartSequencer } from "../order.ts";
import { arrayOr, compact, isEmpty, isObject, numberOf, objectOr, restOf, textOf } from "../shared/json.ts";
import { parseJsonExact } from "../shared/exact-json.ts";
import { inputJsonOf } from "../shared/tool-input.ts";
import { servedBy } from "../shared/service-tier.ts";
import { classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";
import { fieldsOf, vendorOf } from "../shared/vendor.ts";
import { citationKey, readSources } from "./citations.ts";
import { readPart } from "./content.ts";
import { awaitsOutcome, readExecution, readGrounding } from "./hosted.ts";
import { readLogprobsResult } from "./logprobs.ts";
import { PartialArgs } from "./partial-args.ts";
import { isGeminis } from "./signatures.ts";
import { readUsage } from "./usage.ts";
import { asList, camelFields, GEMINI, readFinishReason } from "./wire.ts";

/** Names of the answer's own fields; everything beside them is kept as the upstream's. */
const BODY_FIELDS: ReadonlySet<string> = new Set([
  "candidates",
  "usageMetadata",
  "modelVersion",
  "responseId",
  "error",
]);
const CANDIDATE_FIELDS: ReadonlySet<string> = new Set(["index", "content", "finishReason", "logprobsResult"]);

/** One reader per answer. It is complete at the end of the stream if a finish reason, or a refusal of the prompt, came. */
export function createStreamDecoder(): (frame: Frame | null) => ChatEvent[] {
  const reader = new AnswerReader();
  return (frame) => {
    reader.events = [];
    if (frame === null) reader.end(false);
    else if (frame.data !== "") reader.frame(frame.data);
    return reader.events;
  };
}

/** The events of a whole answer. */
export function readWholeAnswer(body: JsonObject): ChatEvent[] {
  const reader = new AnswerReader();
  reader.body(body);
  reader.end(true);
  return reader.events;
}

/** The error of a body that carries one, whatever its status; `undefined` for an answer. */
export function disguisedError(body: JsonObject): RelayError | undefined {
  const hasError = isObject(body["error"]) || textOf(body["error"]) !== undefined;
  return hasError ? classifyError(readErrorFacts(body)) : undefined;
}

/** Google's assistant fronts wrap each chunk once more. */
export function unwrap(body: JsonObject): JsonObject {
  return isObject(body["response"]) && body["candidates"] === undefined ? body["response"] : body;
}

interface OpenCall {
  readonly key: string;
  /** Arguments that came value by value. */
  args: PartialArgs | undefined;
  tail: PartTail;
}

class AnswerReader {
  events: ChatEvent[] = [];
  readonly #parts = new PartSequencer((event) => this.events.push(event));
  #isStarted = false;
  #isDone = false;
  #id = "";
  #model = "";
  /** The part before, if more text may join it; a signature closes the text it was made for. */
  #before: "text" | "reasoning" | "signed" | undefined;
  #callCount = 0;
  /** A call whose arguments still arrive. */
  #open: OpenCall | undefined;
  /** Of the tokens of this chunk, until its text is told. */
  #logprobs: TokenLogprob[] | undefined;
  /** Was anything but thoughts said? */
  #hasSaid = false;
  #finish: string | undefined;
  #finishMessage: string | undefined;
  #blockReason: string | undefined;
  #report: JsonObject = {};
  #extras: JsonObject = {};
  #candidate: JsonObject = {};
  readonly #others: JsonObject[] = [];
  /** Of several answers each has a reader; the first one's is this. */
  readonly #readers = new Map<number, AnswerReader>();
  readonly #cited = new Set<string>();
  /** The text, while it is one. */
  #said: string | undefined = "";
  /** Code that has run at the vendor: its outcome is the next part, if it comes at all. */
  #code: JsonObject | undefined;

  frame(data: string): void {
    if (this.#isDone) return;
    const chunk = parseJsonExact(data);
    if (chunk === undefined) {
      if (data.trim() === "[DONE]") return; // imitators append it
      // Behind the finish reason only counts can be lost.
      if (this.#finish === undefined) this.#fail(malformed("The upstream sent a chunk that is not JSON."));
      return;
    }
    for (const body of asList(chunk)) if (isObject(body) && !this.#isDone) this.body(body);
  }

  body(given: JsonObject): void {
    const body = unwrap(given);
    const error = disguisedError(body);
    if (error !== undefined) {
      this.#fail(error);
      return;
    }
    this.#id ||= textOf(body["responseId"]) ?? "";
    this.#model ||= textOf(body["modelVersion"]) ?? "";
    this.#report = { ...this.#report, ...objectOr(body["usageMetadata"]) };
    this.#extras = { ...this.#extras, ...restOf(body, BODY_FIELDS) };
    this.#blockReason = textOf(objectOr(body["promptFeedback"])["blockReason"]) ?? this.#blockReason;
    try {
      for (const candidate of arrayOr(body["candidates"])) if (isObject(candidate)) this.#read(candidate);
    } catch (cause) {
      this.#fail(RelayError.from(cause, "upstream-malformed", "The upstream's answer cannot be read."));
    }
  }

  #read(candidate: JsonObject): void {
    const index = numberOf(candidate["index"]) ?? 0;
    if (index > 0) {
      this.#others.push(candidate);
      const reader = this.#readers.get(index) ?? new AnswerReader();
      this.#readers.set(index, reader);
      reader.#read({ ...candidate, index: 0 });
      return;
    }
    const parts = asList(objectOr(candidate["content"])["parts"]).filter(isObject);
    if (parts.length > 0) this.#begin();
    this.#logprobs = readLogprobsResult(candidate["logprobsResult"]);
    for (const part of parts) this.#part(part);
    // Told behind their text, or before any: they stay beside the text at hand, or wait for the next.
    if (this.#logprobs !== undefined) this.#parts.text({ type: "text" }, "", this.#logprobs);
    const finish = textOf(candidate["finishReason"]);
    if (finish !== undefined && finish !== "FINISH_REASON_UNSPECIFIED") {
      this.#finish = finish;
      this.#finishMessage = textOf(candidate["finishMessage"]);
    }
    this.#candidate = { ...this.#candidate, ...restOf(candidate, CANDIDATE_FIELDS) };
    this.#cite(candidate);
  }

  /** An answer that fails before its first word is no answer: another upstream may still give one. */
  #begin(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const vendor = vendorOf(GEMINI, this.#extras);
    // What was read is known from the first chunk on, and some clients are told before the end.
    const { outputTokens: _written, reasoningTokens: _thought, ...read } = readUsage(this.#report) ?? {};
    this.events.push({
      type: "response-start",
      id: this.#id,
      model: this.#model,
      ...(isEmpty(read) ? {} : { usage: read }),
      ...(vendor === undefined ? {} : { vendor }),
    });
  }

  #part(raw: JsonObject): void {
    const execution = this.#code === undefined ? undefined : readExecution(this.#code, raw);
    if (execution !== undefined) {
      this.#code = undefined;
      this.#whole(execution);
      return;
    }
    this.#releaseCode();
    if (awaitsOutcome(raw)) {
      this.#code = raw;
      return;
    }
    this.#ordinary(raw);
  }

  /** Code without an outcome is the vendor's own affair. */
  #releaseCode(): void {
    const code = this.#code;
    this.#code = undefined;
    if (code !== undefined) this.#ordinary(code);
  }

  #whole(part: Extract<PartHead, Part>): void {
    this.#interrupt();
    this.#hasSaid = true;
    this.#before = undefined;
    this.#parts.whole(part);
  }

  #ordinary(raw: JsonObject): void {
    const call = camelFields(raw)["functionCall"];
    const part = readPart(raw);
    if (isObject(call)) {
      this.#call(camelFields(call), tailOf(part));
      return;
    }
    this.#hasSaid ||= part.type !== "reasoning" && !(part.type === "text" && part.text === "");
    switch (part.type) {
      case "text":
      case "reasoning":
        this.#text(part);
        break;
      case "media":
      case "opaque": {
        const { vendor: _vendor, ...bare } = part;
        this.#whole({ ...bare, ...own(part) } as typeof part);
      }
    }
  }

  /** What comes behind is another text than what was said before. */
  #interrupt(): void {
    if (this.#said !== "") this.#said = undefined;
  }

  /** A signature without text of its own belongs to the text before it. */
  #text(part: Extract<Part, { type: "text" | "reasoning" }>): void {
    this.#closeSigned();
    if (part.type === "reasoning") this.#interrupt();
    else if (this.#said !== undefined) this.#said += part.text;
    const head = { type: part.type };
    const tail = tailOf(part);
    const hasText = part.text !== "" || this.#before === part.type;
    const logprobs = part.type === "text" && part.text !== "" ? this.#logprobs : undefined;
    if (logprobs !== undefined) this.#logprobs = undefined;
    this.#parts.text(head, part.text, logprobs);
    if (part.text !== "") this.#before = part.type;
    if (isEmpty(tail)) return;
    if (hasText || part.type === "reasoning") this.#parts.textTail(head, tail);
    else if (tail.signature !== undefined) this.#parts.whole(head, tail);
    this.#before = "signed";
  }

  #closeSigned(): void {
    if (this.#before !== "signed") return;
    this.#parts.endText();
    this.#interrupt();
    this.#before = undefined;
  }

  #call(call: JsonObject, tail: PartTail): void {
    const name = textOf(call["name"]);
    const partials = asList(call["partialArgs"]);
    const goesOn = call["willContinue"] === true;
    if (name === undefined && this.#open === undefined) {
      if (call["args"] === undefined && partials.length === 0) return;
      throw malformed("The upstream called a tool without naming it.");
    }
    if (name !== undefined) this.#openCall(name, textOf(call["id"]) ?? "", tail);
    const open = this.#open;
    if (open === undefined) return;
    open.tail = { ...open.tail, ...tail };
    for (const partial of partials) {
      open.args ??= new PartialArgs();
      open.args.add(partial);
    }
    if (call["args"] !== undefined) this.#parts.toolDelta(open.key, inputJsonOf(call["args"]));
    if (!goesOn) this.#closeCall();
  }

  #openCall(name: string, id: string, tail: PartTail): void {
    this.#closeCall();
    this.#closeSigned();
    this.#interrupt();
    this.#before = undefined;
    this.#hasSaid = true;
    // Dialects without a place for it at the call carry the signature on the reasoning before the call.
    if (isGeminis(tail.signature)) this.#parts.textTail({ type: "reasoning" }, { signature: tail.signature });
    const key = String(this.#callCount);
    this.#callCount += 1;
    this.#parts.tool(key, { type: "tool-call", id, name });
    this.#open = { key, args: undefined, tail };
  }

  #closeCall(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    if (open.args !== undefined) this.#parts.toolDelta(open.key, open.args.toJson());
    this.#parts.endTool(open.key, isEmpty(open.tail) ? undefined : open.tail);
  }

  /** Sources found by a search, told once each. */
  #cite(candidate: JsonObject): void {
    const sources = readSources(candidate, this.#said);
    const annotations = sources.filter((source) => !this.#cited.has(citationKey(source)));
    if (annotations.length === 0) return;
    for (const source of annotations) this.#cited.add(citationKey(source));
    this.#parts.textTail({ type: "text" }, { annotations });
  }

  /** @param isWhole the answer came in one piece, so that it cannot have been cut off */
  end(isWhole: boolean): void {
    if (this.#isDone) return;
    const isComplete = this.#finish !== undefined || this.#blockReason !== undefined;
    if (!isComplete && !(isWhole && this.#isStarted)) {
      const what = this.#isStarted ? "answer ended before it was complete" : "answer holds no message";
      this.#fail(malformed(`The upstream's ${what}.`));
      return;
    }
    const isBlocked = this.#finish === undefined && this.#blockReason !== undefined;
    const raw = this.#finish ?? this.#blockReason;
    const reason = isBlocked ? "content-filter" : readFinishReason(raw, this.#callCount > 0);
    if (reason === "error" && !this.#hasSaid) {
      this.#fail(malformed(this.#finishMessage ?? `The model broke off its answer (${raw}).`));
      return;
    }
    this.#begin();
    this.#releaseCode();
    this.#closeCall();
    const search = readGrounding(this.#candidate);
    if (search !== undefined) this.#whole(search);
    this.#parts.end();
    this.#isDone = true;
    const vendor = vendorOf(GEMINI, {
      ...this.#extras,
      ...(isEmpty(this.#report) ? {} : { usage: this.#report }),
      ...(isEmpty(this.#candidate) ? {} : { candidate: this.#candidate }),
      ...(this.#others.length === 0 ? {} : { candidates: this.#others }),
    });
    this.events.push({
      type: "response-end",
      finish: { reason, ...(raw === undefined ? {} : { raw }) },
      usage: readUsage(this.#report) ?? {},
      ...servedBy(this.#report["serviceTier"]),
      ...this.#alternatives(),
      ...(vendor === undefined ? {} : { vendor }),
    });
  }

  #alternatives(): { others?: Alternative[] } {
    const told = new Map<number, readonly ChatEvent[]>();
    for (const [index, reader] of this.#readers) {
      // The answer is complete, and it is not.
      reader.#finish ??= "MAX_TOKENS";
      reader.end(true);
      told.set(index, reader.events);
    }
    return alternativesOf(told);
  }

  #fail(error: RelayError): void {
    this.#isDone = true;
    this.events.push({ type: "error", error });
  }
}

/** What a part of an answer is known by at its end; how it was written is nobody's business there. */
function tailOf(part: Part): PartTail {
  if (part.type !== "text" && part.type !== "reasoning" && part.type !== "tool-call") return {};
  const redacted = part.type === "reasoning" ? part.redacted : undefined;
  return compact<PartTail>({ signature: part.signature, redacted, ...own(part) });
}

function own({ vendor }: Part): Pick<PartTail, "vendor"> {
  const fields = vendorOf(GEMINI, fieldsOf(vendor, GEMINI));
  return fields === undefined ? {} : { vendor: fields };
}
