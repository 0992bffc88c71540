/** JSON Schemas rewritten for targets that take only part of the language. */
import type { Json, JsonObject } from "../../contract/chat.ts";
import { arrayOr, isObject, objectOr, textOf } from "./json.ts";

/**
 * The input schema of a tool as every vendor takes it: an object at the root, without alternatives there. Alternatives
 * at the root are joined into one object, whose required fields are those that every alternative requires.
 */
export function toolSchema(schema: JsonObject | undefined): JsonObject {
  if (schema === undefined) return { type: "object", properties: {} };
  const alternatives = [...arrayOr(schema["anyOf"]), ...arrayOr(schema["oneOf"])].filter(isObject);
  const conjuncts = arrayOr(schema["allOf"]).filter(isObject);
  if (alternatives.length === 0 && conjuncts.length === 0) {
    if (schema["type"] === "object") return schema;
    return { ...schema, type: "object", ...(isObject(schema["properties"]) ? {} : { properties: {} }) };
  }
  const { anyOf: _anyOf, oneOf: _oneOf, allOf: _allOf, ...rest } = schema;
  const branches = [...alternatives, ...conjuncts].map((branch) => resolve(branch, schema));
  const properties = Object.assign({}, ...branches.map((branch) => objectOr(branch["properties"])));
  const shared = requiredByAll(alternatives.map((branch) => resolve(branch, schema)));
  const required = [...namesOf(schema), ...conjuncts.flatMap((branch) => namesOf(resolve(branch, schema))), ...shared];
  return {
    ...rest,
    type: "object",
    properties: { ...properties, ...objectOr(schema["properties"]) },
    ...(required.length === 0 ? {} : { required: [...new Set(required)] }),
  };
}

function namesOf(schema: JsonObject): string[] {
  return arrayOr(schema["required"]).filter((name) => typeof name === "string");
}

function requiredByAll(schemas: readonly JsonObject[]): string[] {
  const [first, ...others] = schemas;
  if (first === undefined) return [];
  return namesOf(first).filter((name) => others.every((other) => namesOf(other).includes(name)));
}

function resolve(schema: JsonObject, root: JsonObject): JsonObject {
  const found = definitionOf(textOf(schema["$ref"]), root);
  return found ?? schema;
}

function definitionOf(ref: string | undefined, root: JsonObject): JsonObject | undefined {
  const path = ref === undefined ? undefined : /^#\/(\$defs|definitions)\/([^/]+)$/.exec(ref);
  const definition = path ? objectOr(root[path[1] ?? ""])[path[2] ?? ""] : undefined;
  return isObject(definition) ? definition : undefined;
}

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
const ANNOTATIONS: ReadonlySet<string> = new Set(["$schema", "$id", "$comment", "examples", "additionalProperties"]);

/**
 * The schema in the subset of strict modes: every object closed, `oneOf` as `anyOf`, and what the subset lacks moved
 * into the description, where the model still reads it.
 * @returns undefined when the schema refers to itself, which no subset allows.
 */
export function strictSchema(schema: JsonObject): JsonObject | undefined {
  return isRecursive(schema) ? undefined : closed(schema);
}

function closed(schema: JsonObject): JsonObject {
  const result: JsonObject = {};
  const notes: string[] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === "properties" || keyword === "$defs" || keyword === "definitions") {
      result[keyword] = mapSchemas(value);
    } else if (keyword === "anyOf" || keyword === "oneOf") {
      result["anyOf"] = [...arrayOr(result["anyOf"]), ...arrayOr(value).filter(isObject).map(closed)];
    } else if (keyword === "allOf") {
      result["allOf"] = arrayOr(value).filter(isObject).map(closed);
    } else if (keyword === "items") {
      if (isObject(value)) result["items"] = closed(value);
    } else if (KEPT.has(keyword)) {
      result[keyword] = value;
    } else if (keyword === "format" && FORMATS.has(String(value))) {
      result["format"] = value;
    } else if (keyword === "minItems" && (value === 0 || value === 1)) {
      result["minItems"] = value;
    } else if (keyword === "nullable" && value === true) {
      const type = schema["type"];
      if (typeof type === "string") result["type"] = [type, "null"];
    } else if (!ANNOTATIONS.has(keyword) && !keyword.startsWith("x-")) {
      notes.push(`${keyword}: ${JSON.stringify(value)}`);
    }
  }
  if (schema["nullable"] === true && typeof schema["type"] === "string") result["type"] = [schema["type"], "null"];
  if (isObjectSchema(result)) result["additionalProperties"] = false;
  if (notes.length > 0) {
    const description = textOf(result["description"]);
    result["description"] = `${description === undefined ? "" : `${description} `}(${notes.join(", ")})`;
  }
  return result;
}

function mapSchemas(value: Json): JsonObject {
  return Object.fromEntries(
    Object.entries(objectOr(value)).map(([name, schema]) => [name, isObject(schema) ? closed(schema) : {}]),
  );
}

/** OpenAI's strict mode: every object closed, every property required. */
export function fitsOpenAiStrict(schema: Json | undefined): boolean {
  if (Array.isArray(schema)) return schema.every(fitsOpenAiStrict);
  if (!isObject(schema)) return true;
  if (isObjectSchema(schema)) {
    const required = new Set(namesOf(schema));
    if (schema["additionalProperties"] !== false) return false;
    if (Object.keys(objectOr(schema["properties"])).some((name) => !required.has(name))) return false;
  }
  const inner = ["items", "anyOf"].map((keyword) => schema[keyword]);
  const named = ["properties", "$defs", "definitions"].flatMap((keyword) => Object.values(objectOr(schema[keyword])));
  return [...inner, ...named].every(fitsOpenAiStrict);
}

function isObjectSchema(schema: JsonObject): boolean {
  const type = schema["type"];
  return type === "object" || (Array.isArray(type) && type.includes("object")) || isObject(schema["properties"]);
}

function isRecursive(root: JsonObject): boolean {
  const definitions = [
    ...Object.entries(objectOr(root["$defs"])).map(([name, schema]) => [`#/$defs/${name}`, schema] as const),
    ...Object.entries(objectOr(root["definitions"])).map(
      ([name, schema]) => [`#/definitions/${name}`, schema] as const,
    ),
  ];
  const refs = new Map<string, Set<string>>(definitions.map(([ref, schema]) => [ref, refsIn(schema)]));
  const reaches = (from: string, goal: string, seen: Set<string>): boolean =>
    [...(refs.get(from) ?? [])].some((next) => {
      if (next === goal) return true;
      if (seen.has(next)) return false;
      seen.add(next);
      return reaches(next, goal, seen);
    });
  return refsIn(root).has("#") || [...refs.keys()].some((ref) => reaches(ref, ref, new Set()));
}

function refsIn(value: Json | undefined, found: Set<string> = new Set()): Set<string> {
  if (Array.isArray(value)) for (const entry of value) refsIn(entry, found);
  else if (isObject(value)) {
    for (const [name, entry] of Object.entries(value)) {
      if (name === "$ref" && typeof entry === "string") found.add(entry);
      else refsIn(entry, found);
    }
  }
  return found;
}
