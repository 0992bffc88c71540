/** Writes a request for Ollama's chat path, reporting what it cannot say. */
import type { ChatRequest, JsonObject, Tool } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { withoutHostedChoice } from "../shared/tool-choice.ts";
import { loseMark } from "../shared/cache-mark.ts";
import { repairConversation } from "../shared/conversation.ts";
import { customToolDescription, customToolSchema } from "../shared/custom-tools.ts";
import { compact, isEmpty } from "../shared/json.ts";
import { effortOf, isReasoningAsked, isReasoningOff } from "../shared/reasoning.ts";
import { toolSchema } from "../shared/schema/root.ts";
import { OPENAI_TOOL_NAME_CHARS_MAX, safeToolName } from "../shared/tool-names.ts";
import { loseAdvisory, refuseSeveral, withAnswer } from "../shared/unsaid.ts";
import { loseForeign } from "../shared/extras.ts";
import { loseOnce } from "../shared/vendor.ts";
import { writeMessages } from "./encode-messages.ts";

export function encodeRequest(given: ChatRequest, target: EncodeTarget): JsonObject {
  const lose = loseOnce(target.lose);
  const request = withAnswer(withoutHostedChoice(given, lose), lose);
  refuseSeveral(request);
  loseForeign(request, "ollama", lose);
  const tools = writeTools(request, lose);
  loseAdvisory(request, lose, ["top_k", "frequency_penalty", "presence_penalty", "seed", "logprobs", "top_logprobs"]);
  const options = writeOptions(request, target);
  return compact<JsonObject>({
    model: target.model,
    messages: writeMessages(repairConversation(request, lose), lose),
    // Without the field it streams.
    stream: request.stream,
    // An empty list would switch some models to answering in JSON.
    tools: tools.length === 0 ? undefined : tools,
    think: writeThink(request, target, lose),
    format: writeFormat(request),
    logprobs: request.logprobs || undefined,
    top_logprobs: (request.logprobs && request.topLogprobs) || undefined,
    options: isEmpty(options) ? undefined : options,
    keep_alive: target.traits.keepLoaded,
  });
}

function writeTools(request: ChatRequest, lose: EncodeTarget["lose"]): JsonObject[] {
  const { tools, toolChoice, parallelToolCalls } = request;
  // Tools that must not be called are tools that need not be there.
  if (tools.length === 0 || toolChoice?.type === "none") return [];
  if (parallelToolCalls === false) lose("parallel_tool_calls", "the upstream has no switch for calls one at a time");
  const isForced =
    toolChoice?.type === "required" ||
    toolChoice?.type === "tool" ||
    (toolChoice?.type === "allowed" && toolChoice.mode === "required");
  if (isForced) lose("tool_choice", "the upstream cannot be made to call a tool");
  const named = toolChoice?.type === "tool" ? [toolChoice.name] : undefined;
  const allowed = toolChoice?.type === "allowed" ? toolChoice.names : named;
  return tools.flatMap((tool) => {
    if (allowed !== undefined && !allowed.includes(tool.name)) return [];
    loseMark(tool.cache, lose);
    if (tool.kind === "provider") {
      lose(tool.name === "" ? "tools" : tool.name, "the upstream has no such built-in tool");
      return [];
    }
    if (tool.strict) lose("strict", "the upstream's dialect has no such field");
    return [{ type: "function", function: writeFunction(tool) }];
  });
}

function writeFunction(tool: Tool): JsonObject {
  const isCustom = tool.kind === "custom";
  return compact<JsonObject>({
    name: safeToolName(tool.name, OPENAI_TOOL_NAME_CHARS_MAX),
    description: isCustom ? customToolDescription(tool) : tool.description,
    parameters: isCustom ? customToolSchema() : toolSchema(tool.schema),
  });
}

/** Models that think in levels take a word; all others take yes or no, and most refuse to hear of it unasked. */
function writeThink({ reasoning }: ChatRequest, { traits }: EncodeTarget, lose: EncodeTarget["lose"]) {
  if (reasoning === undefined) return undefined;
  if (traits.thinking === "none") {
    if (isReasoningAsked(reasoning)) lose("reasoning_effort", "the model does not think");
    return undefined;
  }
  const hasLevels = traits.thinking === "adaptive";
  if (isReasoningOff(reasoning)) return hasLevels ? "low" : false;
  if (!isReasoningAsked(reasoning)) return undefined;
  if (!hasLevels) return true;
  const effort =
    reasoning.effort ?? (reasoning.budgetTokens === undefined ? "medium" : effortOf(reasoning.budgetTokens));
  if (effort === "minimal" || effort === "low") return "low";
  return effort === "medium" ? "medium" : "high";
}

function writeFormat({ responseFormat }: ChatRequest) {
  if (responseFormat === undefined || responseFormat.type === "text") return undefined;
  return responseFormat.type === "json" ? "json" : responseFormat.schema;
}

function writeOptions(request: ChatRequest, { traits }: EncodeTarget): JsonObject {
  return compact<JsonObject>({
    num_ctx: traits.contextTokens,
    num_predict: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    seed: request.seed,
    frequency_penalty: request.frequencyPenalty || undefined,
    presence_penalty: request.presencePenalty || undefined,
    stop: request.stop === undefined || request.stop.length === 0 ? undefined : request.stop,
  });
}
