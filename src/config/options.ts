/** Options of plugins: snake_case in the file becomes camelCase in code, checked by the plugin's own TypeBox schema. */
import type { TSchema } from "@sinclair/typebox";
import type { ValueError, ValueErrorType } from "@sinclair/typebox/errors";
import { readCoreScalar } from "./core-scalar.ts";
import type { Decoder } from "./decode.ts";
import { atValue } from "./problem.ts";
import { itemPath, keyPath, type ScalarTree, type Tree } from "./tree.ts";
import type { ProblemCode } from "./types.ts";

export type Options = Record<string, unknown>;

/** `signingKey` → `signing_key`. */
export function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The properties of an object schema, those of all its alternatives together. */
export function propertiesOf(schema: TSchema): Readonly<Record<string, TSchema>> {
  const parts: TSchema[] = [...(schema["anyOf"] ?? []), ...(schema["allOf"] ?? [])];
  return Object.assign({}, ...parts.map(propertiesOf), schema["properties"]);
}

export function isSecretOption(schema: TSchema): boolean {
  return schema["secret"] === true;
}

export interface OptionBlock {
  /** Of the mapping the options stand in. */
  readonly path: string;
  readonly entries: ReadonlyMap<string, Tree>;
  /** Keys of that mapping that are not options, for suggestions. */
  readonly otherKeys: readonly string[];
}

/** Checked options with their defaults. What is wrong goes to the decoder's problems. */
export async function readOptions(decoder: Decoder, block: OptionBlock, schema: TSchema): Promise<Options> {
  if (block.entries.size === 0) return defaultsOf(decoder, block, schema);
  try {
    return await checkOptions(decoder, block, schema);
  } catch (cause) {
    // The validator throws for schemas that are none; only the plugin's author can mend that.
    const message = `the plugin's own schema of its options cannot be used: ${cause instanceof Error ? cause.message : "unknown error"}`;
    decoder.error(block.path, { code: "plugin", message });
    return {};
  }
}

async function checkOptions(decoder: Decoder, block: OptionBlock, schema: TSchema): Promise<Options> {
  // Loaded here, because most configurations set no options.
  const { Value } = await import("@sinclair/typebox/value");
  const { ValueErrorType } = await import("@sinclair/typebox/errors");
  const reader = new OptionReader(decoder, (part, value) => Value.Check(part, value));
  const written = reader.object(schema, block.entries, block.path, "", block.otherKeys);
  const value = Value.Default(schema, written) as Options;
  const seen = new Set<string>();
  for (const error of Value.Errors(schema, value)) {
    const { path, node } = reader.locate(error.path, block.path);
    if (seen.has(error.path) || decoder.isFaulty(path)) continue;
    seen.add(error.path);
    const code = codeOf(error, ValueErrorType);
    if (code === "missing") decoder.missing(path.slice(0, path.lastIndexOf(".")), lastName(error.path), "must be set");
    else decoder.errors.add(path, atValue(node), { code, message: explain(error) });
  }
  return value;
}

/** The same without anything written, and without the machinery. */
function defaultsOf(decoder: Decoder, block: OptionBlock, schema: TSchema): Options {
  const needed: readonly string[] = schema["required"] ?? [];
  const options: Options = {};
  for (const [name, part] of Object.entries(propertiesOf(schema))) {
    if ("default" in part) options[name] = structuredClone(part.default);
    else if (needed.includes(name)) decoder.missing(block.path, toSnakeCase(name), "must be set");
  }
  return options;
}

class OptionReader {
  readonly #places = new Map<string, { path: string; node: Tree }>();

  constructor(
    readonly decoder: Decoder,
    readonly fits: (schema: TSchema, value: unknown) => boolean,
  ) {}

