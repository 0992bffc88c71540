/** The fixed words of Anthropic Messages. */
import type { FinishReason } from "../../contract/chat.ts";

/** API: https://docs.claude.com/en/api/messages */
export const MESSAGES = "anthropic-messages";

const REASONS: { readonly [word: string]: FinishReason } = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool-calls",
  refusal: "refusal",
  pause_turn: "pause",
  compaction: "pause",
  model_context_window_exceeded: "context",
};

export function readStopReason(word: string | undefined, hasToolCalls: boolean): FinishReason {
  const reason = word === undefined || !Object.hasOwn(REASONS, word) ? "other" : (REASONS[word] ?? "other");
  if (hasToolCalls && (word === "end_turn" || reason === "other")) return "tool-calls";
  return word === undefined ? "stop" : reason;
}

const WORDS: { readonly [Reason in FinishReason]: string } = {
  stop: "end_turn",
  length: "max_tokens",
  "tool-calls": "tool_use",
  "content-filter": "refusal",
  refusal: "refusal",
  pause: "pause_turn",
  context: "model_context_window_exceeded",
  error: "end_turn",
  other: "end_turn",
};

/** The upstream's own word if it is one of this dialect and still true, else the nearest. */
export function writeStopReason(finish: { reason: FinishReason; raw?: string; stopSequence?: string }): string {
  const { reason, raw, stopSequence } = finish;
  if (raw !== undefined && Object.hasOwn(REASONS, raw) && REASONS[raw] === reason) {
    if (raw !== "stop_sequence" || stopSequence !== undefined) return raw;
  }
  return reason === "stop" && stopSequence !== undefined ? "stop_sequence" : WORDS[reason];
}

/** Where the upstream has no structured output, a tool of this name stands in; its input is the answer's text. */
export const OUTPUT_TOOL = "monorelay_structured_output";

/** Most cache marks in one request. */
export const CACHE_MARKS_MAX = 4;

/** Fewest thinking tokens that may be asked for. */
export const THINKING_TOKENS_MIN = 1024;

/** Asked for when neither client nor model facts name a limit. */
export const MAX_TOKENS_DEFAULT = 8192;
