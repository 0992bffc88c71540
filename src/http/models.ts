/** The model list, in the shape of whoever asks; from memory; only the list of one provider may ask it. `http-api.md` sections 13.1, 14, 15. */
import { type Identity, RelayError } from "../plugin/index.ts";
import { orAborted } from "../relay/patience.ts";
import { isBounded, isReachable } from "../relay/reach.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import { isKey } from "../routing/key-pool.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { isGlob } from "../support/glob.ts";
import { json } from "./api.ts";
import { errorResponse, type Family } from "./errors.ts";
import { ANTHROPIC_MODELS, GEMINI_MODELS, type ModelShape, type Offered, OPENAI_MODELS } from "./model-shapes.ts";
import type { HttpServices } from "./services.ts";

/** Longer names are no names. */
const NAME_LENGTH_MAX = 256;

interface Place {
  readonly family: Family;
  readonly shape: ModelShape;
  /** Only these providers' models. */
  readonly dialect?: string;
  /** Still percent-encoded; absent = the list. */
  readonly id?: string;
  /** May the configuration open it to callers without a credential? */
  readonly isOpen: boolean;
}

/** Where the model list stands, for every family; `undefined` for other paths. */
function placeOf(path: string, headers: Headers): Place | undefined {
  const [, root = "", id] = /^(\/v1\/anthropic|\/v1|\/v1beta|\/v1alpha)\/models(?:\/(.+))?$/.exec(path) ?? [];
  if (root === "") return undefined;
  const item = id === undefined ? {} : { id };
  if (root === "/v1/anthropic") {
    const own = { family: "anthropic", shape: ANTHROPIC_MODELS, dialect: "anthropic-messages", isOpen: false } as const;
    return id === undefined ? own : undefined;
  }
  if (root !== "/v1") return { family: "gemini", shape: GEMINI_MODELS, isOpen: false, ...item };
  // Google's SDKs ask here too, where they are told to use the stable version of the API.
  if (headers.has("x-goog-api-client")) return { family: "gemini", shape: GEMINI_MODELS, isOpen: true, ...item };
  return headers.has("anthropic-version")
    ? { family: "anthropic", shape: ANTHROPIC_MODELS, isOpen: true, ...item }
    : { family: "openai", shape: OPENAI_MODELS, isOpen: true, ...item };
}

export function isModelsPath(path: string, headers: Headers): boolean {
  return placeOf(path, headers) !== undefined;
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
  const place = placeOf(path, request.headers)!;
  const { shape, family } = place;
  try {
    const parameters = new URLSearchParams(query);
    const caller = await checkCaller(snapshot, request.headers, place, identify);
    const all = place.dialect === undefined ? offeredModels(snapshot) : await modelsOf(snapshot, place.dialect);
    const models =
      caller === undefined || !isBounded(caller)
        ? all
        : all.filter(({ id }) => isReachable(snapshot.router, caller, id));
    const answer =
      place.id === undefined ? shape.list(models, parameters) : shape.one(find(snapshot, models, place.id, caller));
    const response = json(answer);
    if (place.isOpen) response.headers.set("vary", "anthropic-version, x-goog-api-client");
    return response;
  } catch (cause) {
    const error = RelayError.from(
      cause instanceof URIError ? new RelayError("bad-request", "The model id is malformed.") : cause,
    );
    if (error.code === "internal") services.relay.log.error("the model list failed", { req: requestId, error });
    return errorResponse(family, error, requestId);
  }
}

/** What may be called is known, though only names without a pattern stand in lists. */
function find(snapshot: Snapshot, models: readonly Offered[], written: string, caller: Identity | undefined): Offered {
  const id = decodeURIComponent(written);
  const model = models.find((candidate) => candidate.id === id);
  if (model !== undefined) return model;
  const entry = id.length > NAME_LENGTH_MAX || isGlob(id) ? undefined : snapshot.router.servedByPattern(id);
  const isOpen = caller === undefined || !isBounded(caller) || isReachable(snapshot.router, caller, id);
  if (entry !== undefined && isOpen) return { id, ownedBy: entry.name, entry };
  throw new RelayError("model-not-found", "There is no such model.", { wireCode: "model_not_found", param: "model" });
}

/** Public unless the configuration says otherwise; but a credential that is shown has to be good. */
async function checkCaller(
  snapshot: Snapshot,
  headers: Headers,
  { isOpen }: Place,
  identify: () => Promise<Identity | undefined>,
): Promise<Identity | undefined> {
  const shows = ["authorization", "x-api-key", "x-access-key", "x-goog-api-key"].some(
    (name) => (headers.get(name) ?? "").trim() !== "",
  );
  if (!shows && isOpen && snapshot.config.server.publicModels) return undefined;
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
  const listed = snapshot.router.offered().map(({ id, entry }) => ({ id, ownedBy: entry.name, entry }));
  const models = [...listed];
  const names = new Set(listed.map(({ id }) => id));
  if (modelRouting.enabled && modelRouting.listAliases) {
    for (const alias of Object.keys(modelRouting.aliases)) {
      if (names.has(alias) || isGlob(alias)) continue;
      const entry = ownerOf(snapshot, alias);
      if (entry !== undefined) models.push({ id: alias, ownedBy: entry.name, entry });
    }
  }
  if (modelRouting.listProviderSuffix) {
    for (const { id, ownedBy, entry } of listed) models.push({ id: `${id}@${ownedBy}`, ownedBy, entry });
  }
  return models;
}

function ownerOf(snapshot: Snapshot, name: string): ProviderEntry | undefined {
  try {
    return snapshot.router.resolve(name).targets[0]?.entry;
  } catch (error) {
    if (RelayError.is(error) && error.code === "model-not-found") return undefined;
    throw error;
  }
}

const REMOTE_LIST_MAX_MS = 10_000;

/** Of the first enabled provider of a dialect: what it is configured to serve, else what it says it has. */
async function modelsOf(snapshot: Snapshot, dialect: string): Promise<Offered[]> {
  const entry = snapshot.providers
    .flatMap(({ entry }) => (entry === undefined || entry.provider.answer !== undefined ? [] : [entry]))
    .find(({ codecs }) => codecs[0]?.id === dialect);
  if (entry === undefined) {
    throw new RelayError("unavailable", "No provider of this dialect is enabled.", { wireCode: "no_providers" });
  }
  const literal = entry.include.filter((name) => !isGlob(name));
  const ids = literal.length > 0 ? literal : await remoteModels(entry);
  return ids.map((id) => ({ id, ownedBy: entry.name, entry }));
}

async function remoteModels({ provider, keys }: ProviderEntry): Promise<string[]> {
  const key = keys.pick(undefined);
  if (provider.listModels === undefined || !isKey(key)) return [];
  try {
    const signal = AbortSignal.timeout(REMOTE_LIST_MAX_MS);
    const names: unknown = await orAborted(signal, Promise.resolve(provider.listModels(key.secret, signal)));
    if (!Array.isArray(names) || names.some((name) => typeof name !== "string")) {
      throw new TypeError("the plugin's model list is not a list of names");
    }
    return names;
  } catch (cause) {
    throw new RelayError("upstream-unavailable", "The provider's own model list could not be had.", { cause });
  }
}
