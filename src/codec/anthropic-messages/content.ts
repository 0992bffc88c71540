/** Content blocks of Anthropic messages as parts of the house language. */
import type {
  Annotation,
  CacheMark,
  Json,
  JsonObject,
  MediaPart,
  MediaSource,
  Part,
  ReasoningPart,
} from "../../contract/chat.ts";
import { openEnvelope, RELAY_SIGNATURE_PREFIX } from "../shared/envelope.ts";
import { arrayOr, compact, isObject, objectOr, restOf, textOf } from "../shared/json.ts";
import { cleanBase64, cleanMediaType } from "../shared/media.ts";
import { inputJsonOf } from "../shared/tool-input.ts";
import { withVendor } from "../shared/vendor.ts";
import { readHosted } from "./hosted.ts";
import { MESSAGES } from "./wire.ts";

export function readCache(block: JsonObject): { cache?: CacheMark } {
  const mark = block["cache_control"];
  if (!isObject(mark)) return {};
  return { cache: compact<CacheMark>({ ttl: textOf(mark["ttl"]), scope: textOf(mark["scope"]) }) };
}

export function writeCache({ ttl, scope }: CacheMark): JsonObject {
  return compact<JsonObject>({ type: "ephemeral", ttl, scope });
}

const TEXT_FIELDS = new Set(["type", "text", "cache_control"]);
const MEDIA_FIELDS = new Set(["type", "source", "title", "context", "cache_control"]);
const CALL_FIELDS = new Set(["type", "id", "name", "input", "cache_control"]);
const RESULT_FIELDS = new Set(["type", "tool_use_id", "content", "is_error", "cache_control"]);
const THINKING_FIELDS = new Set(["type", "thinking", "signature", "cache_control"]);

/** `undefined` for a source this house has no word for. */
function readSource(source: JsonObject): { source: MediaSource; mediaType?: string } | undefined {
  const mediaType = cleanMediaType(source["media_type"]);
  const typed = mediaType === undefined ? {} : { mediaType };
  switch (source["type"]) {
    case "base64":
      return { source: { type: "base64", data: cleanBase64(textOf(source["data"]) ?? "") }, ...typed };
    case "url":
      return { source: { type: "url", url: textOf(source["url"]) ?? "" }, ...typed };
    case "file":
      return { source: { type: "file", id: textOf(source["file_id"]) ?? "", origin: MESSAGES }, ...typed };
    case "text":
      return { source: { type: "text", text: textOf(source["data"]) ?? "" }, ...typed };
    default:
      return undefined;
  }
}

function readMedia(block: JsonObject): Part {
  const source = readSource(objectOr(block["source"]));
  if (source === undefined) {
    return block["type"] === "image" ? { type: "opaque", codecId: MESSAGES, value: block } : readForeign(block);
  }
  const title = textOf(block["title"]);
  const context = textOf(block["context"]);
  return {
    type: "media",
    kind: block["type"] === "image" ? "image" : "file",
    ...source,
    ...(title === undefined ? {} : { filename: title }),
    ...(context === undefined ? {} : { context }),
    ...readCache(block),
    ...withVendor(MESSAGES, restOf(block, MEDIA_FIELDS)),
  } satisfies MediaPart;
}

/** The words inside a block, for dialects that have no such block: search results, documents made of blocks. */
function textInside(block: JsonObject): string {
  const heading = [block["title"], block["source"], block["tool_name"]].flatMap((value) => textOf(value) ?? []);
  const content = block["content"] ?? objectOr(block["source"])["content"];
  const body =
    typeof content === "string" ? [content] : arrayOr(content).map((entry) => textOf(objectOr(entry)["text"]));
  return [...heading, ...body].filter((text) => text !== undefined && text !== "").join("\n");
}

/** A block whose words mean something to everybody: text abroad, itself at home. */
function readForeign(block: JsonObject): Part {
  return { type: "text", text: textInside(block), ...readCache(block), ...withVendor(MESSAGES, { block }) };
}

/**
 * Thinking with a signature of Anthropic, of another maker inside an envelope of ours, or with none. A signature that is
 * blank or only ours is dropped: sent to an upstream it would make every later turn fail.
 */
function readThinking(block: JsonObject): ReasoningPart {
  const written = textOf(block["signature"])?.trim() ?? "";
  const envelope = openEnvelope(written);
  const signature = envelope ? envelope.signature : written === "" ? undefined : { origin: MESSAGES, value: written };
  return compact<ReasoningPart>({
    type: "reasoning",
    text: textOf(block["thinking"]) ?? "",
    signature,
    redacted: envelope?.redacted,
    ...withVendor(MESSAGES, restOf(block, THINKING_FIELDS), written === "" ? { unsigned: block } : undefined),
  });
}

