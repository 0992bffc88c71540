/** Writes a request for Cohere's chat, reporting what it cannot say. */
import type { ChatRequest, JsonObject, Tool } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { withoutHostedChoice } from "../shared/tool-choice.ts";
import { loseMark } from "../shared/cache-mark.ts";
import { repairConversation } from "../shared/conversation.ts";
import { customToolDescription, customToolSchema } from "../shared/custom-tools.ts";
import { compact } from "../shared/json.ts";
import { budgetOf, isReasoningAsked, isReasoningOff } from "../shared/reasoning.ts";
import { answerSchema, toolSchema } from "../shared/schema/root.ts";
import { OPENAI_TOOL_NAME_CHARS_MAX, safeToolName } from "../shared/tool-names.ts";
import { loseAdvisory, refuseSeveral, withAnswer } from "../shared/unsaid.ts";
import { loseForeign } from "../shared/extras.ts";
import { loseOnce } from "../shared/vendor.ts";
import { writeMessages } from "./encode-messages.ts";

/** More are refused. */
const STOP_SEQUENCES_MAX = 5;
/** Of nucleus sampling: neither 0 nor 1 itself is taken. */
const TOP_P = [0.01, 0.99] as const;
/** How many words are chosen among. */
const TOP_K_MAX = 500;

export function encodeRequest(given: ChatRequest, target: EncodeTarget): JsonObject {
  const lose = loseOnce(target.lose);
  const request = withAnswer(withoutHostedChoice(given, lose), lose);
  refuseSeveral(request);
  loseForeign(request, "cohere", lose);
  const { tools, choice } = writeTools(request, lose);
  const output = writeOutput(request, tools.length > 0, lose);
  loseAdvisory(request, lose, ["top_k", "frequency_penalty", "presence_penalty", "seed", "logprobs"]);
  return compact<JsonObject>({
    model: target.model,
    messages: writeMessages(repairConversation(request, lose), output.instructions, target, lose),
    stream: request.stream,
    tools: tools.length === 0 ? undefined : tools,
    tool_choice: choice,
    strict_tools: writeStrict(request, lose),
    response_format: output.format,
    thinking: writeThinking(request, target, lose),
    max_tokens: request.maxOutputTokens,
    stop_sequences: writeStops(request, lose),
    temperature: writeTemperature(request, lose),
    p: writeTopP(request, lose),
    k: writeTopK(request, lose),
    seed: request.seed,
    logprobs: request.logprobs || undefined,
    frequency_penalty: writePenalty("frequency_penalty", request.frequencyPenalty, lose),
    presence_penalty: writePenalty("presence_penalty", request.presencePenalty, lose),
  });
}

interface Tools {
  readonly tools: JsonObject[];
  readonly choice: string | undefined;
}

/** One tool by name is said by offering no other. */
function writeTools({ tools, toolChoice, parallelToolCalls }: ChatRequest, lose: EncodeTarget["lose"]): Tools {
  const named = toolChoice?.type === "tool" ? [toolChoice.name] : undefined;
  const allowed = toolChoice?.type === "allowed" ? toolChoice.names : named;
  if (toolChoice?.type === "allowed") lose("tool_choice.allowed_tools", "the other tools were left out instead");
  if (parallelToolCalls === false && tools.length > 0) {
    lose("parallel_tool_calls", "the upstream has no switch for calls one at a time");
  }
  const written = tools.flatMap((tool): JsonObject[] => {
    if (allowed !== undefined && !allowed.includes(tool.name)) return [];
    loseMark(tool.cache, lose);
    if (tool.kind === "provider") {
      lose(tool.name === "" ? "tools" : tool.name, "the upstream has no such built-in tool");
      return [];
    }
    return [{ type: "function", function: writeFunction(tool) }];
  });
  return { tools: written, choice: written.length === 0 ? undefined : writeChoice(toolChoice) };
}

function writeChoice(choice: ChatRequest["toolChoice"]): string | undefined {
  switch (choice?.type) {
    case "none":
      return "NONE";
    case "required":
    case "tool":
      return "REQUIRED";
    case "allowed":
      return choice.mode === "required" ? "REQUIRED" : undefined;
    default:
      return undefined;
  }
}

