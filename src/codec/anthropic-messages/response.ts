/** Whole Anthropic answers, both ways. */
import type {
  ChatResponse,
  HostedCallPart,
  JsonObject,
  Part,
  PartTail,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  Usage,
} from "../../contract/chat.ts";
import type { AnswerContext } from "../../contract/codec.ts";
import { customToolNames, unwrapCustomInput, wrapCustomInput } from "../shared/custom-tools.ts";
import { sealReasoning } from "../shared/envelope.ts";
import { inputObject } from "../shared/input-object.ts";
import { arrayOr, compact, isObject, objectOr, restOf, textOf } from "../shared/json.ts";
import { servedBy } from "../shared/service-tier.ts";
import { answerToolIds, clientToolNames } from "../shared/tool-names.ts";
import { brokenOff, classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";
import { estimateTokens } from "../shared/usage.ts";
import { fieldsOf, vendorOf } from "../shared/vendor.ts";
import { isOpenCall, readBlock, writeCitation } from "./content.ts";
import { HostedPairs, HostedWriter } from "./hosted.ts";
import { readUsage, writeFullUsage } from "./usage.ts";
import { MESSAGES, OUTPUT_TOOL, readStopReason, writeStopReason } from "./wire.ts";

/** Names of the answer's own fields; everything beside them is kept as the upstream's. */
export const BODY_FIELDS: ReadonlySet<string> = new Set([
  "id",
  "type",
  "role",
  "model",
  "content",
  "stop_reason",
  "stop_sequence",
  "stop_details",
  "usage",
]);

/** `{type: "error"}`, whatever the status; `undefined` for anything else. */
export function disguisedError(body: JsonObject) {
  const isError = body["type"] === "error" || (isObject(body["error"]) && !Array.isArray(body["content"]));
  return isError ? classifyError(readErrorFacts(body)) : undefined;
}

/** Why the model refused, in words: shown to clients whose dialect has no field for it. */
export function readStopDetails(details: unknown): Part[] {
  if (!isObject(details)) return [];
  const text = textOf(details["explanation"]) ?? "";
  return [{ type: "refusal", text, ...compact({ vendor: vendorOf(MESSAGES, { stop_details: details }) }) }];
}

/** One block of an answer as parts; none for an empty text. */
export function readAnswerBlock(block: JsonObject): Part[] {
  const part = readBlock(block);
  if (part.type === "text" && part.text === "") return [];
  if (part.type === "tool-call" && part.name === OUTPUT_TOOL)
    return [{ type: "text", text: part.inputJson, formed: true }];
  return [part];
}

/** One block, or a call of a tool that ran at the vendor. */
export function readAnswerPart(told: HostedCallPart | JsonObject): Part[] {
  return isHostedCall(told) ? [told] : readAnswerBlock(told);
}

function isHostedCall(told: HostedCallPart | JsonObject): told is HostedCallPart {
  return told["type"] === "hosted-call";
}

function readAnswerBlocks(blocks: readonly JsonObject[]): Part[] {
  const pairs = new HostedPairs();
  return [...blocks.flatMap((block) => pairs.add(block)), ...pairs.end()].flatMap(readAnswerPart);
}

export function decodeResponse(body: JsonObject): ChatResponse {
  const error = disguisedError(body);
  if (error !== undefined) throw error;
  if (!Array.isArray(body["content"])) throw malformed("The upstream's answer holds no content.");
  const blocks = body["content"].filter(isObject);
  const parts = [...readAnswerBlocks(blocks), ...readStopDetails(body["stop_details"])];
  const isOutput = blocks.some((block) => block["name"] === OUTPUT_TOOL);
  const hasCalls = blocks.some((block) => isOpenCall(block) && block["name"] !== OUTPUT_TOOL);
  const raw = textOf(body["stop_reason"]);
  const stopSequence = typeof body["stop_sequence"] === "string" ? body["stop_sequence"] : undefined;
  return compact<ChatResponse>({
    id: textOf(body["id"]) ?? "",
    model: textOf(body["model"]) ?? "",
    parts,
    finish: readFinish(raw, stopSequence, hasCalls, isOutput),
    usage: readUsage(body["usage"]) ?? {},
    ...servedBy(objectOr(body["usage"])["service_tier"]),
    vendor: vendorOf(MESSAGES, {
      ...restOf(body, BODY_FIELDS),
      ...(isObject(body["usage"]) ? { usage: body["usage"] } : {}),
    }),
  });
}

/** A stop for the stand-in output tool is an ordinary end. */
export function readFinish(
  raw: string | undefined,
  stopSequence: string | undefined,
  hasCalls: boolean,
  isOutput: boolean,
): ChatResponse["finish"] {
  const word = isOutput && !hasCalls && raw === "tool_use" ? "end_turn" : raw;
  return compact<ChatResponse["finish"]>({ reason: readStopReason(word, hasCalls), raw: word, stopSequence });
}

/** The upstream's own extras of an answer. */
export function ownExtras(vendor: ChatResponse["vendor"]): { body: JsonObject; usage: JsonObject } {
  const { usage, ...body } = fieldsOf(vendor, MESSAGES);
  return { body, usage: objectOr(usage) };
}

/** How calls are shown to this client: valid ids, its own tool names. */
export function callWriter({ request, seed }: AnswerContext) {
  const nameOf = clientToolNames(request.tools);
  const customNames = customToolNames(request.tools);
  const input = (call: { custom?: true; name: string }, json: string) =>
    customNames.has(nameOf(call.name)) ? unwrapCustomInput(json) : json;
  return {
    id: answerToolIds("toolu_", seed),
    name: nameOf,
    /** JSON text of the input; freeform text of an upstream that has such tools is wrapped. */
    inputJson: (call: { custom?: true; name: string }, json: string) =>
      call.custom ? wrapCustomInput(input(call, json)) : json,
  };
}

export function encodeResponse(response: ChatResponse, context: AnswerContext): JsonObject {
  const failure = brokenOff(response.finish);
  if (failure !== undefined) throw failure;
  const { body, usage } = ownExtras(response.vendor);
  const calls = callWriter(context);
  const hosted = new HostedWriter(context.seed);
  return {
    id: response.id || `msg_${context.seed}`,
    type: "message",
    role: "assistant",
    model: response.model || context.request.model,
    content: response.parts.flatMap((part) => writeAnswerPart(part, calls, hosted)),
    stop_reason: writeStopReason(response.finish),
    stop_sequence: response.finish.stopSequence ?? null,
    ...stopDetailsOf(response.parts),
    usage: {
      ...writeFullUsage(withEstimates(response, context), usage, response.serviceTier),
      ...hosted.usage(usage),
    },
    ...body,
  };
}

/** Counts the upstream left out are guessed: a zero would tell clients that nothing was read or written. */
function withEstimates({ usage, parts }: ChatResponse, { inputTokensEstimate }: AnswerContext): Usage {
  const { inputTokens = inputTokensEstimate, outputTokens = estimateTokens(charsOf(parts)) } = usage;
  return { ...usage, inputTokens, outputTokens };
}

function charsOf(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => {
    if (part.type === "tool-call")
      return sum + part.name.length + (part.inputJson === "{}" ? 0 : part.inputJson.length);
    return sum + ("text" in part ? part.text.length : 0);
  }, 0);
}

