/** Reads a messages request as Anthropic would, refusing what Anthropic refuses. */
import type {
  ChatRequest,
  Json,
  JsonObject,
  Message,
  Reasoning,
  TextPart,
  Tool,
  ToolChoice,
} from "../../contract/chat.ts";
import type { RequestHints } from "../../contract/codec.ts";
import { badRequest, checkRanges, fieldReader, type Ranges } from "../shared/check.ts";
import { compact, isObject, objectOr, pick, restOf, textOf } from "../shared/json.ts";
import { isEffort } from "../shared/reasoning.ts";
import { unreadIf, unreadIn, vendorOf, withUnread, withVendor } from "../shared/vendor.ts";
import { listForm, readBlock, readBlocks, readCache } from "./content.ts";
import { readHostedTool, serversAsTools } from "./hosted-tools.ts";
import { MESSAGES } from "./wire.ts";

/** Remembered as written, for upstreams of the same dialect. */
export const FORM_FIELDS = [
  "thinking",
  "output_config",
  "output_format",
  "metadata",
  "tool_choice",
  "service_tier",
  "mcp_servers",
] as const;

const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  ...FORM_FIELDS,
  "model",
  "messages",
  "max_tokens",
  "system",
  "stream",
  "tools",
  "temperature",
  "top_p",
  "top_k",
  "stop_sequences",
]);

const EXPECTED = {
  string: "string",
  number: "number",
  integer: "integer",
  boolean: "boolean",
  array: "list",
  object: "dictionary",
};

/** As the reference of its API gives them; the types of its libraries have none. */
const RANGES: Ranges = { temperature: [0, 1], top_p: [0, 1] };

/** Anthropic names places with dots. */
function dotted(param: string): string {
  return param.replace(/\[(\d+)\]/g, ".$1");
}

function complain(param: string, expected: keyof typeof EXPECTED): string {
  return `${dotted(param)}: Input should be a valid ${EXPECTED[expected]}`;
}

/** Older clients write -1 for a value that nobody set. */
function unlessUnset(value: number | undefined): number | undefined {
  return value === -1 ? undefined : value;
}

function missing(param: string) {
  return badRequest(`${dotted(param)}: Field required`, param);
}

export function decodeRequest(body: JsonObject, hints: RequestHints = {}): ChatRequest {
  const read = fieldReader(body, complain);
  const { top_p: topP, ...others } = body;
  checkRanges(
    topP === -1 ? others : body,
    RANGES,
    (param, least, most) => `${param}: Input should be between ${least} and ${most}`,
  );
  const model = read("model", "string") || hints.model;
  if (!model) throw missing("model");
  const maxOutputTokens = read("max_tokens", "integer");
  if (maxOutputTokens === undefined) throw missing("max_tokens");
  const messages = read("messages", "array");
  if (messages === undefined) throw missing("messages");
  if (messages.length === 0) throw badRequest("messages: at least one message is required", "messages");
  const choice = read("tool_choice", "object");
  const metadata = read("metadata", "object");
  const stop = read("stop_sequences", "array");
  const tools = read("tools", "array") ?? [];
  const servers = read("mcp_servers", "array");
  const reasoning = readReasoning(read("thinking", "object"), read("output_config", "object"));
  const parallel = choice?.["disable_parallel_tool_use"];

  return compact<ChatRequest>({
    model,
    stream: read("stream", "boolean") ?? hints.stream ?? false,
    system: readSystem(body["system"]),
    messages: messages.map(readMessage),
    tools: [...tools.map((tool, index) => readTool(tool, index, servers)), ...serversAsTools(servers, tools)],
    toolChoice: readToolChoice(choice),
    parallelToolCalls: typeof parallel === "boolean" ? !parallel : undefined,
    maxOutputTokens,
    temperature: read("temperature", "number"),
    topP: unlessUnset(read("top_p", "number")),
    topK: unlessUnset(read("top_k", "integer")),
    stop: stop?.filter((entry) => typeof entry === "string"),
    responseFormat: readOutputFormat(body),
    reasoning,
    user: textOf(metadata?.["user_id"]),
    serviceTier: readServiceTier(body["service_tier"]),
    includeUsage: true,
    vendor: vendorOf(MESSAGES, restOf(body, KNOWN_FIELDS), {
      ...pick(body, FORM_FIELDS),
      ...withUnread(
        unreadIn("thinking", body["thinking"], ["type", "budget_tokens", "display"]),
        unreadIf("thinking.type", objectOr(body["thinking"])["type"], reasoning?.mode),
        unreadIn("output_config", body["output_config"], ["effort", "format"]),
        unreadIf("output_config.effort", objectOr(body["output_config"])["effort"], reasoning?.effort),
        unreadIn("metadata", metadata, ["user_id"]),
      ),
      ...(Array.isArray(body["system"]) ? { system: "list" } : {}),
    }),
  });
}

