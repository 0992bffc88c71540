/** Finds thinking in a request's bytes that nobody has signed: sent to Anthropic it is refused, with every later turn. */
import type { Traits } from "../../contract/codec.ts";
import { bufferOf } from "../../wire/part.ts";

const THINKING = '"thinking"';
const SIGNATURE = '"signature"';
const QUOTE = 0x22;
const COLON = 0x3a;
const SPACES: ReadonlySet<number | undefined> = new Set([0x20, 0x0a, 0x0d, 0x09]);

/**
 * Quotes inside strings are escaped, so that what is found are names and values of the JSON itself. A tool whose input
 * has a `signature` may be taken for thinking: the call is then translated for nothing, and nothing is lost.
 */
export function holdsUnsignedThinking(body: Uint8Array, traitsOf: (model: string) => Traits, model: string): boolean {
  const bytes = bufferOf(body);
  let blocks = 0;
  for (let at = bytes.indexOf(THINKING); at >= 0; at = bytes.indexOf(THINKING, at + THINKING.length)) {
    if (isType(bytes, at)) blocks += 1;
  }
  if (blocks === 0) return false;
  let signed = 0;
  for (let at = bytes.indexOf(SIGNATURE); at >= 0; at = bytes.indexOf(SIGNATURE, at + SIGNATURE.length)) {
    if (isSigned(bytes, at + SIGNATURE.length)) signed += 1;
    else if (isName(bytes, at + SIGNATURE.length)) return traitsOf(model).unsignedThinking !== true;
  }
  return signed < blocks && traitsOf(model).unsignedThinking !== true;
}

/** Is this the value of `"type"`? */
function isType(bytes: Buffer, start: number): boolean {
  let at = start - 1;
  while (SPACES.has(bytes[at])) at -= 1;
  if (bytes[at] !== COLON) return false;
  at -= 1;
  while (SPACES.has(bytes[at])) at -= 1;
  return bytes.toString("latin1", Math.max(0, at - 5), at + 1) === '"type"';
}

function skipSpaces(bytes: Buffer, start: number): number {
  let at = start;
  while (SPACES.has(bytes[at])) at += 1;
  return at;
}

function isName(bytes: Buffer, end: number): boolean {
  return bytes[skipSpaces(bytes, end)] === COLON;
}

/** Does a string follow with more than spaces in it? */
function isSigned(bytes: Buffer, end: number): boolean {
  const colon = skipSpaces(bytes, end);
  const start = skipSpaces(bytes, colon + 1);
  if (bytes[colon] !== COLON || bytes[start] !== QUOTE) return false;
  return bytes[skipSpaces(bytes, start + 1)] !== QUOTE;
}
