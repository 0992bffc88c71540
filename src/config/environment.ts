/** Lays variables of the environment and flags of the command line over what the file says. */
import { NOWHERE_POINTER, ProblemList } from "./problem.ts";
import type { ObjectSpec, Spec } from "./schema/kit.ts";
import { suggest } from "./suggest.ts";
import { emptyMap, FORBIDDEN_KEYS, type MapTree, NOWHERE, type Origin, type ScalarTree, type Tree } from "./tree.ts";
import { parseYaml } from "./yaml.ts";

const PREFIX = "MONORELAY_";

/** Short forms of the variables that people set most. */
const SHORT_FORMS: Readonly<Record<string, readonly string[]>> = {
  MONORELAY_HOST: ["server", "host"],
  MONORELAY_PORT: ["server", "port"],
  MONORELAY_LOG_LEVEL: ["server", "log_level"],
  MONORELAY_MASTER_KEY: ["secrets", "master_key"],
};

/** Read elsewhere: where to look for files, the command-line client, the scripts of the repository. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set(
  ["CONFIG", "DATA_DIR", "URL", "TOKEN", "API_KEY", "BUN"].map((name) => PREFIX + name),
);

/** Flags of `serve` that stand for a key of the file; as typed. */
export interface ConfigFlags {
  readonly host?: string;
  readonly port?: string;
  readonly unix?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
}

const FLAGS: readonly (readonly [flag: keyof ConfigFlags, name: string, keys: readonly string[]])[] = [
  ["host", "--host", ["server", "host"]],
  ["port", "--port", ["server", "port"]],
  ["unix", "--unix", ["server", "unix_socket"]],
  ["logLevel", "--log-level", ["server", "log_level"]],
  ["logFormat", "--log-format", ["logging", "format"]],
];

export interface Overlaid {
  readonly tree: MapTree;
  readonly errors: ProblemList;
  readonly warnings: ProblemList;
}

/** Flag over variable over file. The full name of a variable wins over its short form. */
export async function overlay(
  file: MapTree,
  schema: ObjectSpec,
  env: Readonly<Record<string, string | undefined>>,
  flags: ConfigFlags,
): Promise<Overlaid> {
  const errors = new ProblemList();
  const warnings = new ProblemList();
  let tree = file;

  // Short forms first, so that full names overwrite them.
  const names = Object.keys(env).filter((name) => name.startsWith(PREFIX) && !OTHER_VARIABLES.has(name));
  names.sort((left, right) => Number(right in SHORT_FORMS) - Number(left in SHORT_FORMS) || (left < right ? -1 : 1));
  for (const name of names) {
    const text = env[name];
    if (text === undefined) continue;
    const target = findTarget(name, schema, tree);
    if (target === null) {
      const meant = suggest(name.slice(PREFIX.length), variablesOf(schema));
      const suggestion = meant === null ? null : PREFIX + meant;
      const message = `variable ${name} is not a known setting and has no effect`;
      warnings.add("", NOWHERE_POINTER, { code: "unknown_key", message, suggestion });
      continue;
    }
    const origin: Origin = { kind: "env", name };
    const node = await readVariable(text, target.spec, origin);
    if (node !== null) tree = plantAt(tree, target.keys, node);
    else
      errors.add(
        target.keys.join("."),
        { place: NOWHERE, origin },
        { code: "yaml_syntax", message: "is not valid YAML" },
      );
  }

  for (const [flag, name, keys] of FLAGS) {
    const text = flags[flag];
    if (text !== undefined) tree = plantAt(tree, keys, looseScalar(text, { kind: "flag", name }));
  }
  return { tree, errors, warnings };
}

interface Target {
  readonly keys: readonly string[];
  /** `null`: only the plugin knows. */
  readonly spec: Spec | null;
}

