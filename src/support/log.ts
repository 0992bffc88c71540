/** The process log: one line per event, levelled, redacted, in a shape for people, for the journal or for machines. */
import type { Logger } from "../contract/host.ts";
import { createRedactor, isSecretName, REDACTED, type Redactor } from "./redact.ts";

/** With the priority that syslog and the journal give each. */
const PRIORITIES = { debug: 7, info: 6, notice: 5, warn: 4, error: 3 } as const;

export type LogLevel = keyof typeof PRIORITIES;
export type LogFormat = "auto" | "pretty" | "logfmt" | "json";

/** What stderr is, as far as the choice of format depends on it. */
export interface StderrKind {
  readonly isTerminal: boolean;
  readonly isJournal: boolean;
  readonly hasColor: boolean;
}

export interface LogOptions {
  readonly format: LogFormat;
  /** Lines below it cost one comparison. */
  readonly level: LogLevel;
  /** Gets complete lines, each with its line break. Must not throw or wait. Routine: one of very many. */
  readonly write: (line: string, isRoutine?: boolean) => void;
  /** ms since epoch. */
  readonly now: () => number;
  /** Default: a pipe, i.e. JSON lines for `auto`. */
  readonly stderr?: StderrKind;
  /** Default: one of its own, filled by `setSecrets`. */
  readonly redactor?: Redactor;
}

export interface ProcessLogger extends Logger {
  /** Between info and warn: news that an operator wants to see at any level but `warn` and `error`. */
  notice(message: string, fields?: object): void;
  /**
   * For the one line of each call: an info line whose fields are known to hold no secrets, so that they are only
   * escaped, not searched. `message`: letters only. Fields that are `undefined` are left out.
   */
  plain(message: string, fields: PlainFields): void;
  /** A logger whose lines all carry these fields; fields of the line itself win. */
  child(fields: object): ProcessLogger;
  isEnabled(level: LogLevel): boolean;
  /** These four act on the whole family: the root and all its children. */
  setLevel(level: LogLevel): void;
  setFormat(format: LogFormat): void;
  /** Fields of every line from now on, e.g. the generation. */
  setFields(fields: object): void;
  setSecrets(values: Iterable<string>): void;
}

const MESSAGE_LENGTH_MAX = 4096;
const VALUE_LENGTH_MAX = 2048;
const DEPTH_MAX = 4;
const ITEMS_MAX = 50;
const STACK_FRAMES_MAX = 8;
/** Longest secret that is surely found in a text too long to be searched whole. */
const MARGIN = 4096;

type Plain = string | number | boolean | null | Plain[] | { [name: string]: Plain };
type Fields = { [name: string]: Plain };
export type PlainFields = { readonly [name: string]: string | number | boolean | undefined };
interface Line {
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Fields;
}

const PIPE: StderrKind = { isTerminal: false, isJournal: false, hasColor: false };

/** The format meant by `auto`: coloured lines on a terminal, logfmt in the journal, JSON anywhere else. */
export function resolveFormat(format: LogFormat, stderr: StderrKind): Exclude<LogFormat, "auto"> {
  if (format !== "auto") return format;
  if (stderr.isTerminal) return "pretty";
  return stderr.isJournal ? "logfmt" : "json";
}

export function createLogger(options: LogOptions): ProcessLogger {
  const { format, level, write, now, stderr = PIPE, redactor = createRedactor() } = options;
  const family: Family = {
    lowest: PRIORITIES[level],
    render: rendererOf(format, stderr),
    common: {},
    commonOf: undefined,
    commonJson: "",
    stderr,
    redactor,
    write,
    now,
  };
  return new FamilyLogger(family, {});
}

/** What a root and all its children share. */
interface Family {
  lowest: number;
  render: (line: Line) => string;
  common: object;
  /** The `common` that `commonJson` was made of. */
  commonOf: object | undefined;
  commonJson: string;
  readonly stderr: StderrKind;
  readonly redactor: Redactor;
  readonly write: (line: string, isRoutine?: boolean) => void;
  readonly now: () => number;
}

/** A class because every call makes a child: methods on the prototype cost it nothing. */
class FamilyLogger implements ProcessLogger {
  readonly #family: Family;
  readonly #bound: object;

  constructor(family: Family, bound: object) {
    this.#family = family;
    this.#bound = bound;
  }

