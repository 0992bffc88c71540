/** Token counts: joining partial reports, and reading the spellings chat-compatible servers use. */
import type { JsonObject, Usage } from "../../contract/chat.ts";
import { compact, isObject, numberOf, objectOr } from "./json.ts";

/** Field by field, the later report wins; what it leaves out stays. Counts are snapshots and are never added. */
export function mergeUsage(earlier: Usage | undefined, later: Usage | undefined): Usage {
  return { ...earlier, ...later };
}

/**
 * The `usage` object of Chat Completions in all its variants. Totals are what the house wants: input with cached
 * tokens, output with reasoning tokens.
 */
export function readChatUsage(value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined;
  const prompt = objectOr(value["prompt_tokens_details"]);
  const completion = objectOr(value["completion_tokens_details"]);
  const inputTokens = numberOf(value["prompt_tokens"]) ?? numberOf(value["input_tokens"]);
  const reported = numberOf(value["completion_tokens"]) ?? numberOf(value["output_tokens"]);
  const reasoningTokens = numberOf(completion["reasoning_tokens"]) ?? numberOf(value["reasoning_tokens"]);
  const total = numberOf(value["total_tokens"]);
  // xAI counts reasoning beside the completion; its total gives it away.
  const isReasoningApart =
    reasoningTokens !== undefined &&
    reasoningTokens > 0 &&
    inputTokens !== undefined &&
    reported !== undefined &&
    total === inputTokens + reported + reasoningTokens;
  return compact<Usage>({
    inputTokens,
    outputTokens: isReasoningApart ? reported + reasoningTokens : reported,
    cacheReadTokens:
      numberOf(prompt["cached_tokens"]) ??
      numberOf(value["prompt_cache_hit_tokens"]) ?? // DeepSeek
      numberOf(value["cached_tokens"]) ?? // Moonshot
      numberOf(value["num_cached_tokens"]) ?? // Mistral
      numberOf(value["cache_read_input_tokens"]),
    cacheWriteTokens: numberOf(prompt["cache_write_tokens"]) ?? numberOf(value["cache_creation_input_tokens"]),
    reasoningTokens,
  });
}

/** Chat's `usage`; `undefined` when the upstream reported nothing. */
export function writeChatUsage(usage: Usage, raw: JsonObject = {}): JsonObject | undefined {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage;
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  return {
    ...raw,
    prompt_tokens: inputTokens ?? 0,
    completion_tokens: outputTokens ?? 0,
    total_tokens: (inputTokens ?? 0) + (outputTokens ?? 0),
    prompt_tokens_details: {
      ...objectOr(raw["prompt_tokens_details"]),
      cached_tokens: cacheReadTokens ?? 0,
      ...(cacheWriteTokens === undefined ? {} : { cache_write_tokens: cacheWriteTokens }),
    },
    completion_tokens_details: {
      ...objectOr(raw["completion_tokens_details"]),
      reasoning_tokens: reasoningTokens ?? 0,
    },
  };
}

/** About this many characters make a token; for answers of upstreams that do not count. */
const CHARS_PER_TOKEN = 4;

export function estimateTokens(chars: number): number {
  return Math.ceil(chars / CHARS_PER_TOKEN);
}
