/** Writes a request for Bedrock's Converse, reporting what the dialect cannot say. */
import type { ChatRequest, JsonObject, ReasoningPart } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { withoutHostedChoice } from "../shared/tool-choice.ts";
import { isSignedForAnthropic, planThinking, type Thinking } from "../anthropic-messages/thinking.ts";
import { repairConversation } from "../shared/conversation.ts";
import { compact, isEmpty } from "../shared/json.ts";
import { effortOf, isReasoningAsked, isReasoningOff } from "../shared/reasoning.ts";
import { isUsualTier, loseAdvisory, refuseSeveral, withAnswer } from "../shared/unsaid.ts";
import { loseForeign } from "../shared/extras.ts";
import { loseOnce } from "../shared/vendor.ts";
import { writeConversation } from "./encode-messages.ts";
import { writeTools } from "./tools.ts";
import { CONVERSE } from "./wire.ts";

/** Model and stream go into the URL, which is the provider's to write. */
/** More are refused. */
const STOP_SEQUENCES_MAX = 2500;

export function encodeRequest(given: ChatRequest, target: EncodeTarget): JsonObject {
  const lose = loseOnce(target.lose);
  const request = withAnswer(withoutHostedChoice(given, lose), lose);
  const bounded: EncodeTarget = { ...target, lose };
  refuseSeveral(request);
  loseForeign(request, CONVERSE, lose);
  const thinking = planOwnThinking(request, bounded);
  const written = writeConversation(repairConversation(request, lose), bounded);
  const tools = writeTools(request, bounded, written, thinking.isBudgeted);
  const system = [...written.system, ...tools.instructions.map((text) => ({ text }))];
  loseAdvisory(request, lose, ["top_k", "service_tier"]);
  const inference = writeInference(request, bounded, thinking);
  const { betas = [] } = target.traits;
  const own = {
    ...thinking.fields,
    ...writeTopK(request, bounded, thinking),
    ...(betas.length === 0 ? {} : { anthropic_beta: [...betas] }),
  };
  const tellsStops = target.traits.family === "claude" && inference["stopSequences"] !== undefined;
  return compact<JsonObject>({
    messages: written.messages,
    system: system.length === 0 ? undefined : system,
    inferenceConfig: isEmpty(inference) ? undefined : inference,
    toolConfig: tools.config,
    serviceTier: writeTier(request, lose),
    additionalModelRequestFields: isEmpty(own) ? undefined : own,
    additionalModelResponseFieldPaths: tellsStops ? ["/stop_sequence"] : undefined,
  });
}

/** What it handed out itself, and what the maker of its models did. */
function isTakenBack(part: ReasoningPart): boolean {
  return part.signature?.origin === CONVERSE || isSignedForAnthropic(part);
}

interface OwnThinking {
  /** As the model's own fields. */
  readonly fields: JsonObject;
  /** What the answer may hold, thoughts included. */
  readonly maxTokens: number | undefined;
  /** Sampling and forced tool choice are restricted. */
  readonly isBudgeted: boolean;
}

function planOwnThinking(request: ChatRequest, target: EncodeTarget): OwnThinking {
  const { reasoning, maxOutputTokens } = request;
  const { traits, lose } = target;
  const none: OwnThinking = { fields: {}, maxTokens: maxOutputTokens, isBudgeted: false };
  if (traits.family === "claude")
    return fieldsOfClaude(planThinking(request, target, undefined, isTakenBack), request, target);
  if (reasoning === undefined || (isReasoningOff(reasoning) && traits.family !== "nova")) return none;
  if (traits.family !== "nova" || traits.thinking === "none") {
    if (isReasoningAsked(reasoning)) lose("reasoning_effort", "the model has no known switch for it");
    return none;
  }
  if (isReasoningOff(reasoning)) return { ...none, fields: { reasoningConfig: { type: "disabled" } } };
  if (!isReasoningAsked(reasoning)) return none;
  const effort =
    reasoning.effort ?? (reasoning.budgetTokens === undefined ? "medium" : effortOf(reasoning.budgetTokens));
  const level = effort === "minimal" || effort === "low" ? "low" : effort === "medium" ? "medium" : "high";
  const fields = { reasoningConfig: { type: "enabled", maxReasoningEffort: level } };
  if (level !== "high") return { ...none, fields };
  // The highest level refuses to be bounded.
  if (maxOutputTokens !== undefined) lose("max_tokens", "the model takes no limit when it thinks hardest");
  return { fields, maxTokens: undefined, isBudgeted: true };
}

