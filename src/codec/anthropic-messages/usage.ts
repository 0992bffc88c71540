/** Anthropic's token counts, which leave cached tokens out of the input. */
import type { JsonObject, Usage } from "../../contract/chat.ts";
import { compact, isObject, numberOf, objectOr } from "../shared/json.ts";
import { writeStandardTier } from "../shared/service-tier.ts";

export function readUsage(value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined;
  const input = numberOf(value["input_tokens"]);
  const cacheReadTokens = numberOf(value["cache_read_input_tokens"]);
  const cacheWriteTokens = numberOf(value["cache_creation_input_tokens"]);
  const isInputKnown = input !== undefined || cacheReadTokens !== undefined || cacheWriteTokens !== undefined;
  return compact<Usage>({
    inputTokens: isInputKnown ? (input ?? 0) + (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0) : undefined,
    outputTokens: numberOf(value["output_tokens"]),
    cacheReadTokens,
    cacheWriteTokens,
    reasoningTokens: numberOf(objectOr(value["output_tokens_details"])["thinking_tokens"]),
  });
}

/** Reports inside one stream are snapshots: per field the last that says something wins. */
export function mergeReports(earlier: JsonObject, later: JsonObject): JsonObject {
  return { ...earlier, ...Object.fromEntries(Object.entries(later).filter(([, value]) => value !== null)) };
}

/** What of the input was neither read from nor written to the cache. */
function plainInput({ inputTokens, cacheReadTokens, cacheWriteTokens }: Usage): number | undefined {
  if (inputTokens === undefined) return undefined;
  return Math.max(0, inputTokens - (cacheReadTokens ?? 0) - (cacheWriteTokens ?? 0));
}

/**
 * The counts in Anthropic's fields over the upstream's own report, if it was one of this dialect. Input that nobody
 * reported is left out.
 */
export function writeUsage(usage: Usage, raw: JsonObject = {}): JsonObject {
  const input = plainInput(usage);
  const { cacheReadTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usage;
  return {
    ...raw,
    ...(input === undefined ? {} : { input_tokens: input }),
    cache_creation_input_tokens: cacheWriteTokens ?? 0,
    cache_read_input_tokens: cacheReadTokens ?? 0,
    output_tokens: outputTokens ?? 0,
    ...(reasoningTokens === undefined || reasoningTokens === 0
      ? {}
      : { output_tokens_details: { ...objectOr(raw["output_tokens_details"]), thinking_tokens: reasoningTokens } }),
  };
}

/** The same with every field that the head of an answer must have. */
export function writeFullUsage(usage: Usage, raw: JsonObject = {}, tier?: string): JsonObject {
  const word = writeStandardTier(tier, ["standard", "priority"]) ?? null;
  return { input_tokens: 0, service_tier: word, ...writeUsage(usage, raw) };
}
