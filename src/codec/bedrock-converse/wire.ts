/** The fixed words of Bedrock's Converse. */
import type { FinishReason } from "../../contract/chat.ts";

/** API: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html */
export const CONVERSE = "bedrock-converse";

const REASONS: { readonly [word: string]: FinishReason } = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool-calls",
  guardrail_intervened: "content-filter",
  content_filtered: "content-filter",
  model_context_window_exceeded: "context",
  malformed_model_output: "error",
  malformed_tool_use: "error",
};

export function readStopReason(word: string | undefined, hasCalls: boolean): FinishReason {
  const reason = word !== undefined && Object.hasOwn(REASONS, word) ? REASONS[word]! : "other";
  return hasCalls && (reason === "stop" || reason === "other") ? "tool-calls" : reason;
}

/** Most cache points in one request. */
export const CACHE_POINTS_MAX = 4;