/** The same fields as at their maker's, beside the body instead of in it. */
function fieldsOfClaude(plan: Thinking, { maxOutputTokens }: ChatRequest, { traits }: EncodeTarget): OwnThinking {
  const isLimited = plan.isOn || maxOutputTokens !== undefined || traits.maxOutputTokens !== undefined;
  return {
    fields: compact<JsonObject>({
      thinking: plan.thinking?.["type"] === "disabled" ? undefined : plan.thinking,
      output_config: plan.effort === undefined ? undefined : { effort: plan.effort },
    }),
    maxTokens: isLimited ? plan.maxTokens : undefined,
    isBudgeted: plan.isBudgeted,
  };
}

function writeInference(request: ChatRequest, { traits, lose }: EncodeTarget, thinking: OwnThinking): JsonObject {
  const { temperature, topP, stop } = request;
  const isClaude = traits.family === "claude";
  const takesNone = thinking.isBudgeted || traits.sampling === "none";
  // Of two where one is allowed, the one that says something: 1 is the default of both.
  const isPair = isClaude && traits.sampling !== "all" && temperature !== undefined && topP !== undefined;
  const keepsTopP = topP !== undefined && !takesNone && !(isPair && (topP === 1 || temperature !== 1));
  const keepsTemperature = temperature !== undefined && !takesNone && !(isPair && keepsTopP);
  if (temperature !== undefined && temperature !== 1 && !keepsTemperature) {
    lose("temperature", "the model takes no sampling parameters, or not this one beside others");
  }
  if (topP !== undefined && topP !== 1 && !keepsTopP) {
    lose("top_p", "the model takes no sampling parameters, or not this one beside others");
  }
  if (keepsTemperature && temperature > 1) lose("temperature", "lowered to 1, the upstream's highest");
  const stops = stop?.filter((text) => text.trim() !== "");
  if ((stops?.length ?? 0) < (stop?.length ?? 0))
    lose("stop", "sequences of only whitespace are refused by the upstream");
  if ((stops?.length ?? 0) > STOP_SEQUENCES_MAX) lose("stop", `only the first ${STOP_SEQUENCES_MAX} are taken`);
  return compact<JsonObject>({
    maxTokens: thinking.maxTokens,
    temperature: keepsTemperature ? Math.min(temperature, 1) : undefined,
    topP: keepsTopP ? topP : undefined,
    stopSequences: stops === undefined || stops.length === 0 ? undefined : stops.slice(0, STOP_SEQUENCES_MAX),
  });
}

/** Said only when it is not the usual one. */
function writeTier({ serviceTier }: ChatRequest, lose: EncodeTarget["lose"]): JsonObject | undefined {
  if (serviceTier === "flex" || serviceTier === "priority") return { type: serviceTier };
  if (!isUsualTier(serviceTier)) lose("service_tier", "the upstream has no such tier");
  return undefined;
}

function writeTopK({ topK }: ChatRequest, { traits, lose }: EncodeTarget, { isBudgeted }: OwnThinking): JsonObject {
  if (topK === undefined) return {};
  if (traits.family === undefined || isBudgeted || traits.sampling === "none") {
    lose("top_k", "the model takes no such parameter");
    return {};
  }
  return traits.family === "claude" ? { top_k: topK } : { inferenceConfig: { topK } };
}
