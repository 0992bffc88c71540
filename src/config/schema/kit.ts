/** The building blocks of the schema: plain data that validation, defaults, JSON Schema, redaction and diffs all read. */
import type { JsonObject } from "../../contract/chat.ts";
import type { Fault } from "../problem.ts";
import type { PlainValue, ScalarTree, ScalarValue } from "../tree.ts";

/** What the meaning of a value may depend on beside itself. */
export interface Surroundings {
  /** Relative paths start here: the folder of the config file. Absolute. */
  readonly baseDir: string;
  /** What a leading `./data/` stands for. Absolute. */
  readonly dataDir: string;
  /** Set for text that did not come from the owner's file: whether an absolute path may be used. */
  readonly allowsPath?: (path: string) => boolean;
}

export type Parsed<T> = { readonly value: T } | { readonly fault: Fault };

declare const VALUE: unique symbol;

/** Carries the type of the checked value; there is nothing at run time. */
interface Typed<T> {
  readonly [VALUE]?: T;
}

export interface ScalarSpec<T = unknown, Suffix extends string = string> extends Typed<T> {
  readonly kind: "scalar";
  /** Added to the name in code, for units: `Ms`. */
  readonly suffix: Suffix;
  parse(written: ScalarTree, surroundings: Surroundings): Parsed<T>;
  /** The checked value as it would be written. */
  encode(value: T): ScalarValue;
  /** JSON Schema of the written form, references aside. */
  readonly json: JsonObject;
  /** The parts of a value that nobody may see. */
  secretsIn?(value: T): readonly string[];
  /** The whole value is a secret. */
  readonly isSecret: boolean;
  /** A default is written in another form than it has in code: `30s`, `32MiB`, `./data`. */
  readonly isConverted: boolean;
}

export interface ListSpec<T = unknown> extends Typed<readonly T[]> {
  readonly kind: "list";
  readonly suffix: "";
  readonly item: Spec;
  readonly itemsMin: number;
  /** Two equal items are a mistake. */
  readonly isUnique: boolean;
}

export interface ObjectSpec<T = unknown> extends Typed<T> {
  readonly kind: "object";
  readonly suffix: "";
  readonly fields: Fields;
  /** A plain text stands for the object with only this key. */
  readonly shorthand: string | null;
  /** Keys that are not written do not appear in the value. */
  readonly isSparse: boolean;
  /** Further keys are options of a plugin, put into `options` once the plugin is known. */
  readonly isOpen: boolean;
}

export interface KeyRule {
  /** `null` = fine. */
  check(key: string): Fault | null;
  /** Keys equal in this form are the same key. */
  same(key: string): string;
  /** The form in which the key is kept. */
  keep(key: string): string;
  readonly json: JsonObject;
}

/** How a mapping with free keys appears in code. */
export type MapForm =
  | { readonly kind: "record" }
  /** `[{ [key]: …, [value]: … }]`, where file order counts. */
  | { readonly kind: "pairs"; readonly key: string; readonly value: string }
  /** The value is an object and takes the key as `name`; file order counts. */
  | { readonly kind: "named" };

export interface MapSpec<T = unknown> extends Typed<T> {
  readonly kind: "map";
  readonly suffix: "";
  readonly key: KeyRule;
  readonly value: Spec;
  readonly form: MapForm;
  /** The values under these keys are secrets. */
  readonly secretKeys: RegExp | null;
}

/** Any mapping of JSON values. */
export interface JsonSpec extends Typed<JsonObject> {
  readonly kind: "json";
  readonly suffix: "";
}

/** A mapping whose rules are known only later: options of plugins, by plugin. */
export interface DeferredSpec extends Typed<Readonly<Record<string, Readonly<Record<string, unknown>>>>> {
  readonly kind: "deferred";
  readonly suffix: "";
}

export type Spec = ScalarSpec | ListSpec | ObjectSpec | MapSpec | JsonSpec | DeferredSpec;

/** Who rules when the key is not written, and whether it may be left empty. */
export type FieldMode =
  /** The default. An empty value is an error, except for sections. */
  | "default"
  /** `null`; so is an empty or blank value. */
  | "optional"
  | "required"
  /** Accepted from old files, ignored with a warning. */
  | "ignored"
  /** Checked by a rule of its own; the value does not appear in the configuration. */
  | "special";

export interface Flags {
  /** A change rules after a restart only; `presence`: only setting it or taking it away. */
  readonly restart?: true | "presence";
  /** The name in code, where it is not simply the key in camelCase. */
  readonly as?: string;
}

export interface Field<S = Spec, Mode extends FieldMode = FieldMode, As = string | undefined> {
  readonly spec: S;
  readonly mode: Mode;
  /** As it would be written. */
  readonly preset: Preset;
  readonly description: string;
  readonly restart: true | "presence" | false;
  readonly as: As;
}

export type Fields = Readonly<Record<string, Field>>;

/** A default as it would be written; `undefined` for sections, which have the defaults of their keys. */
export type Preset = PlainValue | undefined;

export type ValueOf<S> = S extends Typed<infer T> ? T : never;

