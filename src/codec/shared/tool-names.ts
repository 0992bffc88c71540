/** Names and ids of tools, made valid for a target by pure functions, and found again on the way back. */
import type { Tool } from "../../contract/chat.ts";

const SAFE = /^[A-Za-z0-9_-]+$/;
const UNSAFE_CHARACTERS = /[^A-Za-z0-9_-]/g;

/** Longest id that every client and upstream takes (OpenAI's limit). */
export const TOOL_ID_CHARS_MAX = 64;
/** Longest tool name at OpenAI. */
export const OPENAI_TOOL_NAME_CHARS_MAX = 64;
/** Longest tool name at Anthropic. */
export const ANTHROPIC_TOOL_NAME_CHARS_MAX = 128;

export function sha256Hex(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

/** Unchanged if it fits, else cleaned, cut and told apart by eight digits of its hash. */
function fit(text: string, charsMax: number): string {
  if (text.length <= charsMax && SAFE.test(text)) return text;
  const clean = text.replace(UNSAFE_CHARACTERS, "_").slice(0, charsMax - 9);
  return `${clean}_${sha256Hex(text).slice(0, 8)}`;
}

/** Same in, same out, so a call and its result meet again without a memory. An empty id stays empty: nobody named it. */
export function safeToolId(id: string): string {
  return id === "" ? "" : fit(id, TOOL_ID_CHARS_MAX);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const SHORT_ID = /^[A-Za-z0-9]{9}$/;

/** Exactly nine letters or digits, as Mistral demands. */
export function isShortToolId(id: string): boolean {
  return SHORT_ID.test(id);
}

export function shortToolId(id: string): string {
  if (SHORT_ID.test(id)) return id;
  let left = BigInt(`0x${sha256Hex(id).slice(0, 16)}`);
  let short = "";
  for (let position = 0; position < 9; position += 1) {
    short += ALPHABET[Number(left % 62n)];
    left /= 62n;
  }
  return short;
}

export function safeToolName(name: string, charsMax: number): string {
  return name === "" ? "" : fit(name, charsMax);
}

/** Longest tool name that every Gemini front takes. */
const GEMINI_TOOL_NAME_CHARS_MAX = 64;

/** The same for Gemini, whose names may not begin with a digit or a dash. */
export function geminiToolName(name: string): string {
  const safe = safeToolName(name, GEMINI_TOOL_NAME_CHARS_MAX);
  if (safe === "" || /^[A-Za-z_]/.test(safe)) return safe;
  return `_${safe.slice(0, GEMINI_TOOL_NAME_CHARS_MAX - 10)}_${sha256Hex(name).slice(0, 8)}`;
}

/** Gives the name under which the client knows a tool back to a name an upstream used. */
export function clientToolNames(tools: readonly Tool[]): (name: string) => string {
  let changed: Map<string, string> | undefined;
  for (const { name } of tools) {
    const forms = [
      safeToolName(name, OPENAI_TOOL_NAME_CHARS_MAX),
      safeToolName(name, ANTHROPIC_TOOL_NAME_CHARS_MAX),
      geminiToolName(name),
    ];
    for (const safe of forms) {
      if (safe !== name) (changed ??= new Map()).set(safe, name);
    }
  }
  return (name) => changed?.get(name) ?? name;
}

/** Ids for the calls of one answer: valid, never empty, never twice the same. */
export function answerToolIds(prefix: string, seed: string): (id: string) => string {
  const given = new Set<string>();
  let minted = 0;
  return (id) => {
    const safe = safeToolId(id);
    let unique = safe;
    for (let copy = 2; unique === "" || given.has(unique); copy += 1) {
      if (safe === "") {
        unique = safeToolId(`${prefix}${seed}_${minted}`);
        minted += 1;
      } else {
        unique = safeToolId(`${safe}_${copy}`);
      }
    }
    given.add(unique);
    return unique;
  };
}
