/** Checks the kinds of top-level fields on the scanned bytes, so that a wrong type never reaches an upstream. */
import { RelayError } from "../contract/errors.ts";
import type { FieldKind, RelayRoute } from "./route.ts";
import type { Field, TopLevel } from "./scan.ts";

const EXPECTED: Readonly<Record<FieldKind, string>> = {
  string: "a non-empty string",
  number: "a number",
  boolean: "true or false",
  array: "an array",
  "filled array": "a non-empty array",
  object: "an object",
  "string or array": "a string or an array",
  any: "present",
};

/** The fields of a route by name; made once. */
interface Checks {
  readonly byName: ReadonlyMap<string, { readonly kind: FieldKind; readonly isRequired: boolean }>;
  readonly requiredCount: number;
}
const checksOf = new WeakMap<RelayRoute, Checks>();

function prepare(route: RelayRoute): Checks {
  const byName = new Map<string, { readonly kind: FieldKind; readonly isRequired: boolean }>();
  for (const [name, kind] of Object.entries(route.optional)) byName.set(name, { kind, isRequired: false });
  for (const [name, kind] of Object.entries(route.required)) byName.set(name, { kind, isRequired: true });
  const checks = { byName, requiredCount: Object.keys(route.required).length };
  checksOf.set(route, checks);
  return checks;
}

/** Throws `bad-request` with `param`; says what was expected, never what was sent. `supplied`: may be absent. */
export function validateFields(top: TopLevel, route: RelayRoute, supplied?: string): void {
  const { byName, requiredCount } = checksOf.get(route) ?? prepare(route);
  let seen = 0;
  for (const field of top.fields) {
    const check = byName.get(field.name);
    if (check === undefined) continue;
    const first = top.bytes[field.start]!;
    if (check.isRequired) {
      seen += 1;
      // An empty string names nothing.
      if (first === 0x22 && field.end - field.start === 2) throw wrongType(field.name, check.kind);
    } else if (first === 0x6e) {
      continue;
    }
    if (!isKind(top, field, check.kind)) throw wrongType(field.name, check.kind);
  }
  if (seen === requiredCount) return;
  for (const name in route.required) {
    if (name === supplied || top.find(name) !== undefined) continue;
    throw new RelayError(
      "bad-request",
      `The field "${name}" is missing; it must be ${EXPECTED[route.required[name]!]}.`,
      { param: name, wireCode: "missing_required_parameter" },
    );
  }
}

function wrongType(name: string, kind: FieldKind): RelayError {
  return new RelayError("bad-request", `The field "${name}" must be ${EXPECTED[kind]}.`, {
    param: name,
    wireCode: "invalid_type",
  });
}

function isKind(top: TopLevel, field: Field, kind: FieldKind): boolean {
  const first = top.bytes[field.start]!;
  switch (kind) {
    case "string":
      return first === 0x22;
    case "number":
      return first === 0x2d || (first >= 0x30 && first <= 0x39);
    case "boolean":
      return first === 0x74 || first === 0x66;
    case "array":
      return first === 0x5b;
    case "filled array":
      return first === 0x5b && firstInside(top, field) !== 0x5d;
    case "object":
      return first === 0x7b;
    case "string or array":
      return first === 0x22 || first === 0x5b;
    case "any":
      return true;
  }
}

function firstInside(top: TopLevel, field: Field): number {
  let at = field.start + 1;
  while (top.bytes[at] === 0x20 || top.bytes[at] === 0x0a || top.bytes[at] === 0x0d || top.bytes[at] === 0x09) at += 1;
  return top.bytes[at] ?? 0;
}
