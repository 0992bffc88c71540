/** References inside one JSON Schema: where they lead, whether they come back, and how they follow a schema that moves. */
import type { Json, JsonObject } from "../../../contract/chat.ts";
import { isObject, objectOr, sameJson } from "../json.ts";

/** Keywords whose members are schemas under names of the author's own. */
const NAMED: ReadonlySet<string> = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
]);
/** Keywords that hold a schema or a list of them. */
const HELD: ReadonlySet<string> = new Set([
  "items",
  "prefixItems",
  "additionalItems",
  "unevaluatedItems",
  "contains",
  "additionalProperties",
  "unevaluatedProperties",
  "propertyNames",
  "anyOf",
  "oneOf",
  "allOf",
  "not",
  "if",
  "then",
  "else",
]);

/** The schema with every schema directly inside it replaced. Names of properties are never taken for keywords. */
export function mapInner(schema: JsonObject, map: (inner: JsonObject) => JsonObject): JsonObject {
  const mapped = (value: Json): Json => (isObject(value) ? map(value) : value);
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (NAMED.has(keyword) && isObject(value)) {
        return [keyword, Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, mapped(inner)]))];
      }
      if (!HELD.has(keyword)) return [keyword, value];
      return [keyword, Array.isArray(value) ? value.map(mapped) : mapped(value)];
    }),
  );
}

function innerSchemas(schema: JsonObject): JsonObject[] {
  const found: JsonObject[] = [];
  mapInner(schema, (inner) => {
    found.push(inner);
    return inner;
  });
  return found;
}

/** A JSON pointer inside the same document. */
export function lookUp(ref: string, root: JsonObject): JsonObject | undefined {
  if (!ref.startsWith("#")) return undefined;
  let found: Json | undefined = root;
  for (const step of ref.slice(1).split("/").slice(1)) {
    const name = decodeStep(step);
    if (Array.isArray(found)) found = found[Number(name)];
    else found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  }
  return isObject(found) ? found : undefined;
}

function decodeStep(step: string): string {
  const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // a stray percent sign: take it literally
  }
}

export interface Resolved {
  /** With what stood beside the reference; `undefined` when it leads back to where it came from, or nowhere. */
  readonly schema: JsonObject | undefined;
  /** All references followed on the way here. */
  readonly way: readonly string[];
}

/** Follows `$ref` as far as it leads. */
export function resolve(given: JsonObject, root: JsonObject, before: readonly string[]): Resolved {
  const way = [...before];
  let schema: JsonObject | undefined = given;
  while (schema !== undefined && typeof schema["$ref"] === "string") {
    const ref: string = schema["$ref"];
    const { $ref: _ref, ...beside }: JsonObject = schema;
    const target: JsonObject | undefined = way.includes(ref) ? undefined : lookUp(ref, root);
    way.push(ref);
    schema = target === undefined ? undefined : { ...target, ...beside };
  }
  return { schema, way };
}

/** Would writing out every reference never end? */
export function isRecursive(root: JsonObject): boolean {
  const open = new Set<JsonObject>();
  const closed = new Set<JsonObject>();
  const comesBack = (schema: JsonObject): boolean => {
    if (open.has(schema)) return true;
    if (closed.has(schema)) return false;
    open.add(schema);
    const target = typeof schema["$ref"] === "string" ? lookUp(schema["$ref"], root) : undefined;
    const isFound = (target !== undefined && comesBack(target)) || innerSchemas(schema).some(comesBack);
    open.delete(schema);
    closed.add(schema);
    return isFound;
  };
  return comesBack(root);
}

/** The schema with every reference inside it renamed. */
export function mapRefs(schema: JsonObject, rename: (ref: string) => string): JsonObject {
  const mapped = mapInner(schema, (inner) => mapRefs(inner, rename));
  return typeof schema["$ref"] === "string" ? { ...mapped, $ref: rename(schema["$ref"]) } : mapped;
}

/** `changed` was made from `root` by moving things: what references in it still mean is given a place in `$defs`. */
export function keepTargets(changed: JsonObject, root: JsonObject): JsonObject {
  const moved = new Map<string, string>();
  const definitions = objectOr(changed["$defs"]);
  const added: { [name: string]: JsonObject } = {};
  const rename = (ref: string): string => {
    const target = ref === "#" ? undefined : lookUp(ref, root);
    if (target === undefined || sameJson(target, lookUp(ref, changed))) return ref;
    const known = moved.get(ref);
    if (known !== undefined) return known;
    let name = ref.slice(2).replace(/[^A-Za-z0-9]+/g, "_");
    while (Object.hasOwn(definitions, name) || Object.hasOwn(added, name)) name += "_";
    moved.set(ref, `#/$defs/${name}`);
    added[name] = {};
    added[name] = mapRefs(target, rename);
    return `#/$defs/${name}`;
  };
  const renamed = mapRefs(changed, rename);
  return moved.size === 0 ? changed : { ...renamed, $defs: { ...objectOr(renamed["$defs"]), ...added } };
}
