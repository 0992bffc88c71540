/** API keys in their table: found by the whole digest, over for good once revoked, and counted. */
import { Database } from "bun:sqlite";
import { describe, expect, spyOn, test } from "bun:test";
import type { AccountRepositories, CreateKeyRules } from "../../src/store/types.ts";
import { createManualClock, type ManualClock } from "../../src/support/clock.ts";
import { makeDirectory, open, pathsIn } from "./fixtures.ts";
import { actor, newKey, newUser } from "./people.ts";

const RULES: CreateKeyRules = { liveMax: 100, idempotency: null };
const AT_ONCE = { graceMs: 0, liveMax: 100 };
const SOON = { graceMs: 1000, liveMax: 100 };
const by = actor("user:1");

async function house(): Promise<{ accounts: AccountRepositories; clock: ManualClock }> {
  const clock = createManualClock();
  const { accounts } = await open({ clock });
  for (const name of ["alice", "bob"]) await accounts.users.create(newUser(name), actor());
  return { accounts, clock };
}

describe("finding", () => {
  test("R20 by the whole digest; two that begin alike belong to their own owners", async () => {
    const { accounts } = await house();
    const alike = "0123456789abcdef".repeat(3);
    await accounts.apiKeys.create(newKey("a", { hash: `${alike}0`, userId: 1 }), RULES, by);
    await accounts.apiKeys.create(newKey("b", { hash: `${alike}1`, userId: 2 }), RULES, by);
    expect((await accounts.apiKeys.standing(`${alike}0`))?.owner?.username).toBe("alice");
    expect((await accounts.apiKeys.standing(`${alike}1`))?.owner?.username).toBe("bob");
    for (const near of [alike, `${alike}2`, `${alike}0 `, "", "%"]) {
      expect(await accounts.apiKeys.standing(near)).toBeUndefined();
    }
  });

  test("R20 ★ by an index: a look-up reads one row, however many keys there are", async () => {
    const directory = makeDirectory();
    const paths = pathsIn(directory);
    const prepared = spyOn(Database.prototype, "prepare");
    const store = await open(paths);
    const texts = prepared.mock.calls.map(([text]) => String(text));
    prepared.mockRestore();
    const lookups = texts.filter((text) => /^select/i.test(text) && /"hash" = /.test(text) && /api_keys/.test(text));
    expect(lookups.length).toBeGreaterThan(0);
    await store.close();
    const database = new Database(paths.accountsPath, { readonly: true });
    const tables = database
      .query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table'")
      .all()
      .map(({ name }) => name);
    for (const text of lookups) {
      const plan = database.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${text.replaceAll("?", "''")}`).all();
      const steps = plan.map(({ detail }) => detail);
      expect(steps[0]).toMatch(/SEARCH api_keys USING (COVERING )?INDEX .*\(hash=\?\)/);
      // What the query itself has made of the rows found may be walked; no table, under whatever name.
      const named = new RegExp(`(?:from|join)\\s+"?(${tables.join("|")})"?(?:\\s+(?:as\\s+)?"?(\\w+)"?)?`, "gi");
      const growing = new Set(Array.from(text.matchAll(named), (match) => match.slice(1)).flat());
      expect(growing).toContain("api_keys");
      const walked = steps.flatMap((step) => /^SCAN (\w+)/.exec(step)?.[1] ?? []);
      expect(walked.filter((name) => growing.has(name))).toEqual([]);
    }
    database.close();
  });

  test("with its owner and organisation as they are now", async () => {
    const { accounts } = await house();
    await accounts.apiKeys.create(newKey("k", { userId: 2 }), RULES, by);
    expect(await accounts.apiKeys.standing("hash of k")).toMatchObject({
      owner: { username: "bob", role: "user", isActive: true },
      orgRole: "member",
    });
    await accounts.users.update(2, { isAdmin: true, isActive: false }, by);
    await accounts.orgs.removeMember("org_default", 2, by);
    expect(await accounts.apiKeys.standing("hash of k")).toMatchObject({
      owner: { role: "admin", isActive: false },
      orgRole: null,
    });
  });

  test("R72 no row that is given out holds the digest", async () => {
    const { accounts } = await house();
    const made = await accounts.apiKeys.create(newKey("k"), RULES, by);
    const all = [
      made,
      await accounts.apiKeys.find("key_k"),
      await accounts.apiKeys.list(),
      await accounts.audit.list(),
    ];
    expect(JSON.stringify(all)).not.toContain("hash of k");
  });

  test("by either of its ids", async () => {
    const { accounts } = await house();
    await accounts.apiKeys.create(newKey("k"), RULES, by);
    expect((await accounts.apiKeys.find("key_k"))?.key.id).toBe("uuid-k");
    expect((await accounts.apiKeys.find("uuid-k"))?.key.publicId).toBe("key_k");
    expect(await accounts.apiKeys.find("key_")).toBeUndefined();
  });
});

describe("making", () => {
  test("no more than the owner may have; revoked and expired ones do not count, nor do those of others", async () => {
    const { accounts, clock } = await house();
    const rules = { ...RULES, liveMax: 2 };
    const make = (name: string, own: object = {}) => accounts.apiKeys.create(newKey(name, own), rules, by);
    await make("a");
    await make("b", { expiresAt: clock.now() + 1000 });
    expect((await make("c")).type).toBe("too-many");
    expect((await make("bobs", { userId: 2 })).type).toBe("created");
    clock.advance(1000);
    expect((await make("c")).type).toBe("created");
    expect((await make("d")).type).toBe("too-many");
    await accounts.apiKeys.revoke("key_a", by);
    expect((await make("d")).type).toBe("created");
  });

  test("of thirty at once with room for ten, ten", async () => {
    const { accounts } = await house();
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        accounts.apiKeys.create(newKey(`k${index}`), { ...RULES, liveMax: 10 }, by),
      ),
    );
    expect(outcomes.filter(({ type }) => type === "created")).toHaveLength(10);
  });

  test("not for an account that is gone or inactive, nor in an organisation that is not there", async () => {
    const { accounts } = await house();
    await accounts.users.update(2, { isActive: false }, by);
    expect((await accounts.apiKeys.create(newKey("a", { userId: 2 }), RULES, by)).type).toBe("owner-refused");
    expect((await accounts.apiKeys.create(newKey("a", { userId: 99 }), RULES, by)).type).toBe("owner-refused");
    expect((await accounts.apiKeys.create(newKey("a", { orgId: "org_x" }), RULES, by)).type).toBe("org-not-found");
    expect((await accounts.apiKeys.list()).items).toEqual([]);
  });

  test("a repeated request gets the key it made; with other contents it is a conflict; after a day it is new", async () => {
    const { accounts, clock } = await house();
    const idempotency = { key: "i", digest: "d", withinMs: 1000 };
    const make = (name: string, own: object = {}) =>
      accounts.apiKeys.create(newKey(name), { ...RULES, idempotency: { ...idempotency, ...own } }, by);
    const both = await Promise.all([make("a"), make("b")]);
    expect(both.map(({ type }) => type).sort()).toEqual(["created", "replayed"]);
    expect(await make("c", { digest: "other" })).toEqual({ type: "conflict" });
    expect((await accounts.apiKeys.list()).items).toHaveLength(1);
    clock.advance(1000);
    expect((await make("d")).type).toBe("created");
  });
});

describe("R22 revoking", () => {
  test("is for good, and twice is once", async () => {
    const { accounts, clock } = await house();
    await accounts.apiKeys.create(newKey("k"), RULES, by);
    const at = clock.now();
    expect(await accounts.apiKeys.revoke("key_k", by)).toBe("revoked");
    clock.advance(1000);
    expect(await accounts.apiKeys.revoke("uuid-k", by)).toBe("already");
    expect((await accounts.apiKeys.find("key_k"))?.key.revokedAt).toBe(at);
    expect(await accounts.apiKeys.update("key_k", { expiresAt: null, name: "risen" }, 100, by)).toBeUndefined();
    expect(await accounts.apiKeys.rotate("key_k", newKey("next"), AT_ONCE, by)).toEqual({ type: "not-active" });
    expect(await accounts.apiKeys.revoke("key_unknown", by)).toBe("not-found");
    expect((await accounts.audit.list({ action: "api_key.revoke" })).items).toHaveLength(1);
  });

  test("another connection to the file is told that something has changed", async () => {
    const paths = pathsIn(makeDirectory());
    const here = await open(paths);
    const there = await open(paths);
    await here.accounts.users.create(newUser("alice"), actor());
    await here.accounts.apiKeys.create(newKey("k"), RULES, by);
    const before = here.accounts.outsideVersion();
    expect(here.accounts.outsideVersion()).toBe(before);
    await here.accounts.apiKeys.touch([{ id: "uuid-k", at: 1 }]);
    expect(here.accounts.outsideVersion()).toBe(before);
    await there.accounts.apiKeys.revoke("key_k", by);
    expect(here.accounts.outsideVersion()).not.toBe(before);
    expect((await here.accounts.apiKeys.standing("hash of k"))?.key.revokedAt).not.toBeNull();
  });
});

test("rotating puts a new key beside the old one, which ends after the grace and never later than it would have", async () => {
  const { accounts, clock } = await house();
  const now = clock.now();
  await accounts.apiKeys.create(newKey("a"), RULES, by);
  await accounts.apiKeys.create(newKey("b", { expiresAt: now + 500 }), RULES, by);
  expect(await accounts.apiKeys.rotate("key_a", newKey("a2", { replaces: "uuid-a" }), SOON, by)).toMatchObject({
    type: "rotated",
    key: { replaces: "uuid-a" },
    ended: [],
  });
  await accounts.apiKeys.rotate("key_b", newKey("b2"), SOON, by);
  expect((await accounts.apiKeys.find("key_a"))?.key.expiresAt).toBe(now + 1000);
  expect((await accounts.apiKeys.find("key_b"))?.key.expiresAt).toBe(now + 500);
  clock.advance(500);
  expect(await accounts.apiKeys.rotate("key_b", newKey("b3"), SOON, by)).toEqual({ type: "not-active" });
});

test("of a line of keys two live at most: rotating ends the one before the old one, and a replaced one is not rotated", async () => {
  const { accounts, clock } = await house();
  await accounts.apiKeys.create(newKey("a"), RULES, by);
  await accounts.apiKeys.rotate("key_a", newKey("a2", { replaces: "uuid-a" }), SOON, by);
  expect(await accounts.apiKeys.rotate("key_a", newKey("fork", { replaces: "uuid-a" }), SOON, by)).toEqual({
    type: "has-successor",
  });
  const second = await accounts.apiKeys.rotate("key_a2", newKey("a3", { replaces: "uuid-a2" }), SOON, by);
  expect(second).toMatchObject({ type: "rotated", ended: ["key_a"] });
  const live = async () => (await accounts.apiKeys.list({ status: "active" })).items.map(({ name }) => name);
  expect(await live()).toEqual(["a3", "a2"]);
  // A successor that was lost and revoked is no successor.
  await accounts.apiKeys.revoke("key_a3", by);
  const third = await accounts.apiKeys.rotate("key_a2", newKey("a4", { replaces: "uuid-a2" }), SOON, by);
  expect(third).toMatchObject({ type: "rotated", ended: [] });
  clock.advance(1000);
  expect(await live()).toEqual(["a4"]);
});

test("a line of keys below another that would be too long to follow goes no further; one by itself does", async () => {
  const paths = pathsIn(makeDirectory());
  const { accounts } = await open(paths);
  await accounts.users.create(newUser("alice"), actor());
  await accounts.apiKeys.create(newKey("maker"), RULES, by);
  await accounts.apiKeys.create(newKey("child", { createdBy: "key_maker" }), RULES, by);
  await accounts.apiKeys.create(newKey("own"), RULES, by);
  // A thousand rotations, as if they had been made one by one.
  const file = new Database(paths.accountsPath);
  const columns = (file.query("PRAGMA table_info(api_keys)").all() as { name: string }[]).map(({ name }) => name);
  const changed: Readonly<Record<string, string>> = {
    id: "'uuid-' || name || n",
    public_id: "'key_' || name || n",
    hash: "'hash of ' || name || n",
    replaces: "'uuid-' || name || CASE n WHEN 1 THEN '' ELSE n - 1 END",
    created_by: "'user:1'",
    expires_at: "CASE n WHEN 998 THEN NULL WHEN 1000 THEN NULL ELSE 1 END",
  };
  file.run(`WITH RECURSIVE turn (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM turn WHERE n < 1000)
    INSERT INTO api_keys (${columns.join()}) SELECT ${columns.map((name) => changed[name] ?? name).join()}
    FROM api_keys, turn WHERE name = 'own' OR (name = 'child' AND n <= 998)`);
  file.close();

  const rotated = (of: string, turn: number) =>
    accounts.apiKeys.rotate(`key_${of}${turn}`, newKey(`${of}-next`, { replaces: `uuid-${of}${turn}` }), AT_ONCE, by);
  expect(await rotated("child", 998)).toEqual({ type: "line-too-long" });
  expect(await rotated("own", 1000)).toMatchObject({ type: "rotated", key: { countsAs: "uuid-own" } });
  // What could not be counted with all its makers is not made.
  const grandchild = newKey("grandchild", { createdBy: "key_own-next" });
  expect(await accounts.apiKeys.create(grandchild, RULES, by)).toEqual({ type: "line-too-long" });
  expect((await accounts.apiKeys.standing("hash of child998"))?.makers).toMatchObject([{ countsAs: "uuid-maker" }]);
});

test("live keys are counted whatever makes one live: making, rotating with a grace, lengthening an expired one", async () => {
  const { accounts, clock } = await house();
  const liveMax = 2;
  await accounts.apiKeys.create(newKey("old", { expiresAt: clock.now() + 1 }), RULES, by);
  clock.advance(1);
  await accounts.apiKeys.create(newKey("a"), RULES, by);
  await accounts.apiKeys.create(newKey("b"), RULES, by);
  const next = newKey("a2", { replaces: "uuid-a" });
  expect(await accounts.apiKeys.rotate("key_a", next, { graceMs: 1, liveMax }, by)).toEqual({ type: "too-many" });
  expect((await accounts.apiKeys.find("key_a"))?.key.expiresAt).toBeNull();
  expect(await accounts.apiKeys.update("key_old", { expiresAt: null }, liveMax, by)).toBe("too-many");
  expect(await accounts.apiKeys.update("key_old", { name: "older" }, liveMax, by)).toMatchObject({ name: "older" });
  expect(await accounts.apiKeys.update("key_b", { expiresAt: clock.now() + 9 }, liveMax, by)).toMatchObject({});
  expect(await accounts.apiKeys.rotate("key_a", next, { graceMs: 0, liveMax }, by)).toMatchObject({ type: "rotated" });
});

test("a key is counted under the first of its line, however often it was rotated", async () => {
  const { accounts } = await house();
  await accounts.apiKeys.create(newKey("a"), RULES, by);
  await accounts.apiKeys.create(newKey("b"), RULES, by);
  await accounts.apiKeys.rotate("key_a", newKey("a2", { replaces: "uuid-a" }), SOON, by);
  await accounts.apiKeys.rotate("key_a2", newKey("a3", { replaces: "uuid-a2" }), SOON, by);
  const { items } = await accounts.apiKeys.list();
  expect(items.map(({ id, countsAs }) => [id, countsAs])).toEqual([
    ["uuid-b", "uuid-b"],
    ["uuid-a3", "uuid-a"],
    ["uuid-a2", "uuid-a"],
    ["uuid-a", "uuid-a"],
  ]);
  expect((await accounts.apiKeys.standing("hash of a3"))?.key.countsAs).toBe("uuid-a");
});

test("R28 when a key was last used never goes back", async () => {
  const { accounts } = await house();
  await accounts.apiKeys.create(newKey("k"), RULES, by);
  for (const at of [50, 20, 60, 59]) await accounts.apiKeys.touch([{ id: "uuid-k", at }]);
  expect((await accounts.apiKeys.find("key_k"))?.key.lastUsedAt).toBe(60);
});

test("lists narrow by owner, organisation and state, newest first, a page at a time", async () => {
  const { accounts, clock } = await house();
  await accounts.orgs.create({ id: "org_two", name: "Two" }, 1, by);
  const keys: [string, object][] = [
    ["1-alice", { userId: 1 }],
    ["2-bob", { userId: 2 }],
    ["3-two", { userId: 1, orgId: "org_two" }],
    ["4-expired", { userId: 1, expiresAt: clock.now() + 1 }],
    ["5-revoked", { userId: 1 }],
    ["6-nobody", { userId: null, style: "imported" }],
  ];
  for (const [name, own] of keys) await accounts.apiKeys.create(newKey(name, own), RULES, by);
  await accounts.apiKeys.revoke("key_5-revoked", by);
  clock.advance(1);
  const names = async (filter: object) =>
    (await accounts.apiKeys.list(filter)).items.map(({ name }) => name[0]).join("");
  expect(await names({})).toBe("654321");
  expect(await names({ status: "active" })).toBe("6321");
  expect(await names({ status: "expired" })).toBe("4");
  expect(await names({ status: "revoked" })).toBe("5");
  expect(await names({ status: "not-revoked" })).toBe("64321");
  expect(await names({ userId: 1, status: "active" })).toBe("31");
  expect(await names({ orgId: "org_two" })).toBe("3");
  expect(await names({ isOwnerless: true })).toBe("6");
  expect(await names({ style: "imported" })).toBe("6");
  expect(await accounts.apiKeys.hasImported()).toBe(true);
  expect(await accounts.apiKeys.publicIdsOf(1)).toHaveLength(3);

  const first = await accounts.apiKeys.list({}, { limit: 4 });
  const rest = await accounts.apiKeys.list({}, { limit: 4, cursor: first.nextCursor! });
  expect([...first.items, ...rest.items].map(({ name }) => name[0]).join("")).toBe("654321");
  expect(rest.nextCursor).toBeNull();
});

describe("organisations", () => {
  test("keep an owner, and are not deleted while keys live in them", async () => {
    const { accounts } = await house();
    await accounts.orgs.create({ id: "org_two", name: "Two" }, 2, actor());
    expect((await accounts.orgs.setMemberRole("org_two", 2, "admin", by)).type).toBe("last-owner");
    expect(await accounts.orgs.removeMember("org_two", 2, by)).toBe("last-owner");
    expect((await accounts.orgs.addMember("org_two", 1, "owner", by)).type).toBe("added");
    expect((await accounts.orgs.addMember("org_two", 1, "member", by)).type).toBe("already");
    expect((await accounts.orgs.addMember("org_two", 99, "member", by)).type).toBe("not-found");
    const both = await Promise.all([1, 2].map((id) => accounts.orgs.removeMember("org_two", id, by)));
    expect(both.sort()).toEqual(["last-owner", "removed"]);

    await accounts.apiKeys.create(newKey("k", { orgId: "org_two" }), RULES, by);
    expect(await accounts.orgs.delete("org_two", by)).toBe("has-active-keys");
    await accounts.apiKeys.revoke("key_k", by);
    expect(await accounts.orgs.delete("org_two", by)).toBe("deleted");
    expect(await accounts.orgs.delete("org_default", by)).toBe("is-default");
    expect(await accounts.orgs.delete("org_two", by)).toBe("not-found");
  });
});
