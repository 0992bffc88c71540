/** Writes a request as generateContent for an upstream, reporting what the dialect cannot say. */
import type { ChatRequest, JsonObject, Tool } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { loseMark } from "../shared/cache-mark.ts";
import { customToolDescription, customToolSchema } from "../shared/custom-tools.ts";
import { arrayOr, compact, isEmpty, isObject, numberOf, objectOr, pick, sameJson } from "../shared/json.ts";
import { toolSchema } from "../shared/schema/root.ts";
import { geminiToolName } from "../shared/tool-names.ts";
import { loseForeign } from "../shared/extras.ts";
import { readServedTier, writeStandardTier } from "../shared/service-tier.ts";
import { loseChoice, withoutHostedChoice } from "../shared/tool-choice.ts";
import { fieldsOf, formOf, loseOnce } from "../shared/vendor.ts";
import { isSearch, loseBounds, SEARCH_BOUNDS } from "../shared/web-search.ts";
import { isUsualTier, withAnswer, withLogprobs } from "../shared/unsaid.ts";
import { textOfParts } from "./decode-request.ts";
import { writeConversation } from "./encode-contents.ts";
import { readResponseFormat, readToolChoice } from "./fields.ts";
import { fromOpenApiSchema, isEmptyObjectSchema, toOpenApiSchema } from "./schema.ts";
import { writeThinking } from "./thinking.ts";
import { GEMINI, type GeminiTraits, TIERS } from "./wire.ts";

interface Plan {
  readonly request: ChatRequest;
  readonly form: JsonObject | undefined;
  readonly isNative: boolean;
  readonly target: EncodeTarget;
  readonly traits: GeminiTraits;
  readonly lose: EncodeTarget["lose"];
}

/** Model and stream go into the URL, which is the provider's to write. */
export function encodeRequest(given: ChatRequest, target: EncodeTarget): JsonObject {
  const lose = loseOnce(target.lose);
  const form = formOf(given.vendor, GEMINI);
  const isNative = form !== undefined;
  const request = isNative ? given : adapted(given, { ...target, lose });
  loseForeign(request, GEMINI, lose);
  const bounded: EncodeTarget = { ...target, lose };
  const traits: GeminiTraits = target.traits;
  const plan: Plan = { request, form, isNative, target: bounded, traits, lose };

  const { contents, system } = writeConversation(request.system, request.messages, plan);
  const tools = writeTools(plan);
  const output = writeOutput(plan, tools.length > 0);
  const fields = fieldsOf(request.vendor, GEMINI);
  const configFields = arrayOr(form?.["configFields"]).map(String);
  const top = Object.entries(fields).filter(([name]) => !configFields.includes(name) && name !== "toolConfig");
  const config = { ...pick(fields, configFields), ...writeConfig(plan), ...output.config };
  const instructions = [...system, ...output.instructions.map((text) => ({ text }))];
  const toolConfig = { ...objectOr(fields["toolConfig"]), ...writeToolChoice(plan, hasFunctions(tools)) };
  if (!isNative) reportLosses(request, lose);

  return {
    ...Object.fromEntries(top),
    contents,
    ...writeInstruction(instructions, form),
    ...(tools.length === 0 ? {} : { tools }),
    ...(isEmpty(toolConfig) ? {} : { toolConfig }),
    ...writeTier(plan),
    ...(isEmpty(config) && form?.["configFields"] === undefined ? {} : { generationConfig: config }),
  };
}

/** A request of another dialect, without what the model or the server refuses. */
function adapted(given: ChatRequest, target: EncodeTarget): ChatRequest {
  return withLogprobs(withAnswer(withoutHostedChoice(given, target.lose), target.lose), target);
}

/** In the parts the client wrote, if that is what they still say. */
function writeInstruction(parts: readonly JsonObject[], form: JsonObject | undefined): JsonObject {
  const written = form?.["systemInstruction"];
  const isSame = isObject(written) && textOfParts(written["parts"]) === textOfParts([...parts]);
  if (isSame) return { systemInstruction: written };
  return parts.length === 0 ? {} : { systemInstruction: { parts: [...parts] } };
}

