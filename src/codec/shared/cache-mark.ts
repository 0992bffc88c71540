/** OpenAI's marks for "cache up to here", in their two forms. */
import type { CacheMark, JsonObject, Part } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { isObject, textOf } from "./json.ts";
import { formOf } from "./vendor.ts";

/** OpenAI's own. Where it may stand: texts, media and documents that users, instructions and tools give. */
const BREAKPOINT = "prompt_cache_breakpoint";
/** Anthropic's own field, which OpenRouter and LiteLLM take, and OpenAI's. */
export const CACHE_FIELDS = ["cache_control", BREAKPOINT] as const;

/** The cache mark of a part or message, and in which of the two forms it was written. */
export function readCache(source: JsonObject): { cache?: CacheMark; form: JsonObject } {
  for (const field of CACHE_FIELDS) {
    const mark = source[field];
    if (!isObject(mark)) continue;
    const ttl = textOf(mark["ttl"]);
    const cache = {
      ...(ttl === undefined ? {} : { ttl }),
      ...(field === BREAKPOINT ? { breakpoint: true as const } : {}),
    };
    return { cache, form: { [field]: mark } };
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

/** Reports a mark as lost, by the name its client knows. */
export function loseMark(
  cache: CacheMark | undefined,
  lose: EncodeTarget["lose"],
  reason = "the upstream caches by itself",
): void {
  if (cache !== undefined) lose(cache.breakpoint ? BREAKPOINT : "cache_control", reason);
}

/** A mark of another dialect as OpenAI's own, where that is taken. How long it holds is said for the whole request. */
export function writeBreakpoint(
  cache: CacheMark | undefined,
  { traits, lose }: Pick<EncodeTarget, "traits" | "lose">,
): JsonObject {
  const isTaken = traits.vendorFields !== false && (cache?.breakpoint === true || traits.cacheBreakpoints === true);
  if (cache === undefined || !isTaken) {
    loseMark(cache, lose);
    return {};
  }
  if (cache.ttl !== undefined) lose("cache_control.ttl", "the upstream's marks have no time of their own");
  return { [BREAKPOINT]: { mode: "explicit" } };
}

export function isMarked(content: JsonObject): boolean {
  return content[BREAKPOINT] !== undefined;
}

/** The content with this mark on its last piece; without a piece there is nothing to mark. */
export function withMark(content: readonly JsonObject[], mark: JsonObject): JsonObject[] {
  return content.map((piece, index) => (index === content.length - 1 ? { ...piece, ...mark } : piece));
}
