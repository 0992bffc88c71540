/** Routes of things that lie with an upstream: files, batches, fine-tunings, assistants, conversations, videos and the like. */
import type { Scope } from "../config/scopes.ts";
import { anthropicMessages, type Codec, type Operation, openaiChat, openaiResponses } from "../plugin/index.ts";
import type { ObjectUse, RelayRoute } from "../relay/route.ts";

export interface ObjectFamily {
  readonly kind: string;
  readonly operation: Operation;
  readonly codec?: Codec;
  readonly read: Scope;
  readonly write: Scope;
  readonly isDeprecated?: true;
}

const FILES: ObjectFamily = { kind: "file", operation: "files", read: "files:read", write: "files:write" };
const UPLOADS: ObjectFamily = { ...FILES, kind: "upload" };
const STORES: ObjectFamily = { ...FILES, kind: "vector-store" };
const BATCHES: ObjectFamily = { kind: "batch", operation: "batches", read: "batches:read", write: "batches:write" };
const MESSAGE_BATCHES: ObjectFamily = { ...BATCHES, kind: "message-batch", codec: anthropicMessages };
const TUNING: ObjectFamily = {
  kind: "fine-tuning-job",
  operation: "fine-tuning",
  read: "fine_tuning:read",
  write: "fine_tuning:write",
};
const ASSISTANTS: ObjectFamily = {
  kind: "assistant",
  operation: "assistants",
  read: "assistants:read",
  write: "assistants:write",
  isDeprecated: true,
};
const THREADS: ObjectFamily = { ...ASSISTANTS, kind: "thread" };
const RUNS: ObjectFamily = { ...ASSISTANTS, kind: "run" };
const RESPONSES: ObjectFamily = {
  kind: "response",
  operation: "responses",
  codec: openaiResponses,
  read: "chat:write",
  write: "chat:write",
};

const CONVERSATIONS: ObjectFamily = { ...RESPONSES, kind: "conversation" };
const CONTAINERS: ObjectFamily = { ...FILES, kind: "container" };
const SKILLS: ObjectFamily = { ...FILES, kind: "skill" };
/** Anthropic has things of these names too, at the same paths; what is one vendor's is none of the other's. */
const CLAUDE_FILES: ObjectFamily = { ...FILES, kind: "claude-file", codec: anthropicMessages };
const CLAUDE_SKILLS: ObjectFamily = { ...CLAUDE_FILES, kind: "claude-skill" };
const EVALS: ObjectFamily = { ...TUNING, kind: "eval" };
const VIDEOS: ObjectFamily = { kind: "video", operation: "videos", read: "images:write", write: "images:write" };

type OfRoute = Partial<Pick<RelayRoute, "body" | "required" | "usualModel" | "alsoJson">>;
type More = Omit<Partial<ObjectUse>, "kind" | "action"> & OfRoute;

/** `{id}` is the object that decides where a call goes; other names in braces are of things inside it. */
export function route(
  family: ObjectFamily,
  method: string,
  path: string,
  action: ObjectUse["action"],
  more: More = {},
): RelayRoute {
  const {
    body = method === "POST" || method === "PATCH" ? "json" : "none",
    required = {},
    usualModel,
    alsoJson,
    ...rest
  } = more;
  const { kind, operation, codec = openaiChat, isDeprecated } = family;
  return {
    path,
    method,
    operation,
    codec,
    scope: method === "GET" ? family.read : family.write,
    body,
    required,
    optional: {},
    ...(usualModel === undefined ? {} : { usualModel }),
    ...(alsoJson === undefined ? {} : { alsoJson }),
    object: { kind, action, ...(isDeprecated === undefined ? {} : { isDeprecated }), ...rest },
  };
}

/** The same path for several methods, all of them about the object. */
export function uses(family: ObjectFamily, methods: string, path: string, more: More = {}): RelayRoute[] {
  return methods.split(" ").map((method) => route(family, method, path, "use", more));
}

export const CONTENT: More = { tellsContent: true };

