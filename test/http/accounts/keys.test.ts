/** API keys over HTTP, in the house's own style and in those of Relay and OpenRelay: one table behind three doors. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type AccountRelay, KEY, PASSWORD, type SignedIn, startAccounts } from "../../support/accounts.ts";

let house: AccountRelay;
let owner: SignedIn;
let user: SignedIn;
let orgId: string;
beforeAll(async () => {
  house = await startAccounts();
  owner = await house.person("olive");
  user = await house.person("ursula");
  orgId = (await owner.identity()).orgId!;
});
afterAll(() => house.stop());

const at = (ms: number) => new Date(house.clock.now() + ms).toISOString();
const chat = (as: string) =>
  house.ask("POST /v1/chat/completions", { as, body: { model: "echo", messages: [{ role: "user", content: "hi" }] } });

describe("native /api/keys", () => {
  const create = (body: object, as: SignedIn | string = user, headers: Record<string, string> = {}) =>
    house.ask("POST /api/keys", { as, body, headers });

  test("R18 a key is shown in the answer that makes it, and nowhere after", async () => {
    const made = await create({ name: "laptop" });
    expect(made.status).toBe(201);
    expect(made.headers.get("cache-control")).toBe("no-store");
    const { key, ...shown } = made.body;
    expect(key).toMatch(/^mr_[0-9A-Za-z]{38}$/);
    expect(shown).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      public_id: expect.stringMatching(/^key_[0-9A-Za-z]{20}$/),
      name: "laptop",
      prefix: key.slice(0, 8),
      last4: key.slice(-4),
      org_id: orgId,
      user_id: user.id,
      style: "native",
      status: "active",
      scopes: ["inference"],
      models: { allow: [], deny: [] },
      default_model: null,
      providers: [],
      limits: { rpm: 0, tpm: 0, concurrency: 0, budgets: [] },
      ip_allow: [],
      log_bodies: null,
      expose_routing: true,
      metadata: {},
      created_at: expect.stringMatching(/Z$/),
      created_by: `user:${user.id}`,
      expires_at: null,
      last_used_at: null,
      revoked_at: null,
      replaces: null,
    });
    expect((await chat(key)).status).toBe(200);
    const seen = [
      await house.ask(`GET /api/keys/${shown.id}`, { as: user }),
      await house.ask(`GET /api/keys/${shown.public_id}`, { as: user }),
      await house.ask("GET /api/keys", { as: user }),
      await house.ask("GET /api/keys", { as: owner }),
      await house.ask("GET /api/keys/current", { as: key }),
      await house.ask(`PATCH /api/keys/${shown.id}`, { as: user, body: { name: "desk" } }),
    ];
    for (const { status, text } of seen) {
      expect(status).toBe(200);
      expect(text).not.toContain(key);
      expect(text).not.toMatch(/hash|"key":/);
    }
  });

  test("every field is taken, kept, changed by itself, and cleared by null", async () => {
    const { body } = await create({
      name: "full",
      scopes: ["chat:write", "models:read"],
      models: { allow: ["gpt-*"] },
      default_model: "gpt-4o",
      providers: ["openai"],
      limits: { rpm: 60, budgets: [{ usd: 20, window: "month" }] },
      ip_allow: ["127.0.0.0/8"],
      log_bodies: "off",
      expose_routing: false,
      metadata: { team: "a" },
      expires_at: at(3_600_000),
    });
    expect(body).toMatchObject({
      scopes: ["chat:write", "models:read"],
      models: { allow: ["gpt-*"], deny: [] },
      limits: { rpm: 60, tpm: 0, concurrency: 0, budgets: [{ usd: 20, window: "month" }] },
      expires_at: at(3_600_000),
    });
    const patch = (own: object) => house.ask(`PATCH /api/keys/${body.id}`, { as: user, body: own });
    expect((await patch({})).body).toMatchObject({ name: "full", default_model: "gpt-4o", log_bodies: "off" });
    const cleared = await patch({
      models: null,
      default_model: null,
      limits: null,
      ip_allow: null,
      log_bodies: null,
      expires_at: null,
      expose_routing: null,
      metadata: null,
      providers: null,
    });
    expect(cleared.body).toMatchObject({
      name: "full",
      models: { allow: [], deny: [] },
      default_model: null,
      limits: { rpm: 0, budgets: [] },
      ip_allow: [],
      log_bodies: null,
      expires_at: null,
      expose_routing: true,
      metadata: {},
      providers: [],
    });
  });

  const bad: [name: string, body: object][] = [
    ["no name", {}],
    ["R31 a name of 65 characters", { name: "x".repeat(65) }],
    ["R31 a control character in the name", { name: "a\u0007b" }],
    ["R25 an unknown scope", { name: "x", scopes: ["everything"] }],
    ["an empty list of scopes", { name: "x", scopes: [] }],
    ["R23 an expiry in the past", { name: "x", expires_at: "2020-01-01T00:00:00Z" }],
    ["R23 an expiry without an offset", { name: "x", expires_at: "2099-01-01T00:00:00" }],
    ["R23 a day that no February has", { name: "x", expires_at: "2099-02-30T00:00:00Z" }],
    ["a number as expiry", { name: "x", expires_at: 4_070_908_800 }],
    ["a network that is none", { name: "x", ip_allow: ["10.0.0.0/33"] }],
    ["a negative limit", { name: "x", limits: { rpm: -1 } }],
    ["a budget without a window", { name: "x", limits: { budgets: [{ usd: 1 }] } }],
    ...["user_id", "role", "created_by", "permissions", "rate_limit", "key", "hash"].map((field): [string, object] => [
      `R24 ★ the field ${field}`,
      { name: "x", [field]: 1 },
    ]),
  ];
  test.each(bad)("422: %s", async (_name, body) => {
    const answer = await create(body);
    expect([answer.status, answer.body.code]).toEqual([422, "validation_error"]);
    expect(answer.body.detail[0]).toEqual({
      loc: expect.any(Array),
      msg: expect.any(String),
      type: expect.any(String),
    });
  });

  test("R24 ★ fields that would make a key somebody else's are refused to every role, in a session and by key, at every door", async () => {
    const radka = await house.person("radka");
    const callers: [name: string, as: SignedIn | string][] = [
      ["a user", radka],
      ["a user's key", await house.key(radka, ["account"])],
      ["the super admin", owner],
      ["the super admin's key", await house.key(owner, ["*"])],
      ["the access key", KEY],
    ];
    const doors = ["/api/keys", "/api/v1/auth/api-keys", `/v1/orgs/${orgId}/api-keys/create`];
    const fields = {
      user_id: 1,
      userId: 1,
      role: "super_admin",
      permissions: ["*"],
      rate_limit: 0,
      created_by: "user:1",
      is_admin: true,
      owner: "olive",
      style: "imported",
      key: "mr_of-my-own-choice-0123456789",
      hash: "0".repeat(64),
      status: "active",
      id: "01900000-0000-7000-8000-000000000000",
    };
    const count = async () => (await house.store.accounts.apiKeys.list({}, { limit: 200 })).items.length;
    const before = await count();
    for (const [name, as] of callers) {
      for (const door of doors) {
        for (const [field, value] of Object.entries(fields)) {
          const answer = await house.ask(`POST ${door}`, { as, body: { name: "x", [field]: value } });
          expect([name, door, field, [403, 422].includes(answer.status)]).toEqual([name, door, field, true]);
        }
      }
    }
    expect(await count()).toBe(before);
  });

  test("R24 ★ nobody hands out more than he has: roles, scopes, lifetime, models, limits", async () => {
    const parent = (
      await create({
        name: "parent",
        scopes: ["keys:write", "chat:write"],
        expires_at: at(3_600_000),
        models: { allow: ["echo"] },
      })
    ).body.key;
    const limited = (await create({ name: "limited", scopes: ["keys:write", "chat:write"], limits: { rpm: 10 } })).body
      .key;
    const rows: [SignedIn | string, object, number][] = [
      [user, { scopes: ["users:read"] }, 403],
      [user, { scopes: ["management"] }, 403],
      [user, { scopes: ["*"] }, 403],
      [parent, { scopes: ["models:read"] }, 403],
      [parent, { scopes: ["account"] }, 403],
      [parent, { scopes: ["chat:write"], expires_at: at(7_200_000) }, 422],
      [parent, { scopes: ["chat:write"], expires_at: null }, 422],
      [parent, { scopes: ["chat:write"], models: { allow: ["*"] } }, 403],
      [limited, { scopes: ["chat:write"], limits: { rpm: 11 } }, 403],
      [limited, { scopes: ["chat:write"], limits: { rpm: 0 } }, 403],
      // Counted with the key that made it.
      [limited, { scopes: ["chat:write"], limits: { rpm: 10 } }, 201],
      [KEY, { scopes: ["chat:write"] }, 403],
    ];
    for (const [as, own, status] of rows) {
      expect([own, (await create({ name: "child", ...own }, as)).status]).toEqual([own, status]);
    }
    const child = await create({ name: "child", scopes: ["chat:write"] }, parent);
    expect(child.body).toMatchObject({
      user_id: user.id,
      models: { allow: ["echo"], deny: [] },
      expires_at: at(3_600_000),
    });
  });

  test("R24 what a key is not told, and what is recorded of it, holds for its children and is not its own to change", async () => {
    const scopes = ["keys:write", "keys:read", "chat:write"];
    const made = await create({
      name: "watched",
      scopes,
      expose_routing: false,
      log_bodies: "full",
      default_model: "echo",
    });
    const { id, key: watched } = made.body;
    const own = { expose_routing: false, log_bodies: "full", default_model: "echo" };
    const rows: [object, number][] = [
      [{ expose_routing: true }, 403],
      [{ log_bodies: "off" }, 403],
      [{ log_bodies: "preview" }, 403],
      [{ expose_routing: false, log_bodies: "full" }, 201],
      [{ expose_routing: null, log_bodies: null }, 201],
      [{}, 201],
    ];
    for (const [asked, status] of rows) {
      const child = await create({ name: "child", scopes: ["chat:write"], ...asked }, watched);
      expect([asked, child.status]).toEqual([asked, status]);
      if (status === 201) expect(child.body).toMatchObject(own);
    }
    expect(
      (await create({ name: "child", scopes: ["chat:write"], default_model: null }, watched)).body.default_model,
    ).toBeNull();
    for (const asked of [
      { expose_routing: true },
      { expose_routing: null },
      { log_bodies: "off" },
      { log_bodies: null },
    ]) {
      const answer = await house.ask(`PATCH /api/keys/${id}`, { as: watched, body: asked });
      expect([asked, answer.status]).toEqual([asked, 403]);
    }
    expect((await house.ask(`PATCH /api/keys/${id}`, { as: watched, body: { name: "same" } })).status).toBe(200);
    expect((await house.ask(`GET /api/keys/${id}`, { as: user })).body).toMatchObject(own);
    // Its owner may.
    const changed = await house.ask(`PATCH /api/keys/${id}`, {
      as: user,
      body: { expose_routing: true, log_bodies: null },
    });
    expect(changed.body).toMatchObject({ expose_routing: true, log_bodies: null });
  });

  test("R25 a missing scope is 403 in the words of the route's family, and no call is made", async () => {
    const { key } = (await create({ name: "reader", scopes: ["models:read"] })).body;
    const rows: [line: string, body: unknown, expected: object][] = [
      [
        "POST /v1/chat/completions",
        { model: "echo", messages: [] },
        { error: { type: "permission_error", code: "insufficient_scope", message: expect.any(String), param: null } },
      ],
      [
        "POST /v1/messages",
        {},
        {
          type: "error",
          error: { type: "permission_error", message: expect.any(String) },
          request_id: expect.any(String),
        },
      ],
      [
        "GET /api/keys",
        undefined,
        { detail: 'This credential lacks the scope "keys:read"', code: "insufficient_scope" },
      ],
      ["GET /api/v1/auth/api-keys", undefined, { detail: expect.any(String) }],
      [`GET /v1/orgs/${orgId}/api-keys`, undefined, { error: "Forbidden", code: "forbidden" }],
    ];
    for (const [line, sent, expected] of rows) {
      const answer = await house.ask(line, { as: key, ...(sent === undefined ? {} : { body: sent }) });
      expect([line, answer.status, answer.body]).toEqual([line, 403, expected]);
    }
  });

  test("R23 a key is valid while now < expires_at, to the millisecond", async () => {
    const { key } = (await create({ name: "short", expires_at: at(1000) })).body;
    expect((await chat(key)).status).toBe(200);
    house.clock.advance(999);
    expect((await chat(key)).status).toBe(200);
    house.clock.advance(1);
    expect((await chat(key)).status).toBe(401);
    const { body } = await house.ask("GET /api/keys?status=expired", { as: user });
    expect(body.items.map(({ name, status }: { name: string; status: string }) => [name, status])).toEqual([
      ["short", "expired"],
    ]);
  });

  test("R22 ★ revoked: over with the next request, for good, and again is no error", async () => {
    const { key, id } = (await create({ name: "lost" })).body;
    expect((await chat(key)).status).toBe(200);
    const answer = await house.ask(`DELETE /api/keys/${id}`, { as: user });
    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect((await chat(key)).status).toBe(401);
    expect((await house.ask(`DELETE /api/keys/${id}`, { as: user })).status).toBe(204);
    const patched = await house.ask(`PATCH /api/keys/${id}`, { as: user, body: { expires_at: null } });
    expect([patched.status, patched.body.code]).toEqual([409, "key_revoked"]);
    expect((await house.ask(`GET /api/keys/${id}`, { as: user })).body.status).toBe("revoked");
    expect((await house.ask("GET /api/keys", { as: user })).text).not.toContain(id);
  });

  test("rotate makes a successor; the old one lives through the grace and not longer", async () => {
    const { key, id } = (await create({ name: "server" })).body;
    const rotated = await house.ask(`POST /api/keys/${id}/rotate`, { as: user, body: { grace_seconds: 60 } });
    expect([rotated.status, rotated.body.replaces, rotated.body.name]).toEqual([201, id, "server"]);
    expect(rotated.body.key).not.toBe(key);
    expect([(await chat(key)).status, (await chat(rotated.body.key)).status]).toEqual([200, 200]);
    house.clock.advance(60_000);
    expect([(await chat(key)).status, (await chat(rotated.body.key)).status]).toEqual([401, 200]);
    expect(
      (await house.ask(`POST /api/keys/${id}/rotate`, { as: user, body: { grace_seconds: 604_801 } })).status,
    ).toBe(422);
  });

  test("R112 an idempotency key makes one key, and its second answer holds no secret", async () => {
    const headers = { "idempotency-key": "deploy-1" };
    const first = await create({ name: "deploy" }, user, headers);
    const again = await create({ name: "deploy" }, user, headers);
    expect([first.status, again.status, again.headers.get("idempotent-replay")]).toEqual([201, 200, "true"]);
    expect(again.body.id).toBe(first.body.id);
    expect(again.body.key).toBeUndefined();
    expect((await create({ name: "another" }, user, headers)).body.code).toBe("idempotency_key_reused");
    // Somebody else's is another one.
    const others = await create({ name: "deploy" }, owner, headers);
    expect([others.status, others.body.id === first.body.id]).toEqual([201, false]);
  });

  test("R26 keys of others are 404, whatever one asks; admins see all", async () => {
    const { id } = (await create({ name: "olive's" }, owner)).body;
    const lines: [string, object?][] = [
      [`GET /api/keys/${id}`],
      [`PATCH /api/keys/${id}`, { name: "mine" }],
      [`DELETE /api/keys/${id}`],
      [`POST /api/keys/${id}/rotate`, {}],
      [`GET /api/keys/${id}/usage`],
    ];
    for (const [line, sent] of lines) {
      const answer = await house.ask(line, { as: user, ...(sent === undefined ? {} : { body: sent }) });
      expect([line, answer.status, answer.body]).toEqual([line, 404, { detail: "Not found", code: "not_found" }]);
    }
    expect((await house.ask(`GET /api/keys?user_id=${owner.id}`, { as: user })).body.items).toEqual([]);
    const seen = await house.ask(`GET /api/keys?user_id=${user.id}&status=all&limit=200`, { as: owner });
    expect(seen.body.items.length).toBeGreaterThan(3);
    expect(seen.body.items.every(({ user_id }: { user_id: number }) => user_id === user.id)).toBe(true);
  });

  test("usage counts the calls of the key, by bucket", async () => {
    const { key, id } = (await create({ name: "counted", scopes: ["inference", "keys:read"], limits: { rpm: 60 } }))
      .body;
    await chat(key);
    await house.ask("POST /v1/chat/completions", {
      as: key,
      body: { model: "nothing", messages: [{ role: "user", content: "hi" }] },
    });
    for (const record of house.relay.records) house.store.calls.append(record);
    expect(house.store.calls.flush()).toBe(0);
    const { body } = await house.ask(`GET /api/keys/${id}/usage?bucket=hour`, { as: key });
    expect(body).toMatchObject({
      requests: 2,
      errors: 1,
      // What answers by itself costs nothing, and that is known.
      cost_usd: 0,
      // The call for a model that does not exist went nowhere, so it is not counted.
      limits: [{ name: "rpm", limit: 60, used: 1, remaining: 59, reset_at: expect.stringMatching(/Z$/) }],
    });
    expect(body.input_tokens).toBeGreaterThan(0);
    expect(body.series).toHaveLength(1);
    expect((await house.ask("GET /api/keys/current", { as: key })).body).toMatchObject({ id, usage: { requests: 2 } });
    for (const query of ["bucket=week", "from=yesterday", "from=2020-01-01&bucket=minute", "from=2099-01-01"]) {
      expect([query, (await house.ask(`GET /api/keys/${id}/usage?${query}`, { as: user })).status]).toEqual([
        query,
        422,
      ]);
    }
  });

  test("the scopes are listed with what this caller may grant", async () => {
    const grantable = async (as: SignedIn | string) => {
      const { body } = await house.ask("GET /api/keys/scopes", { as });
      expect(Object.keys(body.sets)).toEqual(["inference", "account", "management"]);
      return new Set(
        body.scopes
          .filter((scope: { grantable: boolean }) => scope.grantable)
          .map(({ name }: { name: string }) => name),
      );
    };
    const [own, super_, none] = [
      await grantable(user),
      await grantable(owner),
      await grantable(await house.key(user, ["models:read"])),
    ];
    expect([own.has("chat:write"), own.has("keys:write"), own.has("users:write")]).toEqual([true, true, false]);
    expect(super_.has("users:write")).toBe(true);
    expect([...none]).toEqual(["models:read"]);
  });
});

describe("Relay style", () => {
  test("null is as good as left out, and before the first account there is an empty list", async () => {
    const line = "POST /api/v1/auth/api-keys";
    const made = await house.ask(line, { as: user, body: { name: "x", scopes: null, expires_at: null } });
    const plain = await house.ask(line, { as: user, body: { name: "x", expires_at: null } });
    expect([made.status, made.body.scopes]).toEqual([201, plain.body.scopes]);
    const granted = `server: { access_key: ${KEY}, access_key_scopes: [inference, management, account] }`;
    const unclaimed = await startAccounts(granted);
    const { status, body } = await unclaimed.ask("GET /api/v1/auth/api-keys", { as: KEY });
    await unclaimed.stop();

    expect([status, body]).toEqual([200, []]);
  });

  const PATH = "/api/v1/auth/api-keys";

  test("made, listed and revoked in its own words", async () => {
    // The newest comes first; what was made in the same millisecond comes in any order.
    house.clock.advance(1);
    const made = await house.ask(`POST ${PATH}`, { as: user, body: { name: "My key", expires_at: at(3_600_000) } });
    expect(made.status).toBe(201);
    expect(Object.keys(made.body)).toEqual([
      "id",
      "name",
      "key_prefix",
      "key",
      "scopes",
      "created_at",
      "expires_at",
      "last_used_at",
    ]);
    expect(made.body).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: "My key",
      key_prefix: "rl_live_",
      key: expect.stringMatching(/^rl_live_[0-9A-Za-z]{38}$/),
      // Everything an account may do reads as none in particular.
      scopes: [],
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      expires_at: expect.stringMatching(/:\d\dZ$/),
      last_used_at: null,
    });
    const byKey = await house.ask(`GET ${PATH}`, { headers: { "x-api-key": made.body.key } });
    expect(byKey.status).toBe(200);
    expect(Array.isArray(byKey.body)).toBe(true);
    expect(byKey.body[0]).toEqual((({ key: _key, ...rest }) => rest)(made.body));
    expect(byKey.text).not.toContain(made.body.key);

    const gone = await house.ask(`DELETE ${PATH}/${made.body.id}`, { as: user });
    expect([gone.status, gone.text]).toEqual([204, ""]);
    expect((await house.ask(`GET ${PATH}`, { headers: { "x-api-key": made.body.key } })).text).toBe(
      '{"detail":"Invalid or missing API key"}',
    );
    for (const id of [made.body.id, "00000000-0000-0000-0000-000000000000", "x"]) {
      const answer = await house.ask(`DELETE ${PATH}/${id}`, { as: user });
      expect([answer.status, answer.text]).toEqual([404, '{"detail":"API key not found"}']);
    }
    expect((await house.ask(`GET ${PATH}`, { as: user })).text).not.toContain(made.body.id);
  });

  test("an empty list of scopes is everything an account may do; a list is that list; mistakes are told by field", async () => {
    const scoped = async (scopes: unknown) => house.ask(`POST ${PATH}`, { as: user, body: { name: "x", scopes } });
    expect((await scoped([])).body.scopes).toEqual([]);
    expect((await scoped(["chat:write"])).body.scopes).toEqual(["chat:write"]);
    const unknown = await scoped(["nope"]);
    expect([unknown.status, unknown.body]).toEqual([
      422,
      { detail: [{ loc: ["body", "scopes", "0"], msg: "is not a scope", type: "value_error" }] },
    ]);
    expect((await scoped(["users:write"])).status).toBe(403);
    expect((await house.ask(`POST ${PATH}`, { as: user, body: { name: "x".repeat(101) } })).status).toBe(422);
    expect((await house.ask(`POST ${PATH}`, { as: user, body: { name: "x", user_id: 1 } })).status).toBe(422);
    expect((await house.ask(`POST ${PATH}`, { as: user, body: "{" })).body).toEqual({ detail: expect.any(String) });
  });

  test("a key's child has no more than the key itself", async () => {
    const parent = await house.key(user, ["keys:write", "chat:write"]);
    const child = await house.ask(`POST ${PATH}`, { as: parent, body: { name: "child" } });
    expect(child.body.scopes.toSorted()).toEqual(["chat:write", "keys:write"]);
  });
});

describe("OpenRelay style", () => {
  const PATH = () => `/v1/orgs/${orgId}/api-keys`;

  test("me and orgs say who asks, in camelCase", async () => {
    const session = await house.ask("GET /v1/me", { as: owner });
    expect(session.body).toEqual({
      id: `user:${owner.id}`,
      type: "user",
      orgId,
      name: "olive",
      email: null,
      role: "owner",
      scopes: expect.arrayContaining(["chat:write", "users:write"]),
    });
    expect(session.headers.get("cache-control")).toBe("no-store");
    const asKey = await house.ask("GET /v1/me", { as: await house.key(user, ["chat:write"]) });
    expect(asKey.body).toMatchObject({ type: "api_key", orgId, name: "test", role: "member", scopes: ["chat:write"] });
    expect((await house.ask("GET /v1/me", { as: KEY })).body).toMatchObject({
      id: "access-key",
      type: "access_key",
      orgId,
      email: null,
      role: null,
    });
    expect((await house.ask("GET /v1/orgs", { as: user })).body).toEqual([
      { id: orgId, name: "Default", role: "member" },
    ]);
    expect((await house.ask("GET /v1/orgs", { as: KEY })).body).toEqual([{ id: orgId, name: "Default", role: null }]);
    expect((await house.ask("GET /v1/me")).text).toBe('{"error":"Unauthorized","code":"unauthorized"}');
  });

  test("whoami tells a key its organisation and scopes, and a person theirs, never the one what the other is told", async () => {
    const asKey = await house.ask("GET /v1/whoami", { as: await house.key(user, ["chat:write"]) });
    expect(asKey.body).toEqual({
      principalType: "api_key",
      organizationId: orgId,
      organizationName: "Default",
      scopes: ["chat:write"],
    });
    const session = await house.ask("GET /v1/whoami", { as: user });
    const features = { batch: false, publicEndpoint: false };
    expect(session.body).toEqual({
      principalType: "user",
      organizationId: orgId,
      organizationName: "Default",
      userId: String(user.id),
      role: "member",
      availableOrgs: [{ organizationId: orgId, name: "Default", role: "member", features }],
    });
    const accessKey = await house.ask("GET /v1/whoami", { as: KEY });
    expect(accessKey.body).toMatchObject({ principalType: "api_key", organizationId: orgId });
    expect((await house.ask("GET /v1/whoami")).text).toBe('{"error":"Unauthorized","code":"unauthorized"}');
    expect((await house.ask("POST /v1/whoami", { as: user })).body.code).toBe("method_not_allowed");
  });

  test("made, listed with the revoked ones, revoked twice", async () => {
    const made = await house.ask(`POST ${PATH()}/create`, {
      as: user,
      body: { name: "worker", scopes: ["inference", "clusters:read"], expiresAt: at(3_600_000) },
    });
    expect(made.status).toBe(200);
    expect(Object.keys(made.body)).toEqual(["id", "key", "keyPrefix", "name", "scopes", "createdAt", "organizationId"]);
    const { id, key, keyPrefix, scopes } = made.body;
    expect(made.body.organizationId).toBe(orgId);
    expect([id, key]).toEqual([expect.stringMatching(/^key_/), expect.stringMatching(/^vl_[0-9A-Za-z]{38}$/)]);
    expect(keyPrefix).toBe(key.slice(0, 8));
    // Expanded; what belongs to another product is kept and grants nothing.
    expect(scopes).toEqual(expect.arrayContaining(["chat:write", "models:read", "clusters:read"]));
    expect((await chat(key)).status).toBe(200);

    expect((await house.ask(`DELETE ${PATH()}/${id}`, { as: user })).status).toBe(204);
    expect((await chat(key)).status).toBe(401);
    expect((await house.ask(`DELETE ${PATH()}/${id}`, { as: user })).status).toBe(204);
    const missing = await house.ask(`DELETE ${PATH()}/key_nothing`, { as: user });
    expect([missing.status, missing.text]).toEqual([404, '{"error":"Not found","code":"not_found"}']);
    const { body } = await house.ask(`GET ${PATH()}`, { as: user });
    const row = body.find((each: { id: string }) => each.id === id);
    expect(Object.keys(row)).toEqual([
      "id",
      "name",
      "keyPrefix",
      "scopes",
      "lastUsedAt",
      "expiresAt",
      "revokedAt",
      "createdAt",
    ]);
    expect(row.revokedAt).toMatch(/Z$/);
  });

  const lifetimes: [body: object, lives: number | null | "refused"][] = [
    [{ expiresInSeconds: 3600 }, 3_600_000],
    [{ expiresInSeconds: 0 }, null],
    [{ expiresInSeconds: -1 }, null],
    [{ expiresInSeconds: null }, null],
    [{ expiresInSeconds: 1.5 }, "refused"],
    [{ expiresInSeconds: "3600" }, "refused"],
    [{ expiresInSeconds: 1e15 }, "refused"],
    [{ expiresInSeconds: 3600, expiresAt: null }, "refused"],
  ];
  test.each(lifetimes)("a lifetime in seconds, %j, is %j", async (body, lives) => {
    const made = await house.ask(`POST ${PATH()}/create`, { as: user, body: { name: "brief", ...body } });
    if (lives === "refused") {
      expect([made.status, made.body.code]).toEqual([422, "invalid_request"]);
      return;
    }
    expect(made.status).toBe(200);
    const { body: keys } = await house.ask(`GET ${PATH()}`, { as: user });
    const row = keys.find(({ id }: { id: string }) => id === made.body.id);
    expect(row.expiresAt).toBe(lives === null ? null : at(lives));
    if (lives === null) return;
    expect((await chat(made.body.key)).status).toBe(200);
    house.clock.advance(lives);
    expect((await chat(made.body.key)).status).toBe(401);
  });

  test("an organisation that is not the caller's and one that does not exist are the same 403", async () => {
    const other = await house.ask("POST /api/orgs", { as: owner, body: { name: "Elsewhere" } });
    const answers = await Promise.all(
      [other.body.id, "org_nothing"].map((id) => house.ask(`GET /v1/orgs/${id}/api-keys`, { as: user })),
    );
    expect(answers.map(({ status, text }) => [status, text])).toEqual(
      Array(2).fill([403, '{"error":"Forbidden","code":"forbidden"}']),
    );
    // Its owner is bound to it by membership, and acts there.
    const made = await house.ask(`POST /v1/orgs/${other.body.id}/api-keys/create`, {
      as: owner,
      body: { name: "there" },
    });
    expect(made.status).toBe(200);
    expect((await house.ask("GET /v1/me", { as: made.body.key })).body.orgId).toBe(other.body.id);
  });

  test("mistakes are one sentence and a code", async () => {
    const answer = await house.ask(`POST ${PATH()}/create`, { as: user, body: { name: "x", scopes: ["nope"] } });
    expect([answer.status, answer.body]).toEqual([422, { error: "scopes.0 is not a scope", code: "invalid_request" }]);
    const late = await house.ask(`POST ${PATH()}/create`, { as: user, body: { name: "x", expiresAt: at(-1000) } });
    expect([late.status, late.body.error]).toEqual([422, "expiresAt must lie in the future"]);
    const broken = await house.ask(`POST ${PATH()}/create`, { as: user, body: "{" });
    expect([broken.status, broken.body.code]).toEqual([400, "invalid_request"]);
  });

  test("members are added by address; who has no account is invited, and joins by registering", async () => {
    await house.ask(`PATCH /api/users/${user.id}`, { as: owner, body: { email: "ursula@example.com" } });
    const org = (await house.ask("POST /api/orgs", { as: owner, body: { name: "Team" } })).body.id;
    const add = (email: string, as: SignedIn = owner) =>
      house.ask(`POST /v1/orgs/${org}/members/add`, { as, body: { email, role: "member" } });
    expect((await add("ursula@example.com")).body).toEqual({
      userId: user.id,
      role: "member",
      email: "ursula@example.com",
      fullName: null,
      avatarUrl: null,
      invitedAt: null,
      joinedAt: expect.stringMatching(/Z$/),
    });
    const invited = await add("new@example.com");
    expect(invited.body).toMatchObject({
      userId: null,
      email: "new@example.com",
      invitedAt: expect.any(String),
      joinedAt: null,
    });
    // A member may not bring others in.
    expect((await add("else@example.com", user)).status).toBe(403);

    // Nothing is mailed: whoever invites gets the link, and with a new one the one before is void.
    const codeIn = (url: string) => /^http:\/\/127\.0\.0\.1:\d+\/login#invite=([0-9A-Za-z]{43})$/.exec(url)![1]!;
    const first = codeIn(invited.body.inviteUrl);
    const latest = codeIn((await add("new@example.com")).body.inviteUrl);
    const register = (code: string) =>
      house.ask("POST /api/auth/register", {
        body: { username: "newcomer", email: "new@example.com", password: PASSWORD, invite_code: code },
      });
    const refused = await register(first);
    expect([refused.status, refused.body.code]).toEqual([403, "invite_invalid"]);
    const made = await register(latest);
    const { items } = (await house.ask(`GET /api/orgs/${org}/members`, { as: owner })).body;
    const newcomer = items.find(({ user_id }: { user_id: number }) => user_id === made.body.user.id);
    expect(newcomer).toMatchObject({ username: "newcomer", role: "member" });
  });
});

test("R20 one table: a key made in one style is listed in the others and works everywhere", async () => {
  const made = [
    (await house.ask("POST /api/keys", { as: user, body: { name: "one" } })).body.key,
    (await house.ask("POST /api/v1/auth/api-keys", { as: user, body: { name: "two" } })).body.key,
    (await house.ask(`POST /v1/orgs/${orgId}/api-keys/create`, { as: user, body: { name: "three" } })).body.key,
  ];
  for (const line of ["GET /api/keys", "GET /api/v1/auth/api-keys", `GET /v1/orgs/${orgId}/api-keys`]) {
    const { body } = await house.ask(line, { as: user });
    const names = (body.items ?? body).map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(["one", "two", "three"]));
  }
  for (const key of made) {
    for (const header of ["authorization", "x-api-key", "x-access-key", "x-goog-api-key"]) {
      const headers = { [header]: header === "authorization" ? `Bearer ${key}` : key };
      expect((await house.ask("GET /v1/me", { headers })).body.type).toBe("api_key");
    }
  }
});
