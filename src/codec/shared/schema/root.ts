/** Roots of JSON Schemas as vendors take them: an object and nothing else, for the input of a tool or for an answer. */
import type { JsonObject, ResponseFormat } from "../../../contract/chat.ts";
import { arrayOr, isObject, objectOr, pick } from "../json.ts";
import { anyObject, isObjectSchema, merge, withoutAllOf } from "./combine.ts";
import { keepTargets, mapRefs, resolve } from "./refs.ts";

/** What no vendor takes at the root. */
const COMBINING = ["$ref", "anyOf", "oneOf", "allOf"] as const;

function isCombined(schema: JsonObject): boolean {
  return COMBINING.some((keyword) => schema[keyword] !== undefined);
}

/**
 * The input schema of a tool as every vendor takes it: an object at the root, without references and alternatives there.
 * Alternatives at the root become one object that each of them fits; which properties belong together is not said.
 */
export function toolSchema(schema: JsonObject | undefined): JsonObject {
  if (schema === undefined) return { type: "object", properties: {} };
  if (!isCombined(schema)) {
    if (schema["type"] === "object") return schema;
    return { ...schema, type: "object", ...(isObject(schema["properties"]) ? {} : { properties: {} }) };
  }
  const { allOf: _allOf, ...whole } = asOne(schema, schema, []) ?? {};
  return keepTargets(
    { ...pick(schema, ["$defs", "definitions"]), ...whole, type: "object", properties: objectOr(whole["properties"]) },
    schema,
  );
}

/** An object for everything an object may look like here; `undefined` where a reference leads nowhere. */
function asOne(given: JsonObject, root: JsonObject, before: readonly string[]): JsonObject | undefined {
  const { schema, way } = resolve(given, root, before);
  if (schema === undefined) return undefined;
  const { anyOf, oneOf, ...own } = withoutAllOf(schema, root, way);
  const whole = [anyOf, oneOf].reduce<JsonObject>((one, alternatives) => {
    const objects = arrayOr(alternatives)
      .filter(isObject)
      .map((branch) => asOne(branch, root, way))
      .filter((branch) => branch !== undefined)
      .filter((branch) => branch["type"] === undefined || isObjectSchema(branch));
    return merge(one, anyObject(objects)).schema;
  }, own);
  return whole;
}

/** The property in which an answer travels that is no object. Ours alone, so that it is known again. */
export const ANSWER_VALUE = "monorelay_value";

/** Must an answer of this schema travel inside an object, because vendors take only objects at the root? */
export function isWrapped(schema: JsonObject): boolean {
  return !isPlainObject(rootOf(schema)) && !saysNothing(schema);
}

/** The schema of an answer as vendors take it. */
export function answerSchema(schema: JsonObject): JsonObject {
  const root = rootOf(schema);
  if (isPlainObject(root)) return root;
  if (saysNothing(schema)) return { ...schema, type: "object" };
  const { $defs, definitions, $schema: _dialect, ...value } = schema;
  const moved = mapRefs(
    { ...value, ...(isObject($defs) ? { $defs } : {}), ...(isObject(definitions) ? { definitions } : {}) },
    movedRef,
  );
  const { $defs: movedDefs, definitions: movedDefinitions, ...inner } = moved;
  return {
    type: "object",
    properties: { [ANSWER_VALUE]: inner },
    required: [ANSWER_VALUE],
    additionalProperties: false,
    ...(movedDefs === undefined ? {} : { $defs: movedDefs }),
    ...(movedDefinitions === undefined ? {} : { definitions: movedDefinitions }),
  };
}

export function withObjectRoot(format: ResponseFormat): ResponseFormat {
  return format.type === "json-schema" ? { ...format, schema: answerSchema(format.schema) } : format;
}

/** Definitions stay at the root, everything else moves into the property. */
function movedRef(ref: string): string {
  if (!ref.startsWith("#") || /^#\/(\$defs|definitions)\//.test(ref)) return ref;
  return `#/properties/${ANSWER_VALUE}${ref.slice(1)}`;
}

function rootOf(schema: JsonObject): JsonObject {
  if (schema["$ref"] === undefined && schema["allOf"] === undefined) return schema;
  const { schema: found, way } = resolve(schema, schema, []);
  return found === undefined ? schema : keepTargets(withoutAllOf(found, schema, way), schema);
}

function isPlainObject(schema: JsonObject): boolean {
  const isTyped = schema["type"] === "object" || (schema["type"] === undefined && isObject(schema["properties"]));
  return isTyped && schema["nullable"] !== true && !isCombined(schema);
}

function saysNothing(schema: JsonObject): boolean {
  return !isCombined(schema) && schema["type"] === undefined && schema["enum"] === undefined && !("const" in schema);
}
