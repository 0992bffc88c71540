/** How hard to think: levels and token budgets, and how one becomes the other. */
import type { Effort, Reasoning } from "../../contract/chat.ts";

const EFFORTS: ReadonlySet<string> = new Set(["none", "minimal", "low", "medium", "high", "xhigh", "max"]);

export function isEffort(value: unknown): value is Effort {
  return typeof value === "string" && EFFORTS.has(value);
}

/** Thinking tokens per level. */
const BUDGETS: { readonly [Level in Effort]: number } = {
  none: 0,
  minimal: 512,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 32_768,
  max: 128_000,
};

export function budgetOf(effort: Effort): number {
  return BUDGETS[effort];
}

/** The lowest level whose budget covers this one. */
export function effortOf(budgetTokens: number): Effort {
  if (budgetTokens <= 0) return "none";
  if (budgetTokens <= BUDGETS.minimal) return "minimal";
  if (budgetTokens <= BUDGETS.low) return "low";
  if (budgetTokens <= BUDGETS.medium) return "medium";
  if (budgetTokens <= BUDGETS.high) return "high";
  return "xhigh";
}

export function isReasoningOff(reasoning: Reasoning | undefined): boolean {
  return reasoning?.mode === "off" || reasoning?.effort === "none" || reasoning?.budgetTokens === 0;
}

/** Did the client ask for thinking, in whatever words? */
export function isReasoningAsked(reasoning: Reasoning | undefined): boolean {
  if (reasoning === undefined || isReasoningOff(reasoning)) return false;
  return reasoning.mode !== undefined || reasoning.effort !== undefined || reasoning.budgetTokens !== undefined;
}
