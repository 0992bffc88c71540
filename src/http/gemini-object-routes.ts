/** Routes of things that lie with Gemini: files, cached contents and batches. `http-api.md` section 15. */
import { gemini } from "../plugin/index.ts";
import type { RelayRoute } from "../relay/route.ts";
import { CONTENT, type FoundObjectRoute, findIn, type ObjectFamily, patternsOf, route, uses } from "./object-routes.ts";

/** What is kept is part of later prompts: whoever may chat may keep it. */
const CACHES: ObjectFamily = {
  kind: "gemini-cache",
  operation: "files",
  codec: gemini,
  read: "chat:write",
  write: "chat:write",
};
const FILES: ObjectFamily = {
  kind: "gemini-file",
  operation: "files",
  codec: gemini,
  read: "files:read",
  write: "files:write",
};
const BATCHES: ObjectFamily = {
  kind: "gemini-batch",
  operation: "batches",
  codec: gemini,
  read: "batches:read",
  write: "batches:write",
};

export const GEMINI_OBJECT_ROUTES: readonly RelayRoute[] = [
  route(CACHES, "POST", "/v1beta/cachedContents", "create", {
    keepsPrompt: true,
    required: { model: "string" },
  }),
  route(CACHES, "GET", "/v1beta/cachedContents", "list", { isPagedByToken: true }),
  ...uses(CACHES, "GET PATCH DELETE", "/v1beta/cachedContents/{id}"),

  route(FILES, "GET", "/v1beta/files", "list", { isPagedByToken: true }),
  ...uses(FILES, "GET DELETE", "/v1beta/files/{id}"),
  ...uses(FILES, "GET", "/v1beta/files/{id}:download", CONTENT),

  route(BATCHES, "GET", "/v1beta/batches", "list", { isPagedByToken: true }),
  ...uses(BATCHES, "GET DELETE", "/v1beta/batches/{id}"),
  ...uses(BATCHES, "POST", "/v1beta/batches/{id}:cancel"),
];

/** By the verb behind the model that does the work. */
export const GEMINI_MAKERS: ReadonlyMap<string, RelayRoute> = new Map([
  [
    "batchGenerateContent",
    {
      ...route(BATCHES, "POST", "/v1beta/models/{model}:batchGenerateContent", "create", {
        isBatchOfRequests: true,
        required: { batch: "object" },
      }),
      upstreamPath: ":batchGenerateContent",
    },
  ],
]);

/** Google's clients begin and continue uploads below a root of their own. */
export const GEMINI_UPLOAD_ROUTE: RelayRoute = route(FILES, "POST", "/upload/v1beta/files", "create", {
  body: "google-upload",
});

const PATTERNS = patternsOf(GEMINI_OBJECT_ROUTES);

/**
 * Things are named by their collection and their id in it, e.g. `cachedContents/abc`. Results as of `findObjectRoute`.
 * @param isGoogles asked by a client of Google's, which means its own things below `/v1` too
 */
export function findGeminiObject(
  path: string,
  method: string,
  isGoogles: boolean,
): (FoundObjectRoute & { readonly path: string }) | readonly string[] | undefined {
  if (/^\/upload\/v1(?:beta|alpha)?\/files$/.test(path)) {
    return method === "POST" ? { route: GEMINI_UPLOAD_ROUTE, id: undefined, path } : ["POST"];
  }
  const [, version, below] = /^\/v1(beta|alpha)?(\/.+)$/.exec(path) ?? [];
  const collection = below?.split("/", 2)[1];
  if (below === undefined || collection === undefined || (version === undefined && !isGoogles)) return undefined;
  const found = findIn(PATTERNS.get(collection) ?? [], `/v1beta${below}`, method);
  if (found === undefined || !("route" in found)) return found;
  return { ...found, path: below, id: found.id === undefined ? undefined : `${collection}/${found.id}` };
}
