/** Administering accounts over HTTP: shapes, the role matrix on objects, and the super admin who is always exactly one. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type AccountRelay, KEY, PASSWORD, type SignedIn, startAccounts } from "../../support/accounts.ts";

let house: AccountRelay;
let owner: SignedIn;
let boss: SignedIn;
let second: SignedIn;
let user: SignedIn;

beforeAll(async () => {
  house = await startAccounts();
  owner = await house.person("olive");
  boss = await house.person("boris");
  second = await house.person("bella");
  user = await house.person("ursula");
  await house.promote(boss, owner);
  await house.promote(second, owner);
});
afterAll(() => house.stop());

const FIELDS = [
  "id",
  "username",
  "email",
  "is_active",
  "is_admin",
  "is_super_admin",
  "sso_provider",
  "sso_id",
  "created_at",
  "last_login",
];

describe("reading", () => {
  test("the list is newest first, pages by cursor, and is searched and filtered", async () => {
    const all = await house.ask("GET /api/users", { as: boss });
    expect(all.body.users.map(({ username }: { username: string }) => username)).toEqual([
      "ursula",
      "bella",
      "boris",
      "olive",
    ]);
    expect(Object.keys(all.body.users[0])).toEqual(FIELDS);
    expect(all.body.next_cursor).toBeNull();

    const names: string[] = [];
    let cursor = "";
    do {
      const { body } = await house.ask(`GET /api/users?limit=3${cursor}`, { as: boss });
      names.push(...body.users.map(({ username }: { username: string }) => username));
      cursor = body.next_cursor === null ? "" : `&cursor=${body.next_cursor}`;
    } while (cursor !== "");
    expect(names).toEqual(["ursula", "bella", "boris", "olive"]);

    const namesOf = async (query: string) =>
      (await house.ask(`GET /api/users?${query}`, { as: boss })).body.users.map(
        ({ username }: { username: string }) => username,
      );
    expect(await namesOf("search=B")).toEqual(["bella", "boris"]);
    expect(await namesOf("role=super_admin")).toEqual(["olive"]);
    expect(await namesOf("role=admin")).toEqual(["bella", "boris"]);
    expect(await namesOf("status=inactive")).toEqual([]);
    // R77: signs of LIKE mean themselves.
    expect(await namesOf("search=%25")).toEqual([]);
    expect(await namesOf("search=_")).toEqual([]);
  });

  const bad = [
    "limit=0",
    "limit=201",
    "limit=1e9",
    "limit=-1",
    "cursor=x'",
    "role=root",
    "status=maybe",
    `search=${"x".repeat(300)}`,
  ];
  test.each(bad)("R77 the query %s is 422 and names its parameter", async (query) => {
    const answer = await house.ask(`GET /api/users?${query}`, { as: boss });
    expect(answer.status).toBe(422);
    expect(answer.body).toEqual({
      detail: [{ loc: ["query", query.split("=")[0]!], msg: expect.any(String), type: "value_error" }],
      code: "validation_error",
    });
  });

  test("what is no id is nobody: 404", async () => {
    for (const id of ["0", "-1", "1.5", "x", "999999", "1%00", "99999999999999999999"]) {
      const answer = await house.ask(`GET /api/users/${id}`, { as: boss });
      expect([id, answer.status]).toEqual([id, id === "1%00" ? 400 : 404]);
    }
    expect((await house.ask("GET /api/users/999999", { as: boss })).body).toEqual({
      detail: "Not found",
      code: "not_found",
    });
    expect((await house.ask("GET /api/users/1%2f2", { as: boss })).status).toBe(400);
  });
});

describe("making", () => {
  test("with a password: an account that can sign in; nothing of the password comes back", async () => {
    const answer = await house.ask("POST /api/users", {
      as: boss,
      body: { username: "nora", email: "nora@example.com", password: PASSWORD, is_admin: true },
    });
    expect(answer.status).toBe(201);
    expect(Object.keys(answer.body)).toEqual(FIELDS);
    expect(answer.body).toMatchObject({
      username: "nora",
      email: "nora@example.com",
      is_admin: true,
      is_super_admin: false,
      last_login: null,
    });
    expect((await house.ask("POST /api/auth/login", { body: { username: "nora", password: PASSWORD } })).status).toBe(
      200,
    );
  });

  test("without one: a link that sets it, once; the first sign-in comes after", async () => {
    const answer = await house.ask("POST /api/users", { as: boss, body: { username: "otto" } });
    const token = /^http:\/\/[^#]+\/login#reset=([\w-]{43})$/.exec(answer.body.reset_url)?.[1];
    expect(token).toBeDefined();
    const set = (new_password: string) => house.ask("POST /api/auth/reset-password", { body: { token, new_password } });
    expect((await set("short")).status).toBe(422);
    expect((await set("a good new password")).body).toEqual({ success: true });
    const again = await set("another good password");
    expect([again.status, again.body.code]).toEqual([400, "token_invalid"]);
    const login = await house.ask("POST /api/auth/login", {
      body: { username: "otto", password: "a good new password" },
    });
    expect(login.status).toBe(200);
  });

  test("R74 is_super_admin cannot be written, nor anything else that is not in the list", async () => {
    for (const own of [{ is_super_admin: true }, { role: "super_admin" }, { id: 1 }, { password_hash: "x" }]) {
      expect((await house.ask("POST /api/users", { as: owner, body: { username: "eve", ...own } })).status).toBe(422);
      expect((await house.ask(`PATCH /api/users/${user.id}`, { as: owner, body: own })).status).toBe(422);
    }
    expect(await house.services.accounts.findByName("eve")).toBeUndefined();
  });
});

describe("changing", () => {
  const write = (by: SignedIn, id: number, body: object, method = "PATCH") =>
    house.ask(`${method} /api/users/${id}`, { as: by, body });

  test("R74 nobody changes, ends or deletes himself here, and an admin does not touch the super admin", async () => {
    const lines = (id: number): [string, object | undefined][] => [
      [`PATCH /api/users/${id}`, { is_active: false }],
      [`PUT /api/users/${id}`, { is_admin: false }],
      [`PATCH /api/users/${id}`, { email: "x@example.com" }],
      [`DELETE /api/users/${id}`, undefined],
      [`POST /api/users/${id}/password-reset`, undefined],
      [`POST /api/users/${id}/logout`, undefined],
    ];
    const rows: [SignedIn, SignedIn, string][] = [
      [owner, owner, "own_account"],
      [boss, boss, "own_account"],
      [boss, owner, "super_admin_protected"],
    ];
    for (const [by, target, code] of rows) {
      for (const [line, body] of lines(target.id)) {
        const answer = await house.ask(line, { as: by, ...(body === undefined ? {} : { body }) });
        expect([by.name, line, answer.status, answer.body.code]).toEqual([by.name, line, 403, code]);
      }
    }
    expect((await house.ask("GET /api/auth/me", { as: owner })).body).toMatchObject({
      is_active: true,
      is_super_admin: true,
    });
  });

  test("R39 ★ a demotion rules from the next request, R38 ★ a deactivation too; both ways back", async () => {
    expect((await house.ask("GET /api/users", { as: second })).status).toBe(200);
    expect((await write(boss, second.id, { is_admin: false })).body.is_admin).toBe(false);
    const demoted = await house.ask("GET /api/users", { as: second });
    expect([demoted.status, demoted.body.code]).toEqual([403, "admin_required"]);

    const key = await house.key(second, ["models:read"]);
    expect((await house.ask("GET /v1/models", { as: key })).status).toBe(200);
    expect((await write(boss, second.id, { is_active: false })).body.is_active).toBe(false);
    expect((await house.ask("GET /api/auth/me", { as: second })).status).toBe(401);
    expect((await house.ask("GET /v1/models", { as: key })).status).toBe(401);
    expect((await write(boss, second.id, { is_active: true, is_admin: true }, "PUT")).body).toMatchObject({
      is_active: true,
      is_admin: true,
    });
    // R27: its keys follow it, its old sessions stay over.
    expect((await house.ask("GET /v1/models", { as: key })).status).toBe(200);
    expect((await house.ask("GET /api/auth/me", { as: second })).status).toBe(401);
  });

  test("an address is changed, cleared, and unique", async () => {
    expect((await write(boss, user.id, { email: "Ursula@Example.com" })).body.email).toBe("ursula@example.com");
    const taken = await write(boss, user.id, { email: "nora@example.com" });
    expect([taken.status, taken.body.code]).toEqual([409, "email_taken"]);
    expect((await write(boss, user.id, {})).body.email).toBe("ursula@example.com");
    expect((await write(boss, user.id, { email: null })).body.email).toBeNull();
  });

  test("a password reset by an admin ends no session until it is used, and then all", async () => {
    const rita = await house.person("rita");
    const { body } = await house.ask(`POST /api/users/${rita.id}/password-reset`, { as: boss });
    expect(Date.parse(body.expires_at)).toBe(house.clock.now() + 24 * 3_600_000);
    const token = body.reset_url.split("#reset=")[1];
    expect((await house.ask("GET /api/auth/me", { as: rita })).status).toBe(200);
    await house.ask("POST /api/auth/reset-password", { body: { token, new_password: "a good new password" } });
    expect((await house.ask("GET /api/auth/me", { as: rita })).status).toBe(401);
  });

  test("a logout by an admin ends all sessions", async () => {
    const sven = await house.person("sven");
    expect((await house.ask(`POST /api/users/${sven.id}/logout`, { as: boss })).body).toEqual({
      status: "ok",
      message: expect.any(String),
    });
    expect((await house.ask("GET /api/auth/me", { as: sven })).status).toBe(401);
  });

  test("deleting takes account, sessions and keys away for good; the name is free again", async () => {
    const tina = await house.person("tina");
    const key = await house.key(tina, ["models:read"]);
    expect((await house.ask(`DELETE /api/users/${tina.id}`, { as: boss })).body).toEqual({ success: true });
    expect((await house.ask("GET /api/auth/me", { as: tina })).status).toBe(401);
    expect((await house.ask("GET /v1/models", { as: key })).status).toBe(401);
    expect((await house.ask(`DELETE /api/users/${tina.id}`, { as: boss })).status).toBe(404);
    expect((await house.person("tina")).id).toBeGreaterThan(tina.id);
  });
});

describe("R24 a credential with some of the management scopes comes by no others through an admin's account", () => {
  const MAKE = { username: "hugo", password: PASSWORD };
  const rows: [line: (id: { admin: number; user: number }) => string, body: object | undefined][] = [
    [() => "POST /api/users", { ...MAKE, is_admin: true }],
    [() => "POST /api/users", { username: "hugo", is_admin: true }],
    [(id) => `PATCH /api/users/${id.user}`, { is_admin: true }],
    [(id) => `PUT /api/users/${id.user}`, { is_admin: true }],
    [(id) => `PATCH /api/users/${id.admin}`, { is_admin: false }],
    [(id) => `PATCH /api/users/${id.admin}`, { email: "taken@over.example" }],
    [(id) => `PATCH /api/users/${id.admin}`, { is_active: false }],
    [(id) => `DELETE /api/users/${id.admin}`, undefined],
    [(id) => `POST /api/users/${id.admin}/password-reset`, undefined],
    [(id) => `POST /api/users/${id.admin}/logout`, undefined],
  ];
  const open: AccountRelay[] = [];
  afterAll(() => Promise.all(open.map((each) => each.stop())));
  const cast = async (scopes: string) => {
    const own = await startAccounts(`server: { access_key: ${KEY}, access_key_scopes: [inference, ${scopes}] }`);
    open.push(own);
    const root = await own.person("olive");
    const admin = await own.person("boris");
    const other = await own.person("bella");
    const plain = await own.person("ursula");
    for (const each of [admin, other]) await own.promote(each, root);
    return { own, root, other, ids: { admin: admin.id, user: plain.id } };
  };

  test.each(rows)("403 for a key and an access key that hold users:write alone: %s %p", async (line, body) => {
    const { own, other, ids } = await cast("users:write");
    const before = (await own.services.accounts.list()).items;
    for (const as of [await own.key(other, ["users:write", "keys:write"]), KEY]) {
      const answer = await own.ask(line(ids), { as, ...(body === undefined ? {} : { body }) });
      expect([answer.status, answer.body.code]).toEqual([403, "insufficient_scope"]);
    }
    expect((await own.services.accounts.list()).items).toEqual(before);
  });

  test.each(rows)("done in a session, and by credentials with every management scope: %s %p", async (line, body) => {
    for (const kind of ["session", "key", "access key"]) {
      const { own, other, ids } = await cast("management");
      const as = kind === "session" ? other : kind === "key" ? await own.key(other, ["management"]) : KEY;
      const { status } = await own.ask(line(ids), { as, ...(body === undefined ? {} : { body }) });
      expect([kind, status < 300]).toEqual([kind, true]);
    }
  });

  test("users are made and helped by such a credential as ever", async () => {
    const { own, other, ids } = await cast("users:write");
    const key = await own.key(other, ["users:write"]);
    const asks: [string, object?][] = [
      ["POST /api/users", MAKE],
      [`POST /api/users/${ids.user}/password-reset`],
      [`POST /api/users/${ids.user}/logout`],
      [`PATCH /api/users/${ids.user}`, { is_active: false }],
      [`DELETE /api/users/${ids.user}`],
    ];
    for (const [line, body] of asks) {
      const { status } = await own.ask(line, { as: key, ...(body === undefined ? {} : { body }) });
      expect([line, status < 300]).toEqual([line, true]);
    }
  });
});

describe("R73 ★ the role of the super admin is handed over in one step", () => {
  const transfer = (by: SignedIn, target: SignedIn, confirm: string) =>
    house.ask(`POST /api/users/${target.id}/transfer-ownership`, { as: by, body: { confirm } });

  test("R75 with the target's name and a fresh proof, by the super admin alone", async () => {
    expect((await transfer(boss, user, user.name)).body.code).toBe("super_admin_required");
    const wrong = await transfer(owner, user, "somebody");
    expect([wrong.status, wrong.body.detail[0].loc]).toEqual([422, ["body", "confirm"]]);
    house.clock.advance(5 * 60_000 + 1);
    expect((await transfer(owner, user, user.name)).body.code).toBe("reauth_required");
    await house.ask("POST /api/auth/reauth", { as: owner, body: { password: PASSWORD } });
    const key = await house.key(owner, ["*"]);
    expect(
      (await house.ask(`POST /api/users/${user.id}/transfer-ownership`, { as: key, body: { confirm: user.name } }))
        .status,
    ).toBe(403);

    const done = await transfer(owner, user, "Ursula");
    expect(done.body).toMatchObject({ username: "ursula", is_admin: true, is_super_admin: true });
    expect((await house.ask("GET /api/auth/me", { as: owner })).body).toMatchObject({
      is_admin: true,
      is_super_admin: false,
    });
    expect((await transfer(owner, user, "ursula")).body.code).toBe("super_admin_required");
    const { items } = await house.services.accounts.list({ role: "super_admin" });
    expect(items.map(({ username }) => username)).toEqual(["ursula"]);
  });

  test("an inactive account cannot take over", async () => {
    await house.ask(`PATCH /api/users/${second.id}`, { as: user, body: { is_active: false } });
    await house.ask("POST /api/auth/reauth", { as: user, body: { password: PASSWORD } });
    const answer = await transfer(user, second, second.name);
    expect([answer.status, answer.body.code]).toEqual([409, "target_inactive"]);
  });
});
