/** Checks a written tree against the schema: values in code's shape, every fault at its place. */
import { readCoreScalar } from "./core-scalar.ts";
import { assignShown, defaultOf, defaultsOf, isShown, startObject } from "./defaults.ts";
import { atKey, atValue, type Fault, ProblemList } from "./problem.ts";
import {
  codeName,
  type Field,
  type ListSpec,
  type MapSpec,
  type ObjectSpec,
  type Spec,
  type Surroundings,
  type ValueOf,
} from "./schema/kit.ts";
import { describeKind } from "./schema/scalars.ts";
import { suggest } from "./suggest.ts";
import { itemPath, keyPath, type Tree } from "./tree.ts";

export class Decoder {
  readonly errors = new ProblemList();
  readonly warnings = new ProblemList();
  /** Every node that was written, by path. */
  readonly nodes = new Map<string, Tree>();
  /** Written keys whose value is not the default; sections themselves are not among them. */
  readonly changed = new Map<string, Tree>();
  /** Keys that only a plugin can judge, kept until it is known, by the path of their block. */
  readonly leftovers = new Map<string, ReadonlyMap<string, Tree>>();

  /** Default paths may lie outside the folder that confines written ones. */
  readonly #forDefaults: Surroundings;

  /** `unresolved`: paths whose text could not be put together; nothing more is said about their values. */
  constructor(
    readonly surroundings: Surroundings,
    readonly unresolved: ProblemList = new ProblemList(),
  ) {
    this.errors.addAll(unresolved);
    this.#forDefaults = { baseDir: surroundings.baseDir, dataDir: surroundings.dataDir };
  }

  /** Never throws: what is wrong becomes a problem and is replaced by its default, so that the rest can be checked. */
  decode<S extends Spec>(spec: S, tree: Tree | undefined): ValueOf<S> {
    return this.#value(spec, tree, "") as ValueOf<S>;
  }

  /** Whether something is wrong at this path: rules about its meaning would only repeat that. */
  isFaulty(path: string): boolean {
    return this.errors.has(path);
  }

  /** Whether something is wrong here or anywhere inside. */
  isFaultyBelow(path: string): boolean {
    return this.errors.hasBelow(path);
  }

  error(path: string, fault: Fault): void {
    this.errors.add(path, atValue(this.nodes.get(path)), fault);
  }

  warn(path: string, fault: Fault): void {
    this.warnings.add(path, atValue(this.nodes.get(path)), fault);
  }

  /** A key that ought to be there: points at the block where it is missing. */
  missing(blockPath: string, key: string, message: string): void {
    const path = keyPath(blockPath, key);
    if (!this.unresolved.has(path))
      this.errors.add(path, atKey(this.nodes.get(blockPath)), { code: "missing", message });
  }

