/** Finds one field of a multipart form while its bytes go by; files are never parsed. RFC 7578, RFC 2046. */
import { RelayError } from "../contract/errors.ts";
import { bufferOf } from "../wire/part.ts";

const PART_HEAD_MAX = 8 * 1024;
const VALUE_MAX = 512;
const CRLF2 = Buffer.from("\r\n\r\n");
const CR = 0x0d;
const LF = 0x0a;
const DASH = 0x2d;

/** Where the value of a form field lies, counted from the first byte of the form. */
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

/** A part that says this, to stand before another. */
export function partOf(boundary: string, name: string, value: string): string {
  return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
}

/**
 * Reads a form piece by piece and keeps no more of it than the head of one part. A field given twice is refused, as
 * parsers do not agree which of the two counts; so is a delimiter that not all of them would take for one.
 */
export class FormScan {
  /** Once its value is complete. */
  field: FormField | undefined;
  /** Where the first part begins; another may be put before it. */
  firstAt = 0;
  readonly #delimiter: Buffer;
  readonly #inner: Buffer;
  #state: "preamble" | "head" | "file" | "value" | "end" = "preamble";
  /** Bytes that may still turn out to belong to something, and where the first of them lies. */
  #rest: Buffer = Buffer.alloc(0);
  #restAt = 0;
  #valueAt = 0;

  constructor(
    boundary: string,
    private readonly name: string,
  ) {
    this.#delimiter = Buffer.from(`--${boundary}`);
    this.#inner = Buffer.from(`\r\n--${boundary}`);
  }

  /** The last delimiter has been seen. */
  get isOver(): boolean {
    return this.#state === "end";
  }

  /** The next bytes. Throws `bad-request` when they cannot be those of a form, or say the field once more. */
  feed(bytes: Uint8Array): void {
    const buffer = this.#rest.length === 0 ? bufferOf(bytes) : Buffer.concat([this.#rest, bytes]);
    const base = this.#restAt;
    let at: number | undefined = 0;
    let kept = 0;
    while (at !== undefined && this.#state !== "end") {
      kept = at;
      at = this.#step(buffer, at, base);
    }
    if (at === undefined) kept = this.#keptFrom(buffer, kept);
    // The bytes are the reader's own and may be filled anew.
    this.#rest = this.#state === "end" ? Buffer.alloc(0) : Buffer.from(buffer.subarray(kept));
    this.#restAt = base + kept;
  }

  /** The form is over. Throws `bad-request` when it broke off. */
  finish(): void {
    if (this.#state === "preamble") throw new RelayError("bad-request", "The multipart body has no parts.");
    if (this.#state !== "end") {
      throw new RelayError("bad-request", "The multipart body ends in the middle of a part.");
    }
  }

  /** From where the next step begins; `undefined`: more bytes are needed. */
  #step(buffer: Buffer, at: number, base: number): number | undefined {
    switch (this.#state) {
      case "preamble": {
        const found = buffer.indexOf(this.#delimiter, at);
        if (found < 0) {
          if (base + buffer.length > PART_HEAD_MAX)
            throw new RelayError("bad-request", "The multipart body has no parts.");
          return undefined;
        }
        // Inside a line it is none, though not every parser minds.
        if (base + found > 0 && !(buffer[found - 2] === CR && buffer[found - 1] === LF)) throw malformedDelimiter();
        this.#state = "head";
        this.firstAt = base + found;
        return found + this.#delimiter.length;
      }
      case "head":
        return this.#readHead(buffer, at, base);
      default: {
        const found = buffer.indexOf(this.#inner, at);
        if (this.#state === "value") {
          const end = found < 0 ? buffer.length - this.#inner.length : found;
          if (base + end - this.#valueAt > VALUE_MAX) {
            throw new RelayError("bad-request", `The field "${this.name}" is too long.`, { param: this.name });
          }
          if (found >= 0) this.#take(buffer, base, found);
        }
        if (found < 0) return undefined;
        this.#state = "head";
        return found + this.#inner.length;
      }
    }
  }

  #readHead(buffer: Buffer, at: number, base: number): number | undefined {
    if (buffer.length < at + 2) return undefined;
    if (buffer[at] === DASH && buffer[at + 1] === DASH) {
      this.#state = "end";
      return at;
    }
    if (buffer[at] !== CR || buffer[at + 1] !== LF) {
      throw malformedDelimiter();
    }
    const end = buffer.indexOf(CRLF2, at);
    if ((end < 0 ? buffer.length : end) - at > PART_HEAD_MAX) {
      throw new RelayError("bad-request", "A part of the form has too long a head.");
    }
    if (end < 0) return undefined;
    const isField = fieldName(buffer.toString("utf8", at, end)) === this.name;
    if (isField && this.field !== undefined) {
      throw new RelayError("bad-request", `The field "${this.name}" was given twice.`, { param: this.name });
    }
    this.#state = isField ? "value" : "file";
    this.#valueAt = base + end + CRLF2.length;
    // The line end in front of the next delimiter may be that of the head: the part is empty then.
    return end + 2;
  }

  #take(buffer: Buffer, base: number, end: number): void {
    const start = this.#valueAt;
    const last = Math.max(start, base + end);
    this.field = { start, end: last, value: buffer.toString("utf8", start - base, last - base) };
  }

  /** Of a part's inside, only what may be the beginning of a delimiter is needed again; of the field's own, all. */
  #keptFrom(buffer: Buffer, at: number): number {
    if (this.#state === "head" || this.#state === "value") return at;
    return Math.max(at, buffer.length - this.#inner.length + 1);
  }
}

const DISPOSITION = /^content-disposition[ \t]*:[ \t]*/i;
const PARAMETER = /[ \t]*;[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/y;

/**
 * The name of the field whose head this is; `undefined` = it has none. A head that parsers could read in two ways, so
 * that another of them finds another field, is refused: said twice, continued on the next line, or in RFC 5987's form.
 */
function fieldName(head: string): string | undefined {
  const lines = head.split("\r\n");
  const [line, ...more] = lines.filter((each) => DISPOSITION.test(each));
  if (more.length > 0 || lines.some((each) => /^[ \t]/.test(each))) throw ambiguous();
  if (line === undefined) return undefined;
  const value = line.replace(DISPOSITION, "");
  const kind = /^[^\s;]*/.exec(value)![0];
  if (kind.toLowerCase() !== "form-data") return undefined;
  let name: string | undefined;
  PARAMETER.lastIndex = kind.length;
  let end = kind.length;
  for (let found = PARAMETER.exec(value); found !== null; found = PARAMETER.exec(value)) {
    end = PARAMETER.lastIndex;
    const parameter = found[1]!.toLowerCase();
    if (parameter === "name*" || (parameter === "name" && name !== undefined)) throw ambiguous();
    if (parameter === "name") name = found[2] ?? found[3];
  }
  if (!/^[ \t]*;?[ \t]*$/.test(value.slice(end))) throw ambiguous();
  return name;
}

function malformedDelimiter(): RelayError {
  return new RelayError("bad-request", "The multipart body has a malformed delimiter.");
}

function ambiguous(): RelayError {
  return new RelayError("bad-request", "A part of the form has a malformed Content-Disposition.");
}
