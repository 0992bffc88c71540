/** Every route that is read, with every filter it takes and what a stranger might ask it for. A route without a row fails R71. */

/** What Alice has, by which others might ask for it; or names of nothing, of the same form. */
export interface Names {
  readonly userId: number;
  readonly orgId: string;
  readonly keyId: string;
  readonly publicId: string;
  /** Of a page of hers. */
  readonly cursor: string;
  /** Ends the ids of things that she left with upstreams, e.g. `file-<tail>`. */
  readonly tail: string;
}

export interface Row {
  /** With the names filled in; absent: the route's path names nothing of anybody's. */
  readonly path?: (names: Names) => string;
  /** Each parameter that the route reads, with values that aim at somebody else. */
  readonly filters?: Readonly<Record<string, (names: Names) => readonly string[]>>;
  /** Who sees the canary here: so it is there to be found. Absent: the route tells nothing of anybody's. */
  readonly seenBy?: "alice" | "owner" | "alice's key";
}

const values =
  (...all: string[]) =>
  () =>
    all;
const paging = { limit: values("1", "200"), cursor: ({ cursor }: Names) => [cursor] };
const objectPaging = { limit: values("1", "100"), after: ({ tail }: Names) => [`file-${tail}`] };
const days = { from: values("2020-01-01"), to: values("2030-01-01"), bucket: values("minute", "hour", "day") };
const callback = { code: values("x"), state: values("x"), iss: values("x"), error: values("access_denied") };

/** Things of one kind that lie with upstreams: one of them, and what lies inside. */
const object = (kind: string): Row => ({ seenBy: "alice", path: ({ tail }) => `${kind}-${tail}` });
const objects: Row = { seenBy: "alice", filters: objectPaging };

