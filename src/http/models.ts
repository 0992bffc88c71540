/** The model list, in the shape of whoever asks; from memory, never by asking upstreams. `http-api.md` section 13.1. */
import { type Identity, RelayError } from "../plugin/index.ts";
import { isBounded, isReachable } from "../relay/reach.ts";
import { isGlob } from "../support/glob.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { json } from "./api.ts";
import { errorResponse } from "./errors.ts";
import type { HttpServices } from "./services.ts";

/** OpenAI's list wants a date; nobody knows one. */
const CREATED = 1_710_000_000;
const CREATED_AT = "2024-03-09T16:00:00Z";
const PAGE_DEFAULT = 20;
const PAGE_MAX = 1000;

interface Offered {
  readonly id: string;
  readonly ownedBy: string;
}

export async function listModels(
  services: HttpServices,
  snapshot: Snapshot,
  request: Request,
  path: string,
  query: string,
  requestId: string,
  identify: () => Promise<Identity | undefined>,
): Promise<Response> {
  const isAnthropic = request.headers.has("anthropic-version");
  try {
    const caller = await checkCaller(snapshot, request, identify);
    const all = offeredModels(snapshot);
    const models =
      caller === undefined || !isBounded(caller)
        ? all
        : all.filter(({ id }) => isReachable(snapshot.router, caller, id));
    const id = path === "/v1/models" ? undefined : decodeURIComponent(path.slice("/v1/models/".length));
    const parameters = new URLSearchParams(query);
    if (id !== undefined) {
      const model = models.find((candidate) => candidate.id === id);
      if (model === undefined) {
        throw new RelayError("model-not-found", "There is no such model.", {
          wireCode: "model_not_found",
          param: "model",
        });
      }
      return json(isAnthropic ? anthropicModel(model) : openaiModel(model));
    }
    if (isAnthropic) return json(anthropicPage(models, parameters));
    // Codex asks with its version and takes nothing but its own catalogue.
    if (parameters.has("client_version")) return json({ models: [] });
    return json({ object: "list", data: models.map(openaiModel) });
  } catch (cause) {
    const error = RelayError.from(
      cause instanceof URIError ? new RelayError("bad-request", "The model id is malformed.") : cause,
    );
    if (error.code === "internal") services.relay.log.error("the model list failed", { req: requestId, error });
    return errorResponse(isAnthropic ? "anthropic" : "openai", error, requestId);
  }
}

/** Public unless the configuration says otherwise; but a credential that is shown has to be good. */
async function checkCaller(
  snapshot: Snapshot,
  request: Request,
  identify: () => Promise<Identity | undefined>,
): Promise<Identity | undefined> {
  const { headers } = request;
  const shows = ["authorization", "x-api-key", "x-access-key", "x-goog-api-key"].some(
    (name) => (headers.get(name) ?? "").trim() !== "",
  );
  if (!shows && snapshot.config.server.publicModels) return undefined;
  const identity = await identify();
  if (identity === undefined) throw new RelayError("unauthenticated", "Unauthorized");
  if (!identity.scopes.has("models:read")) {
    throw new RelayError("forbidden", 'This credential lacks the scope "models:read".', {
      wireCode: "insufficient_scope",
    });
  }
  return identity;
}

function offeredModels(snapshot: Snapshot): Offered[] {
  const { modelRouting } = snapshot.config;
  const listed = snapshot.router.offered().map(({ id, entry }) => ({ id, ownedBy: entry.name }));
  const models = [...listed];
  const names = new Set(listed.map(({ id }) => id));
  if (modelRouting.enabled && modelRouting.listAliases) {
    for (const alias of Object.keys(modelRouting.aliases)) {
      if (names.has(alias) || isGlob(alias)) continue;
      const ownedBy = ownerOf(snapshot, alias);
      if (ownedBy !== undefined) models.push({ id: alias, ownedBy });
    }
  }
  if (modelRouting.listProviderSuffix) {
    for (const { id, ownedBy } of listed) models.push({ id: `${id}@${ownedBy}`, ownedBy });
  }
  return models;
}

function ownerOf(snapshot: Snapshot, name: string): string | undefined {
  try {
    return snapshot.router.resolve(name).targets[0]?.entry.name;
  } catch (error) {
    if (RelayError.is(error) && error.code === "model-not-found") return undefined;
    throw error;
  }
}

function openaiModel({ id, ownedBy }: Offered) {
  return { id, object: "model", created: CREATED, owned_by: ownedBy };
}

function anthropicModel({ id }: Offered) {
  return { type: "model", id, display_name: id, created_at: CREATED_AT };
}

function anthropicPage(models: readonly Offered[], parameters: URLSearchParams) {
  const limit = pageSize(parameters.get("limit"));
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
    data: slice.map(anthropicModel),
    has_more: hasMore,
    first_id: slice[0]?.id ?? null,
    last_id: slice.at(-1)?.id ?? null,
  };
}

function pageSize(text: string | null): number {
  if (text === null) return PAGE_DEFAULT;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX) {
    throw new RelayError("bad-request", `"limit" must be a whole number from 1 to ${PAGE_MAX}.`, { param: "limit" });
  }
  return limit;
}
