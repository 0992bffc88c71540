/** What can be wrong with a plugin file, and the words for it: code, place, what happened, what to do, source lines. */
import type { Problem } from "../config/types.ts";
import { createRedactor } from "../support/redact.ts";

export const FAULT_CODES = [
  "PLUGIN_NOT_FOUND",
  "PLUGIN_PERMISSIONS",
  "PLUGIN_HASH",
  "PLUGIN_SYNTAX",
  "PLUGIN_IMPORT",
  "PLUGIN_SHAPE",
  "PLUGIN_API_VERSION",
  "PLUGIN_DUPLICATE_ID",
  "PLUGIN_OPTION_RESERVED",
] as const;
export type FaultCode = (typeof FAULT_CODES)[number];

/** A place in a source file; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface Fault {
  readonly code: FaultCode;
  /** The file as the operator knows it, e.g. `plugins/corp.ts`. */
  readonly file: string;
  readonly place?: Place;
  /** What happened: a sentence that goes on from the file name. */
  readonly what: string;
  /** What to do: a sentence of its own. */
  readonly advice: string;
  /** The text of the file, for the lines around the place. */
  readonly source?: string;
  readonly suggestion?: string;
}

const LINE_LENGTH_MAX = 160;
const WHAT_LENGTH_MAX = 400;

/** Plugin files quote what they like; a key written into one must not travel in an answer. */
const { redact } = createRedactor();

/** `path` is where the plugin is listed, e.g. `plugins.list[0]`. */
export function toProblem(path: string, fault: Fault): Problem {
  const { code, file, place, source, suggestion } = fault;
  const at = place === undefined ? file : `${file}:${place.line}:${place.column}`;
  const what = redact(clip(fault.what, WHAT_LENGTH_MAX));
  const excerpt = place === undefined || source === undefined ? "" : excerptOf(source, place);
  const message = `${code} ${at} ${what}${/[.!?]$/.test(what) ? "" : "."} ${fault.advice}${excerpt}`;
  return { path, line: 0, column: 0, code: "plugin", message, suggestion: suggestion ?? null };
}

/** The line at fault between its neighbours, with a caret below; each on a new line. */
function excerptOf(source: string, { line, column }: Place): string {
  const lines = source.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  if (line > lines.length) return "";
  const width = String(Math.min(line + 1, lines.length)).length;
  let excerpt = "";
  for (let number = Math.max(1, line - 1); number <= Math.min(line + 1, lines.length); number += 1) {
    const text = clip(lines[number - 1]!, LINE_LENGTH_MAX);
    const clean = redact(text);
    excerpt += `\n  ${String(number).padStart(width)} | ${clean}`.trimEnd();
    const isPlace = number === line && clean === text && column <= text.length + 1;
    if (isPlace) excerpt += `\n  ${" ".repeat(width)} | ${text.slice(0, column - 1).replace(/[^\t]/g, " ")}^`;
  }
  return excerpt;
}

function clip(text: string, length: number): string {
  const printable = text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, " ");
  return printable.length <= length ? printable : `${printable.slice(0, length)} …`;
}