/** Where a variable belongs; `null` if nowhere. */
function findTarget(name: string, schema: ObjectSpec, tree: MapTree): Target | null {
  const parts = SHORT_FORMS[name] ?? name.slice(PREFIX.length).split("__");
  if (parts.length < 2) return null;
  const keys: string[] = [];
  let spec: Spec | null = schema;
  let node: Tree | undefined = tree;
  for (const part of parts) {
    if (part === "" || spec?.kind === "scalar" || spec?.kind === "list") return null;
    const key: string = nameIn(node, part) ?? part.toLowerCase();
    if (FORBIDDEN_KEYS.has(key)) return null;
    if (spec?.kind === "object") {
      const field: ObjectSpec["fields"][string] | undefined = Object.hasOwn(spec.fields, key)
        ? spec.fields[key]
        : undefined;
      if (field === undefined && !spec.isOpen) return null;
      spec = field?.spec ?? null;
    } else {
      spec = spec?.kind === "map" ? spec.value : null;
    }
    keys.push(key);
    node = node?.kind === "map" ? node.entries.get(key) : undefined;
  }
  return { keys, spec };
}

/** The key of the file that is spelled like this in a variable: upper case, everything else than letters and digits as `_`. */
function nameIn(node: Tree | undefined, part: string): string | undefined {
  if (node?.kind !== "map") return undefined;
  return [...node.entries.keys()].find((key) => key.toUpperCase().replace(/[^A-Z0-9]/g, "_") === part.toUpperCase());
}

function looseScalar(text: string, origin: Origin): ScalarTree {
  return {
    kind: "scalar",
    value: text === "" ? null : text,
    text,
    isQuoted: false,
    isLoose: true,
    at: NOWHERE,
    keyAt: NOWHERE,
    origin,
  };
}

/** A scalar, or a flow list where a list may stand; `null` = not YAML. */
async function readVariable(text: string, spec: Spec | null, origin: Origin): Promise<Tree | null> {
  const first = text.trimStart()[0];
  const isList = first === "[" && spec?.kind !== "scalar";
  // A secret is taken as it is: it may begin with any character.
  const isQuoted = (first === '"' || first === "'") && !(spec?.kind === "scalar" && spec.isSecret);
  if (!isList && !isQuoted) return looseScalar(text, origin);
  const { tree } = await parseYaml(`value: ${text.replace(/\n/g, "\n  ")}`);
  const node = tree?.entries.size === 1 ? tree.entries.get("value") : undefined;
  return node === undefined ? null : withOrigin(node, origin);
}

function withOrigin(node: Tree, origin: Origin): Tree {
  const written = { at: NOWHERE, keyAt: NOWHERE, origin };
  if (node.kind === "list") return { ...node, ...written, items: node.items.map((item) => withOrigin(item, origin)) };
  if (node.kind === "scalar") return { ...node, ...written, isLoose: !node.isQuoted };
  const entries = [...node.entries].map(([key, entry]) => [key, withOrigin(entry, origin)] as const);
  return { ...node, ...written, entries: new Map(entries) };
}

function plantAt(tree: MapTree, keys: readonly string[], node: Tree): MapTree {
  const [key = "", ...rest] = keys;
  const entries = new Map(tree.entries);
  const below = entries.get(key);
  const child = rest.length === 0 ? node : plantAt(below?.kind === "map" ? below : emptyMap(), rest, node);
  const isNewBlock = rest.length > 0 && below?.kind !== "map";
  entries.set(key, isNewBlock ? { ...child, origin: node.origin } : child);
  return { ...tree, entries };
}

/** Names, without the prefix, of all variables whose place does not depend on names that operators choose. */
function variablesOf(schema: ObjectSpec): string[] {
  const names = Object.keys(SHORT_FORMS).map((name) => name.slice(PREFIX.length));
  const visit = (spec: ObjectSpec, prefix: string): void => {
    for (const [key, field] of Object.entries(spec.fields)) {
      const name = prefix + key.toUpperCase();
      if (field.spec.kind === "object") visit(field.spec, `${name}__`);
      else names.push(name);
    }
  };
  for (const [key, field] of Object.entries(schema.fields)) {
    if (field.spec.kind === "object") visit(field.spec, `${key.toUpperCase()}__`);
  }
  return names;
}