function writeTools(plan: Plan): JsonObject[] {
  const { request, isNative, lose } = plan;
  if (isNative) return writeToolsAsWritten(request.tools, plan);
  const functions = request.tools.filter((tool) => tool.kind !== "provider");
  const declarations = functions.map((tool) => writeDeclaration(tool, plan));
  const searches = request.tools.filter(isSearch);
  for (const tool of request.tools) {
    if (tool.kind !== "provider") {
      loseMark(tool.cache, lose);
      if (tool.strict) lose("strict", "the upstream's dialect has no such field");
      continue;
    }
    // Most models refuse their own tools beside functions.
    if (isSearch(tool) && functions.length === 0) {
      loseBounds(tool.webSearch, SEARCH_BOUNDS, lose);
      continue;
    }
    if (tool.runsCode && functions.length === 0) continue;
    lose(tool.name === "" ? "tools" : tool.name, "the upstream has no such built-in tool, or not beside functions");
  }
  if (declarations.length > 0) return [{ functionDeclarations: declarations }];
  return [
    ...(searches.length > 0 ? [{ googleSearch: {} }] : []),
    ...(request.tools.some(({ runsCode }) => runsCode) ? [{ codeExecution: {} }] : []),
  ];
}

function writeToolsAsWritten(tools: readonly Tool[], plan: Plan): JsonObject[] {
  const groups = new Map<number, JsonObject>();
  for (const tool of tools) {
    const group = numberOf(formOf(tool.vendor, GEMINI)?.["group"]) ?? 0;
    const written = groups.get(group) ?? {};
    groups.set(group, written);
    if (tool.kind === "provider") Object.assign(written, objectOr(fieldsOf(tool.vendor, GEMINI)["tool"]));
    else {
      const before = arrayOr(written["functionDeclarations"]);
      written["functionDeclarations"] = [...before, writeDeclaration(tool, plan)];
    }
  }
  return [...groups.values()];
}

function writeDeclaration(tool: Tool, { isNative, traits }: Plan): JsonObject {
  if (isNative) {
    const parameters = formOf(tool.vendor, GEMINI)?.["parameters"];
    const isSame = isObject(parameters) && sameJson(fromOpenApiSchema(parameters), tool.schema);
    return compact<JsonObject>({
      name: tool.name,
      description: tool.description,
      ...(isSame ? { parameters } : { parametersJsonSchema: tool.schema }),
      ...fieldsOf(tool.vendor, GEMINI),
    });
  }
  const isCustom = tool.kind === "custom";
  return compact<JsonObject>({
    name: geminiToolName(tool.name),
    description: isCustom ? customToolDescription(tool) : tool.description,
    ...writeSchema(isCustom ? customToolSchema() : toolSchema(tool.schema), traits),
  });
}

/** Fronts that know only the OpenAPI subset also refuse an object without any member: such a tool takes nothing. */
function writeSchema(schema: JsonObject, { schemaDialect }: GeminiTraits): JsonObject {
  if (schemaDialect !== "openapi") return { parametersJsonSchema: schema };
  return isEmptyObjectSchema(schema) ? {} : { parameters: toOpenApiSchema(schema) };
}

function hasFunctions(tools: readonly JsonObject[]): boolean {
  return tools.some((tool) => tool["functionDeclarations"] !== undefined);
}

function writeToolChoice(plan: Plan, hasAny: boolean): JsonObject {
  const { request, form, isNative, lose } = plan;
  if (request.parallelToolCalls === false && hasAny) {
    lose("parallel_tool_calls", "the upstream has no switch for calls one at a time");
  }
  const written = form?.["functionCallingConfig"];
  if (isObject(written) && sameJson(readToolChoice(written), request.toolChoice)) {
    return { functionCallingConfig: written };
  }
  if (!hasAny) {
    loseChoice(request, lose);
    return {};
  }
  const config = neutralChoice(request, isNative);
  return config === undefined ? {} : { functionCallingConfig: config };
}

function neutralChoice({ toolChoice }: ChatRequest, isNative: boolean): JsonObject | undefined {
  const rename = isNative ? (name: string) => name : geminiToolName;
  switch (toolChoice?.type) {
    case "auto":
      return { mode: "AUTO" };
    case "none":
      return { mode: "NONE" };
    case "required":
      return { mode: "ANY" };
    case "tool":
      return { mode: "ANY", allowedFunctionNames: [rename(toolChoice.name)] };
    case "allowed":
      // A choice that leaves the model free takes names only in the validated mode.
      return {
        mode: toolChoice.mode === "required" ? "ANY" : "VALIDATED",
        allowedFunctionNames: toolChoice.names.map(rename),
      };
    default:
      return undefined;
  }
}

interface Output {
  readonly config: JsonObject;
  readonly instructions: string[];
}

