/** Writes a request as Anthropic messages for an upstream, reporting what the dialect cannot say. */
import type { ChatRequest, JsonObject, Tool } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { badRequest } from "../shared/check.ts";
import { customToolDescription, customToolSchema } from "../shared/custom-tools.ts";
import { isObject, objectOr, pick, sameJson } from "../shared/json.ts";
import { answerSchema, toolSchema } from "../shared/schema/root.ts";
import { strictSchema } from "../shared/schema/strict.ts";
import { isForced, loseChoice, loseHostedChoice } from "../shared/tool-choice.ts";
import { ANTHROPIC_TOOL_NAME_CHARS_MAX, safeToolName } from "../shared/tool-names.ts";
import { loseForeign } from "../shared/extras.ts";
import { endUser } from "../shared/unsaid.ts";
import { fieldsOf, formOf, loseOnce } from "../shared/vendor.ts";
import { writeCache } from "./content.ts";
import { readOutputFormat, readToolChoice } from "./decode-request.ts";
import { asContent, type BlockContext } from "./encode-blocks.ts";
import { type Conversation, writeConversation } from "./encode-messages.ts";
import { isServer, writeHostedTool, writeServers } from "./hosted-tools.ts";
import { planThinking, type Thinking } from "./thinking.ts";
import { CACHE_MARKS_MAX, MESSAGES, OUTPUT_TOOL } from "./wire.ts";

interface Plan extends BlockContext {
  readonly request: ChatRequest;
  readonly form: JsonObject | undefined;
  readonly thinking: Thinking;
}

export function encodeRequest(request: ChatRequest, target: EncodeTarget): JsonObject {
  const lose = loseOnce(target.lose);
  const form = formOf(request.vendor, MESSAGES);
  const isNative = form !== undefined;
  if ((request.n ?? 1) > 1) {
    throw badRequest("Several answers at once ('n') are not supported by the upstream chosen for this model.", "n");
  }
  loseForeign(request, MESSAGES, lose);
  const bounded: EncodeTarget = { ...target, lose };
  const thinking = planThinking(request, bounded, form);
  const plan: Plan = { target: bounded, lose, isNative, request, form, thinking };

  const conversation = writeConversation(request.system, request.messages, plan);
  const output = writeOutput(plan);
  const tools = [...writeTools(plan), ...output.tools];
  const system = [...conversation.system, ...output.instructions.map((text) => ({ type: "text", text }))];
  if (!isNative) limitToolMarks(tools, conversation, lose);
  const choice =
    output.choice === undefined ? writeToolChoice(plan, tools.length > 0) : withParallel(output.choice, request);
  reportLosses(request, lose);

  return {
    ...fieldsOf(request.vendor, MESSAGES),
    model: target.model,
    max_tokens: thinking.maxTokens,
    ...writeSystem(system, form),
    messages: conversation.messages,
    ...(tools.length === 0 ? {} : { tools }),
    ...(choice === undefined ? {} : { tool_choice: choice }),
    ...(thinking.thinking === undefined ? {} : { thinking: thinking.thinking }),
    ...output.fields,
    ...writeSampling(plan),
    ...writeStops(plan),
    ...(isNative ? pick(form, ["mcp_servers"]) : writeServers(request.tools)),
    ...writeMetadata(plan),
    ...writeServiceTier(plan),
    ...(request.stream ? { stream: true } : isNative ? { stream: false } : {}),
  };
}

function writeSystem(blocks: JsonObject[], form: JsonObject | undefined): JsonObject {
  if (blocks.length === 0) return {};
  return { system: form?.["system"] === "list" ? blocks : asContent(blocks) };
}

function writeTools(plan: Plan): JsonObject[] {
  const { request, isNative, lose } = plan;
  const allowed = request.toolChoice?.type === "allowed" ? new Set(request.toolChoice.names) : undefined;
  if (allowed !== undefined) lose("tool_choice.allowed_tools", "the other tools were left out instead");
  return request.tools.flatMap((tool) => {
    if (allowed !== undefined && !allowed.has(tool.name)) return [];
    const fields = fieldsOf(tool.vendor, MESSAGES);
    const mark = tool.cache === undefined ? {} : { cache_control: writeCache(tool.cache) };
    if (tool.kind === "provider") {
      if (isObject(fields["tool"])) return [{ ...fields["tool"], ...mark }];
      if (isServer(tool)) return [];
      const hosted = writeHostedTool(tool, lose);
      if (hosted !== undefined) return [hosted];
      lose(tool.name === "" ? "tools" : tool.name, "the upstream has no such built-in tool");
      return [];
    }
    return [{ ...writeTool(tool, isNative, lose), ...mark }];
  });
}

