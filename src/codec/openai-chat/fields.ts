/** Top-level chat fields that need more than copying: limits, reasoning switches, tools, tool choice, formats. */
import type {
  ChatRequest,
  Json,
  JsonObject,
  Reasoning,
  ResponseFormat,
  Tool,
  ToolChoice,
} from "../../contract/chat.ts";
import { badRequest } from "../shared/check.ts";
import { arrayOr, compact, isObject, numberOf, objectOr, pick, restOf, textOf } from "../shared/json.ts";
import { isEffort } from "../shared/reasoning.ts";
import { withVendor } from "../shared/vendor.ts";
import { readCache } from "../shared/cache-mark.ts";
import { CHAT } from "./wire.ts";

/** The switches for reasoning that compatible servers invented; the request is written back in the same ones. */
export const REASONING_FIELDS = [
  "reasoning_effort",
  "reasoning", // OpenRouter
  "thinking", // DeepSeek, GLM, Kimi
  "enable_thinking", // Qwen
  "thinking_budget",
] as const;

export function readReasoningSwitches(body: JsonObject): Reasoning | undefined {
  const router = objectOr(body["reasoning"]);
  const thinking = objectOr(body["thinking"]);
  const effort = [body["reasoning_effort"], router["effort"]].find(isEffort);
  const budgetTokens =
    numberOf(router["max_tokens"]) ?? numberOf(thinking["budget_tokens"]) ?? numberOf(body["thinking_budget"]);
  const reasoning = compact<Reasoning>({
    mode: readMode(body, router, thinking),
    effort,
    budgetTokens,
    summary: router["exclude"] === true ? "none" : undefined,
  });
  return Object.keys(reasoning).length === 0 ? undefined : reasoning;
}

function readMode(body: JsonObject, router: JsonObject, thinking: JsonObject): Reasoning["mode"] {
  if (thinking["type"] === "disabled" || router["enabled"] === false || body["enable_thinking"] === false) return "off";
  if (thinking["type"] === "enabled" || router["enabled"] === true || body["enable_thinking"] === true) return "on";
  return thinking["type"] === "auto" || thinking["type"] === "adaptive" ? "auto" : undefined;
}

export function readStop(values: Json[] | undefined): string[] | undefined {
  return values?.filter((entry) => typeof entry === "string");
}

export function readToolChoice(value: Json | undefined): ToolChoice | undefined {
  const word = typeof value === "string" ? value : textOf(objectOr(value)["type"]);
  switch (word) {
    case "auto":
    case "none":
      return { type: word };
    case "required":
    case "any": // Mistral
      return { type: "required" };
  }
  if (!isObject(value)) return undefined;
  if (word === "allowed_tools") {
    const allowed = objectOr(value["allowed_tools"] ?? value);
    const names = arrayOr(allowed["tools"]).flatMap((tool) => toolName(objectOr(tool)) ?? []);
    return { type: "allowed", names, mode: allowed["mode"] === "required" ? "required" : "auto" };
  }
  const name = toolName(value);
  return name === undefined ? undefined : { type: "tool", name };
}

function toolName(tool: JsonObject): string | undefined {
  return textOf(objectOr(tool["function"])["name"]) ?? textOf(objectOr(tool["custom"])["name"]) ?? textOf(tool["name"]);
}

export function writeToolChoice(choice: ToolChoice, customNames: ReadonlySet<string>): Json {
  const reference = (name: string): JsonObject =>
    customNames.has(name) ? { type: "custom", custom: { name } } : { type: "function", function: { name } };
  switch (choice.type) {
    case "tool":
      return reference(choice.name);
    case "allowed":
      return { type: "allowed_tools", allowed_tools: { mode: choice.mode, tools: choice.names.map(reference) } };
    default:
      return choice.type;
  }
}

export function readResponseFormat(value: Json | undefined): ResponseFormat | undefined {
  const format = objectOr(value);
  switch (format["type"]) {
    case "text":
      return { type: "text" };
    case "json_object":
      return { type: "json" };
    case "json_schema": {
      const inner = isObject(format["json_schema"]) ? format["json_schema"] : format;
      return compact<Extract<ResponseFormat, { type: "json-schema" }>>({
        type: "json-schema",
        name: textOf(inner["name"]),
        description: textOf(inner["description"]),
        schema: objectOr(inner["schema"]),
        strict: typeof inner["strict"] === "boolean" ? inner["strict"] : undefined,
      });
    }
    default:
      return undefined;
  }
}

