/** Names what a request says beside its texts, in words that only its own dialect has and another would never hear. */
import type { ChatRequest, Json, JsonObject, Message, Part, Tool, Vendor } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { badRequest } from "./check.ts";
import { isEmpty, isObject } from "./json.ts";
import { isForm, loseForeignFields } from "./vendor.ts";

const REASON = "the upstream's dialect has no such field";

/** Said by the vendor about what it wrote, or read elsewhere: without it the model reads the same. */
const HARMLESS_AT_PARTS: ReadonlySet<string> = new Set([
  "annotations",
  "block",
  "caller",
  "detail",
  "extra_content",
  "id",
  "index",
  "internal_metadata",
  "logprobs",
  "metadata",
  "object",
  "phase",
  "role",
  "signed",
  "status",
  "type",
  "willContinue",
]);
/** Grammars are told in words where they have no place. */
const HARMLESS_AT_TOOLS: ReadonlySet<string> = new Set(["eager_input_streaming", "format", "type"]);
/** Fields that only hold others. */
const HOLDERS: ReadonlySet<string> = new Set(["body", "function", "options", "part"]);
/** OpenAI's two dialects, which know how closely an image is looked at and how its cache is kept. */
const OPENAI: ReadonlySet<string> = new Set(["openai-chat", "openai-responses"]);

/**
 * Reports every field of other dialects as lost: `x` at the top, `messages[].x`, `messages[].content[].x`, `tools[].x`.
 * @throws RelayError `bad-request` when one of them changes the meaning of the call.
 */
export function loseForeign(request: ChatRequest, codecId: string, lose: EncodeTarget["lose"]): void {
  loseForeignFields(request.vendor, codecId, lose);
  if (!OPENAI.has(codecId)) for (const field of Object.keys(request.promptCache ?? {})) lose(field, REASON);
  for (const message of request.messages) loseOfMessage(message, codecId, lose);
  for (const part of request.system) loseOfPart(part, codecId, lose);
  for (const tool of request.tools) loseOfTool(tool, codecId, lose);
}

function loseOfMessage(message: Message, codecId: string, lose: EncodeTarget["lose"]): void {
  for (const [field, value] of foreign(message.vendor, codecId)) {
    if (field === "audio" && message.role === "assistant") {
      throw badRequest("Earlier audio cannot be referred to at the upstream chosen for this model.", "messages");
    }
    if (!HARMLESS_AT_PARTS.has(field) && saysSomething(value)) lose(`messages[].${field}`, REASON);
  }
  for (const part of message.parts) loseOfPart(part, codecId, lose);
}

function loseOfPart(part: Part, codecId: string, lose: EncodeTarget["lose"]): void {
  // Whose reasoning may be sent, and what has no name here, is told where it is left out.
  if (part.type === "reasoning" || part.type === "hosted-call" || part.type === "opaque") return;
  if (part.type === "tool-result") for (const inner of part.parts) loseOfPart(inner, codecId, lose);
  if (part.type === "media" && part.detail !== undefined && part.detail !== "auto" && !OPENAI.has(codecId)) {
    lose("messages[].content[].detail", REASON);
  }
  for (const [field, value] of foreign(part.vendor, codecId)) {
    // Sources of what was said; of a document it asks for some.
    const isSource = field === "citations" && part.type === "text";
    if (isSource || HARMLESS_AT_PARTS.has(field) || !saysSomething(value)) continue;
    lose(`messages[].content[].${field}`, REASON);
  }
}

function loseOfTool(tool: Tool, codecId: string, lose: EncodeTarget["lose"]): void {
  if (tool.kind === "provider") return;
  for (const [field, value] of foreign(tool.vendor, codecId)) {
    if (!HARMLESS_AT_TOOLS.has(field) && saysSomething(value)) lose(`tools[].${field}`, REASON);
  }
}

/** Fields of other dialects, those inside holders one by one. */
function foreign(vendor: Vendor | undefined, codecId: string): [string, Json][] {
  if (vendor === undefined) return [];
  return Object.entries(vendor)
    .filter(([id]) => id !== codecId && !isForm(id))
    .flatMap(([, fields]) => fieldsIn(fields));
}

function fieldsIn(fields: JsonObject): [string, Json][] {
  return Object.entries(fields).flatMap(([field, value]): [string, Json][] =>
    HOLDERS.has(field) && isObject(value) ? fieldsIn(value) : [[field, value]],
  );
}

function saysSomething(value: Json): boolean {
  if (value === null || value === false || value === "") return false;
  if (isObject(value) && value["enabled"] === false) return false;
  return typeof value !== "object" || !isEmpty(value);
}
