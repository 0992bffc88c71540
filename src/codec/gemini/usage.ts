/** Gemini's token counts, which keep thoughts and tool prompts apart. */
import type { JsonObject, Usage } from "../../contract/chat.ts";
import { compact, isObject, numberOf } from "../shared/json.ts";

export function readUsage(value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined;
  const prompt = numberOf(value["promptTokenCount"]);
  const tools = numberOf(value["toolUsePromptTokenCount"]);
  const candidates = numberOf(value["candidatesTokenCount"]);
  const thoughts = numberOf(value["thoughtsTokenCount"]);
  const total = numberOf(value["totalTokenCount"]);
  const inputTokens = prompt === undefined && tools === undefined ? undefined : (prompt ?? 0) + (tools ?? 0);
  const isOutputKnown = candidates !== undefined || thoughts !== undefined;
  const rest = total === undefined || inputTokens === undefined ? undefined : Math.max(0, total - inputTokens);
  const usage = compact<Usage>({
    inputTokens,
    outputTokens: isOutputKnown ? (candidates ?? 0) + (thoughts ?? 0) : rest,
    cacheReadTokens: numberOf(value["cachedContentTokenCount"]),
    reasoningTokens: thoughts,
  });
  return Object.keys(usage).length === 0 ? undefined : usage;
}

/**
 * The counts in Gemini's fields over the upstream's own report, if it was one of this dialect; `undefined` when nobody
 * counted anything.
 */
export function writeUsage(usage: Usage, raw: JsonObject = {}): JsonObject | undefined {
  const { inputTokens, outputTokens, cacheReadTokens, reasoningTokens } = usage;
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  const tools = numberOf(raw["toolUsePromptTokenCount"]) ?? 0;
  return compact<JsonObject>({
    ...raw,
    promptTokenCount: inputTokens === undefined ? undefined : Math.max(0, inputTokens - tools),
    cachedContentTokenCount: cacheReadTokens || undefined,
    candidatesTokenCount: outputTokens === undefined ? undefined : Math.max(0, outputTokens - (reasoningTokens ?? 0)),
    thoughtsTokenCount: reasoningTokens || undefined,
    totalTokenCount: (inputTokens ?? 0) + (outputTokens ?? 0),
  });
}
