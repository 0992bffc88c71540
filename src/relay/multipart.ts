/** Finds the `model` field of a multipart form by scanning its bytes; files are never parsed. RFC 7578, RFC 2046. */
import { RelayError } from "../contract/errors.ts";
import { bufferOf } from "../wire/part.ts";

const PART_HEAD_MAX = 8 * 1024;
const MODEL_LENGTH_MAX = 512;
const CRLF2 = Buffer.from("\r\n\r\n");

/** Where the value of a form field lies. */
export interface FormField {
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

/** The boundary of a multipart content type. Throws 415 for another type, 400 without a boundary. */
export function boundaryOf(contentType: string | null): string {
  if (contentType === null || !/^multipart\/form-data\b/i.test(contentType)) {
    throw new RelayError("unsupported-media-type", "The content type must be multipart/form-data.", {
      wireCode: "unsupported_media_type",
    });
  }
  const match = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) throw new RelayError("bad-request", "The multipart content type has no boundary.");
  return boundary;
}

/**
 * The field named `name` in the first bytes of a form. `undefined`: not seen yet, more bytes may tell. `null`: the form
 * is complete and has none. Throws `bad-request` when the bytes are no such form.
 */
export function findField(
  bytes: Uint8Array,
  boundary: string,
  name: string,
  isWhole: boolean,
): FormField | null | undefined {
  const buffer = bufferOf(bytes);
  const delimiter = Buffer.from(`--${boundary}`);
  const inner = Buffer.from(`\r\n--${boundary}`);
  let at = buffer.indexOf(delimiter);
  if (at < 0) {
    if (isWhole || buffer.length > PART_HEAD_MAX)
      throw new RelayError("bad-request", "The multipart body has no parts.");
    return undefined;
  }
  for (;;) {
    const afterDelimiter = at + delimiter.length;
    if (buffer[afterDelimiter] === 0x2d && buffer[afterDelimiter + 1] === 0x2d) return null;
    const headEnd = buffer.indexOf(CRLF2, afterDelimiter);
    if (headEnd < 0) return unfinished(isWhole);
    if (headEnd - afterDelimiter > PART_HEAD_MAX)
      throw new RelayError("bad-request", "A part of the form has too long a head.");
    const start = headEnd + CRLF2.length;
    const next = buffer.indexOf(inner, headEnd + 2);
    if (next < 0) return unfinished(isWhole);
    const head = buffer.toString("utf8", afterDelimiter, headEnd);
    if (fieldName(head) === name) {
      const value = buffer.toString("utf8", start, next);
      if (value.length > MODEL_LENGTH_MAX) {
        throw new RelayError("bad-request", `The field "${name}" is too long.`, { param: name });
      }
      return { start, end: next, value };
    }
    at = next + 2;
  }
}

function unfinished(isWhole: boolean): undefined {
  if (isWhole) throw new RelayError("bad-request", "The multipart body ends in the middle of a part.");
  return undefined;
}

function fieldName(head: string): string | undefined {
  const disposition = /^content-disposition:\s*form-data\s*;(.*)$/im.exec(head)?.[1];
  // A file's own name must not be taken for the field's: `filename=` also ends in `name=`.
  const match =
    disposition === undefined ? null : /(?:^|[;\s])name=(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(disposition);
  return match?.[1] ?? match?.[2];
}