function writeTool(tool: Tool, isNative: boolean, lose: EncodeTarget["lose"]): JsonObject {
  if (isNative) {
    return {
      ...formOf(tool.vendor, MESSAGES),
      name: tool.name,
      ...(tool.description === undefined ? {} : { description: tool.description }),
      input_schema: tool.schema ?? toolSchema(undefined),
      ...(tool.strict === undefined ? {} : { strict: tool.strict }),
      ...fieldsOf(tool.vendor, MESSAGES),
    };
  }
  const isCustom = tool.kind === "custom";
  const description = isCustom ? customToolDescription(tool) : tool.description;
  const schema = isCustom ? customToolSchema() : toolSchema(tool.schema);
  const strict = tool.strict ? strictSchema(schema) : undefined;
  if (tool.strict && strict === undefined) lose("strict", "the upstream's strict mode takes no schema like this one");
  return {
    name: safeToolName(tool.name, ANTHROPIC_TOOL_NAME_CHARS_MAX),
    ...(description === undefined ? {} : { description }),
    input_schema: strict ?? schema,
    ...(strict === undefined ? {} : { strict: true }),
  };
}

function limitToolMarks(tools: JsonObject[], { cacheMarks }: Conversation, lose: EncodeTarget["lose"]): void {
  const marked = tools.filter((tool) => tool["cache_control"] !== undefined);
  for (const tool of marked.slice(0, Math.max(0, marked.length + cacheMarks - CACHE_MARKS_MAX))) {
    delete tool["cache_control"];
    lose("cache_control", `more than ${CACHE_MARKS_MAX} cache marks`);
  }
}

function writeToolChoice(plan: Plan, hasTools: boolean): JsonObject | undefined {
  const { request, form, isNative, lose, thinking } = plan;
  if (isNative) {
    const written = form?.["tool_choice"];
    if (isObject(written) && sameJson(readToolChoice(written), request.toolChoice))
      return withParallel(written, request);
  }
  if (!hasTools) {
    loseChoice(request, lose);
    return undefined;
  }
  if (thinking.isBudgeted && isForced(request)) {
    lose("tool_choice", "a thinking model cannot be forced to use a tool");
    return withParallel({ type: "auto" }, request);
  }
  return withParallel(neutralChoice(plan), request);
}

function neutralChoice({ request, isNative, lose }: Plan): JsonObject | undefined {
  const choice = request.toolChoice;
  switch (choice?.type) {
    case "auto":
    case "none":
      return { type: choice.type };
    case "required":
      return { type: "any" };
    case "tool": {
      const hosted = request.tools.find((tool) => tool.name === choice.name && tool.kind === "provider");
      if (hosted !== undefined && !isNative) return hostedChoice(hosted, lose);
      return { type: "tool", name: isNative ? choice.name : safeToolName(choice.name, ANTHROPIC_TOOL_NAME_CHARS_MAX) };
    }
    case "allowed":
      return { type: choice.mode === "required" ? "any" : "auto" };
    default:
      return undefined;
  }
}

/** A search and code are tools with a name, the tools of a server are not one. */
function hostedChoice(tool: Tool, lose: EncodeTarget["lose"]): JsonObject | undefined {
  const name = writeHostedTool(tool, () => {})?.["name"];
  if (name !== undefined) return { type: "tool", name };
  loseHostedChoice(lose);
  return undefined;
}

/** Calls one at a time: a switch inside the choice, which is made for it if need be. */
function withParallel(choice: JsonObject | undefined, { parallelToolCalls }: ChatRequest): JsonObject | undefined {
  if (parallelToolCalls === undefined || choice?.["type"] === "none") return choice;
  const { disable_parallel_tool_use: written, ...rest } = choice ?? { type: "auto" };
  if (parallelToolCalls)
    return choice === undefined || written === undefined ? choice : { ...rest, disable_parallel_tool_use: false };
  return { ...rest, disable_parallel_tool_use: true };
}

interface Output {
  readonly fields: JsonObject;
  readonly tools: JsonObject[];
  readonly instructions: string[];
  readonly choice?: JsonObject;
}

/** `output_config` with effort and format; or what stands in for a format the model does not have. */
function writeOutput(plan: Plan): Output {
  const { request, form, thinking, target, lose } = plan;
  const { responseFormat } = request;
  const { format: _format, effort: _effort, ...own } = objectOr(form?.["output_config"]);
  const config: JsonObject = { ...own, ...(thinking.effort === undefined ? {} : { effort: thinking.effort }) };
  const none: Output = { fields: asConfig(config), tools: [], instructions: [] };
  if (responseFormat === undefined || responseFormat.type === "text") return none;
  if (responseFormat.type === "json") {
    lose("response_format", "the upstream has no JSON mode; the model is asked for JSON instead");
    return { ...none, instructions: ["Answer with one valid JSON object and nothing else."] };
  }
  const { schema } = responseFormat;
  const written = form === undefined ? undefined : writtenFormat(form, schema);
  if (written !== undefined && target.traits.structuredOutput !== false) {
    return written === "output_format"
      ? { ...none, fields: { ...none.fields, output_format: form?.["output_format"] ?? null } }
      : { ...none, fields: asConfig({ ...objectOr(form?.["output_config"]), ...config }) };
  }
  const strict = strictSchema(answerSchema(schema));
  if (target.traits.structuredOutput !== false && strict !== undefined) {
    return { ...none, fields: asConfig({ ...config, format: { type: "json_schema", schema: strict } }) };
  }
  // A tool must be called: there is no answer yet that could have a form.
  return isForced(request) ? none : { ...none, ...asTool(plan, schema) };
}

