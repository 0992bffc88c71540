/** Tools, namespaces of tools and tool choice, both ways. */
import type { Json, JsonObject, Tool, ToolCallPart, ToolChoice } from "../../contract/chat.ts";
import { loseMark } from "../shared/cache-mark.ts";
import { badRequest } from "../shared/check.ts";
import { customToolGrammar, customToolNames } from "../shared/custom-tools.ts";
import { isShared } from "../shared/hosted-tools.ts";
import { arrayOr, compact, isObject, objectOr, restOf, sameJson, textOf } from "../shared/json.ts";
import { toolSchema } from "../shared/schema/root.ts";
import { fitsOpenAiStrict } from "../shared/schema/strict.ts";
import { inputJsonOf } from "../shared/tool-input.ts";
import { OPENAI_TOOL_NAME_CHARS_MAX, safeToolName } from "../shared/tool-names.ts";
import { fieldsOf, formOf, withVendor } from "../shared/vendor.ts";
import { missing } from "./content.ts";
import { hostedReference, readHostedTool, writeHostedTool } from "./hosted-tools.ts";
import { RESPONSES } from "./wire.ts";

const FUNCTION_FIELDS = new Set(["type", "name", "description", "parameters", "strict"]);
const CUSTOM_FIELDS = new Set(["type", "name", "description"]);
const NAMESPACE_FIELDS = new Set(["tools"]);

