/** Takes out of a whole answer's bytes what records need, without making objects and strings of its words. */
import type { Finish, JsonObject, Usage } from "../../contract/chat.ts";
import { isObject, parseJson } from "../shared/json.ts";
import { readChatUsage } from "../shared/usage.ts";
import { readFinishReason } from "./wire.ts";

const encode = (text: string): Buffer => Buffer.from(text);
// A name of a field, quotes and all, stands nowhere else: inside a text its quotes would be escaped.
const USAGE = encode('"usage"');
const FINISH_REASON = encode('"finish_reason"');
/** With one of these the whole has to be looked at. */
const SPECIAL = ['"tool_calls"', '"function_call"', '"refusal":"', '"refusal": "'].map(encode);

const SPACE = 0x20;
const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
/** A reason is a word. */
const REASON_LENGTH_MAX = 64;
const USAGE_LENGTH_MAX = 4096;

/** The same as reading the parsed answer gives; `undefined` where that is the surer way. */
export function skimFacts(answer: Uint8Array): { usage: Usage; finish: Finish } | undefined {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.length);
  for (const mark of SPECIAL) if (bytes.includes(mark)) return undefined;
  const usage = readChatUsage(objectBehind(bytes, bytes.lastIndexOf(USAGE), USAGE.length));
  const raw = wordBehind(bytes, bytes.indexOf(FINISH_REASON), FINISH_REASON.length);
  if (usage === undefined || raw === undefined) return undefined;
  return { usage, finish: { reason: readFinishReason(raw, { calls: false, refusal: false }), raw } };
}

/** Index of the value of the field whose name begins at `at`; -1 if there is none. */
function valueAt(bytes: Buffer, at: number, nameLength: number): number {
  if (at < 0) return -1;
  let next = at + nameLength;
  while (next < bytes.length && bytes[next]! <= SPACE) next += 1;
  if (bytes[next] !== COLON) return -1;
  next += 1;
  while (next < bytes.length && bytes[next]! <= SPACE) next += 1;
  return next < bytes.length ? next : -1;
}

function wordBehind(bytes: Buffer, at: number, nameLength: number): string | undefined {
  const start = valueAt(bytes, at, nameLength);
  if (start < 0 || bytes[start] !== QUOTE) return undefined;
  const until = Math.min(bytes.length, start + REASON_LENGTH_MAX);
  for (let end = start + 1; end < until; end += 1) {
    if (bytes[end] === BACKSLASH) return undefined;
    if (bytes[end] === QUOTE) return end === start + 1 ? undefined : bytes.toString("utf8", start + 1, end);
  }
  return undefined;
}

function objectBehind(bytes: Buffer, at: number, nameLength: number): JsonObject | undefined {
  const start = valueAt(bytes, at, nameLength);
  if (start < 0 || bytes[start] !== OPEN) return undefined;
  const until = Math.min(bytes.length, start + USAGE_LENGTH_MAX);
  let depth = 0;
  for (let end = start; end < until; end += 1) {
    const byte = bytes[end];
    if (byte === BACKSLASH) return undefined;
    if (byte === OPEN) depth += 1;
    else if (byte === CLOSE) {
      depth -= 1;
      if (depth > 0) continue;
      const value = parseJson(bytes.toString("utf8", start, end + 1));
      return isObject(value) ? value : undefined;
    }
  }
  return undefined;
}