/** OpenAI demands a name for a schema; other dialects have none. */
const DEFAULT_SCHEMA_NAME = "response";

export function writeResponseFormat(format: ResponseFormat): JsonObject {
  if (format.type === "text") return { type: "text" };
  if (format.type === "json") return { type: "json_object" };
  const { name, description, schema, strict } = format;
  return {
    type: "json_schema",
    json_schema: {
      name: name?.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64) || DEFAULT_SCHEMA_NAME,
      ...(description === undefined ? {} : { description }),
      schema,
      ...(strict === undefined ? {} : { strict }),
    },
  };
}

const TOOL_FIELDS = new Set(["type", "function", "custom", "cache_control", "prompt_cache_breakpoint"]);
const FUNCTION_FIELDS = new Set(["name", "description", "parameters", "strict"]);

function readFunction(definition: JsonObject, param: string): Omit<Tool, "cache" | "vendor"> {
  const name = textOf(definition["name"]);
  if (name === undefined) throw badRequest(`Missing required parameter: '${param}.name'.`, `${param}.name`);
  return compact<Tool>({
    kind: "function",
    name,
    description: typeof definition["description"] === "string" ? definition["description"] : undefined,
    schema: isObject(definition["parameters"]) ? definition["parameters"] : undefined,
    strict: typeof definition["strict"] === "boolean" ? definition["strict"] : undefined,
  });
}

export function readTool(value: Json, param: string): Tool {
  if (!isObject(value)) throw badRequest(`Invalid type for '${param}': expected an object.`, param);
  const { cache, form } = readCache(value);
  const marked = cache === undefined ? {} : { cache };
  const rest = restOf(value, TOOL_FIELDS);
  if (isObject(value["function"])) {
    const definition = value["function"];
    const extra = restOf(definition, FUNCTION_FIELDS);
    const fields = { ...rest, ...(Object.keys(extra).length > 0 ? { function: extra } : {}) };
    return { ...readFunction(definition, `${param}.function`), ...marked, ...withVendor(CHAT, fields, form) };
  }
  if (value["type"] === "custom" && isObject(value["custom"])) {
    const { name, description, ...extra } = value["custom"];
    return compact<Tool>({
      kind: "custom",
      name: textOf(name) ?? "",
      description: textOf(description),
      cache,
      ...withVendor(CHAT, { ...rest, ...extra }, form),
    });
  }
  if (value["type"] === "function") {
    throw badRequest(`Missing required parameter: '${param}.function'.`, `${param}.function`);
  }
  return { kind: "provider", name: textOf(value["type"]) ?? "", ...withVendor(CHAT, { tool: value }) };
}

/** The entry of the old `functions` list. */
export function readLegacyFunction(value: Json, param: string): Tool {
  if (!isObject(value)) throw badRequest(`Invalid type for '${param}': expected an object.`, param);
  return readFunction(value, param);
}

export function writeFunction(tool: Tool, name: string): JsonObject {
  return {
    name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
    ...(tool.schema === undefined ? {} : { parameters: tool.schema }),
    ...(tool.strict === undefined ? {} : { strict: tool.strict }),
  };
}

/** Names of fields whose written form is remembered for writing them again. */
export const FORM_FIELDS = [
  ...REASONING_FIELDS,
  "max_tokens",
  "max_completion_tokens",
  "stop",
  "tool_choice",
  "function_call",
  "response_format",
  "stream_options",
  "top_k",
  "web_search_options",
] as const;

export function formFields(body: JsonObject): JsonObject {
  const form = pick(body, FORM_FIELDS);
  return Array.isArray(body["functions"]) ? { ...form, functions: true } : form;
}

/** Did the client speak the old language of functions? Then it is answered in it. */
export function isLegacy(request: ChatRequest): boolean {
  return request.vendor?.[`${CHAT}/form`]?.["functions"] === true;
}