function asConfig(config: JsonObject): JsonObject {
  return Object.keys(config).length === 0 ? {} : { output_config: config };
}

function writtenFormat(form: JsonObject, schema: JsonObject): "output_config" | "output_format" | undefined {
  const isSame = sameJson(readOutputFormat(form), { type: "json-schema", schema });
  if (!isSame) return undefined;
  return isObject(objectOr(form["output_config"])["format"]) ? "output_config" : "output_format";
}

/** The answer as the input of a tool, which the answer's reader turns back into text. */
function asTool({ request, thinking }: Plan, schema: JsonObject): Omit<Output, "fields"> {
  const tool = {
    name: OUTPUT_TOOL,
    description: "Gives the final answer to the user.",
    input_schema: answerSchema(schema),
  };
  if (thinking.isBudgeted) {
    return { tools: [tool], instructions: [`Give your final answer only by calling the tool ${OUTPUT_TOOL}.`] };
  }
  const isAlone = request.tools.length === 0 || request.toolChoice?.type === "none";
  const choice = isAlone ? { type: "tool", name: OUTPUT_TOOL } : { type: "any" };
  return { tools: [tool], instructions: [], choice };
}

function writeSampling({ request, target, isNative, lose, thinking }: Plan): JsonObject {
  const way = target.traits.sampling ?? (isNative ? "all" : "one");
  const { temperature, topP, topK } = request;
  const fields: JsonObject = {};
  const refuse = (field: string, value: number | undefined, reason: string) => {
    if (value !== undefined) lose(field, reason);
  };
  const isFree = !thinking.isBudgeted || thinking.isAsWritten === true;
  if (way === "none") {
    const reason = "the model takes no sampling parameters";
    refuse("temperature", temperature === 1 ? undefined : temperature, reason);
    refuse("top_p", topP === 1 ? undefined : topP, reason);
    refuse("top_k", topK, reason);
    return fields;
  }
  if (!isFree) {
    const reason = "a thinking model takes no sampling parameters";
    refuse("temperature", temperature === 1 ? undefined : temperature, reason);
    refuse("top_k", topK, reason);
    if (topP !== undefined && topP >= 0.95) fields["top_p"] = topP;
    else refuse("top_p", topP, reason);
    return fields;
  }
  // Of two where one is allowed, the one that says something: 1 is the default of both.
  const isPair = way === "one" && temperature !== undefined && topP !== undefined;
  const keepsTopP = topP !== undefined && !(isPair && (topP === 1 || temperature !== 1));
  if (temperature !== undefined && !(isPair && keepsTopP)) {
    if (temperature > 1 && !isNative) lose("temperature", "lowered to 1, the upstream's highest");
    fields["temperature"] = isNative ? temperature : Math.min(temperature, 1);
  }
  if (keepsTopP) fields["top_p"] = topP;
  else refuse("top_p", topP === 1 ? undefined : topP, "the model takes either temperature or top_p");
  if (topK !== undefined) fields["top_k"] = topK;
  return fields;
}

function writeStops({ request, isNative, lose }: Plan): JsonObject {
  if (request.stop === undefined) return {};
  const stops = isNative ? request.stop : request.stop.filter((stop) => stop.trim() !== "");
  if (stops.length < request.stop.length) lose("stop", "sequences of only whitespace are refused by the upstream");
  return stops.length === 0 && !isNative ? {} : { stop_sequences: stops };
}

function writeMetadata({ request, form, lose }: Plan): JsonObject {
  const user = endUser(request, lose);
  const metadata = { ...objectOr(form?.["metadata"]), ...(user === undefined ? {} : { user_id: user }) };
  return Object.keys(metadata).length === 0 ? {} : { metadata };
}

function writeServiceTier({ request, form, lose }: Plan): JsonObject {
  const tier = request.serviceTier;
  if (tier === undefined) return {};
  if (form?.["service_tier"] !== undefined) return { service_tier: form["service_tier"] };
  if (tier === "default") return { service_tier: "standard_only" };
  if (tier !== "auto") lose("service_tier", "the upstream has no such tier");
  return {};
}

function reportLosses(request: ChatRequest, lose: EncodeTarget["lose"]): void {
  const fields: [string, unknown][] = [
    ["frequency_penalty", request.frequencyPenalty || undefined],
    ["presence_penalty", request.presencePenalty || undefined],
    ["seed", request.seed],
    ["logprobs", request.logprobs || undefined],
    ["top_logprobs", request.topLogprobs || undefined],
    ["logit_bias", request.logitBias],
    ["verbosity", request.verbosity],
    ["metadata", request.metadata],
    ["prompt_cache_key", request.promptCacheKey],
  ];
  for (const [field, value] of fields) {
    if (value !== undefined) lose(field, "the upstream's dialect has no such field");
  }
}
