/** Reads answers of Converse, event by event; a whole answer is told as its events would have been. */
import type { ChatEvent, ChatResponse, JsonObject, PartTail, Usage } from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { AWS_EXCEPTION } from "../../wire/aws-event-stream.ts";
import { OUTPUT_TOOL } from "../anthropic-messages/wire.ts";
import { collect } from "../fold.ts";
import { PartSequencer } from "../order.ts";
import { disguisedAwsError, readAwsException } from "../shared/aws-errors.ts";
import { arrayOr, compact, isObject, numberOf, objectOr, parseJson, textOf } from "../shared/json.ts";
import { servedBy } from "../shared/service-tier.ts";
import { inputJsonOf } from "../shared/tool-input.ts";
import { malformed } from "../shared/upstream-error.ts";
import { CONVERSE, readStopReason } from "./wire.ts";

/** One reader per answer. It is complete once the stop reason came; counts follow in an event of their own. */
export function createStreamDecoder(): (frame: Frame | null) => ChatEvent[] {
  const reader = new AnswerReader();
  return (frame) => {
    reader.events = [];
    if (frame === null) reader.endOfStream();
    else reader.frame(frame);
    return reader.events;
  };
}

export function decodeResponse(body: JsonObject): ChatResponse {
  const message = objectOr(body["output"])["message"];
  if (!isObject(message)) throw disguisedAwsError(body) ?? malformed("The upstream's answer holds no message.");
  const reader = new AnswerReader();
  reader.begin();
  arrayOr(message["content"]).forEach((block, index) => {
    if (isObject(block)) reader.wholeBlock(index, block);
  });
  reader.stop(body);
  reader.metadata(body);
  return collect(reader.events);
}

interface Block {
  readonly key: string;
  kind: "text" | "reasoning" | "tool" | "output";
  signature: string;
  redacted: string;
}

class AnswerReader {
  events: ChatEvent[] = [];
  readonly #parts = new PartSequencer((event) => this.events.push(event));
  readonly #blocks = new Map<number, Block>();
  #blockCount = 0;
  #isStarted = false;
  #isDone = false;
  #hasCalls = false;
  #hasOutput = false;
  #hasSaid = false;
  #stopReason: string | undefined;
  #stopSequence: string | undefined;

