/** Content parts of chat messages, both ways. */
import type { Json, JsonObject, MediaPart, Part, TextPart } from "../../contract/chat.ts";
import type { Traits } from "../../contract/codec.ts";
import { RelayError } from "../../contract/errors.ts";
import { CACHE_FIELDS, readCache, writeCacheMark } from "../shared/cache-mark.ts";
import { isEmpty, isObject, objectOr, restOf, textOf } from "../shared/json.ts";
import {
  audioMediaType,
  cleanMediaType,
  defaultFilename,
  mediaTypeOf,
  sourceOfFileData,
  sourceOfUrl,
  toDataUrl,
} from "../shared/media.ts";
import { fieldsOf, formOf, withVendor } from "../shared/vendor.ts";
import { thinkingText } from "./reasoning.ts";
import { CHAT } from "./wire.ts";

const TEXT_FIELDS = new Set(["type", "text", ...CACHE_FIELDS]);
const AUDIO_FIELDS = new Set(["type", "input_audio", ...CACHE_FIELDS]);
const FILE_FIELDS = new Set(["type", "file", ...CACHE_FIELDS]);
const FILE_OPTIONS = new Set(["file_id", "file_data", "filename"]);
const URL_OPTIONS = new Set(["url", "detail"]);
/** What OpenAI knows; the newer dialect has more. */
const DETAILS: ReadonlySet<string> = new Set(["low", "high", "auto"]);

/** What stands beside the source inside `image_url` or `file`, e.g. `detail`, kept apart from the part's own fields. */
function optionsOf(options: JsonObject): JsonObject {
  return isEmpty(options) ? {} : { options };
}

/** `image_url` and `video_url` come as `{url, ...}` or, from lenient clients, as a bare string. */
function urlOf(value: unknown): string | undefined {
  return textOf(value) ?? textOf(objectOr(value)["url"]);
}

function readMedia(kind: "image" | "video", field: string, part: JsonObject, param: string): Part {
  const url = urlOf(part[field]);
  if (url === undefined) {
    throw new RelayError("bad-request", `Missing required parameter: '${param}.${field}.url'.`, {
      param: `${param}.${field}.url`,
    });
  }
  const { cache, form } = readCache(part);
  const options = isObject(part[field]) ? restOf(part[field], URL_OPTIONS) : {};
  const rest = restOf(part, new Set([...CACHE_FIELDS, "type", field]));
  const detail = textOf(objectOr(part[field])["detail"]);
  return {
    type: "media",
    kind,
    ...sourceOfUrl(url),
    ...(detail === undefined ? {} : { detail }),
    ...(cache === undefined ? {} : { cache }),
    ...withVendor(CHAT, { ...rest, ...optionsOf(options) }, form),
  };
}

function readFile(part: JsonObject, param: string): Part {
  const file = objectOr(part["file"]);
  const id = textOf(file["file_id"]);
  const data = textOf(file["file_data"]);
  const filename = textOf(file["filename"]);
  if (id === undefined && data === undefined) {
    throw new RelayError("bad-request", `Missing required parameter: '${param}.file.file_data'.`, {
      param: `${param}.file`,
    });
  }
  const { cache, form } = readCache(part);
  const media: MediaPart = {
    type: "media",
    kind: "file",
    ...(data === undefined ? { source: { type: "file", id: id ?? "", origin: CHAT } } : sourceOfFileData(data)),
    ...(filename === undefined ? {} : { filename }),
    ...(cache === undefined ? {} : { cache }),
    ...withVendor(CHAT, { ...restOf(part, FILE_FIELDS), ...optionsOf(restOf(file, FILE_OPTIONS)) }, form),
  };
  const mediaType = mediaTypeOf(media);
  return mediaType === undefined ? media : { ...media, mediaType };
}

