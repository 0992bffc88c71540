/** The head of an HTTP/1 response: status line and fields, read strictly (RFC 9112 §4, §5, §6.3). */

/** Most fields one head may hold. */
export const FIELDS_MAX = 256;

/** What is wrong with a response; the text is neutral: it repeats nothing of what was received. */
export class Http1Error extends Error {
  override readonly name = "Http1Error";
}

/** More than this behind a head is not kept in memory for the sake of its fields: they are copied. */
const KEPT_BYTES_MAX = 16 * 1024;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;

const VERSION = Buffer.from("HTTP/1.");
/** Digits of a length: more would not be exact numbers any more, and nobody sends petabytes. */
const LENGTH_DIGITS_MAX = 15;

/** 1 for characters of a field name (`token`). */
export const NAME_CHARS = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  NAME_CHARS[char.charCodeAt(0)] = 1;
}

/** 1 for characters of a field value: everything but control characters; a tab is none. */
export const VALUE_CHARS = new Uint8Array(256).fill(1, SPACE);
VALUE_CHARS[TAB] = 1;
VALUE_CHARS[0x7f] = 0;

/** Status and fields. Values are decoded only when asked for. */
export class ResponseHead {
  /** 100 to 599. */
  readonly status: number;
  /** Index behind the empty line that ends the head. */
  readonly end: number;
  /** `Content-Length`, if there is one. */
  readonly length: number | undefined;
  /** `Transfer-Encoding: chunked`. */
  readonly isChunked: boolean;
  /** By version and `Connection`: whether another request may follow on this connection. */
  readonly isPersistent: boolean;
  readonly #bytes: Buffer;
  /** Per field: where its name begins, where its colon is, where its line ends. */
  readonly #fields: readonly number[];

  constructor(
    bytes: Buffer,
    fields: readonly number[],
    end: number,
    status: number,
    length: number | undefined,
    isChunked: boolean,
    isPersistent: boolean,
  ) {
    this.#bytes = bytes;
    this.#fields = fields;
    this.end = end;
    this.status = status;
    this.length = length;
    this.isChunked = isChunked;
    this.isPersistent = isPersistent;
  }