  frame(frame: Frame): void {
    if (this.#isDone) return;
    if (frame.event === AWS_EXCEPTION) {
      this.#fail(readAwsException(frame));
      return;
    }
    const body = parseJson(frame.data);
    if (!isObject(body)) {
      if (frame.data !== "") this.#fail(malformed("The upstream sent an event that is not a JSON object."));
      return;
    }
    const index = numberOf(body["contentBlockIndex"]) ?? 0;
    switch (frame.event) {
      case "messageStart":
        this.begin();
        break;
      case "contentBlockStart":
        this.begin();
        this.#open(index, objectOr(body["start"]));
        break;
      case "contentBlockDelta":
        this.begin();
        this.#delta(index, objectOr(body["delta"]));
        break;
      case "contentBlockStop":
        this.#close(index);
        break;
      case "messageStop":
        this.begin();
        this.stop(body);
        break;
      case "metadata":
        if (this.#stopReason !== undefined) this.metadata(body);
    }
  }

  endOfStream(): void {
    if (this.#isDone) return;
    if (this.#stopReason === undefined) this.#fail(malformed("The upstream's answer ended before it was complete."));
    else this.metadata({});
  }

  /** Neither a name nor a model is told. */
  begin(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.events.push({ type: "response-start", id: "", model: "" });
  }

  wholeBlock(index: number, block: JsonObject): void {
    const { toolUse, reasoningContent, citationsContent, image } = block;
    if (isObject(toolUse)) {
      this.#open(index, block);
      const { input } = toolUse;
      this.#delta(index, { toolUse: { input: inputJsonOf(input) } });
    } else if (isObject(reasoningContent)) {
      const { reasoningText, redactedContent } = reasoningContent;
      this.#delta(index, { reasoningContent: { ...objectOr(reasoningText), ...compact({ redactedContent }) } });
    } else if (isObject(citationsContent)) {
      for (const piece of arrayOr(citationsContent["content"])) this.#delta(index, objectOr(piece));
    } else if (isObject(image)) {
      this.#image(image);
    } else if (typeof block["text"] === "string") {
      this.#delta(index, block);
    } else {
      this.#parts.whole({ type: "opaque", codecId: CONVERSE, value: block });
    }
    this.#close(index);
  }

  stop(body: JsonObject): void {
    this.#stopReason = textOf(body["stopReason"]) ?? "";
    this.#stopSequence = textOf(objectOr(body["additionalModelResponseFields"])["stop_sequence"]);
  }

  metadata(body: JsonObject): void {
    for (const index of [...this.#blocks.keys()]) this.#close(index);
    const isOutput = this.#hasOutput && !this.#hasCalls && this.#stopReason === "tool_use";
    const raw = isOutput ? "end_turn" : this.#stopReason || undefined;
    const reason = readStopReason(raw, this.#hasCalls);
    if (reason === "error" && !this.#hasSaid) {
      this.#fail(malformed(`The model broke off its answer (${raw}).`));
      return;
    }
    this.#parts.end();
    this.#isDone = true;
    this.events.push({
      type: "response-end",
      finish: compact({ reason, raw, stopSequence: this.#stopSequence }),
      usage: readUsage(body["usage"]),
      ...servedBy(objectOr(body["serviceTier"])["type"]),
    });
  }

  #open(index: number, start: JsonObject): Block {
    this.#close(index);
    const key = String(this.#blockCount);
    this.#blockCount += 1;
    const { toolUse } = start;
    const name = textOf(objectOr(toolUse)["name"]);
    // Input for a tool without a name is nobody's.
    const kind = name === undefined ? "text" : name === OUTPUT_TOOL ? "output" : "tool";
    const block: Block = { key, kind, signature: "", redacted: "" };
    this.#blocks.set(index, block);
    if (kind === "text") return block;
    this.#hasSaid = true;
    this.#parts.endText();
    if (kind === "output") this.#hasOutput = true;
    else {
      this.#hasCalls = true;
      this.#parts.tool(key, { type: "tool-call", id: textOf(objectOr(toolUse)["toolUseId"]) ?? "", name: name! });
    }
    return block;
  }

  #delta(index: number, delta: JsonObject): void {
    const block = this.#blocks.get(index) ?? this.#open(index, {});
    const { text, toolUse, reasoningContent } = delta;
    if (typeof text === "string" && text !== "") {
      this.#hasSaid = true;
      this.#parts.text({ type: "text" }, text);
    }
    if (isObject(toolUse)) {
      const input = textOf(toolUse["input"]) ?? "";
      if (block.kind === "tool") this.#parts.toolDelta(block.key, input);
      else if (block.kind === "output") this.#parts.text({ type: "text", formed: true }, input);
    }
    if (isObject(reasoningContent)) {
      if (block.kind === "text") block.kind = "reasoning";
      this.#parts.text({ type: "reasoning" }, textOf(reasoningContent["text"]) ?? "");
      block.signature += textOf(reasoningContent["signature"]) ?? "";
      block.redacted += textOf(reasoningContent["redactedContent"]) ?? "";
    }
  }

  #close(index: number): void {
    const block = this.#blocks.get(index);
    if (block === undefined) return;
    this.#blocks.delete(index);
    const { key, kind, signature, redacted } = block;
    if (kind === "tool") {
      this.#parts.endTool(key);
      return;
    }
    if (kind === "reasoning") {
      const blob = redacted === "" ? signature : redacted;
      const tail = compact<PartTail>({
        signature: blob === "" ? undefined : { origin: CONVERSE, value: blob },
        redacted: redacted === "" ? undefined : true,
      });
      if (blob !== "") this.#parts.textTail({ type: "reasoning" }, tail);
    }
    this.#parts.endText();
  }

  #image({ format, source }: JsonObject): void {
    const data = textOf(objectOr(source)["bytes"]);
    if (data === undefined) return;
    this.#hasSaid = true;
    const mediaType = `image/${textOf(format) ?? "png"}`;
    this.#parts.whole({ type: "media", kind: "image", source: { type: "base64", data }, mediaType });
  }

  #fail(error: RelayError): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.events.push({ type: "error", error });
  }
}

/** Cached tokens are counted beside the input. */
function readUsage(value: unknown): Usage {
  const report = objectOr(value);
  const input = numberOf(report["inputTokens"]);
  const cacheReadTokens = numberOf(report["cacheReadInputTokens"]);
  const cacheWriteTokens = numberOf(report["cacheWriteInputTokens"]);
  return compact<Usage>({
    inputTokens: input === undefined ? undefined : input + (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0),
    outputTokens: numberOf(report["outputTokens"]),
    cacheReadTokens,
    cacheWriteTokens,
  });
}
