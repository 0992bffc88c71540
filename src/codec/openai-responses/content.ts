/** Content parts of Responses messages and tool outputs, both ways. */
import type { Annotation, Json, JsonObject, MediaPart, Part, TextPart } from "../../contract/chat.ts";
import { CACHE_FIELDS, readCache, writeCacheMark } from "../shared/cache-mark.ts";
import { badRequest } from "../shared/check.ts";
import { isObject, objectOr, restOf, textOf } from "../shared/json.ts";
import {
  audioMediaType,
  defaultFilename,
  mediaTypeOf,
  sourceOfFileData,
  sourceOfUrl,
  toDataUrl,
} from "../shared/media.ts";
import { fieldsOf, formOf, withVendor } from "../shared/vendor.ts";
import { RESPONSES } from "./wire.ts";
import { citationFields, readCitations } from "../shared/openai-citations.ts";

const TEXT_FIELDS = new Set(["type", "text", ...CACHE_FIELDS]);
const REFUSAL_FIELDS = new Set(["type", "refusal", ...CACHE_FIELDS]);
const IMAGE_FIELDS = new Set(["detail", "type", "image_url", "file_id", ...CACHE_FIELDS]);
const FILE_FIELDS = new Set(["type", "file_id", "file_data", "file_url", "filename", ...CACHE_FIELDS]);
const AUDIO_FIELDS = new Set(["type", "input_audio", ...CACHE_FIELDS]);

export function missing(param: string) {
  return badRequest(`Missing required parameter: '${param}'.`, param);
}

/** What every part has beside its content: the cache mark, unknown fields, and the form it was written in. */
function extrasOf(
  value: JsonObject,
  known: ReadonlySet<string>,
  form: JsonObject = {},
): Pick<Part, "cache" | "vendor"> {
  const { cache, form: cacheForm } = readCache(value);
  return {
    ...(cache === undefined ? {} : { cache }),
    ...withVendor(RESPONSES, restOf(value, known), { ...form, ...cacheForm }),
  };
}

function readImage(value: JsonObject, param: string): Part {
  const id = textOf(value["file_id"]);
  const url = textOf(value["image_url"]) ?? textOf(objectOr(value["image_url"])["url"]);
  const detail = textOf(value["detail"]);
  if (id === undefined && url === undefined) throw missing(`${param}.image_url`);
  return {
    type: "media",
    kind: "image",
    ...(url === undefined ? { source: { type: "file", id: id ?? "", origin: RESPONSES } } : sourceOfUrl(url)),
    ...(detail === undefined ? {} : { detail }),
    ...extrasOf(value, IMAGE_FIELDS),
  };
}

function readFile(value: JsonObject, param: string): Part {
  const id = textOf(value["file_id"]);
  const data = textOf(value["file_data"]);
  const url = textOf(value["file_url"]);
  const filename = textOf(value["filename"]);
  if (id === undefined && data === undefined && url === undefined) throw missing(`${param}.file_data`);
  const source: Pick<MediaPart, "source" | "mediaType"> =
    data !== undefined
      ? sourceOfFileData(data)
      : { source: url === undefined ? { type: "file", id: id ?? "", origin: RESPONSES } : { type: "url", url } };
  const media: MediaPart = {
    type: "media",
    kind: "file",
    ...source,
    ...(filename === undefined ? {} : { filename }),
    ...extrasOf(value, FILE_FIELDS, data !== undefined && !data.startsWith("data:") ? { file_data: "bare" } : {}),
  };
  const mediaType = mediaTypeOf(media);
  return mediaType === undefined ? media : { ...media, mediaType };
}

function readAudio(value: JsonObject): Part {
  const audio = objectOr(value["input_audio"]);
  const format = textOf(audio["format"]) ?? "wav";
  return {
    type: "media",
    kind: "audio",
    source: { type: "base64", data: textOf(audio["data"]) ?? "" },
    mediaType: audioMediaType(format),
    ...extrasOf(value, AUDIO_FIELDS, { format }),
  };
}

