/** Reads a chat completions request as OpenAI would, refusing what OpenAI refuses. */
import type {
  ChatRequest,
  Json,
  JsonObject,
  Message,
  Part,
  TextPart,
  Tool,
  ToolCallPart,
  ToolResultPart,
} from "../../contract/chat.ts";
import type { RequestHints } from "../../contract/codec.ts";
import { readCache } from "../shared/cache-mark.ts";
import { badRequest, fieldReader } from "../shared/check.ts";
import { arrayOr, compact, isObject, objectOr, restOf, textOf } from "../shared/json.ts";
import { inputJsonOf } from "../shared/tool-input.ts";
import { checkOpenaiRanges } from "../shared/openai-ranges.ts";
import { PROMPT_CACHE_FIELDS, readPromptCache } from "../shared/prompt-cache.ts";
import { mergeVendor, unreadIf, unreadIn, vendorOf, withUnread, withVendor } from "../shared/vendor.ts";
import { readSearchOptions } from "../shared/web-search.ts";
import { readContent } from "./content.ts";
import {
  FORM_FIELDS,
  formFields,
  readLegacyFunction,
  readReasoningSwitches,
  readResponseFormat,
  readStop,
  readTool,
  readToolChoice,
} from "./fields.ts";
import { plainFields, readReasoning } from "./reasoning.ts";
import { CHAT } from "./wire.ts";

const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  ...FORM_FIELDS,
  "model",
  "messages",
  "stream",
  "tools",
  "functions",
  "parallel_tool_calls",
  "temperature",
  "top_p",
  "frequency_penalty",
  "presence_penalty",
  "seed",
  "n",
  "logprobs",
  "top_logprobs",
  "logit_bias",
  "verbosity",
  "user",
  "safety_identifier",
  "metadata",
  "service_tier",
  "prompt_cache_key",
  ...PROMPT_CACHE_FIELDS,
]);

function missing(param: string) {
  return badRequest(`Missing required parameter: '${param}'.`, param);
}

export function decodeRequest(body: JsonObject, hints: RequestHints = {}): ChatRequest {
  const read = fieldReader(
    body,
    (param, expected, got) => `Invalid type for '${param}': expected ${expected}, but got ${got} instead.`,
  );
  checkOpenaiRanges(body);
  const model = read("model", "string") || hints.model;
  if (!model) throw missing("model");
  const messages = read("messages", "array");
  if (messages === undefined) throw missing("messages");
  if (messages.length === 0) {
    throw badRequest("Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages");
  }
  const { system, turns } = readMessages(messages);
  const reasoning = readReasoningSwitches(body);
  const responseFormat = readResponseFormat(read("response_format", "object"));
  const streamOptions = read("stream_options", "object");

  return compact<ChatRequest>({
    model,
    stream: read("stream", "boolean") ?? hints.stream ?? false,
    system,
    messages: turns,
    tools: [
      ...readTools(read("tools", "array"), read("functions", "array")),
      ...readSearch(read("web_search_options", "object")),
    ],
    toolChoice: readToolChoice(body["tool_choice"] ?? body["function_call"]),
    parallelToolCalls: read("parallel_tool_calls", "boolean"),
    maxOutputTokens: read("max_completion_tokens", "integer") ?? read("max_tokens", "integer"),
    temperature: read("temperature", "number"),
    topP: read("top_p", "number"),
    topK: read("top_k", "number"),
    frequencyPenalty: read("frequency_penalty", "number"),
    presencePenalty: read("presence_penalty", "number"),
    seed: read("seed", "number"),
    stop: typeof body["stop"] === "string" ? [body["stop"]] : readStop(read("stop", "array")),
    n: read("n", "integer"),
    logprobs: read("logprobs", "boolean"),
    topLogprobs: read("top_logprobs", "integer"),
    logitBias: read("logit_bias", "object"),
    responseFormat,
    verbosity: read("verbosity", "string"),
    reasoning,
    user: read("user", "string"),
    safetyIdentifier: read("safety_identifier", "string"),
    metadata: read("metadata", "object"),
    serviceTier: read("service_tier", "string"),
    promptCacheKey: read("prompt_cache_key", "string"),
    promptCache: readPromptCache(body),
    includeUsage: streamOptions?.["include_usage"] === true,
    vendor: vendorOf(CHAT, restOf(body, KNOWN_FIELDS), {
      ...formFields(body),
      ...withUnread(
        unreadIf("reasoning_effort", body["reasoning_effort"], reasoning?.effort),
        unreadIn("reasoning", body["reasoning"], ["effort", "max_tokens", "exclude", "enabled"]),
        unreadIn("thinking", body["thinking"], ["type", "budget_tokens"]),
        unreadIf("response_format", body["response_format"], responseFormat),
      ),
    }),
  });
}

