/** MonoRelay's documented requests about accounts, in an order in which they follow from one another. */
import { expect } from "bun:test";
import type { Example } from "../documented.ts";
import { CHAT, hello, JSON_HEADER, number, PASSWORD, text, UNAUTHORIZED } from "./monorelay-words.ts";

/** `auth/local`, `auth_models.Token`; the refresh token is in the documentation's words, not in its model. */
const token = (user: object) => ({
  access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
  token_type: "bearer",
  expires_in: 86_400,
  refresh_token: text,
  user,
});
/** `dashboard/users`: the fields of an account. */
const user = (own: object) => ({
  id: number,
  username: text,
  is_active: true,
  is_admin: false,
  is_super_admin: false,
  sso_provider: null,
  sso_id: null,
  created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  ...own,
});
const keepTokens =
  (name: string) =>
  (body: { access_token: string; refresh_token: string; user: { id: number } }): Record<string, string> => ({
    [`<${name}-jwt>`]: body.access_token,
    [`<${name}-refresh>`]: body.refresh_token,
    [`<${name}-id>`]: String(body.user.id),
  });

export const ACCOUNT_EXAMPLES: Example[] = [
  {
    what: "setup status before anybody has registered",
    shell: "curl http://localhost:8787/api/setup/status",
    status: 200,
    answer: { initialized: false, needs_setup: true },
  },
  {
    what: "auth/local: the first registration is the super admin's",
    shell: `curl -X POST https://your-domain/api/auth/register \\
  ${JSON_HEADER} \\
  -d '{"username": "alice", "email": "alice@example.com", "password": "${PASSWORD}"}'`,
    status: 200,
    answer: token({ id: 1, username: "alice", email: "alice@example.com", is_admin: true, is_super_admin: true }),
    keep: keepTokens("alice"),
  },
  {
    what: "setup status afterwards",
    shell: "curl http://localhost:8787/api/setup/status",
    status: 200,
    answer: { initialized: true, needs_setup: false },
  },
  {
    what: "auth/local: whoever registers next is an ordinary user",
    shell: `curl -X POST https://your-domain/api/auth/register ${JSON_HEADER} -d '{"username": "bob", "email": "bob@example.com", "password": "${PASSWORD}"}'`,
    status: 200,
    answer: token({ id: 2, username: "bob", email: "bob@example.com", is_admin: false, is_super_admin: false }),
    keep: keepTokens("bob"),
  },
  {
    what: "a user name that is taken",
    shell: `curl -X POST https://your-domain/api/auth/register ${JSON_HEADER} -d '{"username": "alice", "email": "other@example.com", "password": "${PASSWORD}"}'`,
    status: 409,
    answer: { detail: text, code: "username_taken" },
    differs: "409 with a code rather than 400: it is no malformed request",
  },
  {
    what: "auth/local: a password of fewer than eight characters",
    shell: `curl -X POST https://your-domain/api/auth/register ${JSON_HEADER} -d '{"username": "carol", "email": "carol@example.com", "password": "short"}'`,
    status: 422,
    answer: { detail: [{ loc: ["body", "password"], msg: text, type: text }] },
  },
  {
    what: "auth/local: login",
    shell: `curl -X POST https://your-domain/api/auth/login \\
  ${JSON_HEADER} \\
  -d '{"username": "alice", "password": "${PASSWORD}"}'`,
    status: 200,
    answer: token({ id: 1, username: "alice", email: "alice@example.com", is_admin: true, is_super_admin: true }),
    keep: keepTokens("alice"),
  },
  {
    what: "login with the wrong password",
    shell: `curl -X POST https://your-domain/api/auth/login ${JSON_HEADER} -d '{"username": "alice", "password": "not the password"}'`,
    status: 401,
    answer: { detail: "Incorrect username or password" },
  },
  {
    what: "auth/local: the token in an API request",
    shell: `curl https://your-domain/v1/chat/completions \\
  -H "Authorization: Bearer <bob-jwt>" \\
  ${JSON_HEADER} \\
  -d '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}'`,
    status: 200,
    answer: CHAT,
  },
  {
    what: "the token in X-Access-Key, which that edition reads too",
    shell: `curl https://your-domain/v1/chat/completions -H "X-Access-Key: <bob-jwt>" ${JSON_HEADER} ${hello("gpt-4o")}`,
    status: 200,
    answer: CHAT,
  },
  {
    what: "who am I",
    shell: `curl http://localhost:8787/api/auth/me -H "Authorization: Bearer <alice-jwt>"`,
    status: 200,
    answer: user({ id: 1, username: "alice", email: "alice@example.com", is_admin: true, is_super_admin: true }),
  },
  {
    what: "who am I, asked with the access key",
    shell: `curl http://localhost:8787/api/auth/me -H "Authorization: Bearer YOUR_ACCESS_KEY"`,
    status: 200,
    answer: { id: null, username: null, is_admin: false, principal: { kind: "access_key" } },
    differs: "the access key is told what it is, rather than refused with 401",
  },
  {
    what: "api/authentication: the refresh token gives a new access token",
    shell: `curl -X POST http://localhost:8787/api/auth/refresh ${JSON_HEADER} -d '{"refresh_token": "<bob-refresh>"}'`,
    status: 200,
    answer: token({ id: 2, username: "bob", email: "bob@example.com", is_admin: false }),
    keep: keepTokens("bob"),
  },
  {
    what: "refreshing with nothing",
    shell: `curl -X POST http://localhost:8787/api/auth/refresh ${JSON_HEADER} -d '{}'`,
    status: 422,
    answer: { detail: [{ loc: ["body", "refresh_token"] }] },
    differs: "422 with the field rather than 400",
  },
  {
    what: "refreshing with something else",
    shell: `curl -X POST http://localhost:8787/api/auth/refresh ${JSON_HEADER} -d '{"refresh_token": "nobody-s"}'`,
    status: 401,
  },
  {
    what: "changing the password with the wrong one",
    shell: `curl -X POST http://localhost:8787/api/auth/change-password -H "Authorization: Bearer <bob-jwt>" ${JSON_HEADER} -d '{"old_password": "not mine", "new_password": "${PASSWORD}-2"}'`,
    status: 400,
    answer: { detail: text, code: "wrong_password" },
  },
  {
    what: "changing the password",
    shell: `curl -X POST http://localhost:8787/api/auth/change-password -H "Authorization: Bearer <bob-jwt>" ${JSON_HEADER} -d '{"old_password": "${PASSWORD}", "new_password": "${PASSWORD}-2"}'`,
    status: 200,
    answer: { success: true },
  },
  {
    what: "dashboard/users: all accounts",
    shell: `curl http://localhost:8787/api/users -H "Authorization: Bearer <alice-jwt>"`,
    status: 200,
    answer: {
      users: [
        user({ id: 2, username: "bob", email: "bob@example.com" }),
        user({ id: 1, username: "alice", is_admin: true, is_super_admin: true }),
      ],
    },
  },
  {
    what: "dashboard/users: not for ordinary users",
    shell: `curl http://localhost:8787/api/users -H "Authorization: Bearer <bob-jwt>"`,
    status: 403,
    answer: { detail: "Admin access required" },
  },
  {
    what: "dashboard/users: promote to admin",
    shell: `curl -X PUT http://localhost:8787/api/users/<bob-id> -H "Authorization: Bearer <alice-jwt>" ${JSON_HEADER} -d '{"is_admin": true}'`,
    status: 200,
    answer: user({ id: 2, username: "bob", is_admin: true }),
  },
  {
    what: "dashboard/users: an admin sees the list at once",
    shell: `curl http://localhost:8787/api/users -H "Authorization: Bearer <bob-jwt>"`,
    status: 200,
  },
  {
    what: "dashboard/users: the super admin is nobody's to change",
    shell: `curl -X PUT http://localhost:8787/api/users/<alice-id> -H "Authorization: Bearer <bob-jwt>" ${JSON_HEADER} -d '{"is_admin": false}'`,
    status: 403,
    answer: { code: "super_admin_protected" },
  },
  {
    what: "dashboard/users: one's own account is not on the list of actions",
    shell: `curl -X PUT http://localhost:8787/api/users/<alice-id> -H "Authorization: Bearer <alice-jwt>" ${JSON_HEADER} -d '{"is_active": false}'`,
    status: 403,
    answer: { code: "own_account" },
  },
  {
    what: "dashboard/users: deactivate",
    shell: `curl -X PUT http://localhost:8787/api/users/<bob-id> -H "Authorization: Bearer <alice-jwt>" ${JSON_HEADER} -d '{"is_active": false}'`,
    status: 200,
    answer: user({ id: 2, username: "bob", is_active: false, is_admin: true }),
  },
  {
    what: "auth/local: an inactive account is refused",
    shell: `curl https://your-domain/v1/chat/completions -H "Authorization: Bearer <bob-jwt>" ${JSON_HEADER} ${hello("gpt-4o")}`,
    status: 401,
    answer: UNAUTHORIZED,
  },
  {
    what: "dashboard/users: an inactive account cannot log in",
    shell: `curl -X POST https://your-domain/api/auth/login ${JSON_HEADER} -d '{"username": "bob", "password": "${PASSWORD}-2"}'`,
    status: 401,
    answer: { detail: "Incorrect username or password" },
  },
  {
    what: "dashboard/users: activate",
    shell: `curl -X PUT http://localhost:8787/api/users/<bob-id> -H "Authorization: Bearer <alice-jwt>" ${JSON_HEADER} -d '{"is_active": true}'`,
    status: 200,
    answer: user({ id: 2, is_active: true, is_admin: true }),
  },
  {
    what: "dashboard/users: delete",
    shell: `curl -X DELETE http://localhost:8787/api/users/<bob-id> -H "Authorization: Bearer <alice-jwt>"`,
    status: 200,
    answer: { success: true },
  },
  {
    what: "logging out",
    shell: `curl -X POST http://localhost:8787/api/auth/logout -H "Authorization: Bearer <alice-jwt>" ${JSON_HEADER} -d '{"refresh_token": "<alice-refresh>"}'`,
    status: 204,
    answer: "",
    differs: "the session ends on the server; that edition only forgets the token in the browser",
  },
  {
    what: "and the token is over",
    shell: `curl http://localhost:8787/api/auth/me -H "Authorization: Bearer <alice-jwt>"`,
    status: 401,
    answer: UNAUTHORIZED,
  },
  {
    what: "auth/sso: the status while it is off",
    shell: "curl http://localhost:8787/api/auth/sso/status",
    status: 200,
    answer: { enabled: false, provider: null, configured: false },
  },
  {
    what: "auth/sso: a login while it is off",
    shell: "curl http://localhost:8787/api/auth/sso/login",
    status: 400,
    answer: { detail: text, code: "sso_disabled" },
  },
];
