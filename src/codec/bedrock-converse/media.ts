/** Media as Converse takes them: bytes with a format's short name, documents under a tame name. */
import type { JsonObject, MediaPart } from "../../contract/chat.ts";
import { badRequest } from "../shared/check.ts";
import { isTextual, mediaTypeOf } from "../shared/media.ts";

const IMAGES: { readonly [mediaType: string]: string } = {
  "image/png": "png",
  "image/jpeg": "jpeg",
  "image/gif": "gif",
  "image/webp": "webp",
};
const DOCUMENTS: { readonly [mediaType: string]: string } = {
  "application/pdf": "pdf",
  "text/csv": "csv",
  "application/msword": "doc",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
  "application/vnd.ms-excel": "xls",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
  "text/html": "html",
  "text/plain": "txt",
  "text/markdown": "md",
};
const VIDEOS: { readonly [mediaType: string]: string } = {
  "video/mp4": "mp4",
  "video/quicktime": "mov",
  "video/x-matroska": "mkv",
  "video/webm": "webm",
  "video/x-flv": "flv",
  "video/mpeg": "mpeg",
  "video/x-ms-wmv": "wmv",
  "video/3gpp": "three_gp",
};

const NAME_CHARS_MAX = 200;

/** Gives each document of one request a name of its own, made of what Converse allows in names. */
export class DocumentNames {
  readonly #given = new Set<string>();

  name(filename: string | undefined): string {
    const bare = (filename ?? "").replace(/\.[A-Za-z0-9]{1,5}$/, "");
    const clean = bare
      .replace(/[^A-Za-z0-9()[\]\s-]+/g, "-")
      .replace(/\s+/g, " ")
      .trim();
    const wanted = clean.slice(0, NAME_CHARS_MAX - 10).trim() || "document";
    let unique = wanted;
    for (let copy = 2; this.#given.has(unique); copy += 1) unique = `${wanted} (${copy})`;
    this.#given.add(unique);
    return unique;
  }
}

/** @throws RelayError `bad-request` for what the upstream cannot read */
export function writeMedia(part: MediaPart, names: DocumentNames): JsonObject {
  const { source, kind } = part;
  if (source.type === "text") {
    const bytes = Buffer.from(source.text).toString("base64");
    return { document: { format: "txt", name: names.name(part.filename), source: { bytes } } };
  }
  if (source.type === "file") {
    throw badRequest("A file uploaded to another vendor cannot be used with this model.", "messages");
  }
  const mediaType = typeOf(part);
  const from = source.type === "base64" ? { bytes: source.data } : { s3Location: { uri: storedAt(source.url) } };
  if (Object.hasOwn(IMAGES, mediaType)) return { image: { format: IMAGES[mediaType]!, source: from } };
  if (Object.hasOwn(VIDEOS, mediaType)) return { video: { format: VIDEOS[mediaType]!, source: from } };
  const format = Object.hasOwn(DOCUMENTS, mediaType) ? DOCUMENTS[mediaType] : isTextual(mediaType) ? "txt" : undefined;
  if (format !== undefined && kind !== "audio") {
    return { document: { format, name: names.name(part.filename), source: from } };
  }
  throw badRequest(`The upstream chosen for this model cannot take ${mediaType || kind}.`, "messages");
}

/** From what it is said to be, its bytes, its name or the ending of its address; text is known by being text. */
function typeOf(part: MediaPart): string {
  const { source, kind } = part;
  const path = source.type === "url" ? source.url.replace(/[?#].*$/, "") : undefined;
  const known = mediaTypeOf(part) ?? mediaTypeOf({ ...part, ...(path === undefined ? {} : { filename: path }) });
  if (known !== undefined) return known;
  if (kind === "image") return "image/jpeg";
  return kind === "file" && source.type === "base64" && isText(source.data) ? "text/plain" : "";
}

function isText(base64: string): boolean {
  try {
    return !new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(base64, "base64")).includes("\0");
  } catch {
    return false; // not UTF-8, hence no text
  }
}

/** It fetches from its own store and from nowhere else. */
function storedAt(url: string): string {
  if (url.startsWith("s3://")) return url;
  throw badRequest("The upstream chosen for this model takes no media by URL; send the bytes.", "messages");
}