function readTools(tools: Json[] | undefined, functions: Json[] | undefined): Tool[] {
  return [
    ...(tools ?? []).map((tool, index) => readTool(tool, `tools[${index}]`)),
    ...(functions ?? []).map((tool, index) => readLegacyFunction(tool, `functions[${index}]`)),
  ];
}

/** A switch at the top is this dialect's form of the vendor's own search. */
function readSearch(options: JsonObject | undefined): Tool[] {
  if (options === undefined) return [];
  return [{ kind: "provider", name: "web_search_options", webSearch: readSearchOptions(options) }];
}

const ROLES = ["system", "developer", "user", "assistant", "tool", "function"];

function readMessages(values: readonly Json[]): { system: TextPart[]; turns: Message[] } {
  const system: TextPart[] = [];
  const turns: Message[] = [];
  const open: ToolCallPart[] = []; // calls without a result so far, for results that do not name theirs

  values.forEach((value, index) => {
    const param = `messages[${index}]`;
    if (!isObject(value)) throw badRequest(`Invalid type for '${param}': expected an object.`, param);
    const { role } = value;
    if (role === undefined || role === null) throw missing(`${param}.role`);
    switch (role) {
      case "system":
      case "developer": {
        const parts = readParts(value, param);
        const texts = parts.filter((part) => part.type === "text");
        if (turns.length === 0 && texts.length === parts.length) system.push(...markStart(texts, value));
        else turns.push({ role: "system", parts, ...messageExtras(value, INSTRUCTION_FIELDS, { role }) });
        break;
      }
      case "user":
        turns.push({ role, parts: readParts(value, param), ...messageExtras(value, USER_FIELDS) });
        break;
      case "assistant": {
        const message = readAssistant(value, param, index);
        for (const part of message.parts) if (part.type === "tool-call") open.push(part);
        turns.push(message);
        break;
      }
      case "tool":
      case "function": {
        const result = readResult(value, param, open);
        const last = turns.at(-1);
        const isRun = last?.role === "user" && last.parts.every((part) => part.type === "tool-result");
        if (isRun && last.parts.length > 0) last.parts.push(result);
        else turns.push({ role: "user", parts: [result] });
        break;
      }
      default:
        throw badRequest(
          `Invalid value for '${param}.role'. Supported values are: ${ROLES.map((name) => `'${name}'`).join(", ")}.`,
          `${param}.role`,
        );
    }
  });
  return { system, turns };
}

const START_FIELDS = new Set(["content"]);
const INSTRUCTION_FIELDS = new Set(["role", "content", "cache_control", "prompt_cache_breakpoint"]);
const USER_FIELDS = new Set([...INSTRUCTION_FIELDS, "name"]);
const RESULT_FIELDS = new Set([...USER_FIELDS, "tool_call_id"]);
const ASSISTANT_FIELDS = new Set([
  ...USER_FIELDS,
  "refusal",
  "tool_calls",
  "function_call",
  "reasoning_content",
  "reasoning",
  "reasoning_details",
]);

function messageExtras(message: JsonObject, known: ReadonlySet<string>, form: JsonObject = {}): Partial<Message> {
  const { cache, form: cacheForm } = readCache(message);
  const name = textOf(message["name"]);
  return {
    ...(name === undefined || !known.has("name") ? {} : { name }),
    ...withVendor(CHAT, restOf(message, known), {
      ...form,
      ...(cache === undefined ? {} : cacheForm),
      ...listForm(message),
    }),
  };
}

/** Remembers that content was a list where a string would have done, or empty where null would have done. */
function listForm({ content }: JsonObject): JsonObject {
  if (Array.isArray(content)) return { list: true };
  return content === "" ? { empty: true } : {};
}

/** The parts of a message; a cache mark of the message itself is moved to its last part. */
function readParts(message: JsonObject, param: string): Part[] {
  const parts = readContent(message["content"], `${param}.content`);
  const { cache } = readCache(message);
  const last = parts.at(-1);
  if (cache !== undefined && last !== undefined) last.cache ??= cache;
  return parts;
}