/** `http-api.md` sections 13 and 14. */
export const OBJECT_ROUTES: readonly RelayRoute[] = [
  route(FILES, "POST", "/v1/files", "create", { body: "multipart" }),
  route(FILES, "GET", "/v1/files", "list"),
  ...uses(FILES, "GET DELETE", "/v1/files/{id}"),
  ...uses(FILES, "GET", "/v1/files/{id}/content", CONTENT),

  route(UPLOADS, "POST", "/v1/uploads", "create"),
  ...uses(UPLOADS, "POST", "/v1/uploads/{id}/parts", { body: "multipart" }),
  ...uses(UPLOADS, "POST", "/v1/uploads/{id}/complete"),
  ...uses(UPLOADS, "POST", "/v1/uploads/{id}/cancel"),

  route(BATCHES, "POST", "/v1/batches", "create", {
    refersBy: ["input_file_id"],
    mayAskAnyModel: "always",
    required: { input_file_id: "string" },
  }),
  route(BATCHES, "GET", "/v1/batches", "list"),
  ...uses(BATCHES, "GET POST", "/v1/batches/{id}"),
  ...uses(BATCHES, "POST", "/v1/batches/{id}/cancel"),

  route(TUNING, "POST", "/v1/fine_tuning/jobs", "create", {
    refersBy: ["training_file", "validation_file"],
    required: { model: "string", training_file: "string" },
  }),
  route(TUNING, "GET", "/v1/fine_tuning/jobs", "list"),
  ...uses(TUNING, "GET", "/v1/fine_tuning/jobs/{id}"),
  ...uses(TUNING, "POST", "/v1/fine_tuning/jobs/{id}/cancel"),
  ...uses(TUNING, "POST", "/v1/fine_tuning/jobs/{id}/pause"),
  ...uses(TUNING, "POST", "/v1/fine_tuning/jobs/{id}/resume"),
  ...uses(TUNING, "GET", "/v1/fine_tuning/jobs/{id}/events"),
  ...uses(TUNING, "GET", "/v1/fine_tuning/jobs/{id}/checkpoints"),

  route(ASSISTANTS, "POST", "/v1/assistants", "create", { required: { model: "string" } }),
  route(ASSISTANTS, "GET", "/v1/assistants", "list"),
  ...uses(ASSISTANTS, "GET POST DELETE", "/v1/assistants/{id}"),

  route(THREADS, "POST", "/v1/threads", "create"),
  route(RUNS, "POST", "/v1/threads/runs", "create", {
    refersBy: ["assistant_id"],
    mayAskAnyModel: "unless-named",
  }),
  ...uses(THREADS, "GET POST DELETE", "/v1/threads/{id}"),
  ...uses(THREADS, "GET POST", "/v1/threads/{id}/messages"),
  ...uses(THREADS, "GET POST DELETE", "/v1/threads/{id}/messages/{message}"),
  ...uses(THREADS, "GET", "/v1/threads/{id}/runs"),
  ...uses(THREADS, "POST", "/v1/threads/{id}/runs", { mayAskAnyModel: "unless-named" }),
  ...uses(THREADS, "GET POST", "/v1/threads/{id}/runs/{run}"),
  ...uses(THREADS, "POST", "/v1/threads/{id}/runs/{run}/cancel"),
  ...uses(THREADS, "POST", "/v1/threads/{id}/runs/{run}/submit_tool_outputs"),
  ...uses(THREADS, "GET", "/v1/threads/{id}/runs/{run}/steps"),
  ...uses(THREADS, "GET", "/v1/threads/{id}/runs/{run}/steps/{step}"),

  route(STORES, "POST", "/v1/vector_stores", "create", { refersBy: ["file_ids"], isPaid: true }),
  route(STORES, "GET", "/v1/vector_stores", "list"),
  ...uses(STORES, "GET POST DELETE", "/v1/vector_stores/{id}"),
  ...uses(STORES, "GET", "/v1/vector_stores/{id}/{part}"),
  ...uses(STORES, "POST", "/v1/vector_stores/{id}/{part}", { isPaid: true }),
  ...uses(STORES, "GET POST DELETE", "/v1/vector_stores/{id}/{part}/{item}"),
  ...uses(STORES, "GET POST", "/v1/vector_stores/{id}/{part}/{item}/{more}"),

  route(CONTAINERS, "POST", "/v1/containers", "create", { refersBy: ["file_ids"], isPaid: true }),
  route(CONTAINERS, "GET", "/v1/containers", "list"),
  ...uses(CONTAINERS, "GET DELETE", "/v1/containers/{id}"),
  ...uses(CONTAINERS, "GET", "/v1/containers/{id}/files"),
  ...uses(CONTAINERS, "POST", "/v1/containers/{id}/files", { body: "multipart", alsoJson: true }),
  ...uses(CONTAINERS, "GET DELETE", "/v1/containers/{id}/files/{file}"),
  ...uses(CONTAINERS, "GET", "/v1/containers/{id}/files/{file}/content", CONTENT),

  route(SKILLS, "POST", "/v1/skills", "create", { body: "multipart", alsoJson: true }),
  route(SKILLS, "GET", "/v1/skills", "list"),
  ...uses(SKILLS, "GET POST DELETE", "/v1/skills/{id}"),
  ...uses(SKILLS, "GET", "/v1/skills/{id}/content", CONTENT),
  ...uses(SKILLS, "GET", "/v1/skills/{id}/versions"),
  ...uses(SKILLS, "POST", "/v1/skills/{id}/versions", { body: "multipart", alsoJson: true }),
  ...uses(SKILLS, "GET DELETE", "/v1/skills/{id}/versions/{version}"),
  ...uses(SKILLS, "GET", "/v1/skills/{id}/versions/{version}/content", CONTENT),

  route(EVALS, "POST", "/v1/evals", "create", { mayAskAnyModel: "always" }),
  route(EVALS, "GET", "/v1/evals", "list"),
  ...uses(EVALS, "GET DELETE", "/v1/evals/{id}"),
  ...uses(EVALS, "POST", "/v1/evals/{id}", { mayAskAnyModel: "always" }),
  ...uses(EVALS, "GET", "/v1/evals/{id}/runs"),
  ...uses(EVALS, "POST", "/v1/evals/{id}/runs", { mayAskAnyModel: "always" }),
  ...uses(EVALS, "GET POST DELETE", "/v1/evals/{id}/runs/{run}"),
  ...uses(EVALS, "POST", "/v1/evals/{id}/runs/{run}/cancel"),
  ...uses(EVALS, "GET", "/v1/evals/{id}/runs/{run}/output_items"),
  ...uses(EVALS, "GET", "/v1/evals/{id}/runs/{run}/output_items/{item}"),

  route(VIDEOS, "POST", "/v1/videos", "create", { body: "multipart", alsoJson: true, usualModel: "sora-2" }),
  route(VIDEOS, "GET", "/v1/videos", "list"),
  ...uses(VIDEOS, "GET DELETE", "/v1/videos/{id}"),
  ...uses(VIDEOS, "GET", "/v1/videos/{id}/content", CONTENT),
  ...uses(VIDEOS, "POST", "/v1/videos/{id}/remix", { makesAnother: true }),

  route(CONVERSATIONS, "POST", "/v1/conversations", "create"),
  ...uses(CONVERSATIONS, "GET POST DELETE", "/v1/conversations/{id}"),
  ...uses(CONVERSATIONS, "GET POST", "/v1/conversations/{id}/items"),
  ...uses(CONVERSATIONS, "GET DELETE", "/v1/conversations/{id}/items/{item}"),

  ...uses(RESPONSES, "GET DELETE", "/v1/responses/{id}"),
  ...uses(RESPONSES, "POST", "/v1/responses/{id}/cancel"),
  ...uses(RESPONSES, "GET", "/v1/responses/{id}/input_items"),

  route(MESSAGE_BATCHES, "POST", "/v1/messages/batches", "create", {
    isBatchOfRequests: true,
    required: { requests: "filled array" },
  }),
  route(MESSAGE_BATCHES, "GET", "/v1/messages/batches", "list"),
  ...uses(MESSAGE_BATCHES, "GET DELETE", "/v1/messages/batches/{id}"),
  ...uses(MESSAGE_BATCHES, "POST", "/v1/messages/batches/{id}/cancel"),
  ...uses(MESSAGE_BATCHES, "GET", "/v1/messages/batches/{id}/results", CONTENT),
];

