/** What both of OpenAI's dialects say about its cache in the same words, and nobody else's. */
import type { JsonObject } from "../../contract/chat.ts";
import { isEmpty, pick } from "./json.ts";

export const PROMPT_CACHE_FIELDS = ["prompt_cache_retention", "prompt_cache_options"] as const;

export function readPromptCache(body: JsonObject): JsonObject | undefined {
  const fields = pick(body, PROMPT_CACHE_FIELDS);
  return isEmpty(fields) ? undefined : fields;
}
