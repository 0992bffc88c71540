/** The scopes that credentials may hold, and the sets they come in: `http-api` §4 as data. */

const INFERENCE = [
  "chat:write",
  "embeddings:write",
  "images:write",
  "audio:write",
  "moderations:write",
  "rerank:write",
  "realtime:write",
  "files:read",
  "files:write",
  "batches:read",
  "batches:write",
  "fine_tuning:read",
  "fine_tuning:write",
  "assistants:read",
  "assistants:write",
  "models:read",
  "credits:read",
] as const;

const ACCOUNT = [
  ...INFERENCE,
  "keys:read",
  "keys:write",
  "orgs:read",
  "logs:read",
  "stats:read",
  "usage:read",
  "routing:read",
] as const;

const MANAGEMENT = [
  "providers:read",
  "providers:write",
  "config:read",
  "config:write",
  "sync:read",
  "sync:write",
  "users:read",
  "users:write",
  "orgs:write",
  "cache:read",
  "cache:write",
  "plugins:read",
  "system:read",
  "audit:read",
  "metrics:read",
] as const;

export const SCOPE_SETS = { inference: INFERENCE, account: ACCOUNT, management: MANAGEMENT } as const;

const SINGLE: readonly string[] = [...ACCOUNT, ...MANAGEMENT];

/** Everything that may stand in a list of scopes: sets, single scopes, `<resource>:*` and `*`. */
export const SCOPE_NAMES: readonly string[] = [
  ...Object.keys(SCOPE_SETS),
  ...SINGLE,
  ...new Set(SINGLE.map((scope) => `${scope.slice(0, scope.indexOf(":"))}:*`)),
  "*",
];