/** At paths that OpenAI has as well: asked with Anthropic's own header. */
export const CLAUDE_ROUTES: readonly RelayRoute[] = [
  route(CLAUDE_FILES, "POST", "/v1/files", "create", { body: "multipart" }),
  route(CLAUDE_FILES, "GET", "/v1/files", "list"),
  ...uses(CLAUDE_FILES, "GET DELETE", "/v1/files/{id}"),
  ...uses(CLAUDE_FILES, "GET", "/v1/files/{id}/content", CONTENT),

  route(CLAUDE_SKILLS, "POST", "/v1/skills", "create", { body: "multipart" }),
  route(CLAUDE_SKILLS, "GET", "/v1/skills", "list", { isPagedByToken: true }),
  ...uses(CLAUDE_SKILLS, "GET DELETE", "/v1/skills/{id}"),
  ...uses(CLAUDE_SKILLS, "GET", "/v1/skills/{id}/versions"),
  ...uses(CLAUDE_SKILLS, "POST", "/v1/skills/{id}/versions", { body: "multipart" }),
  ...uses(CLAUDE_SKILLS, "GET DELETE", "/v1/skills/{id}/versions/{version}"),
  ...uses(CLAUDE_SKILLS, "GET", "/v1/skills/{id}/versions/{version}/content", CONTENT),
];

