/** YAML 1.2 to a tree with lines and columns, within narrow limits: what the core schema says and nothing clever. */
import type * as Yaml from "yaml";
import type { Alias, CST, Document, LineCounter, Node, Pair } from "yaml";
import { atValue, ProblemList } from "./problem.ts";
import { FORBIDDEN_KEYS, FROM_FILE, itemPath, keyPath, type MapTree, NOWHERE, type Place, type Tree } from "./tree.ts";

export const TEXT_BYTES_MAX = 1_048_576;
export const DEPTH_MAX = 64;
/** Counted each time one is followed, so that aliases of aliases cannot multiply. */
export const ALIASES_MAX = 50;
/** Values in all, aliased ones counted each time: far more than any configuration has. */
const NODES_MAX = 200_000;

export interface ParsedText {
  /** `null`: the text cannot be used at all. An empty file is an empty mapping. */
  readonly tree: MapTree | null;
  readonly problems: ProblemList;
}

/** What the library found, in our words: its own messages may quote the text, and with it a secret. */
const SYNTAX: Readonly<Record<string, string>> = {
  BAD_ALIAS: "this alias cannot be used here",
  BAD_DIRECTIVE: "directives are not supported",
  BAD_DQ_ESCAPE: "unknown escape in a double-quoted text; use single quotes or write \\\\",
  BAD_INDENT: "the indentation does not fit, or a bracket is not closed",
  BAD_SCALAR_START: "a text that begins with this character must be quoted",
  BLOCK_AS_IMPLICIT_KEY: 'a second key on one line; put a text that contains ": " in quotes',
  BLOCK_IN_FLOW: "a block cannot stand inside brackets or braces",
  KEY_OVER_1024_CHARS: "this key is too long",
  MISSING_CHAR: "a quote, bracket, colon or comma is missing",
  MULTILINE_IMPLICIT_KEY: "a key must stand on one line; is a colon missing?",
  MULTIPLE_ANCHORS: "a value can have one anchor only",
  TAB_AS_INDENT: "tabs are not allowed; indent with spaces",
  TAG_RESOLVE_FAILED: "tags are not supported",
  UNEXPECTED_TOKEN: "this does not belong here",
};

