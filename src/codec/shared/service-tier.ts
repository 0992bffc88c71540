/** Tiers of service, which every vendor names in its own words; the house has OpenAI's. */
import type { Json } from "../../contract/chat.ts";
import { textOf } from "./json.ts";

/** What OpenAI may say that an answer was served by; `auto` is a wish and no tier. */
const TIERS: ReadonlySet<string> = new Set(["default", "flex", "scale", "priority", "fast", "ultrafast"]);

/** The ordinary tier, in the words of Anthropic, Gemini and Groq. */
const ORDINARY: ReadonlySet<string> = new Set(["standard", "on_demand"]);

/** The tier that an answer says it was served by; `undefined` for words that are no tier of the house. */
export function readServedTier(value: Json | undefined): string | undefined {
  const word = textOf(value)?.toLowerCase();
  if (word === undefined) return undefined;
  return ORDINARY.has(word) ? "default" : TIERS.has(word) ? word : undefined;
}

/** `{ serviceTier }` to spread into an answer or an event of one, or nothing. */
export function servedBy(value: Json | undefined): { serviceTier?: string } {
  const serviceTier = readServedTier(value);
  return serviceTier === undefined ? {} : { serviceTier };
}

/** The tier in the words of vendors that call the ordinary one standard; `undefined` where they have none like it. */
export function writeStandardTier(tier: string | undefined, words: readonly string[]): string | undefined {
  const word = tier === "default" ? "standard" : tier;
  return word !== undefined && words.includes(word) ? word : undefined;
}