interface Pattern {
  readonly path: RegExp;
  readonly routes: Map<string, RelayRoute>;
}

export type Patterns = ReadonlyMap<string, readonly Pattern[]>;

/** By the first word behind `/v1/`; in the order of the table, so that fixed words come before names. */
export function patternsOf(routes: readonly RelayRoute[]): Patterns {
  const patterns = new Map<string, Pattern[]>();
  for (const each of routes) {
    const word = each.path.split("/")[2]!;
    const source = each.path.replace(/\{(\w+)\}/g, (_match, name: string) =>
      name === "id" ? "(?<id>[A-Za-z0-9_-]{1,256})" : "[A-Za-z0-9_-]{1,256}",
    );
    const known = patterns.get(word) ?? [];
    patterns.set(word, known);
    const path = new RegExp(`^${source}$`);
    const same = known.find((pattern) => pattern.path.source === path.source);
    if (same === undefined) known.push({ path, routes: new Map([[each.method, each]]) });
    else same.routes.set(each.method, each);
  }
  return patterns;
}

const PATTERNS = patternsOf(OBJECT_ROUTES);
const CLAUDE_PATTERNS = patternsOf(CLAUDE_ROUTES);

/** What may be fetched may also be looked at. */
function allowedOf({ routes }: Pattern): readonly string[] {
  return routes.has("GET") ? [...routes.keys(), "HEAD"] : [...routes.keys()];
}

export interface FoundObjectRoute {
  readonly route: RelayRoute;
  readonly id: string | undefined;
}

/**
 * `undefined`: no such path. A list: the path is there, but takes only these methods.
 * @param isClaude asked with Anthropic's header
 */
export function findObjectRoute(
  path: string,
  method: string,
  isClaude: boolean,
): FoundObjectRoute | readonly string[] | undefined {
  const word = path.split("/", 3)[2] ?? "";
  const own = isClaude ? CLAUDE_PATTERNS.get(word) : undefined;
  return findIn(own ?? PATTERNS.get(word) ?? [], path, method);
}

export function findIn(
  patterns: readonly Pattern[],
  path: string,
  method: string,
): FoundObjectRoute | readonly string[] | undefined {
  for (const pattern of patterns) {
    const match = pattern.path.exec(path);
    if (match === null) continue;
    const found = pattern.routes.get(method);
    return found === undefined ? allowedOf(pattern) : { route: found, id: match.groups?.["id"] };
  }
  return undefined;
}
