/** Organisations, members, invitations, the audit trail and the reset over HTTP. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { call } from "../../store/samples.ts";
import { type AccountRelay, KEY, PASSWORD, type SignedIn, startAccounts } from "../../support/accounts.ts";

let house: AccountRelay;
let owner: SignedIn;
let boss: SignedIn;
let user: SignedIn;
let other: SignedIn;
let orgId: string;
beforeAll(async () => {
  house = await startAccounts();
  owner = await house.person("olive");
  boss = await house.person("boris");
  user = await house.person("ursula");
  other = await house.person("oscar");
  await house.promote(boss, owner);
  orgId = (await owner.identity()).orgId!;
});
afterAll(() => house.stop());

describe("organisations", () => {
  test("everybody is a member of the default one; only admins make others, and own what they make", async () => {
    const { body } = await house.ask("GET /api/orgs", { as: user });
    expect(body).toEqual({
      items: [
        {
          id: orgId,
          name: "Default",
          role: "member",
          is_default: true,
          limits: null,
          created_at: expect.stringMatching(/Z$/),
        },
      ],
      next_cursor: null,
    });
    expect((await house.ask("POST /api/orgs", { as: user, body: { name: "Mine" } })).body.code).toBe("admin_required");
    for (const name of ["", "x".repeat(101), "a\u0000b"]) {
      expect((await house.ask("POST /api/orgs", { as: boss, body: { name } })).status).toBe(422);
    }
    const made = await house.ask("POST /api/orgs", { as: boss, body: { name: "Lab" } });
    expect([made.status, made.body.role, made.body.is_default]).toEqual([201, "owner", false]);
  });

  test("R26 to who is no member it does not exist; members read, its admins write, its owner deletes", async () => {
    const org = (await house.ask("POST /api/orgs", { as: boss, body: { name: "Team" } })).body.id;
    const at = `/api/orgs/${org}`;
    for (const line of [`GET ${at}`, `GET ${at}/members`, `DELETE ${at}`, `DELETE ${at}/members/1`]) {
      expect([line, (await house.ask(line, { as: user })).status]).toEqual([line, 404]);
    }
    const add = (body: object, as = boss) => house.ask(`POST ${at}/members`, { as, body });
    expect((await add({ user_id: user.id, email: "x@example.com" })).status).toBe(422);
    expect((await add({})).status).toBe(422);
    expect((await add({ user_id: 999_999 })).status).toBe(404);
    const added = await add({ user_id: user.id, role: "member" });
    expect([added.status, added.body]).toEqual([
      201,
      { user_id: user.id, username: "ursula", email: null, role: "member", joined_at: expect.stringMatching(/Z$/) },
    ]);

    expect((await house.ask(`GET ${at}`, { as: user })).body.role).toBe("member");
    const asMember: [string, object][] = [
      [`PATCH ${at}`, { name: "Ours" }],
      [`POST ${at}/members`, { user_id: other.id }],
      [`PATCH ${at}/members/${user.id}`, { role: "owner" }],
    ];
    for (const [line, body] of asMember) {
      const answer = await house.ask(line, { as: user, body });
      expect([line, answer.status, answer.body.code]).toEqual([line, 403, "org_role_required"]);
    }
    expect((await house.ask(`PATCH ${at}/members/${user.id}`, { as: boss, body: { role: "admin" } })).body.role).toBe(
      "admin",
    );
    // An admin of it without any role in the house.
    expect((await house.ask(`PATCH ${at}`, { as: user, body: { name: "Ours" } })).body.name).toBe("Ours");
    // By number only admins of the house add: whoever counted upwards would read the names of everybody.
    expect((await add({ user_id: other.id }, user)).body.code).toBe("admin_required");
    await house.ask(`PATCH /api/users/${other.id}`, { as: owner, body: { email: "other@example.com" } });
    expect((await add({ email: "other@example.com", role: "owner" }, user)).body.code).toBe("org_role_required");
    expect((await add({ email: "nobody@example.com" }, user)).status).toBe(404);
    expect((await add({ email: "other@example.com" }, user)).status).toBe(201);
    expect((await house.ask(`PATCH ${at}`, { as: user, body: { limits: { rpm: 1 } } })).body.code).toBe(
      "admin_required",
    );
    expect((await house.ask(`DELETE ${at}`, { as: user })).body.code).toBe("org_role_required");

    const last = await house.ask(`PATCH ${at}/members/${boss.id}`, { as: owner, body: { role: "member" } });
    expect([last.status, last.body.code]).toEqual([409, "last_owner"]);
    expect((await house.ask(`DELETE ${at}/members/${boss.id}`, { as: owner })).body.code).toBe("last_owner");
    expect((await house.ask(`DELETE ${at}/members/${other.id}`, { as: boss })).status).toBe(204);
    expect((await house.ask(`GET ${at}`, { as: other })).status).toBe(404);

    await house.ask("POST /api/keys", { as: boss, body: { name: "there", org_id: org } });
    expect((await house.ask(`DELETE ${at}`, { as: boss })).body.code).toBe("has_active_keys");
    const { items } = (await house.ask(`GET /api/keys?org_id=${org}`, { as: boss })).body;
    await house.ask(`DELETE /api/keys/${items[0].id}`, { as: boss });
    expect((await house.ask(`DELETE ${at}`, { as: boss })).status).toBe(204);
    expect((await house.ask(`DELETE /api/orgs/${orgId}`, { as: owner })).body.code).toBe("default_org");
  });

  test("x-relay-org lets a person act in another organisation of his, and in no other", async () => {
    const org = (await house.ask("POST /api/orgs", { as: boss, body: { name: "Second" } })).body.id;
    const me = (as: SignedIn, id: string) => house.ask("GET /api/auth/me", { as, headers: { "x-relay-org": id } });
    expect((await me(boss, org)).body.principal.org_id).toBe(org);
    expect((await me(boss, "")).body.principal.org_id).toBe(orgId);
    for (const id of [org, "org_nothing"]) {
      const answer = await me(user, id);
      expect([answer.status, answer.body.code]).toEqual([403, "forbidden"]);
    }
    const chat = await house.ask("POST /v1/chat/completions", {
      as: boss,
      headers: { "x-relay-org": org },
      body: { model: "echo", messages: [{ role: "user", content: "hi" }] },
    });
    expect(chat.status).toBe(200);
    expect((await house.relay.recorded(1)).at(-1)).toMatchObject({ orgId: org, principal: `user:${boss.id}` });
  });
});

describe("invitations", () => {
  test("made by admins, told once, good for one account, and gone when revoked", async () => {
    const invite = (body: object) => house.ask("POST /api/invites", { as: boss, body });
    const made = await invite({ email: "new@example.com", role: "member", expires_in: 3600 });
    expect(made.status).toBe(201);
    expect(Object.keys(made.body)).toEqual(["id", "code", "url", "expires_at"]);
    expect(made.body.url).toEndWith(`/login#invite=${made.body.code}`);
    const { code, id } = made.body;
    const list = await house.ask("GET /api/invites", { as: boss });
    expect(list.body.items[0]).toMatchObject({ id, email: "new@example.com", used_at: null });
    expect(list.text).not.toContain(code);

    const register = (username: string, email: string) =>
      house.ask("POST /api/auth/register", { body: { username, email, password: PASSWORD, invite_code: code } });
    expect((await register("eve", "eve@example.com")).body.code).toBe("invite_invalid");
    expect((await register("nina", "new@example.com")).status).toBe(200);
    expect((await register("nils", "new@example.com")).status).toBeGreaterThanOrEqual(403);

    const second = (await invite({})).body;
    expect((await house.ask(`DELETE /api/invites/${second.id}`, { as: boss })).status).toBe(204);
    expect((await house.ask(`DELETE /api/invites/${second.id}`, { as: boss })).status).toBe(404);
    for (const body of [{ expires_in: 1 }, { email: "no address" }, { role: "king" }, { org_id: "org_nothing" }]) {
      expect([body, (await invite(body)).status]).toEqual([body, "org_id" in body ? 404 : 422]);
    }
  });
});

describe("invitations into an organisation", () => {
  test("are for whoever could add the member: nobody gives a role above his own, keys look no further than their own", async () => {
    const org = (await house.ask("POST /api/orgs", { as: owner, body: { name: "Private" } })).body.id;
    const home = (await house.ask("POST /api/orgs", { as: boss, body: { name: "Boss's" } })).body.id;
    const key = await house.key(boss, ["management"]);
    const rows: [who: string, as: SignedIn | string, body: object, status: number, code: string | undefined][] = [
      ["a house admin: an owner", boss, { org_id: org, role: "owner" }, 403, "org_role_required"],
      ["a house admin: an admin", boss, { org_id: org, role: "admin" }, 201, undefined],
      ["a house admin: an owner of his own", boss, { org_id: home, role: "owner" }, 201, undefined],
      ["the super admin: an owner", owner, { org_id: home, role: "owner" }, 201, undefined],
      ["a key, of another organisation", key, { org_id: org }, 404, "not_found"],
      ["a key, of its own", key, { org_id: orgId }, 201, undefined],
      ["a key, without any", key, {}, 201, undefined],
      ["a role without an organisation", boss, { role: "owner" }, 422, "validation_error"],
      ["the same, of an admin", owner, { role: "admin" }, 422, "validation_error"],
    ];
    for (const [who, as, body, status, code] of rows) {
      const answer = await house.ask("POST /api/invites", { as, body });
      expect([who, answer.status, answer.body.code]).toEqual([who, status, status === 201 ? expect.any(String) : code]);
      const { items } = (await house.ask("GET /api/invites", { as: owner })).body;
      expect([who, items.some(({ id }: { id: string }) => id === answer.body.id)]).toEqual([who, status === 201]);
    }
    const members = await house.ask(`GET /api/orgs/${org}/members`, { as: owner });
    expect(members.body.items.map(({ user_id }: { user_id: number }) => user_id)).toEqual([owner.id]);
  });

  test("the access key makes nobody an owner", async () => {
    const granted = await startAccounts(`server: { access_key: ${KEY}, access_key_scopes: [inference, management] }`);
    await granted.person("olive");
    const { id } = (await granted.store.accounts.orgs.findDefault())!;
    const answer = await granted.ask("POST /api/invites", { as: KEY, body: { org_id: id, role: "owner" } });
    expect([answer.status, answer.body.code]).toEqual([403, "org_role_required"]);
    await granted.stop();
  });
});

test("what an organisation is lent is shown to whoever may see it", async () => {
  const { id } = (await house.ask("POST /api/orgs", { as: owner, body: { name: "Bounded" } })).body;
  const limits = { rpm: 60, tpm: 0, concurrency: 0, budgets: [{ usd: 20, window: "month" }] };
  const changed = await house.ask(`PATCH /api/orgs/${id}`, {
    as: owner,
    body: { limits: { rpm: 60, budgets: limits.budgets } },
  });
  expect([changed.status, changed.body.limits]).toEqual([200, limits]);
  expect((await house.ask(`GET /api/orgs/${id}`, { as: owner })).body.limits).toEqual(limits);
  expect((await house.ask(`PATCH /api/orgs/${id}`, { as: owner, body: { limits: null } })).body.limits).toBeNull();
});

describe("R76 the audit trail", () => {
  test("a change of nothing leaves no line", async () => {
    const { id } = (await house.ask("POST /api/orgs", { as: owner, body: { name: "Still" } })).body;
    const key = (await house.ask("POST /api/keys", { as: owner, body: { name: "still" } })).body.id;
    const count = async () => (await house.services.audit.list({}, { limit: 1 })).items[0]!.id;
    const before = await count();
    for (const line of [`PATCH /api/orgs/${id}`, `PATCH /api/keys/${key}`, `PATCH /api/users/${other.id}`]) {
      expect([line, (await house.ask(line, { as: owner, body: {} })).status]).toEqual([line, 200]);
    }
    expect(await count()).toBe(before);
  });

  test("tells of a wrong password in a session that is open, and not of strangers who sign in", async () => {
    const wrong = "not the password of anybody";
    const about = async (action: string) =>
      (await house.services.audit.list({ action }, { limit: 200 })).items
        .filter(({ outcome }) => outcome !== "ok")
        .map(({ actor, target, outcome }) => ({ actor, target, outcome }));
    const rows: [line: string, body: object, action: string][] = [
      ["POST /api/auth/reauth", { password: wrong }, "session.reauthenticate"],
      [
        "POST /api/auth/change-password",
        { old_password: wrong, new_password: "another horse 8 battery" },
        "user.set_password",
      ],
    ];
    for (const [line, body, action] of rows) {
      const answer = await house.ask(line, { as: other, body });
      expect([line, answer.status, answer.body.code]).toEqual([line, 400, "wrong_password"]);
      const self = `user:${other.id}`;
      expect(await about(action)).toEqual([{ actor: self, target: self, outcome: "wrong_password" }]);
    }
    const count = async () => (await house.services.audit.list({}, { limit: 200 })).items.length;
    const before = await count();
    await house.ask("POST /api/auth/login", { body: { username: other.name, password: wrong } });
    expect(await count()).toBe(before);
    expect(house.answers.join()).not.toContain(wrong);
  });

  test("tells who did what, also what was refused, and holds no secret", async () => {
    await house.ask(`PATCH /api/users/${other.id}`, { as: boss, body: { is_admin: true } });
    await house.ask(`PATCH /api/users/${owner.id}`, { as: boss, body: { is_active: false } });
    const { body, text } = await house.ask("GET /api/audit?limit=2", { as: boss });
    expect(body.items).toEqual([
      {
        id: expect.any(Number),
        at: expect.stringMatching(/Z$/),
        actor: `user:${boss.id}`,
        via: "jwt",
        ip: expect.any(String),
        action: "user.update",
        target: `user:${owner.id}`,
        before: null,
        after: null,
        outcome: "super_admin_protected",
        request_id: expect.stringMatching(/^req_/),
      },
      expect.objectContaining({
        action: "user.update",
        target: `user:${other.id}`,
        before: expect.objectContaining({ role: "user" }),
        after: expect.objectContaining({ role: "admin" }),
        outcome: "ok",
      }),
    ]);
    expect(body.next_cursor).not.toBeNull();
    const next = await house.ask(`GET /api/audit?limit=2&cursor=${body.next_cursor}`, { as: boss });
    expect(next.body.items[0].id).toBeLessThan(body.items[1].id);
    const filtered = await house.ask(`GET /api/audit?action=api_key.create&actor=user:${boss.id}`, { as: boss });
    expect(filtered.body.items.length).toBeGreaterThan(0);
    expect(filtered.body.items.every(({ action }: { action: string }) => action === "api_key.create")).toBe(true);
    expect((await house.ask("GET /api/audit?date_from=yesterday", { as: boss })).status).toBe(422);
    expect(text).not.toMatch(/argon2|correct horse|mr_[0-9A-Za-z]{38}/);
  });

  test("each write adds exactly one line", async () => {
    const count = async () => (await house.services.audit.list({}, { limit: 200 })).items.length;
    const key = (await house.ask("POST /api/keys", { as: user, body: { name: "audited" } })).body.id;
    const writes: [line: string, as: SignedIn, body?: object][] = [
      [`PATCH /api/keys/${key}`, user, { name: "renamed" }],
      [`POST /api/keys/${key}/rotate`, user, { grace_seconds: 0 }],
      [`PATCH /api/users/${other.id}`, boss, { is_admin: false }],
      [`POST /api/users/${other.id}/logout`, boss],
      [`POST /api/users/${other.id}/password-reset`, boss],
      ["POST /api/invites", boss, {}],
      ["POST /api/orgs", boss, { name: "Audited" }],
    ];
    for (const [line, as, body] of writes) {
      const before = await count();
      const { status } = await house.ask(line, { as, ...(body === undefined ? {} : { body }) });
      expect([line, status < 300, (await count()) - before]).toEqual([line, true, 1]);
    }
  });
});

describe("R75 the reset of all data", () => {
  const clear = (as: SignedIn | string, body: object) => house.ask("POST /api/admin/clear-data", { as, body });

  test("needs the super admin, in a session, freshly proved, with the exact phrase; else nothing happens", async () => {
    house.clock.advance(5 * 60_000 + 1);
    const stale = await clear(owner, { confirm: "RESET ALL DATA" });
    expect([stale.status, stale.body.code]).toEqual([403, "reauth_required"]);
    await house.ask("POST /api/auth/reauth", { as: owner, body: { password: PASSWORD } });
    for (const confirm of ["", "reset all data", "RESET ALL DATA ", "RESET"]) {
      const answer = await clear(owner, { confirm });
      expect([answer.status, answer.body.detail[0].loc]).toEqual([422, ["body", "confirm"]]);
    }
    const all = { confirm: "RESET ALL DATA" };
    expect((await clear(boss, all)).body.code).toBe("super_admin_required");
    expect((await clear(await house.key(owner, ["*"]), all)).body.code).toBe("super_admin_required");
    for (const scope of [[], ["everything"], "users"]) expect((await clear(owner, { ...all, scope })).status).toBe(422);
    expect((await house.ask("GET /api/auth/me", { as: user })).status).toBe(200);
    expect(() => readdirSync(house.backupDir)).toThrow();
  });

  test("clears what was named, and keeps a private copy of everything", async () => {
    house.store.calls.append(call());
    const logs = await clear(owner, { confirm: "RESET ALL DATA", scope: ["logs", "stats"] });
    expect(logs.body).toEqual({
      status: "ok",
      message: expect.any(String),
      backup: expect.stringContaining(house.backupDir),
      cleared: { logs: 1, stats: 0 },
    });
    expect(await house.store.calls.count()).toBe(0);
    const copies = readdirSync(logs.body.backup).sort();
    expect(copies).toEqual(["monorelay.db", "requests.db"]);
    for (const name of copies) expect(statSync(join(logs.body.backup, name)).mode & 0o777).toBe(0o600);
    const copy = new Database(join(logs.body.backup, "requests.db"), { readonly: true });
    expect(copy.query("SELECT count(*) AS n FROM calls").get()).toEqual({ n: 1 });
    copy.close();

    const keys = await clear(owner, { confirm: "RESET ALL DATA", scope: ["keys"] });
    expect(keys.body.cleared.keys).toBeGreaterThan(0);
    expect((await house.ask("GET /api/keys?status=all", { as: owner })).body.items).toEqual([]);
    expect((await house.ask("GET /api/auth/me", { as: user })).status).toBe(200);
  });

  test("R46 with the accounts gone, the next first one needs a token that only the operator saw; the trail stays", async () => {
    const before = (await house.services.audit.list({}, { limit: 200 })).items.length;
    const done = await clear(owner, { confirm: "RESET ALL DATA" });
    expect(done.body.cleared.users).toBeGreaterThan(4);
    for (const who of [owner, boss, user]) expect((await house.ask("GET /api/auth/me", { as: who })).status).toBe(401);
    expect((await house.ask("GET /api/setup/status")).body).toMatchObject({
      needs_setup: true,
      setup_token_required: true,
    });
    expect(house.setupTokens).toHaveLength(1);
    expect(house.answers.join()).not.toContain(house.setupTokens[0]!);

    const register = (setup_token?: string) =>
      house.ask("POST /api/auth/register", { body: { username: "next", password: PASSWORD, setup_token } });
    expect((await register()).body.code).toBe("setup_token_required");
    expect((await register(house.setupTokens[0]!)).body.user.is_super_admin).toBe(true);
    const after = await house.services.audit.list({}, { limit: 200 });
    expect(after.items.length).toBeGreaterThan(Math.min(before, 199));
    expect(after.items.some(({ action }) => action === "accounts.clear")).toBe(true);
  });
});
