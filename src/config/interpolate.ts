/** Replaces `${…}` in texts by variables, secret files and systemd credentials: once, never in keys, never again in the result. */
import { isAbsolute, join, resolve, sep } from "node:path";
import { type Files, isWithin } from "./files.ts";
import { atValue, type Fault, ProblemList } from "./problem.ts";
import { hasControlCharacters } from "./schema/names.ts";
import { suggest } from "./suggest.ts";
import { itemPath, keyPath, type ScalarTree, type Tree } from "./tree.ts";
import { decodeText } from "./yaml.ts";

export const SECRET_FILE_BYTES_MAX = 65_536;

export interface References {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files: Files;
  /** Absolute; empty while these folders themselves are being found out. */
  readonly fileDirs: readonly string[];
  readonly baseDir: string;
}

export interface Interpolated<T> {
  readonly tree: T;
  readonly problems: ProblemList;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const CREDENTIAL = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/;

export function interpolate<T extends Tree>(tree: T, path: string, sources: References): Interpolated<T> {
  const problems = new ProblemList();

  const walk = (node: Tree, where: string): Tree => {
    if (node.kind === "list")
      return { ...node, items: node.items.map((item, index) => walk(item, itemPath(where, index))) };
    if (node.kind === "map") {
      const entries = [...node.entries].map(([key, entry]) => [key, walk(entry, keyPath(where, key))] as const);
      return { ...node, entries: new Map(entries) };
    }
    return typeof node.value === "string" && node.value.includes("${") ? replaceIn(node, where) : node;
  };

  const replaceIn = (node: ScalarTree, where: string): ScalarTree => {
    const written = node.isLoose ? node.text : String(node.value);
    const result = expand(written, sources);
    if (result.fault !== undefined) problems.add(where, atValue(node), result.fault);
    if (!result.hasReference) return { ...node, value: result.text, text: result.text };
    return { ...node, value: result.text, text: result.text, isLoose: true, reference: written };
  };

  return { tree: walk(tree, path) as T, problems };
}

interface Expansion {
  readonly text: string;
  readonly hasReference: boolean;
  readonly fault?: Fault;
}

function expand(written: string, sources: References): Expansion {
  let text = "";
  let hasReference = false;
  let fault: Fault | undefined;
  let from = 0;
  for (;;) {
    const start = written.indexOf("${", from);
    if (start === -1) break;
    const isEscaped = start > from && written[start - 1] === "$";
    text += written.slice(from, isEscaped ? start - 1 : start);
    from = start + 2;
    if (isEscaped) {
      text += "${";
      continue;
    }
    const end = written.indexOf("}", from);
    if (end === -1) {
      fault ??= {
        code: "bad_value",
        message: `has a "\${" without its "}"; write "$\${" for the two characters themselves`,
      };
      break;
    }
    hasReference = true;
    const value = look(written.slice(from, end), sources);
    if (typeof value === "string") text += value;
    else fault ??= value;
    from = end + 1;
  }
  text += written.slice(from);
  return fault === undefined ? { text, hasReference } : { text, hasReference, fault };
}

/** One reference, without its braces. */
function look(inner: string, sources: References): string | Fault {
  if (inner.startsWith("file:")) return readSecret(inner.slice("file:".length), sources);
  if (inner.startsWith("cred:")) return readCredential(inner.slice("cred:".length), sources);
  const separator = inner.indexOf(":-");
  const name = separator === -1 ? inner : inner.slice(0, separator);
  if (!NAME.test(name)) {
    const message = `has a reference that is none of \${NAME}, \${NAME:-text}, \${file:/path} and \${cred:name}; write "$\${" for a plain "\${"`;
    return { code: "bad_value", message };
  }
  const value = sources.env[name];
  if (separator !== -1) return value === undefined || value === "" ? inner.slice(separator + 2) : value;
  if (value !== undefined) return value;
  const suggestion = suggest(name, Object.keys(sources.env));
  return { code: "unresolved_variable", message: `variable ${name} is not set`, suggestion };
}

function readCredential(name: string, sources: References): string | Fault {
  if (!CREDENTIAL.test(name))
    return { code: "bad_value", message: `has a \${cred:…} that is not the name of a credential` };
  const folder = sources.env["CREDENTIALS_DIRECTORY"];
  if (folder === undefined || folder === "") {
    return {
      code: "unresolved_variable",
      message: `credential ${name}: the service got none (CREDENTIALS_DIRECTORY is not set)`,
    };
  }
  return readText(join(folder, name), `credential ${name}`, [folder], sources.files);
}

function readSecret(written: string, sources: References): string | Fault {
  if (written === "" || hasControlCharacters(written))
    return { code: "bad_value", message: `has a \${file:…} without a path` };
  const path = isAbsolute(written) ? resolve(written) : resolve(sources.baseDir, written);
  return readText(path, `file ${written}`, sources.fileDirs, sources.files);
}

function readText(path: string, what: string, folders: readonly string[], files: Files): string | Fault {
  // By name first, so that nobody learns from the message what lies elsewhere; then with links followed.
  const outside: Fault = { code: "bad_reference", message: `${what} is not in any folder of secrets.file_dirs` };
  if (!folders.some((folder) => path.startsWith(folder.endsWith(sep) ? folder : folder + sep))) return outside;
  const real = files.realPath(path);
  if (real === null) return { code: "unresolved_variable", message: `${what} does not exist` };
  if (!folders.some((folder) => isWithin(files, folder, real))) return outside;
  const facts = files.facts(real);
  if (facts === null || !facts.isFile) return { code: "bad_value", message: `${what} is not a file` };
  if (facts.bytes > SECRET_FILE_BYTES_MAX) {
    return { code: "out_of_range", message: `${what} is larger than ${SECRET_FILE_BYTES_MAX} bytes` };
  }
  const bytes = files.read(real);
  if (bytes === null || bytes.byteLength > SECRET_FILE_BYTES_MAX) {
    return { code: "unresolved_variable", message: `${what} cannot be read` };
  }
  const text = decodeText(bytes);
  return text === null ? { code: "bad_value", message: `${what} is not UTF-8 text` } : text.replace(/\r?\n$/, "");
}