/** @param param path of the part, e.g. `input[2].content[0]` */
function readContentPart(value: Json, param: string): Part {
  if (typeof value === "string") return { type: "text", text: value };
  if (!isObject(value)) throw badRequest(`Invalid type for '${param}': expected an object.`, param);
  const { type } = value;
  switch (type) {
    case "input_text":
    case "output_text":
    case "text":
      if (typeof value["text"] !== "string") {
        throw badRequest(`Invalid type for '${param}.text': expected a string.`, `${param}.text`);
      }
      return { type: "text", text: value["text"], ...extrasOf(value, TEXT_FIELDS, { type }) };
    case "refusal":
      return { type: "refusal", text: textOf(value["refusal"]) ?? "", ...extrasOf(value, REFUSAL_FIELDS) };
    case "input_image":
      return readImage(value, param);
    case "input_file":
      return readFile(value, param);
    case "input_audio":
      return readAudio(value);
    default:
      if (textOf(type) === undefined) throw missing(`${param}.type`);
      return { type: "opaque", codecId: RESPONSES, value };
  }
}

/** A string, or a list of parts. */
export function readContent(content: Json | undefined, param: string): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  if (Array.isArray(content)) return content.map((part, index) => readContentPart(part, `${param}[${index}]`));
  if (content === undefined || content === null) throw missing(param);
  throw badRequest(`Invalid type for '${param}': expected a string or an array of parts.`, param);
}

/** How a text is called depends on who says it. */
export type TextType = "input_text" | "output_text";

/** Text as the client wrote it, or as `type`; the vendor's own schema wants annotations with an output text. */
export function writeText(part: TextPart, type: TextType): JsonObject {
  const form = formOf(part.vendor, RESPONSES);
  return {
    type: textOf(form?.["type"]) ?? type,
    text: part.text,
    ...(form === undefined && type === "output_text" ? { annotations: [] } : {}),
    ...fieldsOf(part.vendor, RESPONSES),
    ...writeCacheMark(part, RESPONSES),
  };
}

/**
 * A media part as input content; `undefined` when the dialect has no form for it.
 * @throws RelayError `bad-request` for a file that only another vendor knows.
 */
export function writeMedia(part: MediaPart): JsonObject | undefined {
  const { source } = part;
  const form = formOf(part.vendor, RESPONSES);
  const extra = { ...fieldsOf(part.vendor, RESPONSES), ...writeCacheMark(part, RESPONSES) };
  if (source.type === "file" && source.origin !== RESPONSES) {
    throw badRequest("A file uploaded to another vendor cannot be used with this model.", "input");
  }
  if (part.kind === "audio" && form !== undefined && source.type === "base64") {
    return { type: "input_audio", input_audio: { data: source.data, format: form["format"] ?? "wav" }, ...extra };
  }
  if (part.kind === "audio" || part.kind === "video") return undefined;
  if (source.type === "text") {
    const title = part.filename === undefined ? "" : `${part.filename}\n\n`;
    return { type: "input_text", text: title + source.text };
  }
  const mediaType = mediaTypeOf(part);
  const isImage = part.kind === "image" || (source.type === "base64" && mediaType?.startsWith("image/") === true);
  if (isImage) {
    const asked = part.detail ?? (form === undefined ? "auto" : undefined);
    const detail = asked === undefined ? {} : { detail: asked };
    if (source.type === "file") return { type: "input_image", file_id: source.id, ...detail, ...extra };
    const url = source.type === "url" ? source.url : toDataUrl(mediaType, source.data);
    return { type: "input_image", image_url: url, ...detail, ...extra };
  }
  const filename = part.filename === undefined ? {} : { filename: part.filename };
  if (source.type === "file") return { type: "input_file", file_id: source.id, ...filename, ...extra };
  if (source.type === "url") return { type: "input_file", file_url: source.url, ...filename, ...extra };
  const type = mediaType ?? "application/pdf";
  const data = form?.["file_data"] === "bare" ? source.data : toDataUrl(type, source.data);
  const name = part.filename ?? (form === undefined ? defaultFilename(type) : undefined);
  return { type: "input_file", ...(name === undefined ? {} : { filename: name }), file_data: data, ...extra };
}

export function readAnnotations(value: Json | undefined): Annotation[] {
  return readCitations(value, objectOr);
}

/** @param chars of the text that the annotation is about */
export function writeAnnotation(annotation: Annotation, chars: number): JsonObject {
  return { type: "url_citation", ...citationFields(annotation, 0, chars) };
}