  debug(message: string, fields?: object): void {
    if (this.#family.lowest >= PRIORITIES.debug) this.#emit("debug", message, fields);
  }
  info(message: string, fields?: object): void {
    if (this.#family.lowest >= PRIORITIES.info) this.#emit("info", message, fields);
  }
  notice(message: string, fields?: object): void {
    if (this.#family.lowest >= PRIORITIES.notice) this.#emit("notice", message, fields);
  }
  warn(message: string, fields?: object): void {
    if (this.#family.lowest >= PRIORITIES.warn) this.#emit("warn", message, fields);
  }
  error(message: string, fields?: object): void {
    this.#emit("error", message, fields);
  }
  plain(message: string, fields: PlainFields): void {
    const { lowest, common, render, write, now } = this.#family;
    if (lowest < PRIORITIES.info) return;
    if (render === renderJson) {
      const line = `{"ts":"${isoTime(now())}","level":"info","msg":"${message}",${this.#commonJson()}`;
      return write(`${line}${escapeUnseen(JSON.stringify(fields).slice(1))}\n`, true);
    }
    write(`${render({ at: now(), level: "info", message, fields: { ...common, ...known(fields) } })}\n`, true);
  }
  /** `"name":value,` of the family's common fields, written out once. */
  #commonJson(): string {
    const family = this.#family;
    if (family.commonOf !== family.common) {
      const text = JSON.stringify(family.common).slice(1, -1);
      family.commonJson = text === "" ? "" : `${text},`;
      family.commonOf = family.common;
    }
    return family.commonJson;
  }
  child(fields: object): ProcessLogger {
    return new FamilyLogger(this.#family, { ...this.#bound, ...fields });
  }
  isEnabled(level: LogLevel): boolean {
    return this.#family.lowest >= PRIORITIES[level];
  }
  setLevel(level: LogLevel): void {
    this.#family.lowest = PRIORITIES[level];
  }
  setFormat(format: LogFormat): void {
    this.#family.render = rendererOf(format, this.#family.stderr);
  }
  setFields(fields: object): void {
    this.#family.common = fields;
  }
  setSecrets(values: Iterable<string>): void {
    this.#family.redactor.setSecrets(values);
  }

  #emit(level: LogLevel, message: string, fields: object | undefined): void {
    const { redactor, common, render, write, now } = this.#family;
    const line: Line = {
      at: now(),
      level,
      message: cleanText(message, MESSAGE_LENGTH_MAX, redactor),
      fields: safely(() => cleanFields({ ...common, ...this.#bound, ...fields }, redactor)),
    };
    write(`${render(line)}\n`);
  }
}

function rendererOf(format: LogFormat, stderr: StderrKind): (line: Line) => string {
  const resolved = resolveFormat(format, stderr);
  if (resolved === "json") return renderJson;
  const renderText = resolved === "logfmt" ? renderLogfmt : stderr.hasColor ? renderColored : renderPlain;
  // The journal takes the priority from the line's head; in JSON it would spoil the line for every other reader.
  return stderr.isJournal ? (line) => `<${PRIORITIES[line.level]}>${renderText(line)}` : renderText;
}

function renderJson({ at, level, message, fields }: Line): string {
  return escapeUnseen(JSON.stringify({ ts: new Date(at).toISOString(), level, msg: message, ...fields }));
}

/** Without what is unknown. */
function known(fields: PlainFields): Fields {
  const result: Fields = {};
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) result[name] = value;
  }
  return result;
}

let isoSecond = -1;
let isoPrefix = "";

/** As `toISOString`, which is made anew only once a second. */
function isoTime(at: number): string {
  const second = Math.floor(at / 1000);
  if (second !== isoSecond) {
    isoSecond = second;
    isoPrefix = new Date(second * 1000).toISOString().slice(0, 20);
  }
  const milliseconds = Math.floor(at) - second * 1000;
  return `${isoPrefix}${milliseconds < 10 ? "00" : milliseconds < 100 ? "0" : ""}${milliseconds}Z`;
}

function renderLogfmt({ at, level, message, fields }: Line): string {
  return `ts=${new Date(at).toISOString()} level=${level} msg=${quote(message)}${pairs(fields, "", "")}`;
}

function renderPlain({ at, level, message, fields }: Line): string {
  return `${new Date(at).toISOString().slice(11, 23)} ${level.padEnd(6)} ${escapeControls(message)}${pairs(fields, "", "")}`;
}

const COLORS: Record<LogLevel, string> = { debug: "2", info: "32", notice: "36", warn: "33", error: "31" };

function renderColored({ at, level, message, fields }: Line): string {
  const time = `\x1b[2m${new Date(at).toISOString().slice(11, 23)}\x1b[0m`;
  const word = `\x1b[${COLORS[level]}m${level.padEnd(6)}\x1b[0m`;
  return `${time} ${word} ${escapeControls(message)}${pairs(fields, "\x1b[2m", "\x1b[0m")}`;
}

/** ` name=value` of each field that is known; `null` means unknown and is left to the JSON form. */
function pairs(fields: Fields, before: string, after: string): string {
  let text = "";
  for (const name in fields) {
    const value = fields[name];
    if (value === null || value === undefined) continue;
    const shown = typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value);
    text += ` ${before}${name.replace(/[^\w.-]/g, "_")}=${after}${quote(shown)}`;
  }
  return text;
}

function quote(text: string): string {
  if (/^[\w.:/@+,*()[\]{}<>!?;%$&|~^#'-]+$/.test(text)) return text;
  return `"${escapeControls(text.replace(/["\\]/g, "\\$&"))}"`;
}

/** C0, DEL, C1 (a terminal takes U+009B for an escape), line separators, and what turns the reading direction. */
const UNSEEN = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
const HAS_UNSEEN = new RegExp(UNSEEN.source);
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escapeControls(text: string): string {
  return text.replace(UNSEEN, (character) => SHORT[character] ?? escapeCode(character));
}

/** For text that JSON has already escaped as far as its grammar asks. */
function escapeUnseen(text: string): string {
  return HAS_UNSEEN.test(text) ? text.replace(UNSEEN, escapeCode) : text;
}

function escapeCode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** A field whose getter throws must not fail the request that wanted to log. */
function safely(fields: () => Fields): Fields {
  try {
    return fields();
  } catch {
    return { log_error: "the fields of this line could not be read" };
  }
}

const TAKEN = new Set(["ts", "level", "msg"]);

function cleanFields(fields: object, redactor: Redactor): Fields {
  const result: Fields = {};
  for (const name in fields) {
    const value = (fields as { [name: string]: unknown })[name];
    if (value === undefined || name === "__proto__") continue;
    const key = TAKEN.has(name) ? `${name}_` : redactor.redactKnown(name);
    if (isSecretName(name) && value !== null) {
      result[key] = REDACTED;
    } else if (value instanceof Error) {
      result[key] = describeError(value, redactor);
      result["stack"] = stackOf(value, redactor);
    } else {
      result[key] = clean(value, 0, redactor);
    }
  }
  return result;
}

function clean(value: unknown, depth: number, redactor: Redactor): Plain {
  if (typeof value === "string") return cleanText(value, VALUE_LENGTH_MAX, redactor);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "boolean" || value === null || value === undefined) return value ?? null;
  if (typeof value !== "object") return cleanText(String(value), VALUE_LENGTH_MAX, redactor);
  if (value instanceof Error) return describeError(value, redactor);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (depth >= DEPTH_MAX) return "…";
  if (value instanceof Map || value instanceof Headers || value instanceof URLSearchParams) {
    return clean(Object.fromEntries(value), depth, redactor);
  }
  if (Symbol.iterator in value) {
    const list: Plain[] = [];
    for (const item of value as Iterable<unknown>) {
      if (list.push(clean(item, depth + 1, redactor)) >= ITEMS_MAX) break;
    }
    return list;
  }
  const record: { [name: string]: Plain } = Object.create(null);
  for (const [name, item] of Object.entries(value).slice(0, ITEMS_MAX)) {
    record[redactor.redact(name)] = isSecretName(name) ? REDACTED : clean(item, depth + 1, redactor);
  }
  return record;
}

/** Redacts before it cuts: half a secret is no longer recognised and still too much. */
function cleanText(text: string, lengthMax: number, redactor: Redactor): string {
  const isHuge = text.length > lengthMax + 2 * MARGIN;
  const redacted = redactor.redact(isHuge ? text.slice(0, lengthMax + 2 * MARGIN) : text);
  // What a first cut may have halved stands at its end, and never comes further forward than the margin.
  const kept = isHuge ? Math.max(0, Math.min(lengthMax, redacted.length - MARGIN)) : lengthMax;
  return redacted.length <= kept ? redacted : `${redacted.slice(0, kept).toWellFormed()}…`;
}

/** The error and what caused it, e.g. `TypeError: fetch failed < Error: connection reset (ECONNRESET)`. */
function describeError(error: Error, redactor: Redactor): string {
  const parts: string[] = [];
  for (let at: unknown = error; at instanceof Error && parts.length < DEPTH_MAX; at = at.cause) {
    const code = "code" in at && typeof at.code === "string" ? ` (${at.code})` : "";
    parts.push(`${at.name}: ${at.message}${code}`);
  }
  return cleanText(parts.join(" < "), VALUE_LENGTH_MAX, redactor);
}

function stackOf(error: Error, redactor: Redactor): string | null {
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  const shown = frames.slice(0, STACK_FRAMES_MAX).map((frame) => frame.trim().slice(3));
  return shown.length === 0 ? null : cleanText(shown.join(" < "), VALUE_LENGTH_MAX, redactor);
}
