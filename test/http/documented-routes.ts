/** Who may call what: the caller columns of the HTTP contract, one line a route. A route without a line fails the tests. */

/** `any` = any valid credential; `org:` = the role in the organisation decides, keys need the scope too. */
export type May =
  | "public"
  | "any"
  | "user"
  | "super"
  | "api-key"
  | `any:${string}`
  | `admin:${string}`
  | `org:${string}`;

/** Management routes. Those of the relay itself each name one scope and are taken from their own table. */
export const DOCUMENTED: Readonly<Record<string, May>> = {
  "GET /health": "public",
  "GET /livez": "public",
  "GET /readyz": "public",
  "GET /": "public",
  "GET /api/info": "public",
  "GET /api/hello": "public",
  "POST /api/event_logging/batch": "public",

  "GET /api/setup/status": "public",
  "POST /api/auth/register": "public",
  "POST /api/auth/login": "public",
  "POST /api/auth/refresh": "public",
  "POST /api/auth/logout": "public",
  "POST /api/auth/reset-password": "public",
  "GET /api/auth/me": "any",
  "PATCH /api/auth/me": "user",
  "POST /api/auth/change-password": "user",
  "POST /api/auth/reauth": "user",
  "GET /api/auth/sessions": "user",
  "DELETE /api/auth/sessions/:id": "user",

  "GET /api/auth/sso/status": "public",
  "GET /api/auth/sso/login": "public",
  "GET /api/auth/sso/callback": "public",
  "GET /api/auth/sso/:provider/callback": "public",
  "POST /api/auth/sso/exchange": "public",
  "POST /api/auth/sso/logout": "user",
  "GET /api/auth/identities": "user",
  "DELETE /api/auth/identities/:id": "user",

  "GET /api/users": "admin:users:read",
  "POST /api/users": "admin:users:write",
  "GET /api/users/:id": "admin:users:read",
  "PUT /api/users/:id": "admin:users:write",
  "PATCH /api/users/:id": "admin:users:write",
  "DELETE /api/users/:id": "admin:users:write",
  "POST /api/users/:id/password-reset": "admin:users:write",
  "POST /api/users/:id/logout": "admin:users:write",
  "POST /api/users/:id/transfer-ownership": "super",

  "GET /api/orgs": "any:orgs:read",
  "POST /api/orgs": "admin:orgs:write",
  "GET /api/orgs/:id": "org:orgs:read",
  "PATCH /api/orgs/:id": "org:orgs:write",
  "DELETE /api/orgs/:id": "org:orgs:write",
  "GET /api/orgs/:id/members": "org:orgs:read",
  "POST /api/orgs/:id/members": "org:orgs:write",
  "PATCH /api/orgs/:id/members/:user_id": "org:orgs:write",
  "DELETE /api/orgs/:id/members/:user_id": "org:orgs:write",
  "GET /api/invites": "admin:users:write",
  "POST /api/invites": "admin:users:write",
  "DELETE /api/invites/:id": "admin:users:write",

  "GET /api/keys": "any:keys:read",
  "POST /api/keys": "any:keys:write",
  "GET /api/keys/current": "api-key",
  "GET /api/keys/scopes": "any",
  "GET /api/keys/:id": "any:keys:read",
  "PATCH /api/keys/:id": "any:keys:write",
  "DELETE /api/keys/:id": "any:keys:write",
  "POST /api/keys/:id/rotate": "any:keys:write",
  "GET /api/keys/:id/usage": "any:keys:read",

  "POST /api/v1/auth/api-keys": "any:keys:write",
  "GET /api/v1/auth/api-keys": "any:keys:read",
  "DELETE /api/v1/auth/api-keys/:id": "any:keys:write",

  "GET /v1/me": "any",
  "GET /v1/whoami": "any",
  "GET /v1/orgs": "any",
  "POST /v1/orgs/:orgId/api-keys/create": "any:keys:write",
  "GET /v1/orgs/:orgId/api-keys": "any:keys:read",
  "DELETE /v1/orgs/:orgId/api-keys/:id": "any:keys:write",
  "POST /v1/orgs/:orgId/members/add": "org:orgs:write",

  "POST /api/sync": "admin:sync:write",
  "GET /api/audit": "admin:audit:read",
  "POST /api/admin/clear-data": "super",
};
