/** The strict modes of vendors: which schemas fit, and how others are made to fit without meaning something else. */
import type { Json, JsonObject } from "../../../contract/chat.ts";
import { arrayOr, isEmpty, isObject, objectOr, pick, restOf, textOf } from "../json.ts";
import { conjoin, isObjectSchema, requiredNames, withoutAllOf } from "./combine.ts";
import { isRecursive, resolve } from "./refs.ts";

/** Keywords a grammar-constrained decoder understands. https://docs.claude.com/en/docs/build-with-claude/structured-outputs */
const KEPT: ReadonlySet<string> = new Set([
  "type",
  "title",
  "description",
  "default",
  "enum",
  "const",
  "required",
  "$ref",
]);
const FORMATS: ReadonlySet<string> = new Set([
  "date-time",
  "time",
  "date",
  "duration",
  "email",
  "hostname",
  "uri",
  "ipv4",
  "ipv6",
  "uuid",
]);
const ANNOTATIONS: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "examples",
  "nullable",
  "additionalProperties",
]);

/** What describes a schema as a whole, and what it refers to. */
const WHOLE = ["title", "description", "default", "$defs", "definitions", "nullable"] as const;

/**
 * The schema in the subset of strict modes: every object closed, `oneOf` as `anyOf`, and what bounds a value without a
 * place in the subset moved into the description, where the model still reads it.
 * @returns undefined when no closed schema means the same: it refers to itself, or has members of any name.
 */
export function strictSchema(root: JsonObject): JsonObject | undefined {
  if (isRecursive(root)) return undefined;
  let fits = true;

  const close = (given: JsonObject): JsonObject => {
    const schema = withoutAllOf(given, root, []);
    const alternatives = [schema["anyOf"], schema["oneOf"]].filter(Array.isArray);
    const isContradictory = schema["allOf"] !== undefined && isObjectSchema(objectOr(arrayOr(schema["allOf"])[0]));
    if (isOpen(schema) || isContradictory || alternatives.length > 1) {
      fits = false;
      return schema;
    }
    const branches = arrayOr(alternatives[0]).filter(isObject);
    return branches.length > 0 && isShape(schema) ? closeEach(schema, branches) : closeOne(schema);
  };

  /** Members beside alternatives belong to each of them: closed one by one they would exclude each other. */
  const closeEach = (schema: JsonObject, branches: readonly JsonObject[]): JsonObject => {
    const shape = restOf(schema, new Set([...WHOLE, "anyOf", "oneOf"]));
    const anyOf = branches.map((branch) => {
      const found = resolve(branch, root, []);
      if (found.schema === undefined) fits = false;
      return conjoin(shape, withoutAllOf(found.schema ?? branch, root, found.way));
    });
    return closeOne({ ...pick(schema, WHOLE), anyOf });
  };

  const closeOne = (schema: JsonObject): JsonObject => {
    const result: JsonObject = {};
    const notes: string[] = [];
    for (const [keyword, value] of Object.entries(schema)) {
      if (keyword === "properties" || keyword === "$defs" || keyword === "definitions") {
        result[keyword] = Object.fromEntries(
          Object.entries(objectOr(value)).map(([name, inner]) => [name, isObject(inner) ? close(inner) : {}]),
        );
      } else if (keyword === "anyOf" || keyword === "oneOf") {
        result["anyOf"] = arrayOr(value).filter(isObject).map(close);
      } else if (keyword === "allOf") {
        result["allOf"] = arrayOr(value).filter(isObject).map(close);
      } else if (keyword === "items" && isObject(value)) {
        result["items"] = close(value);
      } else if (KEPT.has(keyword)) {
        result[keyword] = value;
      } else if (keyword === "format" && FORMATS.has(String(value))) {
        result["format"] = value;
      } else if (keyword === "minItems" && (value === 0 || value === 1)) {
        result["minItems"] = value;
      } else if (!ANNOTATIONS.has(keyword) && !keyword.startsWith("x-")) {
        notes.push(`${keyword}: ${JSON.stringify(value)}`);
      }
    }
    if (isObjectSchema(result)) result["additionalProperties"] = false;
    const description = textOf(result["description"]);
    if (notes.length > 0) {
      result["description"] = `${description === undefined ? "" : `${description} `}(${notes.join(", ")})`;
    }
    return schema["nullable"] === true ? nullable(result) : result;
  };

  const closed = close(root);
  return fits ? closed : undefined;
}

/** May its members have names that it does not list? Closed it would mean another object, or only the empty one. */
function isOpen(schema: JsonObject): boolean {
  const { additionalProperties: others, patternProperties, unevaluatedProperties, properties } = schema;
  const isMap = [others, unevaluatedProperties].some((value) => isObject(value) && !isEmpty(value));
  if (isMap || (isObject(patternProperties) && !isEmpty(patternProperties))) return true;
  const isTyped = [schema["type"]].flat().includes("object");
  if (!isTyped || isObject(properties) || others === false) return false;
  return schema["anyOf"] === undefined && schema["oneOf"] === undefined && schema["allOf"] === undefined;
}

function isShape(schema: JsonObject): boolean {
  return isObject(schema["properties"]) || requiredNames(schema).length > 0;
}

/** OpenAPI's word for "or null". */
function nullable(schema: JsonObject): JsonObject {
  const { type, enum: values, anyOf } = schema;
  if (Array.isArray(anyOf)) return { ...schema, anyOf: [...anyOf, { type: "null" }] };
  if (schema["$ref"] !== undefined) return { anyOf: [schema, { type: "null" }] };
  const types = type === undefined ? {} : { type: [...new Set([type, "null"].flat())] };
  const choices = Array.isArray(values) && !values.includes(null) ? { enum: [...values, null] } : {};
  return { ...schema, ...types, ...choices };
}

/** OpenAI's strict mode: every object closed, every property required. */
export function fitsOpenAiStrict(schema: Json | undefined): boolean {
  if (Array.isArray(schema)) return schema.every(fitsOpenAiStrict);
  if (!isObject(schema)) return true;
  if (isObjectSchema(schema)) {
    const required = new Set(requiredNames(schema));
    if (schema["additionalProperties"] !== false) return false;
    if (Object.keys(objectOr(schema["properties"])).some((name) => !required.has(name))) return false;
  }
  const inner = ["items", "anyOf"].map((keyword) => schema[keyword]);
  const named = ["properties", "$defs", "definitions"].flatMap((keyword) => Object.values(objectOr(schema[keyword])));
  return [...inner, ...named].every(fitsOpenAiStrict);
}
