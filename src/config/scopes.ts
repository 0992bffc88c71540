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

/** A single scope, as routes name it. */
export type Scope = (typeof ACCOUNT)[number] | (typeof MANAGEMENT)[number];

const SINGLE: readonly Scope[] = [...ACCOUNT, ...MANAGEMENT];

/** Everything that may stand in a list of scopes: sets, single scopes, `<resource>:*` and `*`. */
export const SCOPE_NAMES: readonly string[] = [
  ...Object.keys(SCOPE_SETS),
  ...SINGLE,
  ...new Set(SINGLE.map((scope) => `${scope.slice(0, scope.indexOf(":"))}:*`)),
  "*",
];

/** Set names, `<resource>:*` and `*` become the scopes they stand for; unknown names grant nothing. */
export function expandScopes(granted: readonly string[]): ReadonlySet<Scope> {
  const scopes = new Set<Scope>();
  for (const name of granted) {
    const set: readonly Scope[] = Object.hasOwn(SCOPE_SETS, name) ? SCOPE_SETS[name as keyof typeof SCOPE_SETS] : [];
    for (const scope of set) scopes.add(scope);
    const resource = name.endsWith(":*") ? name.slice(0, -1) : undefined;
    for (const scope of SINGLE) {
      if (scope === name || name === "*" || (resource !== undefined && scope.startsWith(resource))) scopes.add(scope);
    }
  }
  return scopes;
}
