/** Reads a stream of Anthropic events, from Anthropic or from servers that imitate it. */
import type { Annotation, ChatEvent, JsonObject, Part, PartTail } from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { PartSequencer } from "../order.ts";
import { compact, isEmpty, isObject, numberOf, objectOr, parseJson, restOf, textOf } from "../shared/json.ts";
import { servedBy } from "../shared/service-tier.ts";
import { inputJsonOf } from "../shared/tool-input.ts";
import { classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";
import { vendorOf } from "../shared/vendor.ts";
import { isOpenCall, readAnnotations } from "./content.ts";
import { HostedPairs } from "./hosted.ts";
import { BODY_FIELDS, readAnswerBlock, readAnswerPart, readFinish, readStopDetails } from "./response.ts";
import { mergeReports, readUsage } from "./usage.ts";
import { MESSAGES, OUTPUT_TOOL } from "./wire.ts";

/** One reader per answer. An answer is complete at `message_stop` and not before. */
export function createStreamDecoder(): (frame: Frame | null) => ChatEvent[] {
  const reader = new EventReader();
  return (frame) => {
    reader.events = [];
    if (frame === null) reader.endOfStream();
    else if (frame.data !== "") reader.frame(frame);
    return reader.events;
  };
}

type Kind = "text" | "thinking" | "tool" | "output" | "whole";

interface Block {
  readonly key: string;
  readonly kind: Kind;
  /** As it was opened. */
  readonly value: JsonObject;
  /** Pieces of its input, for blocks that are given out whole. */
  input: string;
  citations: JsonObject[];
  signature: string;
}

class EventReader {
  events: ChatEvent[] = [];
  readonly #parts = new PartSequencer((event) => this.events.push(event));
  readonly #blocks = new Map<number, Block>();
  #blockCount = 0;
  #isStarted = false;
  #isDone = false;
  #hasCalls = false;
  #hasOutput = false;
  #usage: JsonObject = {};
  #extras: JsonObject = {};
  #stopReason: string | undefined;
  #stopSequence: string | undefined;
  #stopDetails: unknown;
  readonly #hosted = new HostedPairs();

  frame({ event, data }: Frame): void {
    if (this.#isDone || event === "ping") return;
    const body = parseJson(data);
    if (body === undefined) {
      if (data.trim() === "[DONE]") return; // imitators append it
      this.#fail(malformed("The upstream sent an event that is not JSON."));
      return;
    }
    if (!isObject(body)) return;
    switch (textOf(body["type"]) ?? event) {
      case "message_start":
        this.#start(objectOr(body["message"]));
        break;
      case "content_block_start":
        this.#openBlock(indexOf(body), objectOr(body["content_block"]));
        break;
      case "content_block_delta":
        this.#delta(indexOf(body), objectOr(body["delta"]));
        break;
      case "content_block_stop":
        this.#closeBlock(indexOf(body));
        break;
      case "message_delta":
        this.#messageDelta(body);
        break;
      case "message_stop":
        this.#succeed();
        break;
      case "error":
        this.#fail(classifyError(readErrorFacts(body)));
        break;
      default:
        // A bare error object, as proxies send it.
        if (isObject(body["error"])) this.#fail(classifyError(readErrorFacts(body)));
    }
  }

  endOfStream(): void {
    if (!this.#isDone) this.#fail(malformed("The upstream's answer ended before it was complete."));
  }

  #start(message: JsonObject): void {
    if (this.#isStarted) {
      // Proxies that retry splice a second answer behind the first: harmless only while nothing was said.
      if (this.#blockCount > 0) this.#fail(malformed("The upstream began a second answer inside the first."));
      return;
    }
    this.#isStarted = true;
    this.#usage = objectOr(message["usage"]);
    const usage = readUsage(message["usage"]);
    const vendor = vendorOf(MESSAGES, {
      ...restOf(message, BODY_FIELDS),
      ...(isEmpty(this.#usage) ? {} : { usage: this.#usage }),
    });
    this.events.push({
      type: "response-start",
      id: textOf(message["id"]) ?? "",
      model: textOf(message["model"]) ?? "",
      ...(usage === undefined ? {} : { usage }),
      ...servedBy(this.#usage["service_tier"]),
      ...(vendor === undefined ? {} : { vendor }),
    });
  }

  #openBlock(index: number, value: JsonObject): void {
    if (!this.#isStarted) this.#start({});
    if (this.#blocks.has(index)) this.#closeBlock(index);
    const key = String(this.#blockCount);
    this.#blockCount += 1;
    const block: Block = { key, kind: kindOf(value), value, input: "", citations: [], signature: "" };
    this.#blocks.set(index, block);
    if (block.kind !== "whole") this.#give(this.#hosted.end());
    switch (block.kind) {
      case "text":
        this.#parts.endText();
        this.#parts.text({ type: "text" }, textOf(value["text"]) ?? "");
        break;
      case "thinking":
        this.#parts.endText();
        this.#parts.text({ type: "reasoning" }, textOf(value["thinking"]) ?? "");
        block.signature = textOf(value["signature"]) ?? "";
        break;
      case "output":
        this.#hasOutput = true;
        this.#parts.endText();
        this.#parts.text({ type: "text", formed: true }, inputAtOpening(value));
        break;
      case "tool": {
        this.#hasCalls ||= isOpenCall(value);
        this.#parts.tool(key, { type: "tool-call", id: textOf(value["id"]) ?? "", name: textOf(value["name"]) ?? "" });
        const input = inputAtOpening(value);
        if (input !== "") this.#parts.toolDelta(key, input);
      }
    }
  }

  #delta(index: number, delta: JsonObject): void {
    const block = this.#blocks.get(index) ?? this.#missedBlock(index, delta);
    if (block === undefined) return;
    switch (delta["type"]) {
      case "text_delta":
        this.#parts.text({ type: "text" }, textOf(delta["text"]) ?? "");
        break;
      case "thinking_delta":
        this.#parts.text({ type: "reasoning" }, textOf(delta["thinking"]) ?? "");
        break;
      case "signature_delta":
        block.signature += textOf(delta["signature"]) ?? "";
        return;
      case "citations_delta":
        if (isObject(delta["citation"])) block.citations.push(delta["citation"]);
        return;
      case "input_json_delta": {
        const json = textOf(delta["partial_json"]) ?? "";
        if (block.kind === "tool") this.#parts.toolDelta(block.key, json);
        else if (block.kind === "output") this.#parts.text({ type: "text", formed: true }, json);
        else block.input += json;
      }
    }
  }

  /** A delta for a block that was never opened opens one of its kind; input without a name is nobody's. */
  #missedBlock(index: number, delta: JsonObject): Block | undefined {
    const type = delta["type"] === "thinking_delta" ? "thinking" : delta["type"] === "text_delta" ? "text" : undefined;
    if (type === undefined) return undefined;
    this.#openBlock(index, { type });
    return this.#blocks.get(index);
  }

  #closeBlock(index: number): void {
    const block = this.#blocks.get(index);
    if (block === undefined) return;
    this.#blocks.delete(index);
    const { key, kind, value } = block;
    switch (kind) {
      case "text":
        this.#closeText(block);
        break;
      case "output":
        this.#parts.endText();
        break;
      case "thinking": {
        const part = readAnswerBlock({ ...value, type: "thinking", thinking: "", signature: block.signature })[0];
        if (part?.type === "reasoning" && part.signature !== undefined) {
          this.#parts.textTail(
            { type: "reasoning" },
            compact<PartTail>({ signature: part.signature, redacted: part.redacted }),
          );
        }
        this.#parts.endText();
        break;
      }
      case "tool": {
        const part = readAnswerBlock(value)[0];
        this.#parts.endTool(key, part?.vendor === undefined ? undefined : { vendor: part.vendor });
        break;
      }
      case "whole":
        this.#whole(block);
    }
  }

  #closeText({ value, citations }: Block): void {
    const all = [...(Array.isArray(value["citations"]) ? value["citations"] : []), ...citations];
    const annotations: Annotation[] = readAnnotations(all);
    if (all.length > 0) {
      const vendor = vendorOf(MESSAGES, { citations: all });
      this.#parts.textTail(
        { type: "text" },
        compact<PartTail>({ annotations: annotations.length > 0 ? annotations : undefined, vendor }),
      );
    }
    this.#parts.endText();
  }

  /** Blocks without a name of their own here are given out complete, with the input that trickled in. */
  #whole({ value, input }: Block): void {
    const streamed = parseJson(input);
    this.#give(this.#hosted.add(streamed === undefined ? value : { ...value, input: streamed }));
  }

  #give(told: ReturnType<HostedPairs["add"]>): void {
    for (const part of told.flatMap(readAnswerPart)) this.#givePart(part);
  }

  #givePart(part: Part): void {
    if (part.type === "reasoning") {
      this.#parts.whole(
        { type: "reasoning" },
        compact<PartTail>({ signature: part.signature, redacted: part.redacted }),
      );
    } else if (part.type === "text") {
      this.#parts.text({ type: "text" }, part.text);
      if (part.vendor !== undefined) this.#parts.textTail({ type: "text" }, { vendor: part.vendor });
      this.#parts.endText();
    } else if (part.type === "hosted-call" || part.type === "opaque" || part.type === "media") {
      this.#parts.whole(part);
    }
  }

  #messageDelta(body: JsonObject): void {
    const delta = objectOr(body["delta"]);
    this.#stopReason = textOf(delta["stop_reason"]) ?? this.#stopReason;
    if (typeof delta["stop_sequence"] === "string") this.#stopSequence = delta["stop_sequence"];
    this.#stopDetails = delta["stop_details"] ?? this.#stopDetails;
    this.#usage = mergeReports(this.#usage, objectOr(body["usage"]));
    this.#extras = {
      ...this.#extras,
      ...restOf(delta, BODY_FIELDS),
      ...restOf(body, new Set(["type", "delta", "usage"])),
    };
  }

  #succeed(): void {
    if (!this.#isStarted) {
      this.#fail(malformed("The upstream's stream held no answer."));
      return;
    }
    for (const index of [...this.#blocks.keys()]) this.#closeBlock(index);
    this.#give(this.#hosted.end());
    for (const part of readStopDetails(this.#stopDetails)) {
      if (part.type !== "refusal") continue;
      const tail = part.vendor === undefined ? {} : { vendor: part.vendor };
      this.#parts.text({ type: "refusal" }, part.text);
      if (part.text === "") this.#parts.whole({ type: "refusal" }, tail);
      else this.#parts.textTail({ type: "refusal" }, tail);
    }
    this.#parts.end();
    this.#isDone = true;
    const vendor = vendorOf(MESSAGES, { ...this.#extras, ...(isEmpty(this.#usage) ? {} : { usage: this.#usage }) });
    this.events.push({
      type: "response-end",
      finish: readFinish(this.#stopReason, this.#stopSequence, this.#hasCalls, this.#hasOutput),
      usage: readUsage(this.#usage) ?? {},
      ...(vendor === undefined ? {} : { vendor }),
    });
  }

  #fail(error: RelayError): void {
    this.#isDone = true;
    this.events.push({ type: "error", error });
  }
}

function indexOf(body: JsonObject): number {
  return numberOf(body["index"]) ?? 0;
}

function kindOf({ type, name }: JsonObject): Kind {
  if (type === "tool_use") return name === OUTPUT_TOOL ? "output" : "tool";
  if (type === "text" || type === "thinking") return type;
  return "whole";
}

/** Imitators give the whole input at once; the vendor opens with an empty one. */
function inputAtOpening({ input }: JsonObject): string {
  return input === undefined || (isObject(input) && isEmpty(input)) ? "" : inputJsonOf(input);
}
