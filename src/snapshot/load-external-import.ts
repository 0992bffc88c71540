/** Imports a plugin afresh, after a trial in a throw-away thread, and says in words why it could not be. */
import { readFileSync } from "node:fs";
import { nearest } from "../support/nearest.ts";
import type { Fault } from "./load-external-fault.ts";
import { type Entry, type Folder, isBelow, labelOf } from "./load-external-find.ts";
import { placeOf, readSource, type Source } from "./load-external-source.ts";
import { describeThrown, type Thrown } from "./load-external-thrown.ts";
import { type TrialOutcome, tryImport } from "./load-external-trial.ts";
import { DOOR, DOOR_EXPORTS } from "./virtual-door.ts";

export type Imported = { readonly exported: Readonly<Record<string, unknown>> } | { readonly fault: Fault };

/**
 * A module that failed to link once stays broken in this process whatever its file says later; so nothing is imported
 * here that has not just been imported elsewhere, byte for byte.
 */
export async function importPlugin(
  folder: Folder,
  entry: Entry,
  { files, sha256 }: Source,
  importMaxMs: number,
): Promise<Imported> {
  const outcome = await tryImport(entry.real, importMaxMs);
  if (outcome.type !== "imported") return { fault: faultOf(folder, entry, files, outcome, importMaxMs) };
  if (readSource(folder, entry).sha256 !== sha256) {
    const what = "changed while it was being loaded";
    return { fault: { code: "PLUGIN_IMPORT", file: labelOf(folder, entry.path), what, advice: "Reload once more." } };
  }
  forget(entry.root, files);
  const { promise: late, resolve } = Promise.withResolvers<TrialOutcome>();
  const timer = setTimeout(() => resolve({ type: "late" }), importMaxMs);
  try {
    const imported = import(entry.real).then(
      (exported: Readonly<Record<string, unknown>>) => ({ type: "done", exported }) as const,
    );
    const result = await Promise.race([imported, late]);
    return result.type === "done"
      ? { exported: result.exported }
      : { fault: faultOf(folder, entry, files, result, importMaxMs) };
  } catch (thrown) {
    forget(entry.root, files);
    return { fault: faultOf(folder, entry, files, { type: "failed", thrown: describeThrown(thrown) }, importMaxMs) };
  } finally {
    clearTimeout(timer);
  }
}

/** The next import reads the files again; calls that still run keep the old module. */
function forget(root: string, files: readonly string[]): void {
  // A module that failed is not among the keys, and is forgotten by name only.
  for (const key of files) delete require.cache[key];
  for (const key of Object.keys(require.cache)) if (isBelow(root, key)) delete require.cache[key];
}

function faultOf(
  folder: Folder,
  entry: Entry,
  files: readonly string[],
  outcome: TrialOutcome,
  importMaxMs: number,
): Fault {
  const fault = { code: "PLUGIN_IMPORT", file: labelOf(folder, entry.path) } as const;
  if (outcome.type === "late") {
    const advice = "The top level of the file must only define things; move work into setup.";
    return { ...fault, what: `did not finish loading within ${importMaxMs} ms`, advice };
  }
  if (outcome.type === "failed") return { ...fault, ...thrownIn(folder, files, outcome.thrown) };
  return {
    ...fault,
    what: "ended its thread while it loaded, as process.exit does",
    advice: "A plugin must not end the process.",
  };
}

/** The runtime's wordings of one mistake, seen with Bun 1.4.4: which of them depends on how the name is imported. */
const MISSING_EXPORT = [
  /^(?:export named|export|missing) '(?<name>.+?)' (?:not found|export) in (?:module )?'(?<module>.+?)'/i,
  /^module '(?<module>.+?)' does not have an export named '(?<name>.+?)'/i,
];

type Where = Partial<Pick<Fault, "file" | "place" | "source" | "suggestion">>;

function thrownIn(
  folder: Folder,
  files: readonly string[],
  { name, message, at }: Thrown,
): Where & Pick<Fault, "what" | "advice"> {
  const missing = MISSING_EXPORT.map((wording) => wording.exec(message)?.groups).find((groups) => groups !== undefined);
  if (missing !== undefined) return missingExport(folder, files, missing["name"]!, missing["module"]!);
  const isInside = at !== undefined && isBelow(folder.real, at.file);
  const where: Where = isInside ? { file: labelOf(folder, at.file), place: at, source: readText(at.file) } : {};
  // The runtime names whole paths; where they begin is of no use to anybody.
  const text = message.replaceAll(`${folder.real}/`, "");
  if (name === "SyntaxError" || name === "ResolveMessage" || name === "BuildMessage") {
    return { ...where, what: `cannot be loaded: ${text}`, advice: "Correct the import." };
  }
  const thrown = name === "" || name === "Error" ? text : `${name}: ${text}`;
  return {
    ...where,
    what: `throws while it is loaded: ${thrown}`,
    advice: "The top level of the file must only define things.",
  };
}

/** The runtime does not say who asked for the name; it is the first file that has it. */
function missingExport(
  folder: Folder,
  files: readonly string[],
  name: string,
  module: string,
): Where & Pick<Fault, "what" | "advice"> {
  const near = module === DOOR ? nearest(name, DOOR_EXPORTS) : undefined;
  const fault = {
    what: `imports ${name === "default" ? "a default" : name}, which ${labelOf(folder, module)} does not export`,
    advice: "Correct the name.",
    ...(near === undefined ? {} : { suggestion: near }),
  };
  const pattern = new RegExp(`\\b${name.replace(/\W/g, "\\$&")}\\b`);
  for (const file of name === "default" ? [] : files) {
    const source = readText(file);
    const place = placeOf(source, pattern);
    if (place !== undefined) return { ...fault, file: labelOf(folder, file), place, source };
  }
  return fault;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