/** Citations of ours, made for sources another dialect named, hold nothing the upstream could check. */
function withoutOurCitations(block: JsonObject): JsonObject {
  const citations = block["citations"];
  if (!Array.isArray(citations)) return block;
  const { citations: _citations, ...rest } = block;
  const theirs = citations.filter((citation) => objectOr(citation)["encrypted_index"] !== RELAY_SIGNATURE_PREFIX);
  return theirs.length === 0 ? rest : { ...rest, citations: theirs };
}

export function readAnnotations(citations: Json | undefined): Annotation[] {
  return arrayOr(citations).flatMap((entry): Annotation[] => {
    const citation = objectOr(entry);
    const url = textOf(citation["url"]) ?? httpUrl(citation["source"]);
    return url === undefined
      ? []
      : [compact<Annotation>({ type: "url-citation", url, title: textOf(citation["title"]) })];
  });
}

function httpUrl(value: unknown): string | undefined {
  const text = textOf(value);
  return text !== undefined && /^https?:\/\//.test(text) ? text : undefined;
}

/** A citation for a source of another dialect, in the form of a web search; marked so that it never travels upstream. */
export function writeCitation({ url, title }: Annotation): JsonObject {
  return {
    type: "web_search_result_location",
    cited_text: "",
    encrypted_index: RELAY_SIGNATURE_PREFIX,
    title: title ?? null,
    url,
  };
}

/** One block as a part. Blocks without a name here are carried whole. */
export function readBlock(block: JsonObject): Part {
  switch (block["type"]) {
    case "text": {
      const rest = restOf(withoutOurCitations(block), TEXT_FIELDS);
      const annotations = readAnnotations(rest["citations"]);
      return {
        type: "text",
        text: typeof block["text"] === "string" ? block["text"] : "",
        ...(annotations.length === 0 ? {} : { annotations }),
        ...readCache(block),
        ...withVendor(MESSAGES, Array.isArray(rest["citations"]) && rest["citations"].length === 0 ? {} : rest),
      };
    }
    case "image":
    case "document":
      return readMedia(block);
    case "thinking":
      return readThinking(block);
    case "redacted_thinking":
      return {
        type: "reasoning",
        text: "",
        redacted: true,
        signature: { origin: MESSAGES, value: textOf(block["data"]) ?? "" },
      };
    case "tool_use":
      return {
        type: "tool-call",
        id: textOf(block["id"]) ?? "",
        name: textOf(block["name"]) ?? "",
        inputJson: inputJsonOf(block["input"]),
        ...readCache(block),
        ...withVendor(MESSAGES, restOf(block, CALL_FIELDS)),
      };
    case "tool_result":
      return {
        type: "tool-result",
        id: textOf(block["tool_use_id"]) ?? "",
        parts: readBlocks(block["content"]),
        isError: block["is_error"] === true,
        ...readCache(block),
        ...withVendor(MESSAGES, restOf(block, RESULT_FIELDS), {
          ...listForm(block["content"]),
          ...(block["is_error"] === false ? { is_error: false } : {}),
        }),
      };
    case "search_result":
    case "tool_reference":
      return readForeign(block);
    default:
      return { type: "opaque", codecId: MESSAGES, value: block };
  }
}

/** Remembers that content was written as a list where a string would have done. */
export function listForm(content: Json | undefined): JsonObject {
  return Array.isArray(content) ? { list: true } : {};
}

/** A string, a list of blocks, or nothing. */
export function readBlocks(content: Json | undefined): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  const blocks = arrayOr(content).filter(isObject);
  const parts: Part[] = [];
  for (let at = 0; at < blocks.length; at += 1) {
    const block = blocks[at]!;
    // Only where the result is next: blocks of a history keep their places.
    const call = readHosted(block, blocks[at + 1]);
    parts.push(call ?? readBlock(block));
    if (call !== undefined) at += 1;
  }
  return parts;
}

/** Does this call wait for the client? Those made by code that runs at the vendor have been answered there. */
export function isOpenCall(block: JsonObject): boolean {
  const caller = textOf(objectOr(block["caller"])["type"]);
  return block["type"] === "tool_use" && (caller === undefined || caller === "direct");
}
