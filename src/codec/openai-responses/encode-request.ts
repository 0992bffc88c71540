/** Writes a request as Responses for an upstream, reporting what the dialect cannot say. */
import type { ChatRequest, Json, JsonObject } from "../../contract/chat.ts";
import type { EncodeTarget, Traits } from "../../contract/codec.ts";
import { badRequest } from "../shared/check.ts";
import { compact, objectOr, pick, sameJson } from "../shared/json.ts";
import { withObjectRoot } from "../shared/schema/root.ts";
import { isModeUnsaid, withSampling } from "../shared/reasoning.ts";
import { writeVendorFields } from "../shared/vendor-fields.ts";
import { loseForeign } from "../shared/extras.ts";
import { loseChoice, withoutHostedChoice } from "../shared/tool-choice.ts";
import { fieldsOf, formOf, loseOnce } from "../shared/vendor.ts";
import { inputString, type ItemContext, writeInput } from "./encode-items.ts";
import { readFormat, readReasoningSettings, writeFormat, writeReasoningSettings } from "./fields.ts";
import { includesFor } from "./hosted-tools.ts";
import { isAdditional, isWritable, readToolChoice, writeForeignTool, writeOwnTools, writeToolChoice } from "./tools.ts";
import { INCLUDE_ENCRYPTED, INCLUDE_LOGPROBS, OUTPUT_TOKENS_MIN, RESPONSES } from "./wire.ts";

export function encodeRequest(asked: ChatRequest, target: EncodeTarget): JsonObject {
  const lose = loseOnce(target.lose);
  const form = formOf(asked.vendor, RESPONSES);
  const reasoning = writeReasoning(asked, form, { ...target, lose });
  const settings = objectOr(reasoning["reasoning"]);
  const request =
    form === undefined
      ? withSampling(withoutHostedChoice(asked, lose, isWritable), settings, { ...target, lose })
      : asked;
  const context: ItemContext = { target, lose, isNative: form !== undefined };
  if ((request.n ?? 1) > 1) {
    throw badRequest("Several answers at once ('n') are not supported by the upstream chosen for this model.", "n");
  }
  loseForeign(request, RESPONSES, lose);
  const { instructions, items } = writeInput(request.system, request.messages, context);
  const written = form === undefined ? undefined : inputString(request.messages);
  const hasInput = form?.["input"] !== "none" || items.length > 0;
  if (form === undefined) reportLosses(request, lose);

  return {
    ...fieldsOf(request.vendor, RESPONSES),
    model: target.model,
    ...(instructions === undefined ? {} : { instructions }),
    ...(hasInput ? { input: written ?? items } : {}),
    ...writeTools(request, form, context),
    ...writeLimit(request, context),
    ...compact<JsonObject>({
      temperature: request.temperature,
      top_p: request.topP,
      top_logprobs: form === undefined && !request.logprobs ? undefined : request.topLogprobs,
    }),
    ...writeText(request, form),
    ...reasoning,
    ...compact<JsonObject>({
      metadata: request.metadata,
      service_tier: form === undefined && request.serviceTier === "auto" ? undefined : request.serviceTier,
      prompt_cache_key: request.promptCacheKey,
    }),
    ...writeVendorFields(request, form !== undefined, { ...target, lose }),
    ...(form === undefined ? writeStateless(request, target.traits) : pick(form, ["include", "stream_options"])),
    ...(request.stream ? { stream: true } : form === undefined ? {} : { stream: false }),
  };
}

function writeTools(request: ChatRequest, form: JsonObject | undefined, { lose }: ItemContext): JsonObject {
  const listed = request.tools.filter((tool) => !isAdditional(tool));
  const tools = listed.filter((tool) => {
    if (isWritable(tool)) return true;
    lose(tool.name === "" ? "tools" : tool.name, "the upstream has no such built-in tool");
    return false;
  });
  const hasAdditional = listed.length < request.tools.length;
  if (tools.length === 0 && !hasAdditional && form === undefined) {
    loseChoice(request, lose);
    return {};
  }
  const body: JsonObject = {};
  if (tools.length > 0) {
    body["tools"] = form === undefined ? tools.map((tool) => writeForeignTool(tool, lose)) : writeOwnTools(tools);
  }
  const choice = writeChoice(request, form);
  if (choice !== undefined) body["tool_choice"] = choice;
  if (request.parallelToolCalls !== undefined) body["parallel_tool_calls"] = request.parallelToolCalls;
  return body;
}

