/** Writes a conversation as Cohere's messages. */
import type { JsonObject, MediaPart, Part, ToolCallPart, ToolResultPart } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { loseMark } from "../shared/cache-mark.ts";
import { badRequest } from "../shared/check.ts";
import { type Conversation, callNames } from "../shared/conversation.ts";
import { wrapCustomInput } from "../shared/custom-tools.ts";
import { inputObject } from "../shared/input-object.ts";
import { decodeBase64Text, isTextual, mediaTypeOf, toDataUrl } from "../shared/media.ts";
import { OPENAI_TOOL_NAME_CHARS_MAX, safeToolId, safeToolName } from "../shared/tool-names.ts";
import { loseForeignPart, loseHosted } from "../shared/vendor.ts";

type Lose = EncodeTarget["lose"];

/** Said by a user who said nothing: a conversation of instructions alone is refused. */
const SILENT_USER: JsonObject = { role: "user", content: "." };

export function writeMessages(
  { system, turns }: Conversation,
  instructions: readonly string[],
  target: EncodeTarget,
  lose: Lose,
): JsonObject[] {
  for (const { cache } of system) loseMark(cache, lose);
  const texts = [...system.map(({ text }) => text), ...instructions];
  const written: JsonObject[] = texts.length === 0 ? [] : [{ role: "system", content: texts.join("\n\n") }];
  const names = callNames(turns);
  const spoken = turns.flatMap(({ role, parts }) =>
    role === "assistant" ? writeAssistant(parts, lose) : writeUser(parts, names, target, lose),
  );
  return [...written, ...(spoken.length === 0 ? [SILENT_USER] : spoken)];
}

/** What is said before calls is their plan. */
function writeAssistant(parts: readonly Part[], lose: Lose): JsonObject[] {
  const calls: ToolCallPart[] = [];
  let text = "";
  for (const part of parts) {
    loseMark(part.cache, lose);
    switch (part.type) {
      case "tool-call":
        calls.push(part);
        break;
      case "text":
      case "refusal":
        text += part.text;
        break;
      case "reasoning":
        lose("reasoning", "earlier reasoning is not sent back to an upstream that may not have made it");
        break;
      case "media":
        lose("messages", "only the user can send media");
        break;
      case "hosted-call":
        loseHosted(part, lose);
        break;
      case "opaque":
        loseForeignPart(part, lose);
    }
  }
  if (calls.length > 0) {
    return [
      {
        role: "assistant",
        ...(text === "" ? {} : { tool_plan: text }),
        tool_calls: calls.map((call) => writeCall(call, lose)),
      },
    ];
  }
  return text.trim() === "" ? [] : [{ role: "assistant", content: text }];
}

function writeCall(call: ToolCallPart, lose: Lose): JsonObject {
  const input = inputObject(call.custom ? wrapCustomInput(call.inputJson) : call.inputJson, lose);
  return {
    id: safeToolId(call.id),
    type: "function",
    function: { name: safeToolName(call.name, OPENAI_TOOL_NAME_CHARS_MAX), arguments: JSON.stringify(input) },
  };
}

function writeUser(
  parts: readonly Part[],
  names: ReadonlyMap<string, string>,
  target: EncodeTarget,
  lose: Lose,
): JsonObject[] {
  const results: JsonObject[] = [];
  const content: JsonObject[] = [];
  for (const part of parts) {
    if (part.type === "tool-result") {
      const name = part.name ?? names.get(part.id);
      results.push(writeResult({ ...part, ...(name === undefined ? {} : { name }) }, content, target, lose));
    } else content.push(...writePart(part, target, lose));
  }
  if (content.length === 0) return results;
  const texts = content.filter((part) => part["type"] === "text");
  const isPlain = content.length === 1 && texts.length === 1;
  return [...results, { role: "user", content: isPlain ? texts[0]!["text"]! : content }];
}

/** What a tool returned is text; its pictures are shown by the user. */
function writeResult(result: ToolResultPart, shown: JsonObject[], target: EncodeTarget, lose: Lose): JsonObject {
  const content = result.parts.flatMap((part) => writePart(part, target, lose));
  const texts = content.flatMap((part) => (part["type"] === "text" ? [String(part["text"])] : []));
  const pictures = content.filter((part) => part["type"] !== "text");
  if (pictures.length > 0) {
    shown.push({ type: "text", text: `Attached by the tool ${result.name ?? "above"}:` }, ...pictures);
  }
  const text = texts.join("\n");
  return { role: "tool", tool_call_id: safeToolId(result.id), content: result.isError ? `Error: ${text}` : text };
}

function writePart(part: Part, target: EncodeTarget, lose: Lose): JsonObject[] {
  loseMark(part.cache, lose);
  switch (part.type) {
    case "text":
    case "refusal":
      return part.text.trim() === "" ? [] : [{ type: "text", text: part.text }];
    case "media":
      return [writeMedia(part, target)];
    case "hosted-call":
      loseHosted(part, lose);
      return [];
    case "opaque":
      loseForeignPart(part, lose);
      return [];
    default:
      return [];
  }
}

function writeMedia(part: MediaPart, { traits }: EncodeTarget): JsonObject {
  const { source, kind, filename } = part;
  const mediaType = mediaTypeOf(part);
  if (source.type === "text") {
    return { type: "text", text: filename === undefined ? source.text : `${filename}\n\n${source.text}` };
  }
  if (source.type === "file") {
    throw badRequest("A file uploaded to another vendor cannot be used with this model.", "messages");
  }
  if (source.type === "url" && traits.mediaUrls === false) {
    throw badRequest("The upstream chosen for this model takes no media by URL; send the bytes.", "messages");
  }
  if (kind === "image" || mediaType?.startsWith("image/") === true) {
    const url = source.type === "url" ? source.url : toDataUrl(mediaType ?? "image/png", source.data);
    return { type: "image_url", image_url: { url } };
  }
  if (source.type === "base64" && mediaType !== undefined && isTextual(mediaType)) {
    return { type: "text", text: decodeBase64Text(source.data) };
  }
  throw badRequest(`The upstream chosen for this model cannot take ${mediaType ?? kind}.`, "messages");
}
