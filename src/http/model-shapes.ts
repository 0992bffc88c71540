/** Model lists as each family writes them, with its own way of paging. */
import { type JsonObject, RelayError } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";

/** OpenAI's list wants a date; nobody knows one. */
const CREATED = 1_710_000_000;
const CREATED_AT = "2024-03-09T16:00:00Z";
/** Gemini's list wants both limits; these stand where nobody told them. */
const INPUT_TOKENS = 128_000;
const OUTPUT_TOKENS = 8_192;

export interface Offered {
  readonly id: string;
  readonly ownedBy: string;
  /** Who would answer. */
  readonly entry: ProviderEntry;
}

/** How one family writes a model, and a list of them. Paging out of bounds throws `bad-request`. */
export interface ModelShape {
  one(model: Offered): JsonObject;
  list(models: readonly Offered[], parameters: URLSearchParams): JsonObject;
}

export const OPENAI_MODELS: ModelShape = {
  one: ({ id, ownedBy }) => ({ id, object: "model", created: CREATED, owned_by: ownedBy }),
  list(models, parameters) {
    // Codex asks with its version and takes nothing but its own catalogue.
    if (parameters.has("client_version")) return { models: [] };
    return { object: "list", data: models.map(OPENAI_MODELS.one) };
  },
};

export const ANTHROPIC_MODELS: ModelShape = {
  one: ({ id }) => ({ type: "model", id, display_name: id, created_at: CREATED_AT }),
  list(models, parameters) {
    const limit = pageSize(parameters, "limit", 20);
    const after = parameters.get("after_id");
    const before = parameters.get("before_id");
    const indexOf = (id: string) => models.findIndex((model) => model.id === id);
    let from = 0;
    let to = models.length;
    if (after !== null) from = indexOf(after) + 1;
    if (before !== null && indexOf(before) >= 0) to = indexOf(before);
    const slice =
      before === null ? models.slice(from, Math.min(to, from + limit)) : models.slice(Math.max(from, to - limit), to);
    const hasMore = before === null ? from + slice.length < to : to - slice.length > from;
    return {
      data: slice.map(ANTHROPIC_MODELS.one),
      has_more: hasMore,
      first_id: slice[0]?.id ?? null,
      last_id: slice.at(-1)?.id ?? null,
    };
  },
};

export const GEMINI_MODELS: ModelShape = {
  one: ({ id, entry }) => ({
    name: `models/${id}`,
    displayName: id,
    inputTokenLimit: INPUT_TOKENS,
    outputTokenLimit: entry.traits(id).maxOutputTokens ?? OUTPUT_TOKENS,
    supportedGenerationMethods: /embed/i.test(id)
      ? ["embedContent", "batchEmbedContents"]
      : ["generateContent", "streamGenerateContent", "countTokens"],
  }),
  list(models, parameters) {
    const size = pageSize(parameters, "pageSize", 50);
    const from = Number(parameters.get("pageToken") ?? 0);
    if (!Number.isInteger(from) || from < 0) {
      throw new RelayError("bad-request", "The page token is none of ours.", { param: "pageToken" });
    }
    const next = from + size;
    return {
      models: models.slice(from, next).map(GEMINI_MODELS.one),
      ...(next < models.length ? { nextPageToken: String(next) } : {}),
    };
  },
};

const PAGE_MAX = 1000;

function pageSize(parameters: URLSearchParams, name: string, usual: number): number {
  const text = parameters.get(name);
  if (text === null) return usual;
  const size = Number(text);
  if (!Number.isInteger(size) || size < 1 || size > PAGE_MAX) {
    throw new RelayError("bad-request", `"${name}" must be a whole number from 1 to ${PAGE_MAX}.`, { param: name });
  }
  return size;
}
