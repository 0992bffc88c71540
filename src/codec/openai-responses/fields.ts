/** Top-level Responses fields that need more than copying: output format, reasoning, what to include. */
import type { ChatRequest, Json, JsonObject, Reasoning, ResponseFormat } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { WITH_OUTPUTS, WITH_SOURCES } from "./hosted-tools.ts";
import { arrayOr, compact, isObject, objectOr, textOf } from "../shared/json.ts";
import { isEffort, levelFor } from "../shared/reasoning.ts";
import { INCLUDE_ENCRYPTED, INCLUDE_LOGPROBS } from "./wire.ts";

/** `text.format`, which unlike chat's is flat. */
export function readFormat(text: Json | undefined): ResponseFormat | undefined {
  const format = objectOr(objectOr(text)["format"]);
  switch (format["type"]) {
    case "text":
      return { type: "text" };
    case "json_object":
      return { type: "json" };
    case "json_schema":
      return compact<Extract<ResponseFormat, { type: "json-schema" }>>({
        type: "json-schema",
        name: textOf(format["name"]),
        description: textOf(format["description"]),
        schema: objectOr(format["schema"]),
        strict: typeof format["strict"] === "boolean" ? format["strict"] : undefined,
      });
    default:
      return undefined;
  }
}

/** The vendor demands a name for a schema; other dialects have none. */
const DEFAULT_SCHEMA_NAME = "response";
const SCHEMA_NAME_CHARS_MAX = 64;

/** Strict mode is this dialect's default but no other's, so it is always spelt out. */
export function writeFormat(format: ResponseFormat): JsonObject {
  if (format.type === "text") return { type: "text" };
  if (format.type === "json") return { type: "json_object" };
  const { name, description, schema, strict } = format;
  return {
    type: "json_schema",
    name: name?.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, SCHEMA_NAME_CHARS_MAX) || DEFAULT_SCHEMA_NAME,
    ...(description === undefined ? {} : { description }),
    schema,
    strict: strict ?? false,
  };
}

const SUMMARIES: ReadonlySet<string> = new Set(["auto", "concise", "detailed"]);

/** Who names an effort and no summary gets none: that is this dialect's default. */
export function readReasoningSettings(value: Json | undefined): Reasoning | undefined {
  const settings = objectOr(value);
  const { effort } = settings;
  const written = textOf(settings["summary"]) ?? textOf(settings["generate_summary"]);
  const summary = written !== undefined && SUMMARIES.has(written) ? (written as Reasoning["summary"]) : undefined;
  const reasoning = compact<Reasoning>({
    effort: isEffort(effort) ? effort : undefined,
    summary: summary ?? (isEffort(effort) ? "none" : undefined),
  });
  return Object.keys(reasoning).length === 0 ? undefined : reasoning;
}

const ANY_MODEL: Omit<EncodeTarget, "model"> = { traits: {}, lose: () => {} };

/** Summaries only when asked for by name: some models give none to accounts that have not been verified. */
export function writeReasoningSettings(
  reasoning: Reasoning | undefined,
  target: Omit<EncodeTarget, "model"> = ANY_MODEL,
): JsonObject | undefined {
  if (reasoning === undefined) return undefined;
  const { summary } = reasoning;
  const isShown = summary !== undefined && summary !== "none" && target.traits.thinking !== "none";
  const settings = compact<JsonObject>({
    effort: levelFor(reasoning, target),
    summary: isShown ? summary : undefined,
  });
  return Object.keys(settings).length === 0 ? undefined : settings;
}

const GIVEN: ReadonlySet<Json> = new Set([INCLUDE_ENCRYPTED, INCLUDE_LOGPROBS, WITH_SOURCES, WITH_OUTPUTS]);

/** Entries of `include` that other dialects have no word for and the relay does not give anyway. */
export function specialIncludes(include: Json | undefined): Json[] {
  return arrayOr(include).filter((entry) => !GIVEN.has(entry));
}

/** Is the choice one of a built-in tool, which other dialects cannot be told? */
export function isHostedChoice(choice: Json | undefined, read: ChatRequest["toolChoice"]): boolean {
  return isObject(choice) && read === undefined;
}