function writeFunction(tool: Tool): JsonObject {
  const isCustom = tool.kind === "custom";
  return compact<JsonObject>({
    name: safeToolName(tool.name, OPENAI_TOOL_NAME_CHARS_MAX),
    description: isCustom ? customToolDescription(tool) : tool.description,
    parameters: isCustom ? customToolSchema() : toolSchema(tool.schema),
  });
}

/** A switch for all of them or none. */
function writeStrict({ tools }: ChatRequest, lose: EncodeTarget["lose"]): true | undefined {
  const functions = tools.filter(({ kind }) => kind === "function");
  const strict = functions.filter((tool) => tool.strict === true);
  if (strict.length === 0) return undefined;
  if (strict.length === functions.length) return true;
  lose("strict", "the upstream takes all tools strictly or none");
  return undefined;
}

interface Output {
  readonly format: JsonObject | undefined;
  readonly instructions: readonly string[];
}

/** JSON is promised only where there are no tools. */
function writeOutput({ responseFormat }: ChatRequest, hasTools: boolean, lose: EncodeTarget["lose"]): Output {
  if (responseFormat === undefined || responseFormat.type === "text") return { format: undefined, instructions: [] };
  const schema = responseFormat.type === "json-schema" ? responseFormat.schema : undefined;
  if (!hasTools) {
    return {
      format: { type: "json_object", ...(schema === undefined ? {} : { schema: answerSchema(schema) }) },
      instructions: [],
    };
  }
  lose("response_format", "the upstream has no JSON mode beside tools; the model is asked for JSON instead");
  const form = schema === undefined ? "" : ` that satisfies this JSON Schema: ${JSON.stringify(schema)}`;
  return {
    format: undefined,
    instructions: [`Give your final answer as one JSON object${form}, and nothing else.`],
  };
}

/** Most models do not think, and refuse to hear of it unasked. */
function writeThinking({ reasoning }: ChatRequest, { traits }: EncodeTarget, lose: EncodeTarget["lose"]) {
  if (traits.thinking === "none") {
    if (isReasoningAsked(reasoning)) lose("reasoning_effort", "the model does not think");
    return undefined;
  }
  if (isReasoningOff(reasoning)) return { type: "disabled" };
  if (reasoning === undefined || !isReasoningAsked(reasoning)) return undefined;
  const budget = reasoning.budgetTokens ?? (reasoning.effort === undefined ? undefined : budgetOf(reasoning.effort));
  return { type: "enabled", ...(budget === undefined ? {} : { token_budget: budget }) };
}

function writeStops({ stop }: ChatRequest, lose: EncodeTarget["lose"]): string[] | undefined {
  const stops = stop?.filter((text) => text !== "") ?? [];
  if (stops.length > STOP_SEQUENCES_MAX) lose("stop", `only the first ${STOP_SEQUENCES_MAX} are taken`);
  return stops.length === 0 ? undefined : stops.slice(0, STOP_SEQUENCES_MAX);
}

function writeTemperature({ temperature }: ChatRequest, lose: EncodeTarget["lose"]): number | undefined {
  if (temperature === undefined || temperature <= 1) return temperature;
  lose("temperature", "lowered to 1, the upstream's highest");
  return 1;
}

function writeTopP({ topP }: ChatRequest, lose: EncodeTarget["lose"]): number | undefined {
  if (topP === undefined) return undefined;
  const [least, most] = TOP_P;
  // 1 is what clients send who mean nothing by it; left out, the upstream would take its own, which is lower.
  if (topP > most && topP !== 1) lose("top_p", `lowered to ${most}, the upstream's highest`);
  if (topP < least) lose("top_p", `raised to ${least}, the upstream's least`);
  return Math.min(Math.max(topP, least), most);
}

function writeTopK({ topK }: ChatRequest, lose: EncodeTarget["lose"]): number | undefined {
  if (topK === undefined || topK <= TOP_K_MAX) return topK;
  lose("top_k", `lowered to ${TOP_K_MAX}, the upstream's highest`);
  return TOP_K_MAX;
}

/** Between 0 and 1, where others go from -2 to 2. */
function writePenalty(field: string, value: number | undefined, lose: EncodeTarget["lose"]): number | undefined {
  if (value === undefined || value === 0) return undefined;
  if (value < 0) {
    lose(field, "the upstream takes no negative penalty");
    return undefined;
  }
  if (value > 1) lose(field, "lowered to 1, the upstream's highest");
  return Math.min(value, 1);
}