  object(
    schema: TSchema,
    entries: ReadonlyMap<string, Tree>,
    path: string,
    pointer: string,
    otherKeys: readonly string[] = [],
  ): Options {
    const names = new Map(
      Object.entries(propertiesOf(schema)).map(([name, part]) => [toSnakeCase(name), { name, part }]),
    );
    const value: Options = {};
    for (const [key, node] of entries) {
      const known = names.get(key);
      const part = known?.part ?? freePart(schema);
      if (part === undefined) {
        this.decoder.unknownKey(path, key, node, [...names.keys(), ...otherKeys]);
        continue;
      }
      const isUnset =
        node.kind === "scalar" && (node.value === null || (isSecretOption(part) && node.text.trim() === ""));
      if (known !== undefined && isUnset) continue;
      const name = known?.name ?? key;
      value[name] = this.#value(part, node, keyPath(path, key), `${pointer}/${escapePointer(name)}`);
    }
    return value;
  }

  locate(pointer: string, blockPath: string): { path: string; node: Tree | undefined } {
    const found = this.#places.get(pointer);
    if (found !== undefined || pointer === "")
      return found ?? { path: blockPath, node: this.decoder.nodes.get(blockPath) };
    const parent = this.locate(pointer.slice(0, pointer.lastIndexOf("/")), blockPath);
    return { path: keyPath(parent.path, lastName(pointer)), node: parent.node };
  }

  #value(schema: TSchema, node: Tree, path: string, pointer: string): unknown {
    this.#places.set(pointer, { path, node });
    this.decoder.nodes.set(path, node);
    if (node.kind === "map") return this.object(schema, node.entries, path, pointer);
    if (node.kind === "scalar") return this.#scalar(schema, node);
    const items: TSchema | readonly TSchema[] = schema["items"] ?? {};
    return node.items.map((item, index) => {
      const part = Array.isArray(items) ? (items[index] ?? {}) : items;
      return this.#value(part, item, itemPath(path, index), `${pointer}/${index}`);
    });
  }

  #scalar(schema: TSchema, node: ScalarTree): unknown {
    if (!node.isLoose) return node.value;
    const typed = readCoreScalar(node.text);
    return !this.fits(schema, node.text) && this.fits(schema, typed) ? typed : node.text;
  }
}

/** What a key that is no property may hold; `undefined` = it may not be there. */
function freePart(schema: TSchema): TSchema | undefined {
  const patterns = Object.values((schema["patternProperties"] ?? {}) as Record<string, TSchema>);
  if (patterns[0] !== undefined) return patterns[0];
  const additional: unknown = schema["additionalProperties"];
  if (typeof additional === "object" && additional !== null) return additional as TSchema;
  // A schema that says nothing about its shape takes everything, one with properties takes only these.
  const isShapeless =
    schema["properties"] === undefined && schema["anyOf"] === undefined && schema["allOf"] === undefined;
  return additional === true || (isShapeless && schema["type"] === undefined) ? ({} as TSchema) : undefined;
}

function escapePointer(name: string): string {
  return name.replace(/~/g, "~0").replace(/\//g, "~1");
}

function lastName(pointer: string): string {
  const name = pointer.slice(pointer.lastIndexOf("/") + 1);
  return toSnakeCase(name.replace(/~1/g, "/").replace(/~0/g, "~"));
}

function codeOf(error: ValueError, types: typeof ValueErrorType): ProblemCode {
  const name = types[error.type];
  if (name === "ObjectRequiredProperty") return "missing";
  if (/Minimum|Maximum|MinLength|MaxLength|MinItems|MaxItems|MinProperties|MaxProperties/.test(name))
    return "out_of_range";
  return ["String", "Number", "Integer", "Boolean", "Object", "Array", "Null"].includes(name)
    ? "wrong_type"
    : "bad_value";
}

/** The validator's sentences name what the schema wants, never the value. */
function explain(error: ValueError): string {
  const variants: readonly TSchema[] = error.schema["anyOf"] ?? [];
  if (variants.length > 0 && variants.every((variant) => "const" in variant)) {
    return `must be one of ${variants.map((variant) => String(variant["const"])).join(", ")}`;
  }
  if (variants.length > 0) return "must have one of the forms that the plugin knows";
  return error.message.replace(/^Expected/, "expected");
}
