/** Top-level Gemini fields that need more than copying: generation settings, thinking, tools and the choice among them. */
import type {
  ChatRequest,
  Json,
  JsonObject,
  Reasoning,
  ResponseFormat,
  Tool,
  ToolChoice,
  WebSearch,
} from "../../contract/chat.ts";
import { badRequest, checkRanges, fieldReader, type Ranges } from "../shared/check.ts";
import { arrayOr, compact, isEmpty, isObject, numberOf, objectOr, pick, restOf, textOf } from "../shared/json.ts";
import { isEffort } from "../shared/reasoning.ts";
import { withVendor } from "../shared/vendor.ts";
import { fromOpenApiSchema } from "./schema.ts";
import { asList, camelFields, GEMINI } from "./wire.ts";

const EXPECTED = {
  string: "a string",
  number: "a number",
  integer: "an integer",
  boolean: "a boolean",
  array: "a list",
  object: "an object",
};

export function complain(param: string, expected: keyof typeof EXPECTED): string {
  return `Invalid value at '${param}': expected ${EXPECTED[expected]}.`;
}

const OUTPUT_FIELDS = ["responseMimeType", "responseSchema", "responseJsonSchema"] as const;
/** Remembered as written, for upstreams of the same dialect. */
const CONFIG_FORMS = ["thinkingConfig", ...OUTPUT_FIELDS] as const;

const NUMBERS = [
  "temperature",
  "topP",
  "topK",
  "maxOutputTokens",
  "seed",
  "presencePenalty",
  "frequencyPenalty",
  "candidateCount",
  "logprobs",
] as const;

const CONFIG_FIELDS: ReadonlySet<string> = new Set([...CONFIG_FORMS, ...NUMBERS, "stopSequences", "responseLogprobs"]);

/** As the reference of the API gives them; its schema has none. */
const RANGES: Ranges = { temperature: [0, 2], topP: [0, 1] };

/** Google's JSON takes numbers as text as well. */
function withNumbers(config: JsonObject): JsonObject {
  const texts = NUMBERS.filter((name) => /^-?\d+(\.\d+)?$/.test(textOf(config[name]) ?? ""));
  return texts.length === 0
    ? config
    : { ...config, ...Object.fromEntries(texts.map((name) => [name, Number(config[name])])) };
}

/** @param config its own fields in camel case */
export function readConfig(config: JsonObject): Partial<{ [Key in keyof ChatRequest]: ChatRequest[Key] | undefined }> {
  const numbers = withNumbers(config);
  const read = fieldReader(numbers, complain, "generationConfig.");
  checkRanges(
    numbers,
    RANGES,
    (param, least, most) => `Invalid value at '${param}': expected a number from ${least} to ${most}.`,
    "generationConfig.",
  );
  const stops = asList(config["stopSequences"]);
  return {
    temperature: read("temperature", "number"),
    topP: read("topP", "number"),
    topK: read("topK", "number"),
    maxOutputTokens: read("maxOutputTokens", "integer"),
    seed: read("seed", "integer"),
    presencePenalty: read("presencePenalty", "number"),
    frequencyPenalty: read("frequencyPenalty", "number"),
    n: read("candidateCount", "integer"),
    logprobs: read("responseLogprobs", "boolean"),
    topLogprobs: read("logprobs", "integer"),
    stop: stops.length === 0 ? undefined : stops.filter((entry) => typeof entry === "string"),
    responseFormat: readResponseFormat(config),
    reasoning: readThinking(config["thinkingConfig"]),
  };
}

const NEUTRAL_OUTPUTS: ReadonlySet<string> = new Set(["text/plain", "application/json"]);
/** One of some words, as it is. */
const CHOICE = "text/x.enum";

/**
 * Settings without a neutral name, and those whose written form is worth keeping. An output that is neither text nor
 * JSON nor a choice among words is a setting without a neutral name.
 */
export function configExtras(config: JsonObject): { fields: JsonObject; form: JsonObject } {
  const type = textOf(config["responseMimeType"]);
  const fields = restOf(config, CONFIG_FIELDS);
  const isChoice = type === CHOICE && readResponseFormat(config) !== undefined;
  if (type === undefined || isChoice || NEUTRAL_OUTPUTS.has(type)) return { fields, form: pick(config, CONFIG_FORMS) };
  return { fields: { ...fields, ...pick(config, OUTPUT_FIELDS) }, form: pick(config, ["thinkingConfig"]) };
}