/** A tool of a namespace under one flat name, as dialects without namespaces must call it. */
export function flatName(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}__${name}`;
}

/** Tools of every kind, those inside namespaces one by one. `form` is noted on each of them. */
export function readTools(values: readonly Json[], param: string, form: JsonObject = {}): Tool[] {
  return values.flatMap((value, index) => {
    const at = `${param}[${index}]`;
    if (!isObject(value)) throw badRequest(`Invalid type for '${at}': expected an object.`, at);
    const inner = value["type"] === "namespace" ? arrayOr(value["tools"]).filter(isObject) : [];
    if (inner.length === 0) return [readTool(value, at, form)];
    const name = textOf(value["name"]);
    if (name === undefined) throw missing(`${at}.name`);
    const namespace = restOf(value, NAMESPACE_FIELDS);
    return inner.map((tool, position) => {
      const read = readTool(tool, `${at}.tools[${position}]`, { ...form, namespace, name: tool["name"] ?? "" });
      return { ...read, name: flatName(name, read.name) };
    });
  });
}

function readTool(value: JsonObject, param: string, form: JsonObject): Tool {
  const name = textOf(value["name"]);
  const description = typeof value["description"] === "string" ? value["description"] : undefined;
  switch (value["type"]) {
    case "function":
      if (name === undefined) throw missing(`${param}.name`);
      return compact<Tool>({
        kind: "function",
        name,
        description,
        schema: isObject(value["parameters"]) ? value["parameters"] : undefined,
        strict: typeof value["strict"] === "boolean" ? value["strict"] : undefined,
        ...withVendor(RESPONSES, restOf(value, FUNCTION_FIELDS), {
          ...form,
          ...(value["parameters"] === null ? { parameters: null } : {}),
        }),
      });
    case "custom":
      if (name === undefined) throw missing(`${param}.name`);
      return compact<Tool>({
        kind: "custom",
        name,
        description,
        ...withVendor(RESPONSES, restOf(value, CUSTOM_FIELDS), form),
      });
    default: {
      const type = textOf(value["type"]);
      if (type === undefined) throw missing(`${param}.type`);
      return {
        kind: "provider",
        name: type,
        ...readHostedTool(type, value),
        ...withVendor(RESPONSES, { tool: value }, form),
      };
    }
  }
}

/** Tools as the client wrote them, namespaces put together again. */
export function writeOwnTools(tools: readonly Tool[]): JsonObject[] {
  const written: JsonObject[] = [];
  let open: { namespace: Json; tools: JsonObject[] } | undefined;
  for (const tool of tools) {
    const form = formOf(tool.vendor, RESPONSES) ?? {};
    const { namespace, name } = form;
    if (!isObject(namespace)) {
      open = undefined;
      written.push(writeOwnTool(tool, tool.name));
      continue;
    }
    if (open === undefined || !sameJson(open.namespace, namespace)) {
      open = { namespace, tools: [] };
      written.push({ ...namespace, tools: open.tools });
    }
    open.tools.push(writeOwnTool(tool, textOf(name) ?? tool.name));
  }
  return written;
}

function writeOwnTool(tool: Tool, name: string): JsonObject {
  const fields = fieldsOf(tool.vendor, RESPONSES);
  if (tool.kind === "provider") return objectOr(fields["tool"]);
  const described = tool.description === undefined ? {} : { description: tool.description };
  if (tool.kind === "custom") return { type: "custom", name, ...described, ...fields };
  const parameters = tool.schema ?? formOf(tool.vendor, RESPONSES)?.["parameters"];
  return {
    type: "function",
    name,
    ...described,
    ...(parameters === undefined ? {} : { parameters }),
    ...(tool.strict === undefined ? {} : { strict: tool.strict }),
    ...fields,
  };
}

/** Has this tool a form in this dialect? */
export function isWritable(tool: Tool): boolean {
  return tool.kind !== "provider" || isShared(tool) || fieldsOf(tool.vendor, RESPONSES)["tool"] !== undefined;
}

/** Was it declared inside the input, and is written there again? */
export function isAdditional(tool: Tool): boolean {
  return formOf(tool.vendor, RESPONSES)?.["additional"] === true;
}

/**
 * A tool of another dialect. Strict mode is this dialect's default and others', so it is always spelt out.
 * @param lose is told when a schema does not fit the strict mode that was asked for
 */
export function writeForeignTool(tool: Tool, lose: (field: string, reason: string) => void): JsonObject {
  loseMark(tool.cache, lose);
  const hosted = writeHostedTool(tool, lose);
  if (hosted !== undefined) return hosted;
  const name = safeToolName(tool.name, OPENAI_TOOL_NAME_CHARS_MAX);
  const described = tool.description === undefined ? {} : { description: tool.description };
  if (tool.kind === "custom") {
    const grammar = customToolGrammar(tool);
    const format = grammar === undefined ? { type: "text" } : { type: "grammar", syntax: "lark", ...grammar };
    return { type: "custom", name, ...described, format };
  }
  const parameters = toolSchema(tool.schema);
  const isStrict = tool.strict === true && fitsOpenAiStrict(parameters);
  if (tool.strict === true && !isStrict) lose("strict", "the schema is not one that OpenAI's strict mode takes");
  return { type: "function", name, ...described, parameters, strict: isStrict };
}

/**
 * `undefined` for none, and for a built-in tool that only this dialect can be told to use; others stand by the name that
 * they have among `tools`.
 */
export function readToolChoice(value: Json | undefined, tools: readonly Tool[]): ToolChoice | undefined {
  if (value === "auto" || value === "none" || value === "required") return { type: value };
  if (!isObject(value)) return undefined;
  switch (value["type"]) {
    case "function":
    case "custom": {
      const name = referredName(value);
      return name === undefined ? undefined : { type: "tool", name };
    }
    case "allowed_tools": {
      const names = arrayOr(value["tools"]).flatMap((tool) => {
        const reference = objectOr(tool);
        return referredName(reference) ?? hostedName(reference, tools) ?? [];
      });
      return { type: "allowed", names, mode: value["mode"] === "required" ? "required" : "auto" };
    }
    default: {
      const name = hostedName(value, tools);
      return name === undefined ? undefined : { type: "tool", name };
    }
  }
}

/** Of several servers one by its name is more than others can be told. */
function hostedName({ type }: JsonObject, tools: readonly Tool[]): string | undefined {
  return tools.find((tool) => tool.name === type && isShared(tool) && tool.mcp === undefined)?.name;
}

function referredName(reference: JsonObject): string | undefined {
  const name = textOf(reference["name"]);
  return name === undefined ? undefined : flatName(textOf(reference["namespace"]), name);
}

/** @param tools those that are chosen among, by the names used in `choice` */
export function writeToolChoice(choice: ToolChoice, tools: readonly Tool[]): Json {
  const customNames = customToolNames(tools);
  const reference = (name: string): JsonObject => {
    const hosted = tools.find((tool) => tool.name === name && tool.kind === "provider");
    if (hosted !== undefined) return hostedReference(hosted);
    return {
      type: customNames.has(name) ? "custom" : "function",
      name: safeToolName(name, OPENAI_TOOL_NAME_CHARS_MAX),
    };
  };
  switch (choice.type) {
    case "tool":
      return reference(choice.name);
    case "allowed":
      return { type: "allowed_tools", mode: choice.mode, tools: choice.names.map(reference) };
    default:
      return choice.type;
  }
}

/** Gives a flat name back its namespace. */
export function namespaceFinder(tools: readonly Tool[]): (flat: string) => { name: string; namespace?: string } {
  const found = new Map<string, { name: string; namespace: string }>();
  for (const tool of tools) {
    const form = formOf(tool.vendor, RESPONSES);
    const namespace = textOf(objectOr(form?.["namespace"])["name"]);
    const name = textOf(form?.["name"]);
    if (namespace !== undefined && name !== undefined) found.set(tool.name, { name, namespace });
  }
  return (flat) => found.get(flat) ?? { name: flat };
}

const CALL_FIELDS = new Set(["type", "call_id", "name", "namespace", "arguments", "input"]);
/** Of an answer's call these say nothing that lasts. */
const PASSING_FIELDS = new Set([...CALL_FIELDS, "id", "status"]);

/**
 * A `function_call` or `custom_tool_call` item. Calls are paired with their outputs by `call_id`; the `id` is the
 * item's own and only kept for writing a request again.
 */
export function readCall(item: JsonObject, isAnswer: boolean): ToolCallPart {
  const name = flatName(textOf(item["namespace"]), textOf(item["name"]) ?? "");
  const fields = restOf(item, isAnswer ? PASSING_FIELDS : CALL_FIELDS);
  const namespace = textOf(item["namespace"]);
  const form = namespace === undefined ? {} : { namespace, name: textOf(item["name"]) ?? "" };
  const base = { type: "tool-call" as const, id: textOf(item["call_id"]) ?? "", name };
  const vendor = isAnswer ? withVendor(RESPONSES, fields) : withVendor(RESPONSES, fields, form);
  if (item["type"] === "custom_tool_call") {
    return { ...base, inputJson: textOf(item["input"]) ?? "", custom: true, ...vendor };
  }
  return { ...base, inputJson: inputJsonOf(item["arguments"]), ...vendor };
}