type FieldValue<F> = F extends { spec: infer S; mode: infer Mode }
  ? Mode extends "optional"
    ? ValueOf<S> | null
    : ValueOf<S>
  : never;

type Camel<Key extends string> = Key extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : Key;

type CodeName<Key extends string, F> = F extends { mode: "ignored" | "special" }
  ? never
  : F extends { as: infer As extends string }
    ? As
    : F extends { spec: { suffix: infer Suffix extends string } }
      ? `${Camel<Key>}${Suffix}`
      : Camel<Key>;

type ObjectValue<F> = { readonly [Key in keyof F & string as CodeName<Key, F[Key]>]: FieldValue<F[Key]> };

/** `max_body` → `maxBody`. */
export function toCamelCase(key: string): string {
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The name of a key in code: camelCase with its unit. */
export function codeName(key: string, field: Field): string {
  return field.as ?? toCamelCase(key) + field.spec.suffix;
}

type As<F extends Flags | undefined> = F extends { as: infer Name extends string } ? Name : undefined;

function makeField(spec: Spec, mode: FieldMode, preset: Preset, description: string, flags: Flags): Field {
  return { spec, mode, preset, description, restart: flags.restart ?? false, as: flags.as };
}

/** A key with a default, written here as an operator would write it. */
export function field<S extends Spec, const F extends Flags = Flags>(
  spec: S,
  preset: NonNullable<Preset>,
  description: string,
  flags?: F,
): Field<S, "default", As<F>> {
  return makeField(spec, "default", preset, description, flags ?? {}) as Field<S, "default", As<F>>;
}

/** A key that is `null` until it is set. */
export function optional<S extends Spec, const F extends Flags = Flags>(
  spec: S,
  description: string,
  flags?: F,
): Field<S, "optional", As<F>> {
  return makeField(spec, "optional", null, description, flags ?? {}) as Field<S, "optional", As<F>>;
}

export function required<S extends Spec, const F extends Flags = Flags>(
  spec: S,
  description: string,
  flags?: F,
): Field<S, "required", As<F>> {
  return makeField(spec, "required", undefined, description, flags ?? {}) as Field<S, "required", As<F>>;
}

/** A group of keys; nothing needs to be written. */
export function section<S extends Spec, const F extends Flags = Flags>(
  spec: S,
  description: string,
  flags?: F,
): Field<S, "default", As<F>> {
  return makeField(spec, "default", undefined, description, flags ?? {}) as Field<S, "default", As<F>>;
}

const ANYTHING: JsonSpec = { kind: "json", suffix: "" };

export function ignored(description: string): Field<JsonSpec, "ignored", undefined> {
  return makeField(ANYTHING, "ignored", undefined, description, {}) as Field<JsonSpec, "ignored", undefined>;
}

export function special(description: string): Field<JsonSpec, "special", undefined> {
  return makeField(ANYTHING, "special", undefined, description, {}) as Field<JsonSpec, "special", undefined>;
}

export interface ObjectFlags {
  readonly shorthand?: string;
  readonly isOpen?: boolean;
}

export function object<const F extends Record<string, unknown>>(
  fields: F,
  flags: ObjectFlags = {},
): ObjectSpec<ObjectValue<F>> {
  const { shorthand = null, isOpen = false } = flags;
  return { kind: "object", suffix: "", fields: fields as Fields, shorthand, isSparse: false, isOpen };
}

/** An object that shows only what was written; all its keys are optional. */
export function sparse<const F extends Record<string, unknown>>(
  fields: F,
): ObjectSpec<Readonly<Record<string, NonNullable<FieldValue<Extract<F[keyof F], { mode: "optional" }>>>>>> {
  return { kind: "object", suffix: "", fields: fields as Fields, shorthand: null, isSparse: true, isOpen: false };
}

export function list<S extends Spec>(
  item: S,
  flags: { readonly itemsMin?: number; readonly isUnique?: boolean } = {},
): ListSpec<ValueOf<S>> {
  return { kind: "list", suffix: "", item, itemsMin: flags.itemsMin ?? 0, isUnique: flags.isUnique ?? false };
}

export function record<S extends Spec>(
  key: KeyRule,
  value: S,
  secretKeys: RegExp | null = null,
): MapSpec<Readonly<Record<string, ValueOf<S>>>> {
  return { kind: "map", suffix: "", key, value, form: { kind: "record" }, secretKeys };
}

export function pairs<S extends Spec, const K extends string, const V extends string>(
  key: KeyRule,
  value: S,
  names: { readonly key: K; readonly value: V },
): MapSpec<readonly ({ readonly [P in K]: string } & { readonly [P in V]: ValueOf<S> })[]> {
  return { kind: "map", suffix: "", key, value, form: { kind: "pairs", ...names }, secretKeys: null };
}

export function named<T>(key: KeyRule, value: ObjectSpec<T>): MapSpec<readonly (T & { readonly name: string })[]> {
  return { kind: "map", suffix: "", key, value, form: { kind: "named" }, secretKeys: null };
}

export function json(): JsonSpec {
  return ANYTHING;
}

export function deferred(): DeferredSpec {
  return { kind: "deferred", suffix: "" };
}
