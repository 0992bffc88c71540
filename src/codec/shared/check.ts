/** Checks on request bodies that every vendor makes; failures are `bad-request` and never show the value. */
import type { Json, JsonObject } from "../../contract/chat.ts";
import { RelayError } from "../../contract/errors.ts";

export function badRequest(message: string, param: string): RelayError {
  return new RelayError("bad-request", message, { param });
}

type Kind = "string" | "number" | "integer" | "boolean" | "array" | "object";

interface Kinds {
  string: string;
  number: number;
  integer: number;
  boolean: boolean;
  array: Json[];
  object: JsonObject;
}

function kindOf(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

function is(value: Json, kind: Kind): boolean {
  if (kind === "integer") return Number.isInteger(value);
  return kindOf(value) === kind;
}

/** How a vendor words a value of the wrong kind. */
export type Complaint = (param: string, expected: Kind, got: string) => string;

/** A reader of one body's fields: absent and null are `undefined`, any other kind than expected is refused. */
export function fieldReader(body: JsonObject, complain: Complaint, prefix = "") {
  return <K extends Kind>(name: string, kind: K): Kinds[K] | undefined => {
    const value = Object.hasOwn(body, name) ? body[name] : undefined;
    if (value === undefined || value === null) return undefined;
    const param = prefix + name;
    if (!is(value, kind)) throw badRequest(complain(param, kind, kindOf(value)), param);
    return value as Kinds[K];
  };
}

/** Bounds of numbers by name, both of them allowed. */
export type Ranges = { readonly [field: string]: readonly [least: number, most: number] };

/**
 * Refuses what the vendor refuses, before another vendor is asked for something else.
 * @param say how the vendor words it
 */
export function checkRanges(
  body: JsonObject,
  ranges: Ranges,
  say: (param: string, least: number, most: number) => string,
  prefix = "",
): void {
  for (const [name, [least, most]] of Object.entries(ranges)) {
    const value = body[name];
    const param = prefix + name;
    if (typeof value === "number" && (value < least || value > most)) throw badRequest(say(param, least, most), param);
  }
}
