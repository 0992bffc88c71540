/** How hard to think: levels and token budgets, and how one becomes the other. */
import type { ChatRequest, Effort, JsonObject, Reasoning } from "../../contract/chat.ts";
import type { EncodeTarget, Traits } from "../../contract/codec.ts";

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

const ORDER = Object.keys(BUDGETS) as Effort[];

/** Of the levels that the model takes, the highest that is not above this one, else its lowest. */
export function nearestEffort(level: Effort, efforts: readonly Effort[]): Effort | undefined {
  return efforts.findLast((each) => ORDER.indexOf(each) <= ORDER.indexOf(level)) ?? efforts[0];
}

/** Above this, only the newest models know levels: a budget does not ask for one of them by name. */
const USUAL_EFFORTS: readonly Effort[] = ["none", "minimal", "low", "medium", "high"];

/** The level for models that are asked by level; a budget becomes the nearest. What was asked and is not to be had is lost. */
export function levelFor(reasoning: Reasoning | undefined, { traits, lose }: Omit<EncodeTarget, "model">) {
  const { effort, budgetTokens, mode } = reasoning ?? {};
  const isOff = mode === "off" && (traits.efforts ?? []).length > 0;
  const budgeted = budgetTokens === undefined || mode === "off" ? undefined : effortOf(budgetTokens);
  const asked = effort ?? (isOff ? "none" : budgeted);
  if (asked === undefined) return undefined;
  if (traits.thinking === "none") {
    if (asked !== "none") lose("reasoning_effort", "the model does not think");
    return undefined;
  }
  const { efforts = effort === undefined ? USUAL_EFFORTS : ORDER } = traits;
  const level = nearestEffort(asked, efforts);
  if (level === undefined) lose("reasoning_effort", "the model takes no level of thinking");
  else if (level !== asked && (effort !== undefined || isOff)) {
    lose(isOff ? "thinking" : "reasoning_effort", `the nearest level is asked for: ${level}`);
  }
  return level;
}

/** For dialects that know levels alone: was thinking switched on or off in words that become no level? */
export function isModeUnsaid(reasoning: Reasoning | undefined, { thinking }: Traits): boolean {
  const { effort, budgetTokens, mode } = reasoning ?? {};
  const isLevelled = effort !== undefined || (budgetTokens !== undefined && mode !== "off");
  if (mode === undefined || isLevelled) return false;
  return thinking !== "none" || !isReasoningOff(reasoning);
}

type SamplingField =
  | "temperature"
  | "topP"
  | "frequencyPenalty"
  | "presencePenalty"
  | "logprobs"
  | "topLogprobs"
  | "logitBias";

/** By the name clients know, with the value that says nothing. */
const SAMPLING: { readonly [Field in SamplingField]: readonly [name: string, usual: unknown] } = {
  temperature: ["temperature", 1],
  topP: ["top_p", 1],
  frequencyPenalty: ["frequency_penalty", 0],
  presencePenalty: ["presence_penalty", 0],
  logprobs: ["logprobs", false],
  topLogprobs: ["top_logprobs", 0],
  logitBias: ["logit_bias", undefined],
};

/** The request, without what the model refuses when it thinks, as `switches` (an effort among them) ask it to. */
export function withSampling(request: ChatRequest, switches: JsonObject, { traits, lose }: EncodeTarget): ChatRequest {
  const level = switches["reasoning_effort"] ?? switches["effort"];
  const isThinking = level !== undefined && level !== "none";
  const isRefused = traits.sampling === "none" || (traits.sampling === "unless-thinking" && isThinking);
  if (!isRefused) return request;
  const rest = { ...request };
  for (const field of Object.keys(SAMPLING) as SamplingField[]) {
    const [name, usual] = SAMPLING[field];
    const value = request[field];
    if (value === undefined) continue;
    delete rest[field];
    if (value !== usual) lose(name, "the model takes no sampling parameters, or not when it thinks");
  }
  return rest;
}
