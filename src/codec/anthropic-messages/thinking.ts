/** Decides how an Anthropic model is asked to think, and what that costs the other parameters. */
import type { ChatRequest, JsonObject, Message, Reasoning, ReasoningPart } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { CONVERSE } from "../bedrock-converse/wire.ts";
import { sameJson } from "../shared/json.ts";
import { budgetOf, effortOf, isReasoningAsked, isReasoningOff, nearestEffort } from "../shared/reasoning.ts";
import { isForced } from "../shared/tool-choice.ts";
import { readReasoning } from "./decode-request.ts";
import { MAX_TOKENS_DEFAULT, MESSAGES, THINKING_TOKENS_MIN } from "./wire.ts";

export interface Thinking {
  /** The `thinking` field. */
  readonly thinking?: JsonObject;
  /** Goes into `output_config.effort`. */
  readonly effort?: string;
  readonly maxTokens: number;
  /** Sampling and forced tool choice are restricted. */
  readonly isBudgeted: boolean;
  readonly isOn: boolean;
  /** The client asked for it in these very words, and answers for what it put beside them. */
  readonly isAsWritten?: boolean;
}

/**
 * Is this thinking signed so that Anthropic's models take it back? What Converse gives out signed is theirs as well, for
 * nobody else's models sign there; what it hides it alone can open.
 */
export function isSignedForAnthropic({ signature, redacted }: ReasoningPart): boolean {
  if (signature === undefined || signature.value.trim() === "") return false;
  return signature.origin === MESSAGES || (signature.origin === CONVERSE && redacted !== true);
}

/**
 * Without facts about the model: a budget, which every thinking model up to 2026 takes. A budget must stay below
 * `max_tokens`: the limit is raised when the client gave none, else the budget is lowered, and below the vendor's
 * minimum thinking is left out.
 * @param isTaken does the upstream take this thinking back?
 */
export function planThinking(
  request: ChatRequest,
  target: EncodeTarget,
  form: JsonObject | undefined,
  isTaken = isSignedForAnthropic,
): Thinking {
  const { reasoning } = request;
  const { traits, lose } = target;
  const limit = traits.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  const maxTokens = request.maxOutputTokens ?? traits.maxOutputTokens ?? MAX_TOKENS_DEFAULT;
  const given = form === undefined ? Math.min(maxTokens, limit) : maxTokens;
  const field = form === undefined ? "reasoning_effort" : "thinking";
  const off: Thinking = { maxTokens: given, isBudgeted: false, isOn: false };

  const asWritten = form === undefined ? undefined : writtenThinking(form, reasoning, traits.thinking);
  if (asWritten !== undefined) {
    if (!asWritten.isBudgeted || !lacksSignedThinking(request.messages, isTaken)) {
      return { ...off, ...asWritten, isAsWritten: true };
    }
    lose(field, "earlier thinking of this turn is missing");
    return { ...off, ...(asWritten.effort === undefined ? {} : { effort: asWritten.effort }) };
  }
  if (!isReasoningAsked(reasoning) || reasoning === undefined) {
    const isRefused = isReasoningOff(reasoning) && traits.thinking !== "none";
    return isRefused ? { ...off, thinking: { type: "disabled" } } : off;
  }
  if (traits.thinking === "none") {
    lose(field, "the model does not think");
    return off;
  }
  if (traits.thinking === "adaptive") return planAdaptive(reasoning, given, target);
  if (isForced(request)) {
    lose(field, "the model cannot think when a tool is forced on it");
    return off;
  }
  if (lacksSignedThinking(request.messages, isTaken)) {
    lose(field, "earlier thinking of this turn is missing");
    return off;
  }
  const asked = reasoning.budgetTokens ?? budgetOf(reasoning.effort ?? "medium");
  const wanted = Math.max(THINKING_TOKENS_MIN, asked);
  // Room for the answer beside the thoughts.
  const total = request.maxOutputTokens === undefined ? Math.min(limit, Math.max(given, wanted + given)) : given;
  const budget = wanted < total ? wanted : Math.floor(total / 2);
  if (budget < THINKING_TOKENS_MIN) {
    lose(field, "the output limit leaves no room for thinking");
    return { ...off, maxTokens: total };
  }
  const thinking = { type: "enabled", budget_tokens: budget, ...displayOf(reasoning) };
  return { thinking, maxTokens: total, isBudgeted: true, isOn: true };
}

/** What the client wrote in this dialect, if it is still meant and the model takes that form. */
function writtenThinking(
  form: JsonObject,
  reasoning: Reasoning | undefined,
  way: EncodeTarget["traits"]["thinking"],
): Partial<Thinking> | undefined {
  const thinking = form["thinking"] as JsonObject | undefined;
  const outputConfig = form["output_config"] as JsonObject | undefined;
  if (!sameJson(readReasoning(thinking, outputConfig), reasoning)) return undefined;
  const type = thinking?.["type"];
  if (way === "none" && type !== undefined && type !== "disabled") return undefined;
  if (way === "adaptive" && type === "enabled") return undefined;
  if (way === "budget" && type === "adaptive") return undefined;
  const effort = typeof outputConfig?.["effort"] === "string" ? { effort: outputConfig["effort"] } : {};
  const isOn = type === "enabled" || type === "adaptive";
  return { ...(thinking === undefined ? {} : { thinking }), ...effort, isOn, isBudgeted: type === "enabled" };
}

const LEVELS = ["low", "medium", "high", "xhigh", "max"] as const;

/** Anthropic's levels have no `minimal`. */
function planAdaptive(reasoning: Reasoning, maxTokens: number, { traits, lose }: EncodeTarget): Thinking {
  const level =
    reasoning.effort ?? (reasoning.budgetTokens === undefined ? undefined : effortOf(reasoning.budgetTokens));
  const effort = level === undefined ? undefined : nearestEffort(level, traits.efforts ?? LEVELS);
  if (level !== "minimal" && reasoning.effort !== undefined && effort !== level) {
    lose("reasoning_effort", `the nearest level is asked for: ${effort}`);
  }
  return {
    thinking: { type: "adaptive", ...displayOf(reasoning) },
    ...(effort === undefined ? {} : { effort }),
    maxTokens,
    isBudgeted: false,
    isOn: true,
  };
}

function displayOf({ summary }: Reasoning): JsonObject {
  if (summary === undefined) return {};
  return { display: summary === "none" ? "omitted" : "summarized" };
}

/** Is the model in the middle of a round of calls whose turn did not begin with thinking that can be sent back? */
function lacksSignedThinking(messages: readonly Message[], isTaken: (part: ReasoningPart) => boolean): boolean {
  const turn = messages.findLast((message) => message.role === "assistant");
  const isInRound = messages.at(-1)?.parts.some((part) => part.type === "tool-result") === true;
  if (!isInRound || turn === undefined || !turn.parts.some((part) => part.type === "tool-call")) return false;
  return !turn.parts.some((part) => part.type === "reasoning" && isTaken(part));
}
