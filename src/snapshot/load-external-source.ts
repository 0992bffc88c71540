/** Reads a plugin's source without running it: its files, what they import, and the hash a pin is compared with. */
import { createHash } from "node:crypto";
import { readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, extname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Fault, FaultCode, Place } from "./load-external-fault.ts";
import { type Entry, type Folder, isBelow, labelOf, refuse } from "./load-external-find.ts";
import { DOOR } from "./virtual-door.ts";

export interface Source {
  /** Entry and local imports, links resolved. */
  readonly files: readonly string[];
  /** Also names that were looked for in vain: when one appears, the plugin is worth another try. */
  readonly watch: readonly string[];
  /** Hex SHA-256, see `hashOf`. Empty if a file could not be read. */
  readonly sha256: string;
  readonly faults: readonly Fault[];
}

/** A plugin is a few files; more is a folder that was imported by mistake. */
const FILES_MAX = 500;
const FILE_BYTES_MAX = 4 * 1024 * 1024;

const LOADERS: Readonly<Record<string, Bun.JavaScriptLoader>> = {
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".js": "js",
  ".mjs": "js",
  ".cjs": "js",
  ".jsx": "jsx",
};
/** What an import may leave out. */
const ENDINGS = [...Object.keys(LOADERS), ".json"];
/** What TypeScript writes for a file that has the other ending. */
const TWINS: Readonly<Record<string, readonly string[]>> = {
  ".js": [".ts", ".tsx"],
  ".mjs": [".mts"],
  ".cjs": [".cts"],
};

const transpilers = new Map<Bun.JavaScriptLoader, Bun.Transpiler>();

/** Every fault of every file is found; nothing of the plugin has run. */
export function readSource(folder: Folder, entry: Entry): Source {
  const reader = new SourceReader(folder);
  reader.add(entry.real, labelOf(folder, entry.path));
  reader.watch.add(entry.path);
  return reader.readAll();
}

interface SourceFile {
  /** Links resolved. */
  readonly real: string;
  readonly label: string;
}

class SourceReader {
  readonly watch = new Set<string>();
  readonly #files = new Map<string, SourceFile>();
  readonly #digests = new Map<string, string>();
  readonly #faults: Fault[] = [];

  constructor(readonly folder: Folder) {}

  add(real: string, label: string): void {
    this.watch.add(real);
    if (!this.#files.has(real)) this.#files.set(real, { real, label });
  }

  readAll(): Source {
    // The map grows while it is walked: each file adds what it imports.
    for (const file of this.#files.values()) {
      this.#read(file);
      if (this.#files.size <= FILES_MAX) continue;
      const what = `is part of a plugin of more than ${FILES_MAX} files`;
      this.#faults.push({
        code: "PLUGIN_IMPORT",
        file: file.label,
        what,
        advice: "Put what is needed into fewer files.",
      });
      break;
    }
    const isWhole = this.#digests.size === this.#files.size;
    return {
      files: [...this.#files.keys()],
      watch: [...this.watch],
      sha256: isWhole ? hashOf(this.folder, this.#digests) : "",
      faults: this.#faults,
    };
  }

  #read(file: SourceFile): void {
    const bytes = readWhole(file, this.#faults);
    if (bytes === undefined) return;
    this.#digests.set(file.real, sha256(bytes));
    const loader = LOADERS[extname(file.real)];
    if (loader === undefined) return;
    const source = new TextDecoder().decode(bytes);
    for (const specifier of importsOf(source, loader, file.label, this.#faults)) {
      const blame = (what: string, advice: string, code: FaultCode = "PLUGIN_IMPORT"): void => {
        const place = placeOfImport(source, specifier);
        this.#faults.push({
          code,
          file: file.label,
          ...(place ? { place } : {}),
          what: `imports "${specifier}", ${what}`,
          advice,
          source,
        });
      };
      const target = classify(specifier, file.real);
      if (target.type === "forbidden") blame(target.what, target.advice);
      else if (target.type === "package") this.#findPackage(file, target.name, blame);
      else if (target.type === "local") this.#findLocal(target.path, blame);
    }
  }

  #findLocal(path: string, blame: Blame): void {
    const { found, tried } = lookFor(path);
    for (const each of tried) this.watch.add(each);
    if (found.length === 0) blame("which does not exist", "Create the file, or correct its name.");
    for (const each of found) {
      const real = realpathSync(each);
      const label = labelOf(this.folder, each);
      const fault = refuse(this.folder, real, label);
      if (fault === undefined) this.add(real, label);
      else this.#passOn(fault, real, blame);
    }
  }

  /** Packages come from a `node_modules` between the importing file and the plugin folder, and from nowhere else. */
  #findPackage({ real: importer }: SourceFile, name: string, blame: Blame): void {
    for (let at = dirname(importer); at === this.folder.real || isBelow(this.folder.real, at); at = dirname(at)) {
      const path = join(at, "node_modules", name);
      if (!isThere(path)) continue;
      const real = realpathSync(path);
      const fault = refuse(this.folder, real, labelOf(this.folder, path));
      if (fault !== undefined) this.#passOn(fault, real, blame);
      return;
    }
    const advice =
      "Put it into a node_modules folder of the plugin, or into a file beside it; packages are not installed by themselves.";
    blame("a package that is not there", advice);
  }

  /** What lies outside is the fault of the import; wrong permissions are the file's own. */
  #passOn(fault: Fault, real: string, blame: Blame): void {
    if (isBelow(this.folder.real, real)) this.#faults.push(fault);
    else blame("which lies outside the plugin folder", fault.advice, fault.code);
  }
}