/** Reads UTF-8; a byte-order mark is skipped. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

export async function parseYaml(source: string | Uint8Array): Promise<ParsedText> {
  const problems = new ProblemList();
  const refuse = (message: string, place: Place = { line: 1, column: 1 }): ParsedText => {
    problems.add("", { place }, { code: "yaml_syntax", message });
    return { tree: null, problems };
  };
  const bytes = typeof source === "string" ? Buffer.byteLength(source) : source.byteLength;
  if (bytes > TEXT_BYTES_MAX) return refuse(`the file is larger than ${TEXT_BYTES_MAX} bytes`);
  const decoded = typeof source === "string" ? source : decodeText(source);
  if (decoded === null) return refuse("the file is not UTF-8");
  const text = decoded.replace(/^\uFEFF/, "");

  // Loaded here, because a relay without a file does not need it.
  const yaml = await import("yaml");
  const lines = new yaml.LineCounter();
  const tokens = [...new yaml.Parser(lines.addNewLine).parse(text)];
  const surface = scanTokens(tokens, lines);
  if (surface.tooDeep !== null) return refuse(`more than ${DEPTH_MAX} levels deep`, surface.tooDeep);
  const complain = (place: Place, message: string): void =>
    problems.add("", { place }, { code: "yaml_syntax", message });
  for (const { place, code } of surface.faults) complain(place, SYNTAX[code]!);

  // Duplicates are found while walking: the library compares each key with all others of its mapping.
  const composer = new yaml.Composer({ version: "1.2", schema: "core", strict: true, uniqueKeys: false, merge: false });
  const documents = [...composer.compose(tokens, true, text.length)];
  const [document, second] = documents;
  for (const error of documents.flatMap((each) => [...each.errors, ...each.warnings])) {
    if (surface.faults.some(({ code }) => code === error.code)) continue;
    complain(placeOf(lines, error.pos[0]), SYNTAX[error.code] ?? "this is not valid YAML");
  }
  if (second !== undefined) {
    const start = second.contents?.range?.[0] ?? second.range[0];
    complain(placeOf(lines, start), "a second document; one file holds one configuration");
  }
  const version = document?.directives?.yaml;
  if (version?.explicit === true && version.version !== "1.2") {
    complain({ line: 1, column: 1 }, "only YAML 1.2 is supported");
  }
  if (document === undefined || problems.size > 0) return { tree: null, problems };
  return { tree: new Walker(yaml, document as Document, lines, problems).root(), problems };
}

function placeOf(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

interface Surface {
  readonly tooDeep: Place | null;
  readonly faults: readonly { readonly code: string; readonly place: Place }[];
}

const SURFACE_FAULTS_MAX = 20;

/** Looks at the tokens before anything recursive does: depth, tags, and tabs anywhere but in texts and comments. */
function scanTokens(tokens: readonly CST.Token[], lines: LineCounter): Surface {
  const faults: { code: string; place: Place }[] = [];
  const open: { readonly token: CST.Token | null | undefined; readonly depth: number }[] = [];
  for (let index = tokens.length - 1; index >= 0; index--) open.push({ token: tokens[index], depth: 0 });
  const look = (source: readonly CST.SourceToken[] | undefined): void => {
    for (const part of source ?? []) {
      if (faults.length >= SURFACE_FAULTS_MAX) return;
      const tab = part.type === "space" ? part.source.indexOf("\t") : -1;
      if (tab !== -1) faults.push({ code: "TAB_AS_INDENT", place: placeOf(lines, part.offset + tab) });
      if (part.type === "tag") faults.push({ code: "TAG_RESOLVE_FAILED", place: placeOf(lines, part.offset) });
    }
  };
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (token === null || token === undefined) continue;
    if ("start" in token && Array.isArray(token.start)) look(token.start);
    if ("end" in token) look(token.end);
    if (token.type === "document") open.push({ token: token.value, depth });
    if (!("items" in token)) continue;
    if (depth >= DEPTH_MAX) return { tooDeep: placeOf(lines, token.offset), faults };
    for (let index = token.items.length - 1; index >= 0; index--) {
      const item = token.items[index]!;
      look(item.start);
      if ("sep" in item) look(item.sep);
      open.push({ token: item.value, depth: depth + 1 });
      if ("key" in item) open.push({ token: item.key, depth: depth + 1 });
    }
  }
  return { tooDeep: null, faults };
}

class Walker {
  readonly #following = new Set<Node>();
  #aliases = 0;
  #nodes = 0;

  constructor(
    readonly yaml: typeof Yaml,
    readonly document: Document,
    readonly lines: LineCounter,
    readonly problems: ProblemList,
  ) {}

  root(): MapTree | null {
    const contents = this.document.contents as Node | null;
    const at = { line: 1, column: 1 };
    const empty: MapTree = { kind: "map", at, keyAt: NOWHERE, origin: FROM_FILE, entries: new Map() };
    if (contents === null) return empty;
    const tree = this.#tree(contents, "", NOWHERE, 0);
    if (tree === undefined) return null;
    if (tree.kind === "scalar" && tree.value === null) return empty;
    if (tree.kind === "map") return tree;
    this.problems.add("", atValue(tree), { code: "wrong_type", message: "the file must be a mapping of sections" });
    return null;
  }

