/** Facts about Google's models, whichever of its doors they are reached through. */
import type { GeminiTraits } from "monorelay/plugin";

/** Facts by model family, first match wins; seen in the vendor's model table and its 400 answers, 2026-08. */
const FAMILIES: readonly (readonly [pattern: RegExp, traits: GeminiTraits])[] = [
  [/gemini-(1\.|2\.0)/, { thinking: "none" }],
  [/gemini-2\.5/, { thinking: "budget" }],
  [/gemini-[3-9]/, { thinking: "adaptive", toolMedia: true, structuredOutput: true, logprobs: false }],
];

export function geminiTraits(model: string): GeminiTraits {
  return FAMILIES.find(([pattern]) => pattern.test(model))?.[1] ?? {};
}
