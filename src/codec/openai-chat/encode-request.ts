/** Writes a request as chat completions for an upstream, reporting what the dialect cannot say. */
import type { ChatRequest, Json, JsonObject, Tool } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { loseMark } from "../shared/cache-mark.ts";
import { customToolDescription, customToolNames, customToolSchema } from "../shared/custom-tools.ts";
import { isObject, objectOr, pick, sameJson } from "../shared/json.ts";
import { isModeUnsaid, levelFor, withSampling } from "../shared/reasoning.ts";
import { toolSchema, withObjectRoot } from "../shared/schema/root.ts";
import { fitsOpenAiStrict } from "../shared/schema/strict.ts";
import { OPENAI_TOOL_NAME_CHARS_MAX, safeToolName } from "../shared/tool-names.ts";
import { loseForeign } from "../shared/extras.ts";
import { loseChoice, onlyAllowed, withoutHostedChoice } from "../shared/tool-choice.ts";
import { fieldsOf, formOf, loseOnce } from "../shared/vendor.ts";
import { isSearch, writeSearchOptions } from "../shared/web-search.ts";
import { withAnswer, withLogprobs } from "../shared/unsaid.ts";
import { writeVendorFields } from "../shared/vendor-fields.ts";
import { type MessageContext, writeMessages } from "./encode-messages.ts";
import {
  REASONING_FIELDS,
  readReasoningSwitches,
  readResponseFormat,
  readToolChoice,
  writeFunction,
  writeResponseFormat,
  writeToolChoice,
} from "./fields.ts";
import { CHAT } from "./wire.ts";

/** OpenAI takes no more stop sequences. */
const STOP_SEQUENCES_MAX = 4;

export function encodeRequest(given: ChatRequest, target: EncodeTarget): JsonObject {
  const lose = loseOnce(target.lose);
  const form = formOf(given.vendor, CHAT);
  const isNative = form !== undefined;
  const switches = writeReasoningSwitches(given, form, { ...target, lose });
  const request = isNative ? given : adapted(given, switches, { ...target, lose });
  const context: MessageContext = { target, lose, isNative };
  loseForeign(request, CHAT, lose);

  const body: JsonObject = {
    ...fieldsOf(request.vendor, CHAT),
    model: target.model,
    messages: writeMessages(request.system, request.messages, context),
    ...writeTools(request, form, context),
    ...writeSearch(request, context),
    ...writeLimit(request, form, target),
    ...switches,
    ...writeSampling(request, form, { ...target, lose }),
    ...writeStream(request, form, target),
  };
  const format = writeFormat(request, form);
  if (format !== undefined) body["response_format"] = format;
  if (isNative) Object.assign(body, pick(form, ["web_search_options"]));
  return Object.assign(body, writeVendorFields(request, isNative, { ...target, lose }));
}

/** As the client wrote it, while that is still what is meant. */
function writeFormat({ responseFormat }: ChatRequest, form: JsonObject | undefined): JsonObject | undefined {
  const written = form?.["response_format"];
  if (isObject(written) && sameJson(readResponseFormat(written), responseFormat)) return written;
  return responseFormat === undefined ? undefined : writeResponseFormat(withObjectRoot(responseFormat));
}

/** A request of another dialect, without what the model or the server refuses. */
function adapted(given: ChatRequest, switches: JsonObject, target: EncodeTarget): ChatRequest {
  const chosen = withoutHostedChoice(given, target.lose);
  const offered = target.traits.allowedTools === false ? onlyAllowed(chosen, target.lose) : chosen;
  return withLogprobs(withAnswer(withSampling(offered, switches, target), target.lose), target);
}

