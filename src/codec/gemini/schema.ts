/** Between JSON Schema and the part of OpenAPI's that Gemini calls Schema. */
import type { Json, JsonObject } from "../../contract/chat.ts";
import { arrayOr, isObject, numberOf, objectOr, pick, restOf, textOf } from "../shared/json.ts";
import { forcedIntoOne } from "../shared/schema/combine.ts";
import { resolve } from "../shared/schema/refs.ts";
import { camelFields } from "./wire.ts";

/** Keywords with the same meaning on both sides. An unknown one would make Gemini refuse the whole request. */
const SHARED: ReadonlySet<string> = new Set([
  "title",
  "description",
  "default",
  "minimum",
  "maximum",
  "minItems",
  "maxItems",
  "minLength",
  "maxLength",
  "minProperties",
  "maxProperties",
  "pattern",
  "example",
  "propertyOrdering",
]);
/** 64-bit counts, which Gemini's JSON writes as text. */
const COUNTS: ReadonlySet<string> = new Set([
  "minItems",
  "maxItems",
  "minLength",
  "maxLength",
  "minProperties",
  "maxProperties",
]);
const TYPES: ReadonlySet<string> = new Set(["string", "number", "integer", "boolean", "array", "object", "null"]);

/** Gemini's Schema as JSON Schema: types in lower case, `nullable` as a type, counts as numbers. */
export function fromOpenApiSchema(value: Json): JsonObject {
  const schema = camelFields(objectOr(value));
  const result: JsonObject = {};
  for (const [keyword, entry] of Object.entries(schema)) {
    if (entry === null || keyword === "nullable" || keyword === "propertyOrdering") continue;
    if (keyword === "type") {
      const type = textOf(entry)?.toLowerCase();
      if (type !== undefined && TYPES.has(type)) result["type"] = type;
      else if (Array.isArray(entry)) result["type"] = entry.map((name) => String(name).toLowerCase());
    } else if (keyword === "properties" || keyword === "$defs" || keyword === "defs") {
      const named = Object.entries(objectOr(entry)).map(([name, inner]) => [name, fromOpenApiSchema(inner)] as const);
      result[keyword === "defs" ? "$defs" : keyword] = Object.fromEntries(named);
    } else if (keyword === "items" || keyword === "additionalProperties") {
      result[keyword] = isObject(entry) ? fromOpenApiSchema(entry) : entry;
    } else if (keyword === "anyOf" || keyword === "oneOf" || keyword === "allOf" || keyword === "prefixItems") {
      result[keyword] = arrayOr(entry).map(fromOpenApiSchema);
    } else if (COUNTS.has(keyword)) {
      result[keyword] = typeof entry === "string" ? Number(entry) : entry;
    } else if (keyword === "example") {
      result["examples"] = [entry];
    } else {
      result[keyword === "ref" ? "$ref" : keyword] = entry;
    }
  }
  return schema["nullable"] === true ? withNull(result) : result;
}

function withNull(schema: JsonObject): JsonObject {
  const { type } = schema;
  const list = Array.isArray(schema["enum"]) ? { enum: [...schema["enum"], null] } : {};
  if (typeof type === "string") return { ...schema, ...list, type: [type, "null"] };
  const anyOf = arrayOr(schema["anyOf"]);
  return anyOf.length > 0 ? { ...schema, anyOf: [...anyOf, { type: "null" }] } : schema;
}

/** So many schemas one tool may hold after its references are written out; what comes after is cut off. */
const SCHEMAS_MAX = 2000;

const FORMATS: { readonly [type: string]: ReadonlySet<string> } = {
  string: new Set(["enum", "date-time"]),
  number: new Set(["float", "double"]),
  integer: new Set(["int32", "int64"]),
};

/** Keywords that say nothing to a model, or that are read together with others. */
const SILENT: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$anchor",
  "$comment",
  "$ref",
  "$defs",
  "definitions",
  "type",
  "properties",
  "required",
  "items",
  "prefixItems",
  "anyOf",
  "oneOf",
  "allOf",
  "enum",
  "const",
  "format",
  "nullable",
  "examples",
  "strict",
]);

/**
 * JSON Schema in Gemini's Schema. References are written out, and cut where they come back to themselves. Only known
 * keywords are kept; what constrains and has no place goes into the description, where the model still reads it.
 * Names of properties are never taken for keywords.
 */
export function toOpenApiSchema(root: JsonObject): JsonObject {
  let count = 0;

  const write = (given: JsonObject, path: readonly string[]): JsonObject => {
    count += 1;
    const { schema, way } = resolve(given, root, path);
    if (schema === undefined || count > SCHEMAS_MAX) {
      const { description } = given;
      return { type: "OBJECT", description: note(textOf(description), [`as ${way.at(-1) ?? "above"}`]) };
    }
    const inner = (value: Json | undefined): JsonObject => write(objectOr(value), way);
    return writeResolved(forcedIntoOne(schema, root, way), inner);
  };
  return write(root, []);
}