/** Remembers on the first part where a leading message began and what it said beside its text. */
function markStart(parts: TextPart[], message: JsonObject): TextPart[] {
  const [first, ...others] = parts;
  if (first === undefined) return [];
  const start: JsonObject = {
    ...restOf(message, START_FIELDS),
    role: message["role"] ?? "system",
    ...readCache(message).form,
  };
  const vendor = mergeVendor(first.vendor, vendorOf(CHAT, {}, { start, ...listForm(message) }));
  return [{ ...first, ...(vendor === undefined ? {} : { vendor }) }, ...others];
}

function readAssistant(message: JsonObject, param: string, index: number): Message {
  const fields = plainFields(message);
  const reasoning = readReasoning(message).map((part): Part => {
    const vendor = mergeVendor(part.vendor, fields.length > 0 ? vendorOf(CHAT, {}, { fields }) : undefined);
    return vendor === undefined ? part : { ...part, vendor };
  });
  const parts: Part[] = [...reasoning, ...readParts(message, param)];
  const refusal = textOf(message["refusal"]);
  if (refusal !== undefined) parts.push({ type: "refusal", text: refusal });
  const calls = message["tool_calls"];
  if (calls !== undefined && calls !== null && !Array.isArray(calls)) {
    throw badRequest(`Invalid type for '${param}.tool_calls': expected an array.`, `${param}.tool_calls`);
  }
  arrayOr(calls).forEach((call, position) => {
    parts.push(readToolCall(call, `${param}.tool_calls[${position}]`));
  });
  const legacy = message["function_call"];
  if (isObject(legacy)) {
    parts.push({
      type: "tool-call",
      id: `call_${index}`,
      name: textOf(legacy["name"]) ?? "",
      inputJson: inputJsonOf(legacy["arguments"]),
      ...withVendor(CHAT, {}, { legacy: true }),
    });
  }
  return { role: "assistant", parts, ...messageExtras(message, ASSISTANT_FIELDS) };
}

const CALL_FIELDS = new Set(["id", "type", "function", "custom", "index", "cache_control", "prompt_cache_breakpoint"]);

function readToolCall(value: Json, param: string): ToolCallPart {
  if (!isObject(value)) throw badRequest(`Invalid type for '${param}': expected an object.`, param);
  const { cache, form } = readCache(value);
  const google = objectOr(objectOr(value["extra_content"])["google"]);
  const thought = textOf(google["thought_signature"]);
  const base = {
    type: "tool-call" as const,
    id: textOf(value["id"]) ?? "",
    ...(cache === undefined ? {} : { cache }),
    ...(thought === undefined ? {} : { signature: { origin: "gemini", value: thought } }),
    ...withVendor(CHAT, restOf(value, CALL_FIELDS), cache === undefined ? undefined : form),
  };
  if (isObject(value["custom"])) {
    const { name, input } = value["custom"];
    return { ...base, name: textOf(name) ?? "", inputJson: textOf(input) ?? "", custom: true };
  }
  const definition = value["function"];
  if (!isObject(definition)) throw missing(`${param}.function`);
  return { ...base, name: textOf(definition["name"]) ?? "", inputJson: inputJsonOf(definition["arguments"]) };
}

/** A result names its call by id, in the old language by the function; failing both it answers the oldest open call. */
function readResult(message: JsonObject, param: string, open: ToolCallPart[]): ToolResultPart {
  const name = textOf(message["name"]);
  const id = textOf(message["tool_call_id"]);
  const byName = message["role"] === "function" ? open.findIndex((call) => call.name === name) : -1;
  const position = id === undefined ? Math.max(byName, 0) : open.findIndex((call) => call.id === id);
  const call = position < 0 ? undefined : open[position];
  if (call !== undefined) open.splice(position, 1);
  if (id === undefined && call === undefined) throw missing(`${param}.tool_call_id`);
  const isLegacy = message["role"] === "function";
  const extras = messageExtras(message, RESULT_FIELDS, {
    ...(isLegacy ? { legacy: true } : {}),
    ...(name === undefined ? {} : { named: true }),
  });
  const { cache } = readCache(message);
  return compact<ToolResultPart>({
    type: "tool-result",
    id: id ?? call?.id ?? "",
    name: name ?? call?.name,
    parts: readContent(message["content"], `${param}.content`),
    isError: false,
    cache,
    vendor: extras.vendor,
  });
}
