/** What a file is, by its first bytes; what it claims to be does not count. */

const ASCII = (bytes: Uint8Array, from: number, to: number): string =>
  String.fromCharCode(...bytes.subarray(from, Math.min(to, bytes.length)));

/** The media type of pictures, documents, sounds and films; `undefined` for anything else. */
export function kindOfBytes(bytes: Uint8Array): string | undefined {
  const start = ASCII(bytes, 0, 12);
  if (start.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (start.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (start.startsWith("GIF87a") || start.startsWith("GIF89a")) return "image/gif";
  if (start.startsWith("%PDF-")) return "application/pdf";
  if (start.startsWith("OggS")) return "audio/ogg";
  if (start.startsWith("fLaC")) return "audio/flac";
  if (start.startsWith("ID3") || /^\xff[\xf2\xf3\xfa\xfb]/.test(start)) return "audio/mpeg";
  if (start.startsWith("\x1aE\xdf\xa3")) return "video/webm";
  if (start.startsWith("RIFF")) return RIFF.get(start.slice(8, 12));
  if (start.slice(4, 8) === "ftyp")
    return BRANDS.find(([brand]) => start.slice(8).startsWith(brand))?.[1] ?? "video/mp4";
  return undefined;
}

const RIFF: ReadonlyMap<string, string> = new Map([
  ["WEBP", "image/webp"],
  ["WAVE", "audio/wav"],
  ["AVI ", "video/x-msvideo"],
]);

const BRANDS: readonly (readonly [brand: string, mediaType: string])[] = [
  ["hei", "image/heic"],
  ["mif1", "image/heif"],
  ["avif", "image/avif"],
  ["M4A", "audio/mp4"],
  ["qt", "video/quicktime"],
];