  #fail(path: string, node: Tree, fault: Fault): undefined {
    if (!this.unresolved.has(path)) this.errors.add(path, atValue(node), fault);
  }

  /** `undefined` = faulty. */
  #value(spec: Spec, node: Tree | undefined, path: string): unknown {
    if (node !== undefined) this.nodes.set(path, node);
    switch (spec.kind) {
      case "object":
        return this.#object(spec, node, path);
      case "list":
        return this.#list(spec, node, path);
      case "map":
        return this.#map(spec, node, path);
      case "json":
        return this.#json(node, path);
      case "deferred":
        return this.#deferred(node, path);
      case "scalar": {
        if (node?.kind !== "scalar") {
          return node === undefined ? undefined : this.#fail(path, node, notA("a single value", node));
        }
        const parsed = spec.parse(node, this.surroundings);
        return "value" in parsed ? parsed.value : this.#fail(path, node, parsed.fault);
      }
    }
  }

  #object(spec: ObjectSpec, node: Tree | undefined, path: string): unknown {
    if (node === undefined) return defaultsOf(spec, this.#forDefaults);
    const entries = this.#entriesOf(spec, node, path);
    if (entries === undefined) return undefined;
    const result = startObject(spec);
    for (const [key, field] of Object.entries(spec.fields)) {
      const value = this.#field(field, entries.get(key), path, key);
      if (isShown(field)) assignShown(spec, result, codeName(key, field), value);
    }
    const unknown = new Map([...entries].filter(([key]) => !Object.hasOwn(spec.fields, key)));
    if (spec.isOpen) this.leftovers.set(path, unknown);
    else for (const [key, entry] of unknown) this.unknownKey(path, key, entry, Object.keys(spec.fields));
    return result;
  }

  #entriesOf(spec: ObjectSpec, node: Tree, path: string): ReadonlyMap<string, Tree> | undefined {
    if (isEmpty(node)) return new Map();
    if (node.kind === "map") return node.entries;
    if (spec.shorthand !== null && node.kind === "scalar") return new Map([[spec.shorthand, node]]);
    return this.#fail(path, node, notA("a mapping", node));
  }

  #field(field: Field, node: Tree | undefined, parentPath: string, key: string): unknown {
    if (node === undefined) {
      if (field.mode === "required") this.missing(parentPath, key, "must be set");
      return defaultOf(field, this.#forDefaults);
    }
    const path = keyPath(parentPath, key);
    this.nodes.set(path, node);
    if (field.mode === "special") return undefined;
    if (field.mode === "ignored") {
      this.warnings.add(path, atKey(node), {
        code: "unsupported",
        message: "is accepted for old files and has no effect",
      });
      return undefined;
    }
    if (field.mode === "optional" && isBlank(node)) return null;
    if (field.mode === "required" && isBlank(node)) {
      this.missing(parentPath, key, "must be set");
      return undefined;
    }
    const preset = defaultOf(field, this.#forDefaults);
    if (isEmpty(node) && !mayBeEmpty(field)) {
      return (
        this.#fail(path, node, {
          code: "wrong_type",
          message: "must not be empty; remove the key to use its default",
        }) ?? preset
      );
    }
    const value = this.#value(field.spec, node, path);
    if (field.spec.kind !== "object" && !Bun.deepEquals(value, preset)) this.changed.set(path, node);
    return value ?? preset;
  }

  #list(spec: ListSpec, node: Tree | undefined, path: string): unknown {
    if (node === undefined || isEmpty(node)) return [];
    if (node.kind !== "list") return this.#fail(path, node, notA("a list", node));
    if (node.items.length < spec.itemsMin) {
      return this.#fail(path, node, { code: "bad_value", message: "must not be an empty list" });
    }
    const values: unknown[] = [];
    const seen = new Map<unknown, string>();
    for (const [index, item] of node.items.entries()) {
      const where = itemPath(path, index);
      const value = this.#value(spec.item, item, where);
      if (value === undefined) continue;
      if (spec.isUnique && seen.has(value)) {
        this.errors.add(where, atValue(item), { code: "conflict", message: `is listed twice; see ${seen.get(value)}` });
        continue;
      }
      seen.set(value, where);
      values.push(value);
    }
    return values;
  }

  #map(spec: MapSpec, node: Tree | undefined, path: string): unknown {
    const entries: [string, unknown][] = [];
    if (node !== undefined && !isEmpty(node)) {
      if (node.kind !== "map") return this.#fail(path, node, notA("a mapping", node));
      const seen = new Map<string, string>();
      for (const [key, entry] of node.entries) {
        const where = keyPath(path, key);
        const value = this.#value(spec.value, entry, where);
        const fault = spec.key.check(key) ?? repeated(seen.get(spec.key.same(key)), key);
        if (fault !== null) this.errors.add(where, atKey(entry), fault);
        else seen.set(spec.key.same(key), key);
        if (fault !== null || value === undefined) continue;
        entries.push([spec.key.keep(key), value]);
        this.nodes.set(keyPath(path, spec.key.keep(key)), entry);
      }
    }
    const { form } = spec;
    if (form.kind === "pairs") return entries.map(([key, value]) => ({ [form.key]: key, [form.value]: value }));
    if (form.kind === "named") return entries.map(([name, value]) => ({ name, ...(value as object) }));
    // Looked up with names that callers send: nothing may be inherited.
    return Object.assign(Object.create(null), Object.fromEntries(entries));
  }

  #json(node: Tree | undefined, path: string): unknown {
    if (node === undefined || isEmpty(node)) return {};
    if (node.kind !== "map") return this.#fail(path, node, notA("a mapping", node));
    return this.#plain(node, path);
  }

  #plain(node: Tree, path: string): unknown {
    this.nodes.set(path, node);
    if (node.kind === "list") return node.items.map((item, index) => this.#plain(item, itemPath(path, index)));
    if (node.kind === "map") {
      return Object.fromEntries([...node.entries].map(([key, entry]) => [key, this.#plain(entry, keyPath(path, key))]));
    }
    // A key without a type: what an unquoted `${…}` stands for is read as if it had been written there.
    const value = node.isLoose && !node.isQuoted ? readCoreScalar(node.text) : node.isLoose ? node.text : node.value;
    if (typeof value !== "number" || Number.isFinite(value)) return value;
    return this.#fail(path, node, { code: "bad_value", message: "must be a finite number" });
  }

  #deferred(node: Tree | undefined, path: string): unknown {
    if (node === undefined || isEmpty(node)) return {};
    if (node.kind !== "map") return this.#fail(path, node, notA("a mapping", node));
    this.leftovers.set(path, node.entries);
    return {};
  }

  /** A variable may be meant for something else: it is only warned about. */
  unknownKey(parentPath: string, key: string, entry: Tree, known: readonly string[]): void {
    const path = keyPath(parentPath, key);
    const suggestion = suggest(key, known);
    if (entry.origin.kind !== "env") {
      this.errors.add(path, atKey(entry), { code: "unknown_key", message: "is not a known key", suggestion });
      return;
    }
    const { name } = entry.origin;
    const variable = suggestion === null ? null : name.slice(0, name.lastIndexOf("__") + 2) + suggestion.toUpperCase();
    const message = "is not a known setting and has no effect";
    this.warnings.add(path, atKey(entry), { code: "unknown_key", message, suggestion: variable });
  }
}

function repeated(earlier: string | undefined, key: string): Fault | null {
  if (earlier === undefined) return null;
  const message = `means the same as ${JSON.stringify(earlier)} above: case, - and _ do not count`;
  return { code: earlier === key ? "duplicate_key" : "conflict", message };
}

function notA(wanted: string, node: Tree): Fault {
  const found = node.kind === "scalar" ? describeKind(node.value) : node.kind === "list" ? "a list" : "a mapping";
  return { code: "wrong_type", message: `must be ${wanted}, not ${found}` };
}

function isEmpty(node: Tree): boolean {
  return node.kind === "scalar" && node.value === null && !(node.isLoose && node.text.trim() !== "");
}

function isBlank(node: Tree): boolean {
  return isEmpty(node) || (node.kind === "scalar" && node.text.trim() === "");
}

/** A heading with nothing under it stands for the empty section, unless that would bring back a default with content. */
function mayBeEmpty(field: Field): boolean {
  const { spec, preset } = field;
  if (spec.kind === "scalar") return false;
  return preset === undefined || preset === null || Object.keys(preset).length === 0;
}
