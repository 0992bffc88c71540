/** Reads the input of a Responses request: a string, or items, as instructions and messages. */
import type { Json, JsonObject, Message, Part, TextPart, Tool, ToolResultPart } from "../../contract/chat.ts";
import { badRequest } from "../shared/check.ts";
import { arrayOr, isObject, restOf, textOf } from "../shared/json.ts";
import { mergeVendor, vendorOf, withVendor } from "../shared/vendor.ts";
import { missing, readContent } from "./content.ts";
import { readHosted } from "./hosted.ts";
import { readOwnReasoning } from "./reasoning.ts";
import { readCall, readTools } from "./tools.ts";
import { RESPONSES } from "./wire.ts";

export interface Conversation {
  readonly system: TextPart[];
  readonly messages: Message[];
  /** Tools declared inside the input. */
  readonly tools: Tool[];
}

const ROLES = ["user", "assistant", "system", "developer"];
const MESSAGE_FIELDS = new Set(["content"]);
const OUTPUT_FIELDS = new Set(["type", "call_id", "output"]);

/**
 * Items of the assistant that follow one another are one message, and so are tool outputs. Instructions ahead of
 * everything are set apart behind `instructions`, later ones stay where they are.
 */
export function readInput(instructions: string | undefined, input: Json | undefined): Conversation {
  const reader = new ItemReader();
  if (instructions !== undefined) reader.instructions(instructions);
  if (typeof input === "string") reader.text(input);
  else for (const [index, item] of arrayOr(input).entries()) reader.item(item, `input[${index}]`);
  return reader;
}

class ItemReader implements Conversation {
  readonly system: TextPart[] = [];
  readonly messages: Message[] = [];
  readonly tools: Tool[] = [];

  instructions(text: string): void {
    this.system.push({ type: "text", text, ...withVendor(RESPONSES, {}, { instructions: true }) });
  }

  text(text: string): void {
    const parts: Part[] = text === "" ? [] : [{ type: "text", text }];
    this.messages.push({ role: "user", parts, ...withVendor(RESPONSES, {}, { input: "string" }) });
  }

  item(value: Json, param: string): void {
    if (!isObject(value)) throw badRequest(`Invalid type for '${param}': expected an object.`, param);
    switch (typeOf(value)) {
      case "message":
        this.#message(value, param);
        break;
      case "function_call":
      case "custom_tool_call":
        if (textOf(value["call_id"]) === undefined) throw missing(`${param}.call_id`);
        if (textOf(value["name"]) === undefined) throw missing(`${param}.name`);
        this.#assistant([readCall(value, false)]);
        break;
      case "function_call_output":
      case "custom_tool_call_output":
        this.#result(readOutput(value, param));
        break;
      case "reasoning":
        this.#assistant(readOwnReasoning(value));
        break;
      default:
        this.#other(value, param);
    }
  }

  #message(item: JsonObject, param: string): void {
    const role = textOf(item["role"]);
    if (role === undefined) throw missing(`${param}.role`);
    if (!ROLES.includes(role)) {
      const supported = ROLES.map((name) => `'${name}'`).join(", ");
      throw badRequest(`Invalid value for '${param}.role'. Supported values are: ${supported}.`, `${param}.role`);
    }
    const { content } = item;
    const parts = readContent(content, `${param}.content`);
    const form: JsonObject = { start: restOf(item, MESSAGE_FIELDS), ...(Array.isArray(content) ? { list: true } : {}) };
    if (role === "assistant") {
      const [first = { type: "text" as const, text: "" }, ...others] = parts;
      this.#assistant([withForm(first, form), ...others]);
      return;
    }
    if (role === "user") {
      this.messages.push({ role, parts, ...withVendor(RESPONSES, {}, form) });
      return;
    }
    const texts = parts.filter((part) => part.type === "text");
    const [first, ...others] = texts;
    const isLeading = this.messages.length === 0 && first !== undefined && texts.length === parts.length;
    if (isLeading) this.system.push(withForm(first, form), ...others);
    else this.messages.push({ role: "system", parts, ...withVendor(RESPONSES, {}, form) });
  }

  #assistant(parts: Part[]): void {
    const last = this.messages.at(-1);
    if (last?.role === "assistant") last.parts.push(...parts);
    else this.messages.push({ role: "assistant", parts: [...parts] });
  }

  #result(result: Part): void {
    const last = this.messages.at(-1);
    const isRun =
      last?.role === "user" && last.parts.length > 0 && last.parts.every((part) => part.type === "tool-result");
    if (isRun) last.parts.push(result);
    else this.messages.push({ role: "user", parts: [result] });
  }

  /** Items that only this dialect knows: what the vendor's models did is the assistant's, the rest the user's. */
  #other(value: JsonObject, param: string): void {
    const type = typeOf(value);
    const item = { ...value, type };
    const part: Part = readHosted(item) ?? {
      type: "opaque",
      codecId: RESPONSES,
      value: item,
      ...withVendor(RESPONSES, {}, { item: true }),
    };
    if (type === "additional_tools" || type === "tool_search_output") {
      this.tools.push(...readTools(arrayOr(value["tools"]), `${param}.tools`, { additional: true }));
    }
    if (type.endsWith("_call")) this.#assistant([part]);
    else this.messages.push({ role: "user", parts: [part] });
  }
}

/** Messages and references may leave their type out. */
function typeOf(item: JsonObject): string {
  return (
    textOf(item["type"]) ?? (item["role"] === undefined && item["id"] !== undefined ? "item_reference" : "message")
  );
}

function withForm<P extends Part>(part: P, form: JsonObject): P {
  const vendor = mergeVendor(part.vendor, vendorOf(RESPONSES, {}, form));
  return vendor === undefined ? part : { ...part, vendor };
}

function readOutput(item: JsonObject, param: string): ToolResultPart {
  const id = textOf(item["call_id"]);
  if (id === undefined) throw missing(`${param}.call_id`);
  const { output } = item;
  return {
    type: "tool-result",
    id,
    parts: readContent(output, `${param}.output`),
    isError: false,
    ...withVendor(RESPONSES, restOf(item, OUTPUT_FIELDS), {
      type: typeOf(item),
      ...(Array.isArray(output) ? { list: true } : {}),
    }),
  };
}
