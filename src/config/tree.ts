/** The configuration as written and not yet checked: values with the place each came from. */

/** Counts from 1; 0 = no place in the file. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export const NOWHERE: Place = { line: 0, column: 0 };

export type Origin =
  | { readonly kind: "file" }
  /** `name`: of the variable. */
  | { readonly kind: "env"; readonly name: string }
  /** `name`: with its dashes. */
  | { readonly kind: "flag"; readonly name: string };

export const FROM_FILE: Origin = { kind: "file" };

interface Written {
  readonly at: Place;
  /** Where its key stands; for list items the item itself. */
  readonly keyAt: Place;
  readonly origin: Origin;
}

export type ScalarValue = string | number | boolean | null;

export interface ScalarTree extends Written {
  readonly kind: "scalar";
  readonly value: ScalarValue;
  /** The text behind `value`: `0777` where the value is 777. */
  readonly text: string;
  readonly isQuoted: boolean;
  /** It came from a variable, a file or the command line, where everything is text: the key's type decides. */
  readonly isLoose: boolean;
  /** The text with `${…}` in it, as it was written. */
  readonly reference?: string;
}

export interface ListTree extends Written {
  readonly kind: "list";
  readonly items: readonly Tree[];
}

export interface MapTree extends Written {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, Tree>;
}

export type Tree = ScalarTree | ListTree | MapTree;

/** What YAML can say, without places. */
export type PlainValue = ScalarValue | readonly PlainValue[] | { readonly [key: string]: PlainValue };

/** A value as if it had been written, at no place. */
export function plant(value: PlainValue): Tree {
  const written = { at: NOWHERE, keyAt: NOWHERE, origin: FROM_FILE };
  if (typeof value !== "object" || value === null) {
    return { kind: "scalar", value, text: String(value ?? ""), isQuoted: false, isLoose: false, ...written };
  }
  if (isPlainList(value)) return { kind: "list", items: value.map(plant), ...written };
  const entries = Object.entries(value).map(([key, entry]) => [key, plant(entry)] as const);
  return { kind: "map", entries: new Map(entries), ...written };
}

function isPlainList(value: object): value is readonly PlainValue[] {
  return Array.isArray(value);
}

export function emptyMap(): MapTree {
  return { kind: "map", at: NOWHERE, keyAt: NOWHERE, origin: FROM_FILE, entries: new Map() };
}

/** Names that reach into the machinery of JavaScript objects. They are no keys anywhere in a configuration. */
export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

const PLAIN_KEY = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/;
const SHOWN_KEY_LENGTH_MAX = 80;

/** `server` + `port` → `server.port`; a name with dots or spaces is written `aliases["gpt-4.1"]`. */
export function keyPath(path: string, key: string): string {
  const shown = key.length > SHOWN_KEY_LENGTH_MAX ? `${key.slice(0, SHOWN_KEY_LENGTH_MAX)}…` : key;
  if (!PLAIN_KEY.test(shown)) return `${path}[${JSON.stringify(shown)}]`;
  return path === "" ? shown : `${path}.${shown}`;
}

export function itemPath(path: string, index: number): string {
  return `${path}[${index}]`;
}

/** The node at a way of keys, if it was written. */
export function nodeAt(tree: Tree | undefined, ...keys: readonly string[]): Tree | undefined {
  let node = tree;
  for (const key of keys) node = node?.kind === "map" ? node.entries.get(key) : undefined;
  return node;
}
