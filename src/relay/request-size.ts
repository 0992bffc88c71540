/** Guesses from the bytes of a request how many tokens it may use, without parsing what it says. */
import { bufferOf } from "../wire/part.ts";
import type { Json } from "../plugin/index.ts";
import type { Call } from "./call.ts";
import type { TopLevel } from "./scan.ts";

/** Seen over many languages and tokenizers; code and English are near it. */
const BYTES_PER_TOKEN = 4;
/** What a picture of usual size costs with the vendors that tell. */
const MEDIA_TOKENS = 1500;
/** Shorter bodies hold no media worth looking for. */
const MEDIA_BODY_MIN = 16 * 1024;
/** A shorter text behind a mark is counted as one. */
const MEDIA_LENGTH_MIN = 4096;
/** What stands before base64 in all dialects: data URLs, and the field that Anthropic, Gemini and audio parts use. */
const MEDIA_MARKS = [";base64,", '"data":"', '"data": "'].map((text) => Buffer.from(text));
const QUOTE = 0x22;
/** No model writes more than this in one answer; what clients write beyond it is not meant. */
export const OUTPUT_TOKENS_MAX = 131_072;
/** More answers in one call than any dialect allows. */
const ANSWERS_MAX = 128;

/** What a call might use. */
export interface Size {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Of a call that writes an answer: what it says itself, else `limits.reserve_output_tokens`. */
export function sizeOfChat(call: Call, top: TopLevel, modelMax: number | undefined): Size {
  const { layout } = call.route.codec;
  const number = (parameter: string): number | undefined => {
    const read = (field: string): Json | undefined => top.value(field) as Json | undefined;
    const path = layout?.place(parameter, 0, read)?.path;
    return path === undefined ? undefined : positive(valueAt(read(path[0]), path.slice(1)));
  };
  const named = number("max_tokens") ?? call.snapshot.config.limits.reserveOutputTokens;
  const answers = Math.min(number("n") ?? 1, ANSWERS_MAX);
  return {
    inputTokens: inputTokensOf(top.bytes),
    outputTokens: Math.min(named, modelMax ?? OUTPUT_TOKENS_MAX) * answers,
  };
}

/** At least 1. Media that stand in the body as text count as pictures do, whatever their length. */
export function inputTokensOf(bytes: Uint8Array): number {
  if (bytes.length < MEDIA_BODY_MIN) return Math.max(1, Math.ceil(bytes.length / BYTES_PER_TOKEN));
  const buffer = bufferOf(bytes);
  let media = 0;
  let mediaBytes = 0;
  for (const mark of MEDIA_MARKS) {
    for (let at = buffer.indexOf(mark); at >= 0; at = buffer.indexOf(mark, at)) {
      const start = at + mark.length;
      const end = buffer.indexOf(QUOTE, start);
      at = end < 0 ? bytes.length : end;
      if (at - start < MEDIA_LENGTH_MIN) continue;
      media += 1;
      mediaBytes += at - start;
    }
  }
  return Math.max(1, Math.ceil((bytes.length - mediaBytes) / BYTES_PER_TOKEN)) + media * MEDIA_TOKENS;
}

function valueAt(value: Json | undefined, path: readonly string[]): Json | undefined {
  let inner = value;
  for (const name of path) {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return undefined;
    inner = inner[name];
  }
  return inner;
}

export function positive(value: Json | undefined): number | undefined {
  return typeof value === "number" && value > 0 ? Math.ceil(value) : undefined;
}