export function readResponseFormat(config: JsonObject): ResponseFormat | undefined {
  const type = textOf(config["responseMimeType"]);
  const schema = config["responseJsonSchema"];
  const openApi = config["responseSchema"];
  const written = isObject(schema) ? schema : isObject(openApi) ? fromOpenApiSchema(openApi) : undefined;
  if (type === CHOICE) return readChoice(written);
  if (type !== undefined && type !== "application/json") return undefined;
  if (written !== undefined) return { type: "json-schema", schema: written };
  return type === undefined ? undefined : { type: "json" };
}

/** Held to as strictly as the vendor does; nothing else is an answer. */
function readChoice(schema: JsonObject | undefined): ResponseFormat | undefined {
  const words = arrayOr(schema?.["enum"]);
  if (words.length === 0 || !words.every((word) => typeof word === "string")) return undefined;
  return {
    type: "json-schema",
    schema: { ...pick(schema ?? {}, ["title", "description"]), type: "string", enum: words },
    strict: true,
    bare: true,
  };
}

/** A budget of -1 leaves it to the model. */
export function readThinking(value: Json | undefined): Reasoning | undefined {
  if (!isObject(value)) return undefined;
  const config = camelFields(value);
  const level = textOf(config["thinkingLevel"])?.toLowerCase();
  const budget = numberOf(config["thinkingBudget"]);
  const shows = config["includeThoughts"];
  const isOpen = budget === -1 || (shows === true && level === undefined && budget === undefined);
  const reasoning = compact<Reasoning>({
    mode: isOpen ? "auto" : undefined,
    effort: isEffort(level) ? level : undefined,
    budgetTokens: budget === undefined || budget < 0 ? undefined : budget,
    summary: shows === true ? "auto" : shows === false ? "none" : undefined,
  });
  return isEmpty(reasoning) ? undefined : reasoning;
}

const SEARCHES: ReadonlySet<string> = new Set(["googleSearch", "googleSearchRetrieval"]);

function readSearch(definition: JsonObject): WebSearch {
  const blocked = asList(camelFields(definition)["excludeDomains"]).filter((entry) => typeof entry === "string");
  return blocked.length === 0 ? {} : { blockedDomains: blocked };
}

/** Each Tool object may declare functions and switch on what runs at the vendor; `group` says which object it was. */
export function readTools(value: Json | undefined): Tool[] {
  return asList(value).flatMap((entry, group): Tool[] => {
    const param = `tools[${group}]`;
    if (!isObject(entry)) throw badRequest(complain(param, "object"), param);
    return Object.entries(camelFields(entry)).flatMap(([kind, definition]): Tool[] => {
      if (definition === null) return [];
      if (kind !== "functionDeclarations") {
        const search = SEARCHES.has(kind) ? { webSearch: readSearch(objectOr(definition)) } : {};
        const vendor = withVendor(GEMINI, { tool: { [kind]: definition } }, { group });
        const code = kind === "codeExecution" ? { runsCode: true as const } : {};
        return [{ kind: "provider", name: kind, ...search, ...code, ...vendor }];
      }
      return asList(definition).map((declaration, position) =>
        readDeclaration(declaration, group, `${param}.functionDeclarations[${position}]`),
      );
    });
  });
}

const DECLARATION_FIELDS = new Set(["name", "description", "parameters", "parametersJsonSchema"]);

function readDeclaration(value: Json, group: number, param: string): Tool {
  if (!isObject(value)) throw badRequest(complain(param, "object"), param);
  const declaration = camelFields(value);
  const name = textOf(declaration["name"]);
  if (name === undefined) throw badRequest(`Missing value at '${param}.name'.`, `${param}.name`);
  const { parameters, parametersJsonSchema } = declaration;
  const schema = isObject(parametersJsonSchema)
    ? parametersJsonSchema
    : isObject(parameters)
      ? fromOpenApiSchema(parameters)
      : undefined;
  return compact<Tool>({
    kind: "function",
    name,
    description: typeof declaration["description"] === "string" ? declaration["description"] : undefined,
    schema,
    ...withVendor(GEMINI, restOf(declaration, DECLARATION_FIELDS), {
      group,
      ...(isObject(parameters) && !isObject(parametersJsonSchema) ? { parameters } : {}),
    }),
  });
}

export function readToolChoice(value: Json | undefined): ToolChoice | undefined {
  const config = camelFields(objectOr(value));
  const names = asList(config["allowedFunctionNames"]).filter((name) => typeof name === "string");
  switch (textOf(config["mode"])?.toUpperCase()) {
    case "AUTO":
    case "VALIDATED":
      return names.length === 0 ? { type: "auto" } : { type: "allowed", names, mode: "auto" };
    case "ANY":
      if (names.length === 0) return { type: "required" };
      return names.length === 1 && names[0] !== undefined
        ? { type: "tool", name: names[0] }
        : { type: "allowed", names, mode: "required" };
    case "NONE":
      return { type: "none" };
    default:
      return undefined;
  }
}