/** @param param path of the part, e.g. `messages[2].content[0]` */
export function readContentPart(value: Json, param: string): Part {
  if (typeof value === "string") return { type: "text", text: value };
  if (!isObject(value)) {
    throw new RelayError("bad-request", `Invalid type for '${param}': expected an object.`, { param });
  }
  switch (value["type"]) {
    case "text":
    case "input_text":
    case "output_text": {
      if (typeof value["text"] !== "string") {
        throw new RelayError("bad-request", `Invalid type for '${param}.text': expected a string.`, {
          param: `${param}.text`,
        });
      }
      const { cache, form } = readCache(value);
      const rest = restOf(value, TEXT_FIELDS);
      return {
        type: "text",
        text: value["text"],
        ...(cache === undefined ? {} : { cache, ...withVendor(CHAT, rest, form) }),
        ...(cache === undefined ? withVendor(CHAT, rest) : {}),
      };
    }
    case "image_url":
      return readMedia("image", "image_url", value, param);
    case "video_url":
      return readMedia("video", "video_url", value, param);
    case "input_audio": {
      const audio = objectOr(value["input_audio"]);
      const format = textOf(audio["format"]) ?? "wav";
      const { cache, form } = readCache(value);
      return {
        type: "media",
        kind: "audio",
        source: { type: "base64", data: textOf(audio["data"]) ?? "" },
        mediaType: audioMediaType(format),
        ...(cache === undefined ? {} : { cache }),
        ...withVendor(CHAT, restOf(value, AUDIO_FIELDS), { ...form, format }),
      };
    }
    case "file":
      return readFile(value, param);
    case "refusal":
      return { type: "refusal", text: textOf(value["refusal"]) ?? "" };
    case "thinking":
      return { type: "reasoning", text: thinkingText(value), ...withVendor(CHAT, {}, { part: value }) };
    default:
      return { type: "opaque", codecId: CHAT, value };
  }
}

/** Content of any form as parts; an empty or absent one gives none. */
export function readContent(content: Json | undefined, param: string): Part[] {
  if (content === undefined || content === null || content === "") return [];
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (Array.isArray(content)) return content.map((part, index) => readContentPart(part, `${param}[${index}]`));
  throw new RelayError("bad-request", `Invalid type for '${param}': expected a string or an array of parts.`, {
    param,
  });
}

/** The cache mark in the form it was written; `undefined` if the part was not written in this dialect. */
export function writeCache(part: Part): JsonObject {
  return writeCacheMark(part, CHAT);
}

export function writeText(part: TextPart): JsonObject {
  return { type: "text", text: part.text, ...fieldsOf(part.vendor, CHAT), ...writeCache(part) };
}

/**
 * A media part as chat content; `undefined` when chat has no form for it.
 * @throws RelayError `bad-request` for a file that only another vendor knows.
 */
/** Pictures and films have a place for an address, documents at most servers, sound none. */
export function readsUrl(_url: string, kind: MediaPart["kind"], { mediaUrls, fileUrls }: Traits): boolean {
  if (mediaUrls === false || kind === "audio") return false;
  return kind !== "file" || fileUrls !== false;
}

export function writeMedia(part: MediaPart): JsonObject | undefined {
  const { source } = part;
  const { options, ...rest } = fieldsOf(part.vendor, CHAT);
  const extra = { ...rest, ...writeCache(part) };
  if (source.type === "file" && source.origin !== CHAT) {
    throw new RelayError("bad-request", "A file uploaded to another vendor cannot be used with this model.", {
      param: "messages",
    });
  }
  if (part.kind === "image" || part.kind === "video") {
    if (source.type === "file" || source.type === "text") return undefined;
    const url = source.type === "url" ? source.url : toDataUrl(mediaTypeOf(part), source.data);
    const field = part.kind === "image" ? "image_url" : "video_url";
    const detail = part.detail !== undefined && DETAILS.has(part.detail) ? { detail: part.detail } : {};
    return { type: field, [field]: { url, ...detail, ...objectOr(options) }, ...extra };
  }
  if (part.kind === "audio") {
    if (source.type !== "base64") return undefined;
    const written = textOf(formOf(part.vendor, CHAT)?.["format"]);
    return { type: "input_audio", input_audio: { data: source.data, format: written ?? audioFormat(part) }, ...extra };
  }
  if (source.type === "text") {
    const title = part.filename === undefined ? "" : `${part.filename}\n\n`;
    return { type: "text", text: title + source.text, ...extra };
  }
  if (source.type === "file") return { type: "file", file: { file_id: source.id, ...objectOr(options) }, ...extra };
  const mediaType = mediaTypeOf(part) ?? "application/pdf";
  const data = source.type === "url" ? source.url : toDataUrl(mediaType, source.data);
  const filename = part.filename ?? defaultFilename(mediaType);
  return { type: "file", file: { filename, file_data: data, ...objectOr(options) }, ...extra };
}

function audioFormat(part: MediaPart): string {
  const type = cleanMediaType(part.mediaType)?.slice("audio/".length) ?? "wav";
  return type === "mpeg" ? "mp3" : type.replace(/^x-/, "");
}
