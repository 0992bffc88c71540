/** The tools of a request for Converse, what may be called of them, and what stands in for structured output. */
import type { ChatRequest, JsonObject, Tool } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { OUTPUT_TOOL } from "../anthropic-messages/wire.ts";
import { customToolDescription, customToolSchema } from "../shared/custom-tools.ts";
import { answerSchema, toolSchema } from "../shared/schema/root.ts";
import { isForced, loseChoice } from "../shared/tool-choice.ts";
import { OPENAI_TOOL_NAME_CHARS_MAX, safeToolName } from "../shared/tool-names.ts";
import { limitCachePoints, type Written, writeCachePoint } from "./encode-messages.ts";

export interface Tools {
  readonly config: JsonObject | undefined;
  /** What the model is asked for in words, as nothing else expresses it. */
  readonly instructions: readonly string[];
}

/**
 * @param written the conversation: it is refused when it holds calls and the request no tools
 * @param isBudgeted a thinking model cannot be forced to call anything
 */
export function writeTools(
  request: ChatRequest,
  target: EncodeTarget,
  { calledTools: called, cachePoints }: Pick<Written, "calledTools" | "cachePoints">,
  isBudgeted: boolean,
): Tools {
  const { lose } = target;
  const { toolChoice, responseFormat } = request;
  if (request.parallelToolCalls === false && request.tools.length > 0) {
    lose("parallel_tool_calls", "the upstream has no switch for calls one at a time");
  }
  const instructions: string[] = [];
  const mayNot = toolChoice?.type === "none";
  const tools = mayNot && called.size === 0 ? [] : writeSpecs(request, target);
  const choices: JsonObject[] = mayNot ? [] : neutralChoice(request);
  if (tools.length === 0) tools.push(...[...called].map((name) => spec(name, undefined, toolSchema(undefined))));
  // Where a tool must be called there is no answer yet that could have a form.
  const hasForm = responseFormat?.type === "json-schema" && !isForced(request);
  if (hasForm) {
    const isAlone = tools.length === 0 || mayNot;
    tools.push(spec(OUTPUT_TOOL, "Gives the final answer to the user.", answerSchema(responseFormat.schema)));
    choices.splice(0, choices.length, isAlone ? { tool: { name: OUTPUT_TOOL } } : { any: {} });
    if (isBudgeted) instructions.push(`Give your final answer only by calling the tool ${OUTPUT_TOOL}.`);
  } else if (mayNot && tools.length > 0) {
    lose("tool_choice", "calls cannot be forbidden while the conversation holds some; the model is asked not to");
    instructions.push("Answer without calling any tool.");
  }
  if (responseFormat?.type === "json") {
    lose("response_format", "the upstream has no JSON mode; the model is asked for JSON instead");
    instructions.push("Answer with one valid JSON object and nothing else.");
  }
  limitCachePoints([tools], lose, cachePoints);
  if (tools.length === 0) {
    loseChoice(request, lose);
    return { config: undefined, instructions };
  }
  let [choice] = choices;
  if (isBudgeted && choice !== undefined && choice["auto"] === undefined) {
    if (!hasForm) lose("tool_choice", "a thinking model cannot be forced to use a tool");
    choice = undefined;
  }
  return { config: { tools, ...(choice === undefined ? {} : { toolChoice: choice }) }, instructions };
}

function spec(name: string, description: string | undefined, json: JsonObject): JsonObject {
  return { toolSpec: { name, ...(description ? { description } : {}), inputSchema: { json } } };
}

function writeSpecs({ tools, toolChoice }: ChatRequest, { traits, lose }: EncodeTarget): JsonObject[] {
  const allowed = toolChoice?.type === "allowed" ? new Set(toolChoice.names) : undefined;
  if (allowed !== undefined) lose("tool_choice.allowed_tools", "the other tools were left out instead");
  return tools.flatMap((tool): JsonObject[] => {
    if (allowed !== undefined && !allowed.has(tool.name)) return [];
    if (tool.kind === "provider") {
      lose(tool.name === "" ? "tools" : tool.name, "the upstream has no such built-in tool");
      return [];
    }
    if (tool.strict) lose("strict", "the upstream's dialect has no such field");
    if (tool.cache === undefined) return [writeSpec(tool)];
    if (traits.family === "claude") return [writeSpec(tool), writeCachePoint(tool.cache.ttl)];
    lose("cache_control", "the model is not known to take cache points among tools");
    return [writeSpec(tool)];
  });
}

function writeSpec(tool: Tool): JsonObject {
  const name = safeToolName(tool.name, OPENAI_TOOL_NAME_CHARS_MAX);
  if (tool.kind === "custom") return spec(name, customToolDescription(tool), customToolSchema());
  return spec(name, tool.description, toolSchema(tool.schema));
}

function neutralChoice({ toolChoice }: ChatRequest): JsonObject[] {
  switch (toolChoice?.type) {
    case "auto":
      return [{ auto: {} }];
    case "required":
      return [{ any: {} }];
    case "tool":
      return [{ tool: { name: safeToolName(toolChoice.name, OPENAI_TOOL_NAME_CHARS_MAX) } }];
    case "allowed":
      return [toolChoice.mode === "required" ? { any: {} } : { auto: {} }];
    default:
      return [];
  }
}
