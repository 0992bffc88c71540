/** OpenAI's marks for "cache up to here", in their two forms. */
import type { CacheMark, JsonObject, Part } from "../../contract/chat.ts";
import { isObject, textOf } from "./json.ts";
import { formOf } from "./vendor.ts";

/** Anthropic's own field, which OpenRouter and LiteLLM take, and OpenAI's. */
export const CACHE_FIELDS = ["cache_control", "prompt_cache_breakpoint"] as const;

/** The cache mark of a part or message, and in which of the two forms it was written. */
export function readCache(source: JsonObject): { cache?: CacheMark; form: JsonObject } {
  for (const field of CACHE_FIELDS) {
    const mark = source[field];
    if (!isObject(mark)) continue;
    const ttl = textOf(mark["ttl"]);
    return { cache: ttl === undefined ? {} : { ttl }, form: { [field]: mark } };
  }
  return { form: {} };
}

/** The mark in the form it was written; nothing if the part was not written in this dialect. */
export function writeCacheMark(part: Part, codecId: string): JsonObject {
  const form = part.cache === undefined ? undefined : formOf(part.vendor, codecId);
  if (form === undefined) return {};
  for (const field of CACHE_FIELDS) if (isObject(form[field])) return { [field]: form[field] };
  return {};
}
