/** Several JSON Schemas as one: all of them at once, or any of them. */
import type { Json, JsonObject } from "../../../contract/chat.ts";
import { arrayOr, isObject, objectOr, sameJson } from "../json.ts";
import { resolve } from "./refs.ts";

/** They describe and demand nothing: of two the outer one stays. */
const DESCRIBING: ReadonlySet<string> = new Set([
  "title",
  "description",
  "default",
  "examples",
  "example",
  "$schema",
  "$id",
  "$comment",
  "deprecated",
  "discriminator",
]);

export function requiredNames(schema: JsonObject): string[] {
  return arrayOr(schema["required"]).filter((name) => typeof name === "string");
}

export function isObjectSchema(schema: JsonObject): boolean {
  const { type } = schema;
  return type === "object" || (Array.isArray(type) && type.includes("object")) || isObject(schema["properties"]);
}

/** What satisfies both: one schema where their demands can be written as one, else both behind `allOf`. */
export function conjoin(outer: JsonObject, inner: JsonObject): JsonObject {
  const { schema, isExact } = merge(outer, inner);
  return isExact ? schema : { allOf: [outer, inner] };
}

/** One schema of two whatever they say; where they contradict each other the outer one is believed. */
export function merge(outer: JsonObject, inner: JsonObject): { schema: JsonObject; isExact: boolean } {
  const schema: JsonObject = { ...inner, ...outer };
  let isExact = true;
  for (const keyword of Object.keys(inner)) {
    const [a, b] = [outer[keyword], inner[keyword]];
    if (a === undefined || b === undefined || DESCRIBING.has(keyword) || sameJson(a, b)) continue;
    const both = mergeKeyword(keyword, a, b);
    if (both === undefined) isExact = false;
    else schema[keyword] = both;
  }
  return { schema, isExact };
}

function mergeKeyword(keyword: string, a: Json, b: Json): Json | undefined {
  switch (keyword) {
    case "required":
      return [...new Set([...arrayOr(a), ...arrayOr(b)])];
    case "properties":
      return mergeProperties(objectOr(a), objectOr(b));
    case "$defs":
    case "definitions":
      return { ...objectOr(b), ...objectOr(a) };
    case "additionalProperties":
      if (a === false || b === false) return false;
      return a === true ? b : b === true ? a : undefined;
    case "type":
      return mergeTypes([a].flat(), [b].flat());
    case "enum": {
      const shared = arrayOr(a).filter((value) => arrayOr(b).some((other) => sameJson(value, other)));
      return shared.length === 0 ? undefined : shared;
    }
    default:
      return undefined;
  }
}

function mergeProperties(outer: JsonObject, inner: JsonObject): JsonObject {
  const merged: JsonObject = { ...inner, ...outer };
  for (const [name, schema] of Object.entries(inner)) {
    const other = outer[name];
    if (isObject(other) && isObject(schema)) merged[name] = conjoin(other, schema);
    else if (other === true) merged[name] = schema;
  }
  return merged;
}

function mergeTypes(a: readonly Json[], b: readonly Json[]): Json | undefined {
  const has = (types: readonly Json[], type: Json) =>
    types.includes(type) || (type === "integer" && types.includes("number"));
  const shared = [...new Set([...a, ...b])].filter((type) => has(a, type) && has(b, type));
  return shared.length > 1 ? shared : shared[0];
}

/** `allOf` written out: properties and demands of all of them together. */
export function withoutAllOf(schema: JsonObject, root: JsonObject, way: readonly string[]): JsonObject {
  const parts = arrayOr(schema["allOf"]).filter(isObject);
  if (parts.length === 0) return schema;
  const { allOf: _allOf, ...own } = schema;
  return parts.reduce<JsonObject>((whole, part) => {
    const found = resolve(part, root, way);
    return found.schema === undefined ? whole : conjoin(whole, withoutAllOf(found.schema, root, found.way));
  }, own);
}

/** The same for targets that have no `allOf`: demands that contradict each other are those of the first. */
export function forcedIntoOne(schema: JsonObject, root: JsonObject, way: readonly string[]): JsonObject {
  const { allOf, ...own } = withoutAllOf(schema, root, way);
  return arrayOr(allOf)
    .filter(isObject)
    .reduce<JsonObject>((one, part) => merge(one, forcedIntoOne(part, root, way)).schema, own);
}

/** Keywords of a schema that only says which value it is. */
const CHOOSING: ReadonlySet<string> = new Set(["const", "enum", "type", "title", "default"]);

/** What satisfies any of them: constants as one list of values. */
export function anyOf(schemas: readonly Json[]): Json {
  const distinct = schemas.filter((schema, at) => schemas.findIndex((other) => sameJson(schema, other)) === at);
  const [first] = distinct;
  if (first === undefined) return {};
  if (distinct.length === 1) return first;
  const choices = distinct.filter(isObject).filter(isChoice);
  if (choices.length < distinct.length) return { anyOf: distinct };
  const types = [...new Set(choices.map(({ type }) => type ?? null))];
  const titles = [...new Set(choices.map(({ title }) => title ?? null))];
  return {
    ...(types.length === 1 && types[0] !== null ? { type: types[0]! } : {}),
    ...(titles.length === 1 && titles[0] !== null ? { title: titles[0]! } : {}),
    enum: [...new Set(choices.flatMap((schema) => ("const" in schema ? [schema["const"]!] : arrayOr(schema["enum"]))))],
  };
}

function isChoice(schema: JsonObject): boolean {
  const isClosed = "const" in schema || Array.isArray(schema["enum"]);
  return isClosed && Object.keys(schema).every((keyword) => CHOOSING.has(keyword));
}

/** One object for any of several: each property as any of them has it, and required what all of them require. */
export function anyObject(objects: readonly JsonObject[]): JsonObject {
  const [first, ...others] = objects;
  if (first === undefined || others.length === 0) return first ?? {};
  const names = new Set(objects.flatMap((object) => Object.keys(objectOr(object["properties"]))));
  const properties = [...names].map((name): [string, Json] => {
    const written = objects.flatMap((object) => objectOr(object["properties"])[name] ?? []);
    return [name, anyOf(written)];
  });
  const required = requiredNames(first).filter((name) => others.every((other) => requiredNames(other).includes(name)));
  return {
    type: "object",
    properties: Object.fromEntries(properties),
    ...(required.length === 0 ? {} : { required }),
    ...(objects.every((object) => object["additionalProperties"] === false) ? { additionalProperties: false } : {}),
  };
}
