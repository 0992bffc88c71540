/** Whole answers of upstreams as JSON, and what can be said of them without reading them. */
import { type Json, type JsonObject, RelayError } from "../plugin/index.ts";
import { parseExact } from "../codec/shared/exact-json.ts";
import { bufferOf } from "../wire/part.ts";
import { isText } from "../wire/utf8.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

const ERROR = Buffer.from('"error"');
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;

/**
 * Whether these bytes are an answer and no error in an answer's place, as far as that shows without parsing them; no
 * means only that they have to be read. `mark`: what every answer of the dialect holds.
 */
export function isPlainlyGood(bytes: Uint8Array, mark: Uint8Array | undefined): boolean {
  if (mark === undefined || bytes[0] !== OPEN_OBJECT) return false;
  let last = bytes.length - 1;
  while (last > 0 && bytes[last]! <= SPACE) last -= 1;
  if (bytes[last] !== CLOSE_OBJECT) return false;
  const text = bufferOf(bytes);
  return text.includes(mark) && !text.includes(ERROR) && isText(text);
}

/** Throws `upstream-malformed` for anything but JSON. */
export function parseJsonAnswer(bytes: Uint8Array): Json {
  try {
    return parseExact(decoder.decode(bytes));
  } catch (cause) {
    throw new RelayError("upstream-malformed", "The upstream's answer is not JSON.", { cause });
  }
}

/** Throws `upstream-malformed` for anything but a JSON object. */
export function parseAnswer(bytes: Uint8Array): JsonObject {
  const value = parseJsonAnswer(bytes);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RelayError("upstream-malformed", "The upstream's answer is not a JSON object.");
  }
  return value;
}
