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

/** Throws `bad-request` with `param`; says what was expected, never what was sent. `supplied`: may be absent. */
export function validateFields(top: TopLevel, route: RelayRoute, supplied?: string): void {
  for (const name in route.required) {
    const field = top.find(name);
    if (field === undefined && name === supplied) continue;
    if (field === undefined) {
      throw new RelayError(
        "bad-request",
        `The field "${name}" is missing; it must be ${EXPECTED[route.required[name]!]}.`,
        {
          param: name,
          wireCode: "missing_required_parameter",
        },
      );
    }
    // An empty string names nothing.
    const isEmpty = field.end - field.start === 2 && top.bytes[field.start] === 0x22;
    if (isEmpty || !isKind(top, field, route.required[name]!)) throw wrongType(name, route.required[name]!);
  }
  for (const field of top.fields) {
    const kind = route.optional[field.name];
    if (kind === undefined || top.bytes[field.start] === 0x6e) continue;
    if (!isKind(top, field, kind)) throw wrongType(field.name, kind);
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
