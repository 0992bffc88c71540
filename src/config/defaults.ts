/** What a configuration is where nothing is written: the schema's defaults in code's shape. */
import { codeName, type Field, type ObjectSpec, type Spec, type Surroundings } from "./schema/kit.ts";
import { type PlainValue, plant, type ScalarTree } from "./tree.ts";

/** Defaults are written like values and read by the same rules; the schema's own test keeps them from failing. */
export function defaultOf(field: Field, surroundings: Surroundings): unknown {
  if (field.mode === "optional") return null;
  return field.mode === "default" ? fromPreset(field.spec, field.preset, surroundings) : undefined;
}

export function defaultsOf(spec: ObjectSpec, surroundings: Surroundings): Record<string, unknown> {
  const result = startObject(spec);
  for (const key in spec.fields) {
    const field = spec.fields[key]!;
    if (isShown(field)) assignShown(spec, result, codeName(key, field), defaultOf(field, surroundings));
  }
  return result;
}

function fromPreset(spec: Spec, preset: Field["preset"], surroundings: Surroundings): unknown {
  switch (spec.kind) {
    case "object":
      return defaultsOf(spec, surroundings);
    case "scalar": {
      if (!spec.isConverted) return preset;
      const parsed = spec.parse(plant(preset as PlainValue) as ScalarTree, surroundings);
      if ("value" in parsed) return parsed.value;
      throw new Error(`the schema has a default that it refuses itself: ${parsed.fault.message}`);
    }
    case "list":
      return (preset as readonly PlainValue[]).map((item) => fromPreset(spec.item, item, surroundings));
    case "map":
      return spec.form.kind === "record" ? Object.create(null) : [];
    case "json":
    case "deferred":
      return {};
  }
}

/** Sparse values are looked up with names from elsewhere: nothing may be inherited. */
export function startObject(spec: ObjectSpec): Record<string, unknown> {
  return Object.create(spec.isSparse ? null : Object.prototype);
}

export function isShown(field: Field): boolean {
  return field.mode !== "ignored" && field.mode !== "special";
}

export function assignShown(spec: ObjectSpec, target: Record<string, unknown>, name: string, value: unknown): void {
  if (!(spec.isSparse && value === null)) target[name] = value;
}
