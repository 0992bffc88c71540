/** Setting up, registering, signing in and out over HTTP: shapes, statuses, and what must not happen. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type AccountRelay, KEY, PASSWORD, type SignedIn, startAccounts } from "../../support/accounts.ts";

const UNAUTHORIZED = '{"error":{"message":"Unauthorized","type":"auth_error"}}';
const INVALID = '{"detail":"Incorrect username or password","code":"invalid_credentials"}';

describe("the first account and those after it", () => {
  let house: AccountRelay;
  beforeAll(async () => {
    house = await startAccounts();
  });
  afterAll(() => house.stop());

  test("setup/status tells what a set-up page has to know, before and after", async () => {
    const before = await house.ask("GET /api/setup/status");
    expect(before.body).toEqual({
      initialized: false,
      needs_setup: true,
      registration: "open",
      setup_token_required: false,
      sso_only: false,
    });
    const first = await house.ask("POST /api/auth/register", {
      body: { username: "Alice", email: "Alice@Example.com", password: PASSWORD },
    });
    expect(first.status).toBe(200);
    expect(first.headers.get("cache-control")).toBe("no-store");
    expect(first.headers.has("set-cookie")).toBe(false);
    expect(first.body).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: "bearer",
      expires_in: 86_400,
      refresh_token: expect.stringMatching(/^[\w-]{43}$/),
      user: { id: 1, username: "Alice", email: "alice@example.com", is_admin: true, is_super_admin: true },
    });
    const second = await house.ask("POST /api/auth/register", { body: { username: "bob", password: PASSWORD } });
    expect(second.body.user).toEqual({ id: 2, username: "bob", email: null, is_admin: false, is_super_admin: false });
    expect((await house.ask("GET /api/setup/status")).body).toMatchObject({ initialized: true, needs_setup: false });
  });

  const refused: [name: string, body: object, status: number, code: string][] = [
    ["a name that is taken, in another case", { username: "ALICE", password: PASSWORD }, 409, "username_taken"],
    [
      "an address that is taken",
      { username: "carol", email: "ALICE@example.com", password: PASSWORD },
      409,
      "email_taken",
    ],
    ["a name of two characters", { username: "al", password: PASSWORD }, 422, "validation_error"],
    ["R54 a Cyrillic letter", { username: "аlice", password: PASSWORD }, 422, "validation_error"],
    ["a reserved name", { username: "system", password: PASSWORD }, 422, "validation_error"],
    ["admin, after the first account", { username: "admin", password: PASSWORD }, 422, "validation_error"],
    ["a password of seven characters", { username: "carol", password: "1234567" }, 422, "validation_error"],
    ["everybody's password", { username: "carol", password: "password1" }, 422, "validation_error"],
    ["a password of more than 1024 bytes", { username: "carol", password: "x".repeat(1025) }, 422, "validation_error"],
    [
      "an address with a line end",
      { username: "carol", email: "a@b.c\r\nx", password: PASSWORD },
      422,
      "validation_error",
    ],
    ["no password", { username: "carol" }, 422, "validation_error"],
    ["a password that is no text", { username: "carol", password: 12_345_678 }, 422, "validation_error"],
    [
      "an invitation that nobody made",
      { username: "carol", password: PASSWORD, invite_code: "nope" },
      403,
      "invite_invalid",
    ],
    ...(["role", "is_admin", "is_super_admin", "id", "created_at", "password_hash", "constructor"] as const).map(
      (name): [string, object, number, string] => [
        `R55 the unknown field ${name}`,
        { username: "carol", password: PASSWORD, [name]: 1 },
        422,
        "validation_error",
      ],
    ),
  ];
  test.each(refused)("refused: %s", async (_name, body, status, code) => {
    const answer = await house.ask("POST /api/auth/register", { body });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await house.services.accounts.findByName("carol")).toBeUndefined();
  });

  test("R55 __proto__ and a field given twice are refused as any other", async () => {
    const proto = await house.ask("POST /api/auth/register", {
      body: `{"username":"carol","password":"${PASSWORD}","__proto__":{"is_admin":true}}`,
    });
    expect(proto.status).toBe(422);
    const twice = await house.ask("POST /api/auth/register", {
      body: `{"username":"carol","username":"dave","password":"${PASSWORD}"}`,
    });
    expect(twice.status).toBe(400);
    expect(({} as { is_admin?: boolean }).is_admin).toBeUndefined();
  });

  test("R58 ★ an error names field and rule, never what was sent", async () => {
    const canary = "canary-hunter2-canary";
    const bodies = [
      { username: [canary], password: canary },
      { username: canary, password: { canary } },
      { [`"${canary}"`]: canary },
      `{"username":"${canary}"`,
      `["${canary}"]`,
    ];
    for (const line of ["POST /api/auth/register", "POST /api/auth/login", "POST /api/auth/reset-password"]) {
      for (const body of bodies) {
        const answer = await house.ask(line, { body });
        expect([400, 422]).toContain(answer.status);
        expect(answer.text).not.toContain(canary);
      }
    }
    const shape = await house.ask("POST /api/auth/login", { body: { username: "alice" } });
    expect(shape.body.detail[0]).toEqual({ loc: ["body", "password"], msg: expect.any(String), type: "value_error" });
  });

  test("R56 ★ only JSON, and only pages of our own, may sign somebody in", async () => {
    const body = JSON.stringify({ username: "alice", password: PASSWORD });
    const as = (headers: Record<string, string>) =>
      house.ask("POST /api/auth/login", { body, headers: { "content-type": "application/json", ...headers } });
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data",
      "application/jsonx",
    ]) {
      expect([type, (await as({ "content-type": type })).status]).toEqual([type, 415]);
    }
    const foreign: Record<string, string>[] = [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: `${house.relay.url}.evil.example` },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ];
    for (const headers of foreign) {
      const answer = await as(headers);
      expect([headers, answer.status, answer.body.code]).toEqual([headers, 403, "foreign_origin"]);
    }
    expect((await as({ origin: house.relay.url, "sec-fetch-site": "same-origin" })).status).toBe(200);
    expect((await as({ "sec-fetch-site": "none" })).status).toBe(200);
  });

  test("R49 an unknown user, a wrong password, an inactive account: one status, one body", async () => {
    const gone = await house.person("gone");
    await house.services.accounts.update(
      gone.id,
      { isActive: false },
      {
        identity: await (await signIn(house, "alice")).identity(),
        origin: { address: "", ip: null, userAgent: null, requestId: null },
      },
    );
    const rows = [
      { username: "alice", password: "wrong password 1" },
      { username: "nobody", password: PASSWORD },
      { username: "gone", password: PASSWORD },
      { username: "alice@example.com", password: "wrong password 1" },
      { username: "no name at all", password: "" },
    ];
    for (const body of rows) {
      const answer = await house.ask("POST /api/auth/login", { body });
      expect([body, answer.status, answer.text]).toEqual([body, 401, INVALID]);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    }
  });

  test("signing in takes the name in any case, or the address", async () => {
    for (const username of ["alice", "ALICE", "Alice@example.COM"]) {
      const answer = await house.ask("POST /api/auth/login", { body: { username, password: PASSWORD } });
      expect([username, answer.status, answer.body.user.id]).toEqual([username, 200, 1]);
    }
  });
});

async function signIn(house: AccountRelay, username: string): Promise<SignedIn> {
  const { body } = await house.ask("POST /api/auth/login", { body: { username, password: PASSWORD } });
  return {
    id: body.user.id,
    name: username,
    token: body.access_token,
    refreshToken: body.refresh_token,
    identity: async () => (await house.services.sessions.find(body.access_token))!,
  };
}

describe("the rule for registration", () => {
  const rows: [rule: string, status: number, code: string][] = [
    ["auth: { registration: closed }", 403, "registration_closed"],
    ["auth: { registration: invite }", 403, "invite_required"],
  ];
  test.each(rows)("R48 ★ %s lets the first one in and nobody after", async (config, status, code) => {
    const house = await startAccounts(config);
    try {
      await house.person("alice");
      const answer = await house.ask("POST /api/auth/register", { body: { username: "bob", password: PASSWORD } });
      expect([answer.status, answer.body.code]).toEqual([status, code]);
    } finally {
      await house.stop();
    }
  });

  test("R46 with a setup token: none or a wrong one makes no user, the right one makes the super admin, once", async () => {
    const house = await startAccounts('auth: { setup_token: "setup-token-of-this-test" }');
    try {
      expect((await house.ask("GET /api/setup/status")).body.setup_token_required).toBe(true);
      const register = (username: string, setup_token?: string) =>
        house.ask("POST /api/auth/register", { body: { username, password: PASSWORD, setup_token } });
      for (const token of [undefined, "wrong-token-wrong-token"]) {
        const answer = await register("eve", token);
        expect([answer.status, answer.body.code]).toEqual([403, "setup_token_required"]);
      }
      expect((await house.ask("GET /api/setup/status")).body.initialized).toBe(false);
      const [right, late] = [
        await register("alice", "setup-token-of-this-test"),
        await register("bob", "setup-token-of-this-test"),
      ];
      expect(right.body.user.is_super_admin).toBe(true);
      expect(late.body.user.is_super_admin).toBe(false);
      expect(house.answers.join()).not.toContain("setup-token-of-this-test");
    } finally {
      await house.stop();
    }
  });

  test("R45 ★ thirty at once: one super admin", async () => {
    const house = await startAccounts();
    try {
      const names = Array.from({ length: 30 }, (_, index) => `user-${index}`);
      const answers = await Promise.all(
        names.map((username) => house.ask("POST /api/auth/register", { body: { username, password: PASSWORD } })),
      );
      const made = answers.filter(({ status }) => status === 200);
      expect(made.filter(({ body }) => body.user.is_super_admin)).toHaveLength(1);
      // More than the hash takes at a time are told to come back.
      for (const { status, headers } of answers.filter((answer) => answer.status !== 200)) {
        expect(status).toBe(429);
        expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
      }
      const { items } = await house.services.accounts.list({ role: "super_admin" });
      expect(items).toHaveLength(1);
    } finally {
      await house.stop();
    }
  });
});

describe("a session", () => {
  let house: AccountRelay;
  let alice: SignedIn;
  beforeAll(async () => {
    house = await startAccounts();
    alice = await house.person("alice");
  });
  afterAll(() => house.stop());

  test("me tells the account and the principal; a key its owner and itself; the access key nobody", async () => {
    const session = await house.ask("GET /api/auth/me", { as: alice });
    expect(session.body).toMatchObject({
      id: 1,
      username: "alice",
      email: null,
      is_active: true,
      is_admin: true,
      is_super_admin: true,
      sso_provider: null,
      sso_id: null,
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
      last_login: expect.stringMatching(/^\d{4}-.*Z$/),
      principal: {
        kind: "session",
        id: "user:1",
        name: "alice",
        role: "super_admin",
        org_id: expect.stringMatching(/^org_/),
      },
    });
    const key = await house.key(alice, ["inference"]);
    const asKey = await house.ask("GET /api/auth/me", { as: key });
    expect(asKey.body).toMatchObject({
      id: 1,
      principal: { kind: "api_key", id: expect.stringMatching(/^key_/), name: "test" },
    });
    // Capped: a key of the super admin is no super admin.
    expect(asKey.body.principal.role).toBe("admin");
    const asAccessKey = await house.ask("GET /api/auth/me", { headers: { "x-access-key": KEY } });
    expect(asAccessKey.body).toMatchObject({
      id: null,
      username: null,
      is_active: false,
      is_admin: false,
      principal: { kind: "access_key", id: "access-key", role: null },
    });
    expect(asAccessKey.body.principal.scopes).not.toContain("keys:read");
  });

  test("R40 ★ a refresh token works once; its successor carries on; the old one ends the whole session", async () => {
    const own = await signIn(house, "alice");
    const refresh = (refresh_token: unknown) => house.ask("POST /api/auth/refresh", { body: { refresh_token } });
    const next = await refresh(own.refreshToken);
    expect(next.status).toBe(200);
    expect(next.body.refresh_token).not.toBe(own.refreshToken);
    expect(Object.keys(next.body)).toEqual(["access_token", "token_type", "expires_in", "refresh_token", "user"]);
    // Within the grace the direct predecessor gets the same successor again.
    expect((await refresh(own.refreshToken)).body.refresh_token).toBe(next.body.refresh_token);
    const third = await refresh(next.body.refresh_token);
    expect(third.status).toBe(200);
    const replay = await refresh(own.refreshToken);
    expect([replay.status, replay.text]).toEqual([401, UNAUTHORIZED]);
    expect((await refresh(third.body.refresh_token)).status).toBe(401);
    expect((await house.ask("GET /api/auth/me", { as: third.body.access_token })).status).toBe(401);
    // Only that session: others of the same person live.
    expect((await house.ask("GET /api/auth/me", { as: alice })).status).toBe(200);
  });

  test("refresh without a token is 422, with a foreign one 401", async () => {
    const missing = await house.ask("POST /api/auth/refresh", { body: {} });
    expect([missing.status, missing.body.detail[0].loc]).toEqual([422, ["body", "refresh_token"]]);
    for (const refresh_token of ["", "x", "x".repeat(43), alice.token]) {
      expect([refresh_token, (await house.ask("POST /api/auth/refresh", { body: { refresh_token } })).status]).toEqual([
        refresh_token,
        401,
      ]);
    }
  });

  test("R42 logout ends the session of the credential or of the token, says so to the browser, and is never refused", async () => {
    const [one, two] = [await signIn(house, "alice"), await signIn(house, "alice")];
    const byCredential = await house.ask("POST /api/auth/logout", { as: one });
    expect([byCredential.status, byCredential.text]).toEqual([204, ""]);
    expect(byCredential.headers.get("clear-site-data")).toContain('"cookies"');
    expect((await house.ask("GET /api/auth/me", { as: one })).status).toBe(401);
    expect((await house.ask("POST /api/auth/refresh", { body: { refresh_token: one.refreshToken } })).status).toBe(401);

    const byToken = await house.ask("POST /api/auth/logout", { body: { refresh_token: two.refreshToken } });
    expect(byToken.status).toBe(204);
    expect((await house.ask("GET /api/auth/me", { as: two })).status).toBe(401);
    for (const ask of [{}, { as: one }, { as: "garbage-garbage-garbage" }, { body: { refresh_token: "nope" } }]) {
      expect((await house.ask("POST /api/auth/logout", ask)).status).toBe(204);
    }
    expect((await house.ask("GET /api/auth/me", { as: alice })).status).toBe(200);
  });

  test("R44 sessions are listed and ended one by one; those of others do not exist", async () => {
    const bob = await house.person("bob");
    const other = await signIn(house, "bob");
    const { body } = await house.ask("GET /api/auth/sessions", { as: bob });
    expect(body.next_cursor).toBeNull();
    expect(body.items.map(({ current }: { current: boolean }) => current).sort()).toEqual([false, true]);
    expect(Object.keys(body.items[0])).toEqual(["id", "created_at", "last_seen_at", "ip", "user_agent", "current"]);
    const id = body.items.find(({ current }: { current: boolean }) => !current).id;
    expect((await house.ask(`DELETE /api/auth/sessions/${id}`, { as: alice })).status).toBe(404);
    expect((await house.ask("GET /api/auth/me", { as: other })).status).toBe(200);
    expect((await house.ask(`DELETE /api/auth/sessions/${id}`, { as: bob })).status).toBe(204);
    expect((await house.ask("GET /api/auth/me", { as: other })).status).toBe(401);
    expect((await house.ask("GET /api/auth/sessions?limit=201", { as: bob })).status).toBe(422);
    expect((await house.ask("GET /api/auth/sessions?cursor=%27%3B--", { as: bob })).status).toBe(422);
  });

  test("change-password asks for the old one and ends the other sessions", async () => {
    const [dora, other] = [await house.person("dora"), await signIn(house, "dora")];
    const change = (old_password: string, new_password: string) =>
      house.ask("POST /api/auth/change-password", { as: dora, body: { old_password, new_password } });
    const wrong = await change("not the password", "another good password");
    expect([wrong.status, wrong.body.code]).toEqual([400, "wrong_password"]);
    expect((await change(PASSWORD, "short")).status).toBe(422);
    expect((await change(PASSWORD, "another good password")).body).toEqual({ success: true });
    expect((await house.ask("GET /api/auth/me", { as: dora })).status).toBe(200);
    expect((await house.ask("GET /api/auth/me", { as: other })).status).toBe(401);
    const login = (password: string) => house.ask("POST /api/auth/login", { body: { username: "dora", password } });
    expect((await login(PASSWORD)).status).toBe(401);
    expect((await login("another good password")).status).toBe(200);
  });

  test("R43 the own address changes only with a fresh proof of the password", async () => {
    const emma = await house.person("emma");
    const patch = (body: object) => house.ask("PATCH /api/auth/me", { as: emma, body });
    expect((await patch({ email: "emma@example.com" })).body.email).toBe("emma@example.com");
    house.clock.advance(5 * 60_000 + 1);
    const stale = await patch({ email: "other@example.com" });
    expect([stale.status, stale.body.code]).toEqual([403, "reauth_required"]);
    const wrong = await house.ask("POST /api/auth/reauth", { as: emma, body: { password: "not the password" } });
    expect([wrong.status, wrong.body.code]).toEqual([400, "wrong_password"]);
    const proof = await house.ask("POST /api/auth/reauth", { as: emma, body: { password: PASSWORD } });
    expect(Date.parse(proof.body.reauth_until)).toBe(house.clock.now() + 5 * 60_000);
    expect((await patch({ email: null })).body.email).toBeNull();
    expect((await patch({ role: "admin" })).status).toBe(422);
  });

  test("R53 ★ after many failures the account is asked to wait, with a hint, and the right password works in the end", async () => {
    await house.person("frank");
    const login = (password: string) => house.ask("POST /api/auth/login", { body: { username: "frank", password } });
    let answer = await login("wrong password 0");
    for (let failures = 1; answer.status === 401 && failures < 100; failures += 1) {
      answer = await login(`wrong password ${failures}`);
    }
    expect([answer.status, answer.body.code]).toEqual([429, "rate_limited"]);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    // The right one has to wait as well: a 429 that knew better would tell.
    expect((await login(PASSWORD)).status).toBe(429);
    house.clock.advance(15 * 60_000);
    expect((await login(PASSWORD)).status).toBe(200);
  });
});

describe("whose pages are ours", () => {
  const PUBLIC = "https://relay.example";
  let house: AccountRelay;
  beforeAll(async () => {
    house = await startAccounts(`server: { public_host: "${PUBLIC}" }`);
    await house.person("alice");
  });
  afterAll(() => house.stop());
  const login = (headers: Record<string, string>, cookie = true) =>
    house.ask("POST /api/auth/login", { body: { username: "alice", password: PASSWORD, cookie }, headers });

  const rows: [name: string, headers: Record<string, string>, status: number][] = [
    ["a proxy that changes the host", { origin: PUBLIC, "sec-fetch-site": "same-origin" }, 200],
    ["the same in a browser that tells only the origin", { origin: PUBLIC }, 200],
    ["another host by that proxy", { origin: "https://evil.example" }, 403],
    ["a name that ends alike", { origin: "https://evil-relay.example" }, 403],
    ["a name that begins alike", { origin: `${PUBLIC}.evil.example` }, 403],
    ["a neighbour domain", { origin: "https://x.relay.example", "sec-fetch-site": "same-site" }, 403],
    ["another site that claims to be ours", { origin: PUBLIC, "sec-fetch-site": "cross-site" }, 403],
  ];
  test.each(rows)("R56 ★ %s", async (_name, headers, status) => {
    expect((await login(headers)).status).toBe(status);
  });

  test("R81 where the address is https, cookies are Secure whatever host a proxy names, and a plain one does not count", async () => {
    const { headers } = await login({ "sec-fetch-site": "same-origin" });
    const [session = "", refresh = ""] = headers.getSetCookie().map((field) => field.split(";")[0]!);
    expect([session, refresh]).toEqual([
      expect.stringMatching(/^__Host-mr_session=/),
      expect.stringMatching(/^__Secure-mr_refresh=/),
    ]);
    const me = (cookie: string) =>
      house.ask("GET /api/auth/me", { headers: { cookie, "sec-fetch-site": "same-origin" } });
    expect((await me(session)).status).toBe(200);
    // A neighbour domain could have set it, with somebody else's session in it.
    expect((await me(session.replace("__Host-", ""))).status).toBe(401);
    const renew = (cookie: string) =>
      house.ask("POST /api/auth/refresh", { body: {}, headers: { cookie, "sec-fetch-site": "same-origin" } });
    expect((await renew(refresh.replace("__Secure-", ""))).status).toBe(422);
    expect((await renew(refresh)).status).toBe(200);
  });
});

describe("a session in a browser", () => {
  let house: AccountRelay;
  const ours = { "sec-fetch-site": "same-origin" };
  const cookiesOf = (headers: Headers) => headers.getSetCookie();
  const jar = (fields: readonly string[]) => fields.map((field) => field.split(";")[0]!).join("; ");
  let session = "";
  let refresh = "";

  beforeAll(async () => {
    house = await startAccounts();
    await house.person("alice");
    const answer = await house.ask("POST /api/auth/login", {
      body: { username: "alice", password: PASSWORD, cookie: true },
      headers: ours,
    });
    expect(answer.body).toMatchObject({ access_token: null, refresh_token: null, user: { username: "alice" } });
    [session = "", refresh = ""] = cookiesOf(answer.headers);
  });
  afterAll(() => house.stop());

  test("R81 its tokens are cookies that scripts cannot read and other sites do not send", () => {
    expect(session).toMatch(/^mr_session=[\w.-]+; Path=\/; Max-Age=86400; HttpOnly; SameSite=Strict$/);
    expect(refresh).toMatch(/^mr_refresh=[\w-]{43}; Path=\/api\/auth; Max-Age=604800; HttpOnly; SameSite=Strict$/);
  });

  test("beyond loopback they are Secure, and of this very host alone", async () => {
    const answer = await house.ask("POST /api/auth/login", {
      body: { username: "alice", password: PASSWORD, cookie: true },
      headers: { host: "relay.example" },
    });
    const [first, second] = cookiesOf(answer.headers);
    expect(first).toMatch(/^__Host-mr_session=.*; Path=\/; .*HttpOnly; SameSite=Strict; Secure$/);
    expect(second).toMatch(/^__Secure-mr_refresh=.*; HttpOnly; SameSite=Strict; Secure$/);
    expect(`${first}${second}`).not.toContain("Domain");
  });

  const sites: [name: string, headers: Record<string, string>, status: number][] = [
    ["our own page", { "sec-fetch-site": "same-origin" }, 200],
    ["our own page in an old browser", { origin: "SELF" }, 200],
    ["a page of another site", { "sec-fetch-site": "cross-site" }, 401],
    ["a page of a neighbour domain", { "sec-fetch-site": "same-site" }, 401],
    ["an address typed in", { "sec-fetch-site": "none" }, 401],
    ["another origin", { origin: "https://evil.example" }, 401],
    ["a sandboxed page", { origin: "null" }, 401],
    ["nobody says who", {}, 401],
    ["another site that names our origin", { "sec-fetch-site": "cross-site", origin: "SELF" }, 401],
  ];
  test.each(sites)("R82 the cookie counts only from our own pages: %s", async (_name, headers, status) => {
    const real = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replace("SELF", house.relay.url)]),
    );
    const answer = await house.ask("GET /api/auth/me", { headers: { cookie: jar([session]), ...real } });
    expect(answer.status).toBe(status);
  });

  test("R1 beside a header the cookie is ignored, whichever of the two is good", async () => {
    const cookie = jar([session]);
    const bad = await house.ask("GET /api/auth/me", {
      headers: { cookie, ...ours, "x-api-key": "no-key-of-ours-0123456789" },
    });
    expect(bad.status).toBe(401);
    const good = await house.ask("GET /api/auth/me", {
      headers: { cookie: "mr_session=x.y.z", ...ours, "x-access-key": KEY },
    });
    expect(good.body.principal.kind).toBe("access_key");
    const two = await house.ask("GET /api/auth/me", { headers: { cookie: `mr_session=x.y.z; ${cookie}`, ...ours } });
    expect(two.status).toBe(401);
  });

  test("R82 with a cookie a change needs JSON, also where the route takes no body", async () => {
    const headers = { cookie: jar([session]), ...ours, "content-type": "text/plain" };
    expect((await house.ask("POST /api/users/1/logout", { headers, body: "{}" })).status).toBe(415);
    expect((await house.ask("POST /api/keys", { headers, body: '{"name":"x"}' })).status).toBe(415);
    expect((await house.ask("GET /api/keys", { headers: { cookie: jar([session]), ...ours } })).body.items).toEqual([]);
  });

  test("it calls models, refreshes itself and ends, all by cookies", async () => {
    const cookie = jar([session, refresh]);
    const chat = await house.ask("POST /v1/chat/completions", {
      headers: { cookie, ...ours },
      body: { model: "echo", messages: [{ role: "user", content: "hello" }] },
    });
    expect(chat.body.choices[0].message.content).toBe("hello");

    const foreign = await house.ask("POST /api/auth/refresh", {
      headers: { cookie, origin: "https://evil.example" },
      body: {},
    });
    expect(foreign.status).toBe(403);
    const next = await house.ask("POST /api/auth/refresh", { headers: { cookie, ...ours }, body: {} });
    expect(next.body).toMatchObject({ access_token: null, refresh_token: null });
    const renewed = jar(cookiesOf(next.headers));
    expect((await house.ask("GET /api/auth/me", { headers: { cookie: renewed, ...ours } })).status).toBe(200);

    const end = await house.ask("POST /api/auth/logout", { headers: { cookie: renewed, ...ours } });
    expect(end.status).toBe(204);
    expect(cookiesOf(end.headers).filter((field) => field.includes("Max-Age=0"))).toHaveLength(4);
    expect((await house.ask("GET /api/auth/me", { headers: { cookie: renewed, ...ours } })).status).toBe(401);
  });
});
