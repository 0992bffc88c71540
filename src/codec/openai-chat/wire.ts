/** The fixed words of OpenAI Chat Completions, and the variants compatible servers write. */
import type { Finish, FinishReason } from "../../contract/chat.ts";

/** API: https://platform.openai.com/docs/api-reference/chat */
export const CHAT = "openai-chat";

/** Every `finish_reason` seen and what it means. */
const REASONS: { readonly [word: string]: FinishReason } = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
  content_filter: "content-filter",
  eos: "stop", // Together
  model_length: "length", // Mistral
  max_tokens: "length",
  insufficient_system_resource: "error", // DeepSeek
  error: "error", // OpenRouter, Mistral
};

/**
 * What the word means beside what was said: an absent or empty one is inferred, calls make a `stop` a call for tools
 * (some servers say `stop` although they called), and a refusal is one although OpenAI says `stop`.
 */
export function readFinishReason(word: string | undefined, said: { calls: boolean; refusal: boolean }): FinishReason {
  const known = word !== undefined && Object.hasOwn(REASONS, word) ? REASONS[word] : undefined;
  const reason = known ?? (word === undefined ? "stop" : "other");
  if (said.calls && (reason === "stop" || reason === "other")) return "tool-calls";
  if (said.refusal && (reason === "stop" || reason === "content-filter")) return "refusal";
  return reason;
}

const WORDS: { readonly [Reason in FinishReason]: string } = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool_calls",
  "content-filter": "content_filter",
  refusal: "content_filter",
  pause: "stop",
  context: "length",
  error: "stop",
  other: "stop",
};

/** What OpenAI itself writes; these stay as they came while they are true. */
const OWN_WORDS: ReadonlySet<string> = new Set(["stop", "length", "tool_calls", "content_filter"]);

export function writeFinishReason({ reason, raw }: Finish): string {
  if (raw !== undefined && OWN_WORDS.has(raw)) {
    // OpenAI ends a refusal with `stop`.
    if (REASONS[raw] === reason || (raw === "stop" && reason === "refusal")) return raw;
  }
  return WORDS[reason];
}

/** `reasoning_details[].format` (OpenRouter's form) by the dialect that made the signature. */
const FORMATS: { readonly [origin: string]: string } = {
  "anthropic-messages": "anthropic-claude-v1",
  "openai-responses": "openai-responses-v1",
  gemini: "google-gemini-v1",
  // A name of ours, in the manner of the others: no list has one, and without it the signature would not find home.
  "bedrock-converse": "bedrock-converse-v1",
};

export function formatOfOrigin(origin: string | undefined): string {
  return (origin === undefined ? undefined : FORMATS[origin]) ?? "unknown";
}

export function originOfFormat(format: unknown): string {
  for (const [origin, name] of Object.entries(FORMATS)) if (name === format) return origin;
  return CHAT;
}