function writeResolved(schema: JsonObject, write: (value: Json | undefined) => JsonObject): JsonObject {
  const notes: string[] = [];
  const types = (Array.isArray(schema["type"]) ? schema["type"] : [schema["type"]]).filter(
    (t) => typeof t === "string",
  );
  const alternatives = [...arrayOr(schema["anyOf"]), ...arrayOr(schema["oneOf"])].filter(isObject);
  // Beside properties of its own, alternatives only say which of them belong together.
  const isShaped = isObject(schema["properties"]);
  if (isShaped && alternatives.length > 0) notes.push(`any of: ${JSON.stringify(alternatives)}`);
  const options = isShaped ? [] : alternatives.filter((branch) => branch["type"] !== "null");
  const isNullable =
    schema["nullable"] === true ||
    types.includes("null") ||
    hasNull(schema) ||
    alternatives.some((branch) => branch["type"] === "null");
  const plainTypes = types.filter((type) => type !== "null");

  const result: JsonObject = {};
  if (options.length === 1) Object.assign(result, write(options[0]));
  else if (options.length > 1) result["anyOf"] = options.map(write);
  else if (plainTypes.length > 1) result["anyOf"] = plainTypes.map((type) => write({ ...bare(schema), type }));
  else {
    const type = plainTypes[0] ?? inferType(schema);
    result["type"] = type.toUpperCase();
    if (type === "object") writeObject(schema, result, write);
    if (type === "array") writeItems(schema, result, write, notes);
    writeEnum(schema, type, result, notes);
    const { format } = schema;
    if (typeof format === "string") {
      if (FORMATS[type]?.has(format)) result["format"] = format;
      else notes.push(`format: ${format}`);
    }
  }
  if (isNullable) result["nullable"] = true;
  // Of several types each has its own bounds; the whole keeps only what describes it.
  const isSplit = options.length === 0 && plainTypes.length > 1;
  writeShared(isSplit ? pick(schema, WHOLE) : schema, result, notes);
  if (notes.length > 0) result["description"] = note(textOf(result["description"]), notes);
  return result;
}

/** What describes a schema as a whole, and none of its types in particular. */
const WHOLE = ["title", "description", "default"];

function bare(schema: JsonObject): JsonObject {
  return { ...restOf(schema, new Set(WHOLE)), nullable: false };
}

function hasNull(schema: JsonObject): boolean {
  return arrayOr(schema["enum"]).includes(null) || ("const" in schema && schema["const"] === null);
}

function inferType(schema: JsonObject): string {
  if (isObject(schema["properties"]) || isObject(schema["additionalProperties"])) return "object";
  if ("items" in schema || "prefixItems" in schema) return "array";
  const value = "const" in schema ? schema["const"] : arrayOr(schema["enum"]).find((entry) => entry !== null);
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value === "boolean" ? "boolean" : "string";
}

function writeObject(schema: JsonObject, result: JsonObject, write: (value: Json | undefined) => JsonObject): void {
  const properties = Object.entries(objectOr(schema["properties"])).map(
    ([name, value]) => [name, write(value)] as const,
  );
  if (properties.length === 0) return;
  result["properties"] = Object.fromEntries(properties);
  const names = new Set(properties.map(([name]) => name));
  const required = arrayOr(schema["required"]).filter((name) => typeof name === "string" && names.has(name));
  if (required.length > 0) result["required"] = required;
}

/** A list must say of what; a tuple becomes a list of any of its members. */
function writeItems(
  schema: JsonObject,
  result: JsonObject,
  write: (value: Json | undefined) => JsonObject,
  notes: string[],
): void {
  const tuple = [...arrayOr(schema["prefixItems"]), ...arrayOr(schema["items"])].filter(isObject);
  if (tuple.length > 0) {
    notes.push(`prefixItems: ${JSON.stringify(tuple)}`);
    result["items"] = write(tuple.length === 1 ? tuple[0] : { anyOf: tuple });
    return;
  }
  result["items"] = write(isObject(schema["items"]) ? schema["items"] : { type: "string" });
}

/** Gemini chooses among texts only. */
function writeEnum(schema: JsonObject, type: string, result: JsonObject, notes: string[]): void {
  const values = "const" in schema ? [schema["const"]] : arrayOr(schema["enum"]);
  const choices = values.filter((value) => value !== null && value !== undefined);
  if (choices.length === 0) return;
  if (type === "string")
    result["enum"] = choices.map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
  else notes.push(`one of: ${choices.map((value) => JSON.stringify(value)).join(", ")}`);
}

function writeShared(schema: JsonObject, result: JsonObject, notes: string[]): void {
  for (const [keyword, value] of Object.entries(schema)) {
    if (SHARED.has(keyword)) {
      if (value === null) continue;
      const inner = keyword === "description" ? textOf(result["description"]) : undefined;
      result[keyword] = inner === undefined || typeof value !== "string" ? value : `${value} ${inner}`;
    } else if (keyword === "additionalProperties") {
      if (isObject(value)) notes.push(`other properties: ${JSON.stringify(value)}`);
    } else if (!SILENT.has(keyword) && !keyword.startsWith("x-") && value !== null) {
      notes.push(`${keyword}: ${JSON.stringify(value)}`);
    }
  }
  const examples = arrayOr(schema["examples"]);
  if (result["example"] === undefined && examples.length > 0) result["example"] = examples[0] ?? null;
}

function note(description: string | undefined, notes: readonly string[]): string {
  return `${description === undefined ? "" : `${description} `}(${notes.join("; ")})`;
}

/** Does this schema describe an object without any member? Some fronts refuse such a one as the input of a tool. */
export function isEmptyObjectSchema(schema: JsonObject | undefined): boolean {
  if (schema === undefined) return true;
  return Object.keys(objectOr(schema["properties"])).length === 0 && numberOf(schema["minProperties"]) === undefined;
}
