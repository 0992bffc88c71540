/** JSON whose whole numbers keep all their digits where they are a tool's business: ids there are often longer than 2^53. */
import type { Json, JsonObject } from "../../contract/chat.ts";
import { isObject, parseJson } from "./json.ts";

/** Where inputs and results of tools stand as JSON of their own. */
const OF_TOOLS: ReadonlySet<string> = new Set(["input", "args", "arguments", "response"]);

/** Shorter numbers are always exact. */
const LONG_NUMBER = /\d{16}/;
const WHOLE_NUMBER = /^-?\d+$/;

/** A number that is written as it was read. It is opaque: only `JSON.stringify` may look into it. */
interface RawJson {
  readonly rawJSON: string;
}
const { isRawJSON, rawJSON } = JSON as typeof JSON & {
  isRawJSON(value: unknown): value is RawJson;
  rawJSON(text: string): RawJson;
};

function revive(_name: string, value: unknown, { source = "" }: { source?: string } = {}): unknown {
  const isInexact = typeof value === "number" && !Number.isSafeInteger(value) && WHOLE_NUMBER.test(source);
  return isInexact ? rawJSON(source) : value;
}

/** What a tool is given or returns; `undefined` when the text is not JSON, as models and clients do send it. */
export function parseToolJson(text: string): Json | undefined {
  if (!LONG_NUMBER.test(text)) return parseJson(text);
  try {
    return JSON.parse(text, revive) as Json;
  } catch {
    return undefined; // the only expected failure is a syntax error
  }
}

/** A request, an answer or a piece of one. Numbers that are not a tool's business are plain. Throws `SyntaxError`. */
export function parseExact(text: string): Json {
  return LONG_NUMBER.test(text) ? plainOutside(JSON.parse(text, revive) as Json) : (JSON.parse(text) as Json);
}

function plainOutside(value: Json): Json {
  if (Array.isArray(value)) return value.map(plainOutside);
  if (isRawJSON(value)) return Number(value.rawJSON);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, isOfTool(name, inner) ? inner : plainOutside(inner)]),
  );
}

function isOfTool(name: string, value: Json): value is JsonObject {
  return OF_TOOLS.has(name) && isObject(value) && !isRawJSON(value);
}

/** `parseExact`; `undefined` when the text is not JSON. */
export function parseJsonExact(text: string): Json | undefined {
  try {
    return parseExact(text);
  } catch {
    return undefined; // the only expected failure is a syntax error
  }
}
