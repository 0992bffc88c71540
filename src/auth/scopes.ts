/** The scopes a caller may hold, the sets they come in, and what a set expands to. */

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
  "providers:write",
  "providers:read",
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

/** A single scope, as routes name it. */
export type Scope = (typeof ACCOUNT)[number] | (typeof MANAGEMENT)[number];

export const SCOPE_SETS: Readonly<Record<string, readonly Scope[]>> = {
  inference: INFERENCE,
  account: ACCOUNT,
  management: MANAGEMENT,
};

const ALL: readonly Scope[] = [...ACCOUNT, ...MANAGEMENT];

/** Set names, `<resource>:*` and `*` become the scopes they stand for; unknown names grant nothing. */
export function expandScopes(granted: readonly string[]): ReadonlySet<Scope> {
  const scopes = new Set<Scope>();
  for (const name of granted) {
    if (name === "*") for (const scope of ALL) scopes.add(scope);
    const set = SCOPE_SETS[name];
    if (set !== undefined) for (const scope of set) scopes.add(scope);
    for (const scope of ALL) {
      if (scope === name || (name.endsWith(":*") && scope.startsWith(name.slice(0, -1)))) scopes.add(scope);
    }
  }
  return scopes;
}