function readSystem(value: Json | undefined): TextPart[] {
  if (value === undefined || value === null) return [];
  if (typeof value === "string") return value === "" ? [] : [{ type: "text", text: value }];
  if (!Array.isArray(value)) throw badRequest(complain("system", "array"), "system");
  return value.map((block, index) => {
    const param = `system[${index}]`;
    const part = isObject(block) ? readBlock(block) : undefined;
    if (part?.type !== "text") throw badRequest(`${dotted(param)}.type: Input should be 'text'`, param);
    return part;
  });
}

const MESSAGE_FIELDS = new Set(["role", "content"]);

function readMessage(value: Json, index: number): Message {
  const param = `messages[${index}]`;
  if (!isObject(value)) throw badRequest(complain(param, "object"), param);
  const { role, content } = value;
  if (role === undefined) throw missing(`${param}.role`);
  if (role !== "user" && role !== "assistant" && role !== "system") {
    throw badRequest(`${dotted(param)}.role: Input should be 'user', 'assistant' or 'system'`, `${param}.role`);
  }
  if (content === undefined || content === null) throw missing(`${param}.content`);
  if (typeof content !== "string" && !Array.isArray(content)) {
    throw badRequest(complain(`${param}.content`, "array"), `${param}.content`);
  }
  if (Array.isArray(content)) {
    content.forEach((block, position) => {
      checkBlock(block, `${param}.content[${position}]`);
    });
  }
  return {
    role,
    parts: readBlocks(content),
    ...withVendor(MESSAGES, restOf(value, MESSAGE_FIELDS), listForm(content)),
  };
}

function checkBlock(block: Json, param: string): void {
  if (!isObject(block)) throw badRequest(complain(param, "object"), param);
  if (typeof block["type"] !== "string") throw missing(`${param}.type`);
  if (block["type"] === "text" && typeof block["text"] !== "string") throw missing(`${param}.text`);
  if (block["type"] === "tool_use" && textOf(block["name"]) === undefined) throw missing(`${param}.name`);
  if (block["type"] === "tool_result" && textOf(block["tool_use_id"]) === undefined)
    throw missing(`${param}.tool_use_id`);
}

const TOOL_FIELDS = new Set(["type", "name", "description", "input_schema", "strict", "cache_control"]);

function readTool(value: Json, index: number, servers: Json[] | undefined): Tool {
  const param = `tools[${index}]`;
  if (!isObject(value)) throw badRequest(complain(param, "object"), param);
  const name = textOf(value["name"]);
  const type = textOf(value["type"]);
  if (type !== undefined && type !== "custom") {
    const { cache_control: _mark, ...tool } = value;
    const hosted = readHostedTool(type, value, servers);
    return { kind: "provider", name: name ?? type, ...hosted, ...readCache(value), ...withVendor(MESSAGES, { tool }) };
  }
  if (name === undefined) throw missing(`${param}.name`);
  return compact<Tool>({
    kind: "function",
    name,
    description: typeof value["description"] === "string" ? value["description"] : undefined,
    schema: isObject(value["input_schema"]) ? value["input_schema"] : undefined,
    strict: typeof value["strict"] === "boolean" ? value["strict"] : undefined,
    ...readCache(value),
    ...withVendor(MESSAGES, restOf(value, TOOL_FIELDS), type === undefined ? undefined : { type }),
  });
}

export function readToolChoice(choice: JsonObject | undefined): ToolChoice | undefined {
  switch (choice?.["type"]) {
    case "auto":
    case "none":
      return { type: choice["type"] };
    case "any":
      return { type: "required" };
    case "tool":
      return { type: "tool", name: textOf(choice["name"]) ?? "" };
    default:
      return undefined;
  }
}

/** `output_config.format`, or `output_format` as its beta was called. */
export function readOutputFormat(body: JsonObject): ChatRequest["responseFormat"] {
  const format = objectOr(objectOr(body["output_config"])["format"] ?? body["output_format"]);
  if (format["type"] !== "json_schema" || !isObject(format["schema"])) return undefined;
  return { type: "json-schema", schema: format["schema"] };
}

export function readReasoning(
  thinking: JsonObject | undefined,
  outputConfig: JsonObject | undefined,
): Reasoning | undefined {
  const modes: { readonly [type: string]: Reasoning["mode"] } = { enabled: "on", adaptive: "auto", disabled: "off" };
  const type = textOf(thinking?.["type"]) ?? "";
  const budget = thinking?.["budget_tokens"];
  const display = thinking?.["display"];
  const effort = outputConfig?.["effort"];
  const reasoning = compact<Reasoning>({
    mode: Object.hasOwn(modes, type) ? modes[type] : undefined,
    effort: isEffort(effort) ? effort : undefined,
    budgetTokens: typeof budget === "number" ? budget : undefined,
    summary: display === "summarized" ? "auto" : display === "omitted" ? "none" : undefined,
  });
  return Object.keys(reasoning).length === 0 ? undefined : reasoning;
}

function readServiceTier(value: Json | undefined): string | undefined {
  return value === "standard_only" ? "default" : textOf(value);
}