/** In the client's own words while they are still meant; they also name tools that only this dialect has. */
function writeChoice(request: ChatRequest, form: JsonObject | undefined): Json | undefined {
  const written = form?.["tool_choice"];
  const { toolChoice, tools } = request;
  if (written !== undefined && sameJson(readToolChoice(written, tools), toolChoice)) return written;
  return toolChoice === undefined ? undefined : writeToolChoice(toolChoice, tools);
}

function writeLimit({ maxOutputTokens }: ChatRequest, { target, lose, isNative }: ItemContext): JsonObject {
  if (maxOutputTokens === undefined) return {};
  if (isNative) return { max_output_tokens: maxOutputTokens };
  if (maxOutputTokens < OUTPUT_TOKENS_MIN) {
    lose("max_tokens", `raised to ${OUTPUT_TOKENS_MIN}, the upstream's least`);
    return { max_output_tokens: OUTPUT_TOKENS_MIN };
  }
  return { max_output_tokens: Math.min(maxOutputTokens, target.traits.maxOutputTokens ?? Number.POSITIVE_INFINITY) };
}

function writeText({ responseFormat, verbosity }: ChatRequest, form: JsonObject | undefined): JsonObject {
  const { format: written, verbosity: _verbosity, ...own } = objectOr(form?.["text"]);
  const isSame = sameJson(readFormat(form?.["text"]), responseFormat);
  const format = isSame
    ? written
    : responseFormat === undefined
      ? undefined
      : writeFormat(withObjectRoot(responseFormat));
  const text = compact<JsonObject>({ ...own, format, verbosity });
  return Object.keys(text).length === 0 ? {} : { text };
}

function writeReasoning({ reasoning }: ChatRequest, form: JsonObject | undefined, target: EncodeTarget): JsonObject {
  const written = form?.["reasoning"];
  if (written !== undefined && sameJson(readReasoningSettings(written), reasoning)) return { reasoning: written };
  const settings = writeReasoningSettings(reasoning, target);
  if (settings?.["effort"] === undefined && isModeUnsaid(reasoning, target.traits)) {
    target.lose("thinking", "the upstream takes no switch without a level");
  }
  return settings === undefined ? {} : { reasoning: settings };
}

/** Nothing is left at the vendor; what a model thought comes back encrypted, from models that think: others refuse. */
function writeStateless(request: ChatRequest, traits: Traits): JsonObject {
  const include = [
    ...(isThinking(request, traits) ? [INCLUDE_ENCRYPTED] : []),
    ...(request.logprobs ? [INCLUDE_LOGPROBS] : []),
    ...includesFor(request.tools),
  ];
  return { store: false, ...(include.length === 0 ? {} : { include }) };
}

function isThinking({ reasoning, messages }: ChatRequest, { thinking }: Traits): boolean {
  if (thinking !== undefined) return thinking !== "none";
  const effort = writeReasoningSettings(reasoning)?.["effort"];
  if (effort !== undefined && effort !== "none") return true;
  return messages.some(({ parts }) =>
    parts.some((part) => part.type === "reasoning" && part.signature?.origin === RESPONSES),
  );
}

function reportLosses(request: ChatRequest, lose: EncodeTarget["lose"]): void {
  const fields: [string, unknown][] = [
    ["top_k", request.topK],
    ["frequency_penalty", request.frequencyPenalty || undefined],
    ["presence_penalty", request.presencePenalty || undefined],
    ["seed", request.seed],
    ["top_logprobs", request.logprobs ? undefined : request.topLogprobs || undefined],
    ["logit_bias", request.logitBias],
  ];
  for (const [field, value] of fields) {
    if (value !== undefined) lose(field, "the upstream's dialect has no such field");
  }
}