  #fault(path: string, place: Place, message: string): undefined {
    this.problems.add(path, { place }, { code: "yaml_syntax", message });
  }

  #tree(node: Node, path: string, keyAt: Place, depth: number): Tree | undefined {
    const at = placeOf(this.lines, node.range?.[0] ?? 0);
    this.#nodes += 1;
    if (this.#nodes > NODES_MAX)
      return this.#nodes === NODES_MAX + 1 ? this.#fault(path, at, "too many values") : undefined;
    if (depth > DEPTH_MAX) return this.#fault(path, at, `more than ${DEPTH_MAX} levels deep`);
    const written = { at, keyAt: keyAt === NOWHERE ? at : keyAt, origin: FROM_FILE };
    if (this.yaml.isAlias(node)) return this.#alias(node, path, written, depth);
    if (this.yaml.isMap(node))
      return { kind: "map", entries: this.#entries(node.items as Pair[], path, depth), ...written };
    if (this.yaml.isSeq(node)) {
      const items = node.items.map((item, index) =>
        this.#tree(item as Node, itemPath(path, index), NOWHERE, depth + 1),
      );
      return { kind: "list", items: items.filter((item) => item !== undefined), ...written };
    }
    const scalar = node as Yaml.Scalar;
    const value = scalar.value as string | number | boolean | null;
    const isPlain = scalar.type === "PLAIN" || scalar.type === undefined;
    const text = isPlain ? (scalar.source ?? "") : String(value);
    const place = text === "" && isPlain ? { ...written, at: written.keyAt } : written;
    return { kind: "scalar", value, text, isQuoted: !isPlain, isLoose: false, ...place };
  }

  #alias(node: Alias, path: string, written: Omit<Tree, "kind">, depth: number): Tree | undefined {
    this.#aliases += 1;
    if (this.#aliases > ALIASES_MAX) {
      return this.#aliases === ALIASES_MAX + 1
        ? this.#fault(path, written.at, `more than ${ALIASES_MAX} aliases`)
        : undefined;
    }
    const target = node.resolve(this.document) as Node | undefined;
    if (target === undefined) return this.#fault(path, written.at, "an alias without an anchor before it");
    if (this.#following.has(target) || this.#contains(target, node)) {
      return this.#fault(path, written.at, "an alias to a value that contains it");
    }
    this.#following.add(target);
    const tree = this.#tree(target, path, written.keyAt, depth);
    this.#following.delete(target);
    return tree === undefined ? undefined : { ...tree, at: written.at, keyAt: written.keyAt };
  }

  /** By position: an alias between the first and last byte of a value lies inside it. */
  #contains(target: Node, node: Alias): boolean {
    const [start, end] = [target.range?.[0] ?? 0, target.range?.[1] ?? 0];
    const offset = node.range?.[0] ?? 0;
    return offset >= start && offset < end;
  }

  #entries(pairs: readonly Pair[], path: string, depth: number): Map<string, Tree> {
    const entries = new Map<string, Tree>();
    for (const pair of pairs) {
      const keyNode = pair.key as Node | null;
      const keyAt = placeOf(this.lines, keyNode?.range?.[0] ?? 0);
      const key = this.#key(keyNode);
      if (key === undefined) {
        this.#fault(path, keyAt, "a key must be a plain name");
        continue;
      }
      const where = keyPath(path, key);
      if (FORBIDDEN_KEYS.has(key)) {
        this.#fault(where, keyAt, "this name cannot be used as a key");
        continue;
      }
      if (entries.has(key)) {
        const first = entries.get(key)!.keyAt;
        const message = `is set twice; the first is in line ${first.line}`;
        this.problems.add(where, { place: keyAt }, { code: "duplicate_key", message });
        continue;
      }
      const value = pair.value as Node | null;
      const tree: Tree | undefined =
        value === null
          ? {
              kind: "scalar",
              value: null,
              text: "",
              isQuoted: false,
              isLoose: false,
              at: keyAt,
              keyAt,
              origin: FROM_FILE,
            }
          : this.#tree(value, where, keyAt, depth + 1);
      if (tree !== undefined) entries.set(key, tree);
    }
    return entries;
  }

  /** Numbers and words such as `302` or `true` are names too where a name is wanted. */
  #key(node: Node | null): string | undefined {
    if (!this.yaml.isScalar(node)) return undefined;
    if (typeof node.value === "string") return node.value;
    return node.value === null ? undefined : (node.source ?? String(node.value));
  }
}
