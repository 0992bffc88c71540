/** The fixed words of Gemini's generateContent, and the two spellings of its field names. */
import type { Finish, FinishReason, JsonObject } from "../../contract/chat.ts";
import type { Traits } from "../../contract/codec.ts";

/** API: https://ai.google.dev/api/generate-content */
export const GEMINI = "gemini";

/**
 * Facts about Gemini models that the shared traits have no word for. The shared `thinking` is read as: `adaptive` =
 * levels (Gemini 3 and later, which also validate signatures), `budget` = token budgets (2.5), `none`; absent = budgets,
 * which every thinking model takes. `toolMedia`: may a function response hold media? Default false.
 */
export interface GeminiTraits extends Traits {
  /** How schemas are written: as JSON Schema, or in the OpenAPI subset of fronts that know no other. Default `json`. */
  readonly schemaDialect?: "json" | "openapi";
  /** Takes the field that asks for a tier of service; false at Google's cloud, where it stands in a header. */
  readonly serviceTiers?: boolean;
}

/** Tiers of service, as requests ask for them and answers name them. */
export const TIERS: readonly string[] = ["standard", "flex", "priority"];

const REASONS: { readonly [word: string]: FinishReason } = {
  STOP: "stop",
  MAX_TOKENS: "length",
  SAFETY: "content-filter",
  RECITATION: "content-filter",
  LANGUAGE: "content-filter",
  BLOCKLIST: "content-filter",
  PROHIBITED_CONTENT: "content-filter",
  SPII: "content-filter",
  MODEL_ARMOR: "content-filter",
  MALFORMED_FUNCTION_CALL: "error",
  UNEXPECTED_TOOL_CALL: "error",
  TOO_MANY_TOOL_CALLS: "error",
  MISSING_THOUGHT_SIGNATURE: "error",
  MALFORMED_RESPONSE: "error",
};

/**
 * Every `finishReason` and what it means; Gemini has no word of its own for "call these". Calls that it finds fault
 * with but gives out all the same are the client's to judge: it knows best what to answer to a tool it has not got.
 */
export function readFinishReason(word: string | undefined, hasCalls: boolean): FinishReason {
  if (word === undefined) return hasCalls ? "tool-calls" : "stop";
  const known = Object.hasOwn(REASONS, word) ? REASONS[word] : undefined;
  const reason = known ?? (word.startsWith("IMAGE_") ? "content-filter" : "other");
  if (!hasCalls) return reason;
  return reason === "stop" ? "tool-calls" : reason === "error" ? "other" : reason;
}

const WORDS: { readonly [Reason in FinishReason]: string } = {
  stop: "STOP",
  length: "MAX_TOKENS",
  "tool-calls": "STOP",
  "content-filter": "SAFETY",
  refusal: "SAFETY",
  pause: "STOP",
  context: "MAX_TOKENS",
  error: "OTHER",
  other: "STOP",
};

/** The upstream's own word if it is one of this dialect and still true, else the nearest. */
export function writeFinishReason({ reason, raw }: Finish): string {
  const isOwn = raw !== undefined && /^[A-Z][A-Z_]+$/.test(raw);
  return isOwn && [true, false].some((hasCalls) => readFinishReason(raw, hasCalls) === reason) ? raw : WORDS[reason];
}

/**
 * The object with its own field names in camel case, which Gemini's JSON mapping takes for the same as snake case.
 * What stands inside the fields is left alone: it may be the client's.
 */
export function camelFields(source: JsonObject): JsonObject {
  const names = Object.keys(source);
  if (!names.some((name) => name.includes("_"))) return source;
  const renamed = names.map((name) => [camelName(name), source[name] ?? null] as const);
  const asWritten = renamed.filter((_entry, position) => renamed[position]?.[0] === names[position]);
  return Object.fromEntries([...renamed, ...asWritten]);
}

export function camelName(name: string): string {
  return name.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}

/** Repeated fields may be written as the one thing they hold, as Google's own examples do. */
export function asList<T>(value: T | T[] | null | undefined): T[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
