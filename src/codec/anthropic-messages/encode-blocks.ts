/** Parts of the house language as Anthropic content blocks for a request. */
import type { JsonObject, MediaPart, Part, ReasoningPart, ToolCallPart, ToolResultPart } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { badRequest } from "../shared/check.ts";
import { wrapCustomInput } from "../shared/custom-tools.ts";
import { inputObject } from "../shared/input-object.ts";
import { isObject } from "../shared/json.ts";
import { decodeBase64Text, isTextual, mediaTypeOf } from "../shared/media.ts";
import { ANTHROPIC_TOOL_NAME_CHARS_MAX, safeToolId, safeToolName } from "../shared/tool-names.ts";
import { fieldsOf, formOf, loseForeignPart, loseHosted } from "../shared/vendor.ts";
import { writeCache } from "./content.ts";
import { blocksForVendor } from "./hosted.ts";
import { isSignedForAnthropic } from "./thinking.ts";
import { MESSAGES } from "./wire.ts";

export interface BlockContext {
  readonly target: EncodeTarget;
  readonly lose: EncodeTarget["lose"];
  /** The client wrote messages itself: repeat what it wrote, repair nothing. */
  readonly isNative: boolean;
}

/** One part as blocks: none if it cannot be said. */
export function writePart(part: Part, context: BlockContext): JsonObject[] {
  const blocks = writeUnmarked(part, context);
  const last = blocks.at(-1);
  const isMarkable = last !== undefined && last["type"] !== "thinking" && last["type"] !== "redacted_thinking";
  if (part.cache === undefined) return blocks;
  if (isMarkable) last["cache_control"] = writeCache(part.cache);
  else context.lose("cache_control", "nothing is left that could be marked");
  return blocks;
}

function writeUnmarked(part: Part, context: BlockContext): JsonObject[] {
  switch (part.type) {
    case "text": {
      const { block, ...fields } = fieldsOf(part.vendor, MESSAGES);
      if (isObject(block)) return [{ ...block }];
      return [{ type: "text", text: part.text, ...fields }];
    }
    case "refusal":
      return [{ type: "text", text: part.text }];
    case "reasoning":
      return writeThinking(part, context);
    case "media":
      return [writeMedia(part, context)];
    case "tool-call":
      return [writeToolUse(part, context)];
    case "tool-result":
      return [writeToolResult(part, context)];
    case "hosted-call": {
      const own = blocksForVendor(part);
      if (own === undefined) loseHosted(part, context.lose);
      return own === undefined ? [] : own.map((block) => ({ ...block }));
    }
    case "opaque":
      if (part.codecId === MESSAGES) return [{ ...part.value }];
      loseForeignPart(part, context.lose);
      return [];
  }
}

/** Only what Anthropic's models have signed: one block that does not validate would spoil every later turn. */
function writeThinking(part: ReasoningPart, { lose, target, isNative }: BlockContext): JsonObject[] {
  const { signature } = part;
  const unsigned =
    isNative && target.traits.unsignedThinking === true ? formOf(part.vendor, MESSAGES)?.["unsigned"] : undefined;
  if (isObject(unsigned)) return [unsigned];
  if (signature === undefined || !isSignedForAnthropic(part)) {
    lose("reasoning", "earlier reasoning without a signature of this upstream cannot be sent back to it");
    return [];
  }
  if (part.redacted) return [{ type: "redacted_thinking", data: signature.value }];
  return [{ type: "thinking", thinking: part.text, signature: signature.value }];
}

function writeMedia(part: MediaPart, { target }: BlockContext): JsonObject {
  const { source } = part;
  const fields = fieldsOf(part.vendor, MESSAGES);
  if (source.type === "url" && target.traits.mediaUrls === false) {
    throw badRequest("The upstream chosen for this model takes no media by URL; send the bytes.", "messages");
  }
  if (source.type === "file" && source.origin !== MESSAGES) {
    throw badRequest("A file uploaded to another vendor cannot be used with this model.", "messages");
  }
  if (part.kind === "audio" || part.kind === "video") {
    throw badRequest(`This model cannot take ${part.kind}.`, "messages");
  }
  const mediaType = mediaTypeOf(part);
  const isImage = part.kind === "image" || (source.type === "base64" && mediaType?.startsWith("image/") === true);
  if (isImage && source.type !== "text") {
    return { type: "image", source: writeSource(source, mediaType ?? "image/png"), ...fields };
  }
  const title = part.filename === undefined ? {} : { title: part.filename };
  const context = part.context === undefined ? {} : { context: part.context };
  return { type: "document", source: documentSource(part, mediaType), ...title, ...context, ...fields };
}

function writeSource(source: Exclude<MediaPart["source"], { type: "text" }>, mediaType: string): JsonObject {
  if (source.type === "base64") return { type: "base64", media_type: mediaType, data: source.data };
  return source.type === "url" ? { type: "url", url: source.url } : { type: "file", file_id: source.id };
}

function documentSource({ source }: MediaPart, mediaType: string | undefined): JsonObject {
  if (source.type === "text") return { type: "text", media_type: "text/plain", data: source.text };
  if (source.type !== "base64") return writeSource(source, "");
  if (mediaType === undefined || mediaType === "application/pdf") return writeSource(source, "application/pdf");
  if (isTextual(mediaType)) return { type: "text", media_type: "text/plain", data: decodeBase64Text(source.data) };
  throw badRequest(`This model cannot take files of type ${mediaType}.`, "messages");
}

function writeToolUse(call: ToolCallPart, { isNative, lose }: BlockContext): JsonObject {
  const input = inputObject(call.custom ? wrapCustomInput(call.inputJson) : call.inputJson, lose);
  return {
    type: "tool_use",
    id: isNative ? call.id : safeToolId(call.id),
    name: isNative ? call.name : safeToolName(call.name, ANTHROPIC_TOOL_NAME_CHARS_MAX),
    input,
    ...fieldsOf(call.vendor, MESSAGES),
  };
}

function writeToolResult(result: ToolResultPart, context: BlockContext): JsonObject {
  const parts = context.isNative
    ? result.parts
    : result.parts.filter((part) => part.type !== "text" || part.text !== "");
  const content = parts.flatMap((part) => writePart(part, context));
  const form = formOf(result.vendor, MESSAGES);
  const value = context.isNative && form?.["list"] === true ? content : asContent(content);
  return {
    type: "tool_result",
    tool_use_id: context.isNative ? result.id : safeToolId(result.id),
    ...(content.length === 0 && form?.["list"] !== true ? {} : { content: value }),
    ...(result.isError
      ? { is_error: true }
      : context.isNative && form?.["is_error"] === false
        ? { is_error: false }
        : {}),
    ...fieldsOf(result.vendor, MESSAGES),
  };
}

/** One plain text as a string, anything else as blocks. */
export function asContent(blocks: JsonObject[]): JsonObject[] | string {
  const [only] = blocks;
  if (only === undefined) return "";
  const isPlain = blocks.length === 1 && only["type"] === "text" && Object.keys(only).length === 2;
  return isPlain ? String(only["text"]) : blocks;
}