type Blame = (what: string, advice: string, code?: FaultCode) => void;

/**
 * The hash of a plugin. One file: its SHA-256, as `sha256sum` prints it. Several: that of the listing `sha256sum`
 * prints for them, sorted by name, when it is run in the plugin folder.
 */
function hashOf(folder: Folder, digests: ReadonlyMap<string, string>): string {
  const [first] = digests.values();
  if (digests.size === 1 && first !== undefined) return first;
  const lines = [...digests].map(
    ([path, digest]) => [relative(folder.real, path).replaceAll("\\", "/"), digest] as const,
  );
  lines.sort(([left], [right]) => (left < right ? -1 : 1));
  return sha256(lines.map(([name, digest]) => `${digest}  ${name}\n`).join(""));
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function readWhole({ real, label }: SourceFile, faults: Fault[]): Uint8Array | undefined {
  try {
    const { size } = statSync(real);
    if (size <= FILE_BYTES_MAX) return readFileSync(real);
    const what = `is larger than ${FILE_BYTES_MAX} bytes`;
    faults.push({
      code: "PLUGIN_IMPORT",
      file: label,
      what,
      advice: "Read large data in setup instead of importing it.",
    });
  } catch (error) {
    const what = `cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown reason"})`;
    faults.push({
      code: "PLUGIN_PERMISSIONS",
      file: label,
      what,
      advice: "Give the user the relay runs as the right to read it.",
    });
  }
  return undefined;
}

/** What the file imports when it runs; types alone are no imports. Syntax errors become faults. */
function importsOf(text: string, loader: Bun.JavaScriptLoader, label: string, faults: Fault[]): string[] {
  let transpiler = transpilers.get(loader);
  if (transpiler === undefined) {
    // In JavaScript an unused import still runs the file; in TypeScript it may be a type, and is left out.
    transpiler = new Bun.Transpiler({ loader, trimUnusedImports: loader.startsWith("ts") });
    transpilers.set(loader, transpiler);
  }
  try {
    return [...new Set(transpiler.scanImports(text.replace(/^#!/, "//")).map(({ path }) => path))];
  } catch (thrown) {
    const errors = thrown instanceof AggregateError ? (thrown.errors as unknown[]) : [thrown];
    // Whatever follows the first error is often only its echo.
    const { message, position } = errors[0] as { message?: string; position?: Place | null };
    faults.push({
      code: "PLUGIN_SYNTAX",
      file: label,
      ...(position ? { place: { line: position.line, column: position.column } } : {}),
      what: message ?? "cannot be parsed",
      advice: "Mend the file and reload.",
      source: text,
    });
    return [];
  }
}

type Target =
  /** Served by the relay or the runtime. */
  | { readonly type: "ready" }
  | { readonly type: "local"; readonly path: string }
  | { readonly type: "package"; readonly name: string }
  | { readonly type: "forbidden"; readonly what: string; readonly advice: string };

function classify(specifier: string, importer: string): Target {
  if (specifier === DOOR) return { type: "ready" };
  const path = specifier.replace(/[?#].*$/, "");
  if (/^\.{0,2}\//.test(path) || path === "." || path === "..")
    return { type: "local", path: resolve(dirname(importer), path) };
  if (specifier.startsWith("file:")) return { type: "local", path: fileURLToPath(path) };
  if (specifier === "monorelay" || specifier.startsWith("monorelay/")) {
    return { type: "forbidden", what: `but only "${DOOR}" is open to plugins`, advice: `Import from "${DOOR}".` };
  }
  if (/^(@sinclair\/)?typebox(\/|$)/.test(specifier)) {
    return {
      type: "forbidden",
      what: "a copy of which the relay could not read",
      advice: `Import Type and Static from "${DOOR}".`,
    };
  }
  if (isBuiltin(specifier)) return { type: "ready" };
  if (/^[a-z][a-z0-9+.-]*:/i.test(specifier)) {
    return {
      type: "forbidden",
      what: "which is neither a file nor a module of the runtime",
      advice: "Keep a copy in the plugin's folder.",
    };
  }
  const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
  return { type: "package", name };
}

/** All files an import may mean: where several fit, each counts as part of the plugin. */
function lookFor(path: string): { found: string[]; tried: string[] } {
  const twins = TWINS[extname(path)] ?? [];
  const stem = path.slice(0, path.length - extname(path).length);
  const exact = [path, ...twins.map((ending) => stem + ending)];
  const guesses = [...ENDINGS.map((ending) => path + ending), ...ENDINGS.map((ending) => join(path, `index${ending}`))];
  const isNamed = ENDINGS.includes(extname(path));
  const first = exact.find(isThereAsFile);
  if (first !== undefined) return { found: [first], tried: [] };
  return { found: guesses.filter(isThereAsFile), tried: isNamed ? exact : guesses };
}

function isThereAsFile(path: string): boolean {
  return factsOf(path)?.isFile() === true;
}

function isThere(path: string): boolean {
  return factsOf(path) !== undefined;
}

function factsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** Where a file imports something: the parser tells what is imported, not where. */
function placeOfImport(source: string, specifier: string): Place | undefined {
  const quoted = specifier.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return placeOf(source, new RegExp(`(?<=\\b(?:from|import|import\\s*\\(|require\\s*\\()\\s*)["'\`]${quoted}["'\`]`));
}

/** Line and column of the first match. */
export function placeOf(source: string, pattern: RegExp): Place | undefined {
  const match = pattern.exec(source);
  if (match === null) return undefined;
  const before = source.slice(0, match.index);
  return { line: before.split("\n").length, column: match.index - before.lastIndexOf("\n") };
}
