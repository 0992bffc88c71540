/** Facts about Anthropic's models, whoever serves them. */
import type { Traits } from "monorelay/plugin";

/** Levels came with one family each. */
const WITHOUT_XHIGH = ["low", "medium", "high", "max"] as const;

/**
 * Facts by model family, first match wins; seen in the vendor's model table and its 400 answers, 2026-08.
 * Newer families take thinking by effort and refuse the sampling parameters; older ones take a budget.
 */
const FAMILIES: readonly (readonly [pattern: RegExp, traits: Traits])[] = [
  [/claude-3-5|claude-3\.5/, { maxOutputTokens: 8192, thinking: "none", sampling: "all" }],
  [/claude-3-7/, { maxOutputTokens: 64_000, thinking: "budget", sampling: "all" }],
  [/claude-3/, { maxOutputTokens: 4096, thinking: "none", sampling: "all", hosted: [] }],
  [/claude-opus-4(-1|-0|-20|$)/, { maxOutputTokens: 32_000, thinking: "budget", sampling: "one" }],
  [/claude-opus-4-5/, { maxOutputTokens: 64_000, thinking: "budget", sampling: "one", structuredOutput: true }],
  [
    /claude-opus-4-6/,
    { maxOutputTokens: 128_000, thinking: "adaptive", efforts: WITHOUT_XHIGH, sampling: "one", structuredOutput: true },
  ],
  [
    /claude-sonnet-4-6/,
    { maxOutputTokens: 64_000, thinking: "adaptive", efforts: WITHOUT_XHIGH, sampling: "one", structuredOutput: true },
  ],
  [
    /claude-(sonnet|haiku)-4-5/,
    { maxOutputTokens: 64_000, thinking: "budget", sampling: "one", structuredOutput: true },
  ],
  [/claude-(sonnet|haiku)-4/, { maxOutputTokens: 64_000, thinking: "budget", sampling: "one" }],
  [
    /claude/,
    {
      maxOutputTokens: 64_000,
      thinking: "adaptive",
      sampling: "none",
      structuredOutput: true,
      systemInMessages: true,
    },
  ],
];

/**
 * A model that no family names: nothing is cut down to a limit that may not be its own, and thinking that nobody signed
 * stays, since servers of other makers' models sign none and some want it back.
 */
const UNKNOWN: Traits = { thinking: "budget", sampling: "all", structuredOutput: true, unsignedThinking: true };

/** By the maker's name of the model, or by a cloud's (`us.anthropic.claude-…-v1:0`, `claude-…@20250514`). */
export function claudeTraits(model: string): Traits {
  const name = model.replaceAll("@", "-");
  return FAMILIES.find(([pattern]) => pattern.test(name))?.[1] ?? UNKNOWN;
}

/** What clouds beside the maker lack: structured output, media by address, instructions between turns. */
export function hostedClaudeTraits(model: string): Traits {
  return { ...claudeTraits(model), structuredOutput: false, mediaUrls: false, systemInMessages: false };
}