function writeLimit(request: ChatRequest, form: JsonObject | undefined, { traits }: EncodeTarget): JsonObject {
  if (request.maxOutputTokens === undefined) return {};
  const written = form?.["max_completion_tokens"] !== undefined ? "max_completion_tokens" : "max_tokens";
  const isWritten = form?.[written] !== undefined;
  const field = traits.maxTokensField ?? (isWritten ? written : "max_completion_tokens");
  const most = form === undefined ? (traits.maxOutputTokens ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  return { [field]: Math.min(request.maxOutputTokens, most) };
}

/** In the words of the client if it spoke chat; else as `reasoning_effort`, the one switch OpenAI has. */
function writeReasoningSwitches(
  { reasoning }: ChatRequest,
  form: JsonObject | undefined,
  target: EncodeTarget,
): JsonObject {
  if (form !== undefined) {
    const written = pick(form, REASONING_FIELDS);
    if (sameJson(readReasoningSwitches(written), reasoning)) return written;
  }
  if (reasoning?.summary !== undefined && reasoning.summary !== "none") {
    target.lose("reasoning.summary", "the upstream shows of its reasoning what it likes");
  }
  const level = levelFor(reasoning, target);
  if (level !== undefined) return { reasoning_effort: level };
  if (isModeUnsaid(reasoning, target.traits)) target.lose("thinking", "the upstream takes no switch without a level");
  return {};
}

function writeSampling(request: ChatRequest, form: JsonObject | undefined, target: EncodeTarget): JsonObject {
  const { lose } = target;
  const values: [string, Json | undefined][] = [
    ["temperature", request.temperature],
    ["top_p", request.topP],
    ["frequency_penalty", request.frequencyPenalty],
    ["presence_penalty", request.presencePenalty],
    ["seed", request.seed],
    ["stop", writeStop(request.stop, form, lose)],
    ["n", request.n],
    ["logprobs", form === undefined ? request.logprobs || undefined : request.logprobs],
    ["top_logprobs", form === undefined && !request.logprobs ? undefined : request.topLogprobs],
    ["logit_bias", request.logitBias],
    ["verbosity", request.verbosity],
    ["metadata", request.metadata],
    ["service_tier", form === undefined ? writeTier(request, target) : request.serviceTier],
    ["prompt_cache_key", request.promptCacheKey],
  ];
  if (form === undefined && !request.logprobs && request.topLogprobs) {
    lose("top_logprobs", "they are shown only beside the log probabilities of the tokens themselves");
  }
  if (request.topK !== undefined) {
    // Compatible servers take it as an extension; OpenAI itself refuses unknown fields.
    if (form?.["top_k"] !== undefined) values.push(["top_k", request.topK]);
    else lose("top_k", "chat has no such field");
  }
  return Object.fromEntries(values.filter((entry): entry is [string, Json] => entry[1] !== undefined));
}

/** Responses has a tier more; servers that imitate chat have the usual one, and few a field to ask for it. */
function writeTier({ serviceTier }: ChatRequest, { traits, lose }: EncodeTarget): string | undefined {
  if (serviceTier === "ultrafast") {
    lose("service_tier", "the upstream's dialect has no such tier");
    return undefined;
  }
  const isThere = serviceTier === "auto" || (serviceTier === "default" && traits.vendorFields === false);
  return isThere ? undefined : serviceTier;
}

function writeStop(
  stop: readonly string[] | undefined,
  form: JsonObject | undefined,
  lose: EncodeTarget["lose"],
): Json | undefined {
  if (stop === undefined || stop.length === 0) return undefined;
  if (typeof form?.["stop"] === "string" && stop.length === 1) return stop[0];
  if (form !== undefined) return [...stop];
  if (stop.length > STOP_SEQUENCES_MAX) lose("stop_sequences", `only the first ${STOP_SEQUENCES_MAX} are taken`);
  return stop.slice(0, STOP_SEQUENCES_MAX);
}

/** Usage is always asked for: the relay counts it, whether the client wants to see it or not. */
function writeStream(request: ChatRequest, form: JsonObject | undefined, { traits }: EncodeTarget): JsonObject {
  if (!request.stream) return form === undefined ? {} : { stream: false };
  if (traits.streamUsage === false) return { stream: true };
  return { stream: true, stream_options: { ...objectOr(form?.["stream_options"]), include_usage: true } };
}

function writeTools(request: ChatRequest, form: JsonObject | undefined, context: MessageContext): JsonObject {
  const { isNative, lose } = context;
  const tools = request.tools.filter((tool) => {
    if (tool.kind !== "provider" || fieldsOf(tool.vendor, CHAT)["tool"] !== undefined) return true;
    const isWritten =
      form?.["web_search_options"] !== undefined || (!isNative && context.target.traits.webSearch === true);
    if (isWritten && isSearch(tool)) return false;
    lose(tool.name === "" ? "tools" : tool.name, "the upstream has no such built-in tool");
    return false;
  });
  if (tools.length === 0) {
    // An empty list is refused, and so is a choice among nothing.
    loseChoice(request, lose);
    return {};
  }
  const isLegacy = form?.["functions"] === true;
  const body: JsonObject = isLegacy
    ? { functions: tools.map((tool) => writeFunction(tool, tool.name)) }
    : { tools: tools.map((tool) => writeTool(tool, context)) };
  if (request.toolChoice !== undefined) {
    const written = form?.["tool_choice"] ?? form?.["function_call"];
    const isSame = written !== undefined && sameJson(readToolChoice(written), request.toolChoice);
    const choice = isSame
      ? written
      : writeToolChoice(renamed(request.toolChoice, isNative), isNative ? customToolNames(tools) : new Set());
    body[isLegacy ? "function_call" : "tool_choice"] = choice;
  }
  if (request.parallelToolCalls !== undefined) body["parallel_tool_calls"] = request.parallelToolCalls;
  return body;
}

/** Another dialect's search, for the few models that take one. */
function writeSearch({ tools }: ChatRequest, { isNative, lose, target }: MessageContext): JsonObject {
  const search = isNative || target.traits.webSearch !== true ? undefined : tools.find(isSearch)?.webSearch;
  return search === undefined ? {} : { web_search_options: writeSearchOptions(search, lose) };
}

function renamed(choice: NonNullable<ChatRequest["toolChoice"]>, isNative: boolean) {
  if (isNative) return choice;
  const safe = (name: string) => safeToolName(name, OPENAI_TOOL_NAME_CHARS_MAX);
  if (choice.type === "tool") return { ...choice, name: safe(choice.name) };
  return choice.type === "allowed" ? { ...choice, names: choice.names.map(safe) } : choice;
}

function writeTool(tool: Tool, { isNative, lose }: MessageContext): JsonObject {
  const fields = fieldsOf(tool.vendor, CHAT);
  if (tool.kind === "provider") return objectOr(fields["tool"]);
  const marks = pick(formOf(tool.vendor, CHAT) ?? {}, ["cache_control", "prompt_cache_breakpoint"]);
  if (!isNative) loseMark(tool.cache, lose);
  if (tool.kind === "custom" && isNative) return { ...writeCustom(tool, fields), ...marks };
  const { function: extra, ...rest } = fields;
  if (isNative)
    return { ...rest, type: "function", function: { ...writeFunction(tool, tool.name), ...objectOr(extra) }, ...marks };
  return {
    type: "function",
    function: writeFunction(foreignTool(tool, lose), safeToolName(tool.name, OPENAI_TOOL_NAME_CHARS_MAX)),
  };
}

function writeCustom(tool: Tool, { format, ...rest }: JsonObject): JsonObject {
  const custom = {
    name: tool.name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
    ...(format === undefined ? {} : { format }),
  };
  return { ...rest, type: "custom", custom };
}

/** A tool of another dialect as a function. Freeform tools are wrapped: few compatible servers know them. */
function foreignTool(tool: Tool, lose: EncodeTarget["lose"]): Tool {
  if (tool.kind === "custom") {
    const description = customToolDescription(tool);
    return { kind: "function", name: tool.name, schema: customToolSchema(), ...(description ? { description } : {}) };
  }
  const { strict, ...rest } = tool;
  const schema = toolSchema(tool.schema);
  if (strict === undefined) return { ...rest, schema };
  if (!strict || fitsOpenAiStrict(schema)) return { ...rest, schema, strict };
  lose("strict", "the schema is not one that OpenAI's strict mode takes");
  return { ...rest, schema };
}