function stopDetailsOf(parts: readonly Part[]): JsonObject {
  const details = parts.map((part) => fieldsOf(part.vendor, MESSAGES)["stop_details"]).find(isObject);
  return details === undefined ? {} : { stop_details: details };
}

function writeAnswerPart(part: Part, calls: ReturnType<typeof callWriter>, hosted: HostedWriter): JsonObject[] {
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [writeText(part)];
    case "reasoning":
      return writeThinking(part);
    case "refusal":
      return part.text === "" || isStopDetail(part) ? [] : [{ type: "text", text: part.text }];
    case "tool-call":
      return [toolUse(part, calls)];
    case "hosted-call":
      return hosted.write(part);
    case "opaque":
      return part.codecId === MESSAGES ? [part.value] : [];
    default:
      return [];
  }
}

export function isStopDetail(part: { vendor?: Part["vendor"] }): boolean {
  return isObject(fieldsOf(part.vendor, MESSAGES)["stop_details"]);
}

/** Citations as the upstream wrote them, else made from what is known of the sources. */
export function citationsOf({ annotations, vendor }: Pick<PartTail, "annotations" | "vendor">): JsonObject[] {
  const own = arrayOr(fieldsOf(vendor, MESSAGES)["citations"]).filter(isObject);
  return own.length > 0 ? own : (annotations ?? []).map(writeCitation);
}

function writeText(part: TextPart): JsonObject {
  const { block, citations: _citations, ...fields } = fieldsOf(part.vendor, MESSAGES);
  if (isObject(block)) return block;
  const citations = citationsOf(part);
  return { type: "text", text: part.text, ...fields, ...(citations.length === 0 ? {} : { citations }) };
}

/** The signature a client stores and returns: Anthropic's own, else an envelope around whatever there is. */
export function signatureFor({ signature, redacted }: Pick<ReasoningPart, "signature" | "redacted">): string {
  if (signature?.origin === MESSAGES) return signature.value;
  return sealReasoning({ ...(signature ? { signature } : {}), ...(redacted ? { redacted } : {}) });
}

/** The blob of thinking that Anthropic hid. */
export function hiddenThinking({ signature, redacted }: Pick<ReasoningPart, "signature" | "redacted">) {
  return redacted && signature?.origin === MESSAGES ? signature.value : undefined;
}

function writeThinking(part: ReasoningPart): JsonObject[] {
  const data = hiddenThinking(part);
  if (data !== undefined) return [{ type: "redacted_thinking", data }];
  if (part.text === "" && part.signature === undefined) return [];
  return [{ type: "thinking", thinking: part.text, signature: signatureFor(part) }];
}

function toolUse(call: ToolCallPart, calls: ReturnType<typeof callWriter>): JsonObject {
  return {
    type: "tool_use",
    id: calls.id(call.id),
    name: calls.name(call.name),
    input: inputObject(calls.inputJson(call, call.inputJson)),
    ...fieldsOf(call.vendor, MESSAGES),
  };
}
