/** Token counts in the fields of Responses. */
import type { JsonObject, Usage } from "../../contract/chat.ts";
import { compact, isObject, numberOf, objectOr } from "../shared/json.ts";

export function readUsage(value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined;
  const input = objectOr(value["input_tokens_details"]);
  const output = objectOr(value["output_tokens_details"]);
  return compact<Usage>({
    inputTokens: numberOf(value["input_tokens"]) ?? numberOf(value["prompt_tokens"]),
    outputTokens: numberOf(value["output_tokens"]) ?? numberOf(value["completion_tokens"]),
    cacheReadTokens: numberOf(input["cached_tokens"]),
    cacheWriteTokens: numberOf(input["cache_write_tokens"]),
    reasoningTokens: numberOf(output["reasoning_tokens"]),
  });
}

/** The counts over the upstream's own report, if it was one of this dialect; both details objects are always there. */
export function writeUsage(usage: Usage, raw: JsonObject = {}): JsonObject {
  const { inputTokens = 0, outputTokens = 0, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage;
  return {
    ...raw,
    input_tokens: inputTokens,
    input_tokens_details: {
      ...objectOr(raw["input_tokens_details"]),
      cached_tokens: cacheReadTokens ?? 0,
      cache_write_tokens: cacheWriteTokens ?? 0,
    },
    output_tokens: outputTokens,
    output_tokens_details: {
      ...objectOr(raw["output_tokens_details"]),
      reasoning_tokens: reasoningTokens ?? 0,
    },
    total_tokens: inputTokens + outputTokens,
  };
}
