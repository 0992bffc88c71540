/** Routes of things that lie with Gemini: cached contents and batches. `http-api.md` section 15. */
import { gemini } from "../plugin/index.ts";
import type { RelayRoute } from "../relay/route.ts";
import { type FoundObjectRoute, findIn, type ObjectFamily, patternsOf, route, uses } from "./object-routes.ts";

/** What is kept is part of later prompts: whoever may chat may keep it. */
const CACHES: ObjectFamily = {
  kind: "gemini-cache",
  operation: "files",
  codec: gemini,
  read: "chat:write",
  write: "chat:write",
};
const BATCHES: ObjectFamily = {
  kind: "gemini-batch",
  operation: "batches",
  codec: gemini,
  read: "batches:read",
  write: "batches:write",
};

export const GEMINI_OBJECT_ROUTES: readonly RelayRoute[] = [
  route(CACHES, "POST", "/v1beta/cachedContents", "create", { required: { model: "string" } }),
  route(CACHES, "GET", "/v1beta/cachedContents", "list"),
  ...uses(CACHES, "GET PATCH DELETE", "/v1beta/cachedContents/{id}"),

  route(BATCHES, "GET", "/v1beta/batches", "list"),
  ...uses(BATCHES, "GET DELETE", "/v1beta/batches/{id}"),
  ...uses(BATCHES, "POST", "/v1beta/batches/{id}:cancel"),
];

/** By the verb behind the model that does the work. */
export const GEMINI_MAKERS: ReadonlyMap<string, RelayRoute> = new Map([
  [
    "batchGenerateContent",
    {
      ...route(BATCHES, "POST", "/v1beta/models/{model}:batchGenerateContent", "create", {
        required: { batch: "object" },
      }),
      upstreamPath: ":batchGenerateContent",
    },
  ],
]);

const PATTERNS = patternsOf(GEMINI_OBJECT_ROUTES);

/** Things are named by their collection and their id in it, e.g. `cachedContents/abc`. Results as of `findObjectRoute`. */
export function findGeminiObject(
  path: string,
  method: string,
): (FoundObjectRoute & { readonly path: string }) | readonly string[] | undefined {
  const below = /^\/v1(?:beta|alpha)(\/.+)$/.exec(path)?.[1];
  const collection = below?.split("/", 2)[1];
  if (below === undefined || collection === undefined) return undefined;
  const found = findIn(PATTERNS.get(collection) ?? [], `/v1beta${below}`, method);
  if (found === undefined || !("route" in found)) return found;
  return { ...found, path: below, id: found.id === undefined ? undefined : `${collection}/${found.id}` };
}
