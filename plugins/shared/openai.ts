/** Facts about OpenAI's models, whoever serves them. */
import type { Traits } from "monorelay/plugin";

const NO_THINKING: Traits = { thinking: "none" };
/** Thinks always, and fixes how its words are drawn. */
const thinks = (...efforts: NonNullable<Traits["efforts"]>): Traits => ({
  thinking: "adaptive",
  sampling: "none",
  efforts,
});

/**
 * Facts by model family, first match wins; as the vendor's 400 answers and its clouds' references tell them, 2026.
 * Models from 5.1 on think only when told to, and take sampling parameters while they do not.
 */
const FAMILIES: readonly (readonly [pattern: RegExp, traits: Traits])[] = [
  [/^(gpt-4o(-mini)?|gpt-5)-search/, { ...NO_THINKING, sampling: "none", webSearch: true }],
  [/^(gpt-3\.5|gpt-4|chatgpt-4o|gpt-5-chat)/, NO_THINKING],
  [/^o1-(mini|preview)/, thinks()],
  [/^o[34].*-deep-research/, thinks("medium")],
  [/^o[134](-|$)/, thinks("low", "medium", "high")],
  [/^gpt-5-pro/, thinks("high")],
  [/^gpt-5-codex/, thinks("low", "medium", "high")],
  [/^gpt-5(-|$)/, thinks("minimal", "low", "medium", "high")],
  [/^gpt-5\.\d+-chat/, thinks("medium")],
  [/^gpt-5\.\d+-pro/, thinks("medium", "high", "xhigh")],
  [/^gpt-5\.1-codex(-mini)?(-\d|$)/, thinks("low", "medium", "high")],
  [/^gpt-5\.\d+-codex/, thinks("low", "medium", "high", "xhigh")],
  [/^gpt-5\.1/, { ...thinks("none", "low", "medium", "high"), sampling: "unless-thinking" }],
  [/^gpt-5\.\d/, { ...thinks("none", "low", "medium", "high", "xhigh"), sampling: "unless-thinking" }],
];

/** Takes marks for its cache in content: from 5.6 on, as the vendor's reference of `prompt_cache_options` says. */
const MARKED = /^gpt-(5\.([6-9]|\d\d)|[6-9]|\d\d)/;

/** By the vendor's name of the model, also of one that was tuned (`ft:gpt-…`) or is sold on (`openai/gpt-…`). */
export function openaiTraits(model: string): Traits {
  const name = model.replace(/^(ft:|openai\/)/, "");
  const traits = FAMILIES.find(([pattern]) => pattern.test(name))?.[1] ?? {};
  return MARKED.test(name) ? { ...traits, cacheBreakpoints: true } : traits;
}