/** `GET` throughout. Paths of objects stand for what is put in place of `{id}`. */
export const READABLE: Readonly<Record<string, Row>> = {
  "/v1/files": objects,
  "/v1/files/{id}": object("file"),
  "/v1/files/{id}/content": object("file"),
  "/v1/batches": objects,
  "/v1/batches/{id}": object("batch"),
  "/v1/fine_tuning/jobs": objects,
  "/v1/fine_tuning/jobs/{id}": object("job"),
  "/v1/fine_tuning/jobs/{id}/events": object("job"),
  "/v1/fine_tuning/jobs/{id}/checkpoints": object("job"),
  "/v1/assistants": objects,
  "/v1/assistants/{id}": object("assistant"),
  "/v1/threads/{id}": object("thread"),
  "/v1/threads/{id}/messages": object("thread"),
  "/v1/threads/{id}/messages/{message}": object("thread"),
  "/v1/threads/{id}/runs": object("thread"),
  "/v1/threads/{id}/runs/{run}": object("thread"),
  "/v1/threads/{id}/runs/{run}/steps": object("thread"),
  "/v1/threads/{id}/runs/{run}/steps/{step}": object("thread"),
  "/v1/vector_stores": objects,
  "/v1/vector_stores/{id}": object("store"),
  "/v1/vector_stores/{id}/{part}": object("store"),
  "/v1/vector_stores/{id}/{part}/{item}": object("store"),
  "/v1/vector_stores/{id}/{part}/{item}/{more}": object("store"),
  "/v1/containers": objects,
  "/v1/containers/{id}": object("container"),
  "/v1/containers/{id}/files": object("container"),
  "/v1/containers/{id}/files/{file}": object("container"),
  "/v1/containers/{id}/files/{file}/content": object("container"),
  "/v1/skills": objects,
  "/v1/skills/{id}": object("skill"),
  "/v1/skills/{id}/content": object("skill"),
  "/v1/skills/{id}/versions": object("skill"),
  "/v1/skills/{id}/versions/{version}": object("skill"),
  "/v1/skills/{id}/versions/{version}/content": object("skill"),
  "/v1/evals": objects,
  "/v1/evals/{id}": object("eval"),
  "/v1/evals/{id}/runs": object("eval"),
  "/v1/evals/{id}/runs/{run}": object("eval"),
  "/v1/evals/{id}/runs/{run}/output_items": object("eval"),
  "/v1/evals/{id}/runs/{run}/output_items/{item}": object("eval"),
  "/v1/videos": objects,
  "/v1/videos/{id}": object("video"),
  "/v1/videos/{id}/content": object("video"),
  "/v1/conversations/{id}": object("conversation"),
  "/v1/conversations/{id}/items": object("conversation"),
  "/v1/conversations/{id}/items/{item}": object("conversation"),
  "/v1/responses/{id}": object("response"),
  "/v1/responses/{id}/input_items": object("response"),
  "/v1/messages/batches": {
    seenBy: "alice",
    filters: { limit: values("1", "100"), after_id: ({ tail }) => [`messages-${tail}`] },
  },
  "/v1/messages/batches/{id}": object("messages"),
  "/v1/messages/batches/{id}/results": object("messages"),
  "/v1beta/cachedContents": { filters: googlePaging("cachedContents") },
  "/v1beta/cachedContents/{id}": { path: ({ tail }) => `cache-${tail}`, filters: { key: values() } },
  "/v1beta/files": { filters: googlePaging("files") },
  "/v1beta/files/{id}": { path: ({ tail }) => `file-${tail}`, filters: { key: values() } },
  "/v1beta/files/{id}:download": { path: ({ tail }) => `file-${tail}`, filters: { key: values() } },
  "/v1beta/batches": { filters: googlePaging("batches") },
  "/v1beta/batches/{id}": { path: ({ tail }) => `batch-${tail}`, filters: { key: values() } },
  "/v1/credits": {},
  "/v1/realtime": { filters: { model: values("gpt-4o") } },

  "/v1/models": { filters: { client_version: values("1"), ...modelPaging() } },
  "/v1/models/:id": {},
  "/v1/anthropic/models": { filters: modelPaging() },
  "/v1beta/models": { filters: { pageSize: values("1"), pageToken: values("1"), key: values() } },
  "/v1beta/models/:id": { filters: { key: values() } },
  "/v1alpha/models": { filters: { pageSize: values("1"), pageToken: values("1"), key: values() } },
  "/v1alpha/models/:id": { filters: { key: values() } },

  "/": {},
  "/livez": {},
  "/readyz": {},
  "/health": {},
  "/api/info": {},
  "/api/hello": {},
  "/api/setup/status": {},
  "/api/auth/sso/status": {},
  "/api/auth/sso/login": {
    filters: { provider: values("github"), redirect_uri: values("/login"), link: values("true") },
  },
  "/api/auth/sso/callback": { filters: callback },
  "/api/auth/sso/:provider/callback": { filters: callback },

  "/api/auth/identities": { seenBy: "alice" },
  "/api/auth/me": { seenBy: "alice" },
  "/api/auth/sessions": { seenBy: "alice", filters: paging },
  "/api/users": {
    seenBy: "owner",
    filters: {
      search: values("canary", "%", "_"),
      status: values("active", "inactive"),
      role: values("user", "admin", "super_admin"),
      ...paging,
    },
  },
  "/api/users/:id": { seenBy: "owner", path: ({ userId }) => `/api/users/${userId}` },
  "/api/orgs": { seenBy: "alice", filters: { all: values("true"), ...paging } },
  "/api/orgs/:id": { seenBy: "alice", path: ({ orgId }) => `/api/orgs/${orgId}` },
  "/api/orgs/:id/members": { seenBy: "alice", path: ({ orgId }) => `/api/orgs/${orgId}/members`, filters: paging },
  "/api/invites": { seenBy: "owner", filters: paging },
  "/api/keys": {
    seenBy: "alice",
    filters: {
      status: values("active", "expired", "revoked", "all"),
      org_id: ({ orgId }) => [orgId],
      user_id: ({ userId }) => [String(userId)],
      ...paging,
    },
  },
  "/api/keys/scopes": {},
  "/api/keys/current": { seenBy: "alice's key", filters: days },
  "/api/keys/:id": { seenBy: "alice", path: ({ keyId }) => `/api/keys/${keyId}` },
  "/api/keys/:id/usage": { seenBy: "alice", path: ({ publicId }) => `/api/keys/${publicId}/usage`, filters: days },
  "/api/v1/auth/api-keys": { seenBy: "alice" },
  "/v1/me": { seenBy: "alice" },
  "/v1/whoami": { seenBy: "alice" },
  "/v1/orgs": { seenBy: "alice" },
  "/v1/orgs/:orgId/api-keys": { seenBy: "alice", path: ({ orgId }) => `/v1/orgs/${orgId}/api-keys` },
  "/api/audit": {
    seenBy: "owner",
    filters: {
      actor: ({ userId }) => [`user:${userId}`],
      action: values("api_key.create"),
      target: ({ keyId }) => [keyId],
      date_from: values("2020-01-01"),
      date_to: values("2030-01-01"),
      ...paging,
    },
  },
};

function googlePaging(collection: string) {
  return {
    pageSize: values("1", "1000"),
    pageToken: ({ tail }: Names) => [`${collection}/cache-${tail}`],
    key: values(),
  };
}

function modelPaging() {
  return { limit: values("1"), after_id: values("gpt-4o"), before_id: values("gpt-4o") };
}