  /** Value of a field by its lower-case name, read as Latin-1; repeated ones joined by ", "; `null` if absent. */
  get(name: string): string | null {
    const fields = this.#fields;
    let value: string | null = null;
    for (let i = 0; i < fields.length; i += 3) {
      const start = fields[i]!;
      const colon = fields[i + 1]!;
      if (colon - start !== name.length || !isNamed(this.#bytes, start, name)) continue;
      const text = valueText(this.#bytes, colon + 1, fields[i + 2]!);
      value = value === null ? text : `${value}, ${text}`;
    }
    return value;
  }
}

/**
 * Reads a head that begins at `from`; `undefined` when it is not all there yet. Throws an `Http1Error` for the first
 * thing that is wrong in what is there.
 */
export function parseHead(bytes: Buffer, from: number): ResponseHead | undefined {
  const { length } = bytes;
  for (let i = 0; i < VERSION.length; i += 1) {
    if (from + i === length) return undefined;
    if (bytes[from + i] !== VERSION[i]) throw new Http1Error("This is not an HTTP/1 response.");
  }
  let at = from + VERSION.length;
  if (length - at < 6) return undefined;
  const minor = bytes[at]! - 48;
  if (minor !== 0 && minor !== 1) throw new Http1Error("The HTTP version is unknown.");
  if (bytes[at + 1] !== SPACE) throw new Http1Error("The status line is malformed.");
  const status = statusAt(bytes, at + 2);
  at += 5;
  if (bytes[at] === SPACE) {
    at += 1;
    while (at < length && VALUE_CHARS[bytes[at]!] === 1) at += 1;
  }

  const fields: number[] = [];
  let declared: number | undefined;
  let isChunked = false;
  let isPersistent = minor === 1;
  for (;;) {
    if (at + 1 >= length) {
      if (at === length || bytes[at] === CR) return undefined;
      throw new Http1Error("A line of the head is malformed.");
    }
    if (bytes[at] !== CR || bytes[at + 1] !== LF) throw new Http1Error("A line of the head is malformed.");
    at += 2;
    const start = at;
    while (at < length && NAME_CHARS[bytes[at]!] === 1) at += 1;
    if (at === length) return undefined;
    if (at === start && bytes[at] === CR) {
      if (at + 1 === length) return undefined;
      if (bytes[at + 1] !== LF) throw new Http1Error("A line of the head is malformed.");
      const end = at + 2;
      const kept = length - end > KEPT_BYTES_MAX ? Buffer.from(bytes.subarray(0, end)) : bytes;
      return new ResponseHead(kept, fields, end, status, declared, isChunked, isPersistent);
    }
    // Also folded lines, which begin with a space, and a space before the colon.
    if (at === start || bytes[at] !== COLON) throw new Http1Error("The name of a field is malformed.");
    const colon = at;
    at += 1;
    while (at < length && VALUE_CHARS[bytes[at]!] === 1) at += 1;
    if (at === length) return undefined;
    if (fields.length === FIELDS_MAX * 3) throw new Http1Error(`There are more than ${FIELDS_MAX} fields.`);
    fields.push(start, colon, at);

    switch (colon - start) {
      case 10:
        if (isNamed(bytes, start, "connection")) {
          isPersistent = persistence(valueText(bytes, colon + 1, at), isPersistent);
        }
        break;
      case 14:
        if (isNamed(bytes, start, "content-length")) {
          const found = lengthOf(bytes, colon + 1, at);
          if (declared !== undefined && declared !== found) throw new Http1Error("There are two different lengths.");
          declared = found;
        }
        break;
      case 17:
        if (isNamed(bytes, start, "transfer-encoding")) {
          if (isChunked || minor === 0 || valueText(bytes, colon + 1, at).toLowerCase() !== "chunked") {
            throw new Http1Error("The transfer coding is not supported.");
          }
          isChunked = true;
        }
        break;
    }
    if (isChunked && declared !== undefined) throw new Http1Error("There are both a length and a transfer coding.");
  }
}

function statusAt(bytes: Buffer, at: number): number {
  let status = 0;
  for (let i = at; i < at + 3; i += 1) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) throw new Http1Error("The status is not a number.");
    status = status * 10 + digit;
  }
  if (status < 100 || status > 599) throw new Http1Error("The status does not exist.");
  return status;
}

/** `name` is in lower case and as long as the name in the bytes, which is a valid one. */
function isNamed(bytes: Buffer, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i += 1) {
    const byte = bytes[start + i]!;
    const lower = byte >= 65 && byte <= 90 ? byte | 32 : byte;
    if (lower !== name.charCodeAt(i)) return false;
  }
  return true;
}

function valueText(bytes: Buffer, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && (bytes[from] === SPACE || bytes[from] === TAB)) from += 1;
  while (from < to && (bytes[to - 1] === SPACE || bytes[to - 1] === TAB)) to -= 1;
  return bytes.toString("latin1", from, to);
}

/** Digits only: no sign, no list, no hexadecimal. */
function lengthOf(bytes: Buffer, start: number, end: number): number {
  let from = start;
  let to = end;
  while (from < to && (bytes[from] === SPACE || bytes[from] === TAB)) from += 1;
  while (from < to && (bytes[to - 1] === SPACE || bytes[to - 1] === TAB)) to -= 1;
  if (from === to || to - from > LENGTH_DIGITS_MAX) throw new Http1Error("The length is malformed.");
  let value = 0;
  for (let at = from; at < to; at += 1) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) throw new Http1Error("The length is malformed.");
    value = value * 10 + digit;
  }
  return value;
}

function persistence(value: string, fallback: boolean): boolean {
  const options = value
    .toLowerCase()
    .split(",")
    .map((option) => option.trim());
  if (options.includes("close")) return false;
  return fallback || options.includes("keep-alive");
}
