/** Decides how a Gemini model is asked to think. */
import type { ChatRequest, Effort, JsonObject } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { sameJson } from "../shared/json.ts";
import { budgetOf, effortOf, isReasoningAsked, isReasoningOff } from "../shared/reasoning.ts";
import { readThinking } from "./fields.ts";

/** A budget within these bounds is taken by every model that takes budgets (seen in the vendor's model table, 2026-08). */
const BUDGET_MIN = 512;
const BUDGET_MAX = 24_576;

/** Levels; the lowest stands in for "off", which models with levels do not have. */
const LEVELS: { readonly [Level in Effort]: string } = {
  none: "MINIMAL",
  minimal: "MINIMAL",
  low: "LOW",
  medium: "MEDIUM",
  high: "HIGH",
  xhigh: "HIGH",
  max: "HIGH",
};

/** `thinkingConfig`, in the client's words if it spoke Gemini; `undefined` leaves it to the model. */
export function writeThinking(
  { reasoning, maxOutputTokens }: ChatRequest,
  form: JsonObject | undefined,
  { traits, lose }: EncodeTarget,
): JsonObject | undefined {
  const written = form?.["thinkingConfig"];
  if (written !== undefined && sameJson(readThinking(written), reasoning)) return written as JsonObject;
  if (reasoning === undefined) return undefined;
  if (traits.thinking === "none") {
    if (isReasoningAsked(reasoning)) lose("reasoning_effort", "the model does not think");
    return undefined;
  }
  const hasLevels = traits.thinking === "adaptive";
  if (isReasoningOff(reasoning)) return hasLevels ? { thinkingLevel: LEVELS.none } : { thinkingBudget: 0 };
  if (!isReasoningAsked(reasoning)) return undefined;
  const { effort, budgetTokens, summary } = reasoning;
  const shown = { includeThoughts: summary !== "none" };
  if (effort === undefined && budgetTokens === undefined) return shown;
  if (hasLevels) return { ...shown, thinkingLevel: LEVELS[effort ?? effortOf(budgetTokens ?? 0)] };
  // The limit counts thoughts as well: half of it is left for the answer.
  const room = maxOutputTokens === undefined ? BUDGET_MAX : Math.floor(maxOutputTokens / 2);
  const budget = Math.min(budgetTokens ?? budgetOf(effort ?? "medium"), BUDGET_MAX);
  const fitting = budget < (maxOutputTokens ?? Number.POSITIVE_INFINITY) ? budget : room;
  return { ...shown, thinkingBudget: Math.max(BUDGET_MIN, fitting) };
}
