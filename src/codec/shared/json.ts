/** Small readers for parsed JSON of unknown shape; none of them throws. */
import type { Json, JsonObject } from "../../contract/chat.ts";

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value as an object, or an empty one. */
export function objectOr(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

export function arrayOr(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

/** Non-empty strings only. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Finite numbers only. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** `undefined` when the text is not JSON. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined; // the only expected failure is a syntax error
  }
}

/**
 * The entries of `source` whose names are not in `known`. Nulls are left out: every dialect here reads them as absent.
 * `Object.fromEntries` defines properties, so a field called `__proto__` stays a field.
 */
export function restOf(source: JsonObject, known: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(source).filter(([name, value]) => value !== null && !known.has(name)));
}

/** The named entries of `source` that are present and not null. */
export function pick(source: JsonObject, names: Iterable<string>): JsonObject {
  const picked: [string, Json][] = [];
  for (const name of names) {
    const value = Object.hasOwn(source, name) ? source[name] : undefined;
    if (value !== undefined && value !== null) picked.push([name, value]);
  }
  return Object.fromEntries(picked);
}

export function isEmpty(value: object): boolean {
  for (const _ in value) return false;
  return true;
}

/** Equality of JSON values, the order of object keys aside. */
export function sameJson(a: unknown, b: unknown): boolean {
  return Bun.deepEquals(a, b);
}

/** Drops entries that are `undefined`, so that optional fields are absent rather than undefined. */
export function compact<T extends object>(value: { [Key in keyof T]: T[Key] | undefined }): T {
  const result: Record<string, unknown> = {};
  for (const name in value) {
    const entry: unknown = value[name];
    if (entry !== undefined) result[name] = entry;
  }
  return result as T;
}
