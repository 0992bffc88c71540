/** Media in messages: data URLs, media types, and what the first bytes say a file is. */
import type { MediaPart, MediaSource } from "../../contract/chat.ts";

export interface DataUrl {
  readonly mediaType?: string;
  /** Standard base64 without whitespace. */
  readonly data: string;
}

/**
 * Tolerates a missing media type, parameters such as `;charset=`, the URL-safe alphabet, whitespace, and data that is
 * percent-encoded instead of base64. `undefined` when it is no data URL at all.
 */
export function parseDataUrl(url: string): DataUrl | undefined {
  if (url.length < 5 || url.slice(0, 5).toLowerCase() !== "data:") return undefined;
  const comma = url.indexOf(",");
  if (comma < 0) return undefined;
  const [type, ...parameters] = url.slice(5, comma).split(";");
  const isBase64 = parameters.some((parameter) => parameter.trim().toLowerCase() === "base64");
  const raw = url.slice(comma + 1);
  const data = isBase64 ? cleanBase64(raw) : Buffer.from(decodePercent(raw)).toString("base64");
  const mediaType = cleanMediaType(type) ?? sniffMediaType(data);
  return mediaType === undefined ? { data } : { mediaType, data };
}

export function toDataUrl(mediaType: string | undefined, data: string): string {
  return `data:${mediaType ?? "application/octet-stream"};base64,${data}`;
}

export function cleanBase64(text: string): string {
  const standard = /[-_\s%]/.test(text)
    ? decodePercent(text).replace(/\s+/g, "").replaceAll("-", "+").replaceAll("_", "/")
    : text;
  const missing = standard.length % 4;
  return missing === 0 || standard.endsWith("=") ? standard : standard.padEnd(standard.length + 4 - missing, "=");
}

function decodePercent(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray percent sign: take it literally
  }
}

/** Lower case, without parameters, with the common misspelling mended. */
export function cleanMediaType(type: unknown): string | undefined {
  if (typeof type !== "string") return undefined;
  const clean = type.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (!clean.includes("/")) return undefined;
  return clean === "image/jpg" ? "image/jpeg" : clean;
}

/** Beginnings of files in base64. */
const MAGIC: readonly (readonly [string, string])[] = [
  ["iVBORw0KGgo", "image/png"],
  ["/9j/", "image/jpeg"],
  ["R0lGOD", "image/gif"],
  ["UklGR", "image/webp"],
  ["JVBERi", "application/pdf"],
];

export function sniffMediaType(base64: string): string | undefined {
  for (const [start, mediaType] of MAGIC) {
    if (!base64.startsWith(start)) continue;
    // RIFF holds sound and video as well; `WEBP` stands at byte 8.
    if (mediaType === "image/webp" && Buffer.from(base64.slice(0, 16), "base64").toString("latin1", 8, 12) !== "WEBP") {
      continue;
    }
    return mediaType;
  }
  return undefined;
}

const EXTENSIONS: { readonly [extension: string]: string } = {
  pdf: "application/pdf",
  txt: "text/plain",
  md: "text/markdown",
  csv: "text/csv",
  html: "text/html",
  json: "application/json",
  xml: "text/xml",
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
};

export function mediaTypeOfName(filename: string | undefined): string | undefined {
  const extension = filename === undefined ? undefined : /\.([A-Za-z0-9]+)$/.exec(filename)?.[1]?.toLowerCase();
  return extension !== undefined && Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined;
}

/** What the part is, from its declared type, its bytes, its name. */
export function mediaTypeOf({ mediaType, source, filename }: Pick<MediaPart, "mediaType" | "source" | "filename">) {
  if (mediaType !== undefined && mediaType !== "application/octet-stream") return mediaType;
  return (source.type === "base64" ? sniffMediaType(source.data) : undefined) ?? mediaTypeOfName(filename) ?? mediaType;
}

/** A source from a URL that may be a data URL. */
export function sourceOfUrl(url: string): { source: MediaSource; mediaType?: string } {
  const inline = parseDataUrl(url);
  if (inline === undefined) return { source: { type: "url", url } };
  const source: MediaSource = { type: "base64", data: inline.data };
  return inline.mediaType === undefined ? { source } : { source, mediaType: inline.mediaType };
}

/** Inline files as OpenAI's dialects carry them: a data URL, a plain URL (OpenRouter), or bare base64. */
export function sourceOfFileData(data: string): { source: MediaSource; mediaType?: string } {
  if (/^(data:|https?:)/i.test(data)) return sourceOfUrl(data);
  return { source: { type: "base64", data } };
}

/** OpenAI wants a name for inline files. */
export function defaultFilename(mediaType: string): string {
  const extension = mediaType.split("/")[1]?.replace(/[^a-z0-9].*$/, "") ?? "bin";
  return `file.${extension === "plain" ? "txt" : extension}`;
}

/** The media type of OpenAI's `input_audio.format`. */
export function audioMediaType(format: string): string {
  return format === "mp3" ? "audio/mpeg" : `audio/${format}`;
}

/** Text formats that can be shown to a model as plain text. */
export function isTextual(mediaType: string): boolean {
  return mediaType.startsWith("text/") || mediaType === "application/json" || mediaType === "application/xml";
}

export function decodeBase64Text(data: string): string {
  return Buffer.from(data, "base64").toString("utf8");
}