/** The form of the answer; in words where the model has no switch for it, or not beside functions. */
function writeOutput({ request, form, isNative, traits, lose }: Plan, hasTools: boolean): Output {
  const { responseFormat } = request;
  const written = pick(form ?? {}, ["responseMimeType", "responseSchema", "responseJsonSchema"]);
  if (isNative && sameJson(readResponseFormat(written), responseFormat)) return { config: written, instructions: [] };
  if (responseFormat === undefined || responseFormat.type === "text") return { config: {}, instructions: [] };
  const isJson = responseFormat.type === "json";
  if (traits.structuredOutput !== true && (hasTools || traits.structuredOutput === false)) {
    lose(
      "response_format",
      "the upstream has no JSON mode, or not beside functions; the model is asked for JSON instead",
    );
    const schema = isJson ? "" : ` that satisfies this JSON Schema: ${JSON.stringify(responseFormat.schema)}`;
    return { config: {}, instructions: [`Give your final answer as one JSON value${schema}, and nothing else.`] };
  }
  const config: JsonObject = { responseMimeType: "application/json" };
  if (!isJson) {
    if (traits.schemaDialect === "openapi") config["responseSchema"] = toOpenApiSchema(responseFormat.schema);
    else config["responseJsonSchema"] = responseFormat.schema;
  }
  return { config, instructions: [] };
}

/** Gemini takes no more stop sequences. */
const STOP_SEQUENCES_MAX = 5;
const INT32_MAX = 2_147_483_647;

function writeConfig(plan: Plan): JsonObject {
  const { request, form, isNative, target, lose } = plan;
  const { seed, stop, maxOutputTokens } = request;
  const isSeedLost = !isNative && seed !== undefined && (!Number.isInteger(seed) || Math.abs(seed) > INT32_MAX);
  if (isSeedLost) lose("seed", "the upstream takes seeds of 32 bits");
  const stops = isNative ? stop : stop?.filter((text) => text !== "").slice(0, STOP_SEQUENCES_MAX);
  if (!isNative && (stop?.length ?? 0) > STOP_SEQUENCES_MAX)
    lose("stop", `only the first ${STOP_SEQUENCES_MAX} are taken`);
  const most = target.traits.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  const limit =
    isNative || maxOutputTokens === undefined ? maxOutputTokens : Math.max(1, Math.min(maxOutputTokens, most));
  // Zero is every dialect's default, and some models refuse to hear of penalties at all.
  const penalty = (value: number | undefined) => (isNative ? value : value || undefined);
  return compact<JsonObject>({
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    maxOutputTokens: limit,
    stopSequences: stops === undefined || stops.length === 0 ? undefined : stops,
    seed: isSeedLost ? undefined : seed,
    presencePenalty: penalty(request.presencePenalty),
    frequencyPenalty: penalty(request.frequencyPenalty),
    // Some models refuse to be told even that one is enough.
    candidateCount: isNative || (request.n ?? 1) > 1 ? request.n : undefined,
    responseLogprobs: isNative ? request.logprobs : request.logprobs || undefined,
    // It may stand only beside the switch, and not be zero for all models.
    logprobs: isNative ? request.topLogprobs : (request.logprobs && request.topLogprobs) || undefined,
    thinkingConfig: writeThinking(request, form, target),
  });
}

/** In the client's own word; another's is said only when it is not the usual one. */
function writeTier({ request: { serviceTier }, form, traits, lose }: Plan): JsonObject {
  const written = form?.["serviceTier"];
  if (written !== undefined && serviceTier === readServedTier(written)) return { serviceTier: written };
  if (isUsualTier(serviceTier)) return {};
  const word = traits.serviceTiers === false ? undefined : writeStandardTier(serviceTier, TIERS);
  if (word !== undefined) return { serviceTier: word };
  lose("service_tier", "the upstream has no such tier");
  return {};
}

function reportLosses(request: ChatRequest, lose: EncodeTarget["lose"]): void {
  const fields: [string, unknown][] = [
    ["top_logprobs", request.logprobs ? undefined : request.topLogprobs || undefined],
    ["logit_bias", request.logitBias],
    ["verbosity", request.verbosity],
    ["user", request.user],
    ["safety_identifier", request.safetyIdentifier],
    ["metadata", request.metadata],
    ["prompt_cache_key", request.promptCacheKey],
  ];
  for (const [field, value] of fields) {
    if (value !== undefined) lose(field, "the upstream's dialect has no such field");
  }
}
