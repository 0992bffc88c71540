/** The audit trail: one line per change, in its transaction, and never touched again. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../src/support/clock.ts";
import { makeDirectory, open, pathsIn } from "./fixtures.ts";
import { actor, newKey, newUser } from "./people.ts";

describe("R76 the trail", () => {
  test("no line can be changed or removed, not even with the file at hand", async () => {
    const paths = pathsIn(makeDirectory());
    const store = await open(paths);
    await store.accounts.users.create(newUser("alice"), actor());
    await store.close();
    const database = new Database(paths.accountsPath);
    expect(() => database.run("UPDATE audit SET actor = 'somebody else'")).toThrow();
    expect(() => database.run("DELETE FROM audit")).toThrow();
    expect(database.query("SELECT actor, action FROM audit").all()).toEqual([
      { actor: "system", action: "user.create" },
    ]);
    database.close();
  });

  test("every change writes exactly one line; a change that was refused writes none", async () => {
    const { accounts } = await open();
    const by = actor("user:1");
    const rules = { liveMax: 9, idempotency: null };
    const changes: [name: string, work: () => Promise<unknown>][] = [
      ["user.create", () => accounts.users.create(newUser("alice"), actor())],
      ["user.create", () => accounts.users.create(newUser("bob"), actor())],
      ["", () => accounts.users.create(newUser("bob"), actor())],
      ["user.update", () => accounts.users.update(2, { isAdmin: true }, by)],
      ["", () => accounts.users.update(1, { isAdmin: false }, by)],
      ["user.set_password", () => accounts.users.setPassword(2, "$x", null, actor("user:2"))],
      ["user.update_email", () => accounts.users.setOwnEmail(2, "b@example.com", "s", actor("user:2"))],
      ["org.create", () => accounts.orgs.create({ id: "org_two", name: "Two" }, 1, by)],
      ["org.update", () => accounts.orgs.update("org_two", { name: "Zwei" }, by)],
      ["org.add_member", () => accounts.orgs.addMember("org_two", 2, "member", by)],
      ["", () => accounts.orgs.addMember("org_two", 2, "member", by)],
      ["org.update_member", () => accounts.orgs.setMemberRole("org_two", 2, "admin", by)],
      ["org.remove_member", () => accounts.orgs.removeMember("org_two", 2, by)],
      ["org.delete", () => accounts.orgs.delete("org_two", by)],
      ["api_key.create", () => accounts.apiKeys.create(newKey("k"), rules, by)],
      ["api_key.update", () => accounts.apiKeys.update("key_k", { name: "other" }, 9, by)],
      ["api_key.rotate", () => accounts.apiKeys.rotate("key_k", newKey("l"), { graceMs: 0, liveMax: 9 }, by)],
      ["api_key.revoke", () => accounts.apiKeys.revoke("key_l", by)],
      ["", () => accounts.apiKeys.revoke("key_l", by)],
      ["user.create_password_reset", () => accounts.tokens.createReset(2, "digest", 9e15, by, false)],
      ["user.transfer_ownership", () => accounts.users.transferOwnership(2, by)],
      ["", () => accounts.users.delete(2, by)],
      ["user.delete", () => accounts.users.delete(1, actor("user:2"))],
    ];
    const expected: string[] = [];
    for (const [name, work] of changes) {
      await work();
      if (name !== "") expected.push(name);
      const { items } = await accounts.audit.list({}, { limit: 200 });
      expect(items.map(({ action }) => action).reverse()).toEqual(expected);
    }
    const text = JSON.stringify(await accounts.audit.list({}, { limit: 200 }));
    for (const secret of ["$x", "$hash", "hash of k", "digest"]) expect(text).not.toContain(secret);
  });

  test("who registers acts as himself; who acts, from where and in which request is kept", async () => {
    const clock = createManualClock();
    const { accounts } = await open({ clock });
    await accounts.users.create(newUser("alice"), { ...actor("anonymous"), ip: "192.0.2.0/24", via: "register" });
    const { items } = await accounts.audit.list();
    expect(items).toEqual([
      {
        id: 1,
        at: clock.now(),
        actor: "user:1",
        via: "register",
        ip: "192.0.2.0/24",
        action: "user.create",
        target: "user:1",
        before: null,
        after: { username: "alice", email: null, role: "super_admin", is_active: true },
        outcome: "ok",
        requestId: "req_test",
      },
    ]);
  });

  test("lists narrow by actor, action, target and time", async () => {
    const clock = createManualClock();
    const { accounts } = await open({ clock });
    const line = (action: string, target: string) => ({ action, target, outcome: "ok" });
    await accounts.audit.append(actor("user:1"), line("a", "x"));
    clock.advance(1000);
    await accounts.audit.append(actor("user:2"), line("b", "x"));
    clock.advance(1000);
    await accounts.audit.append(actor("user:1"), line("b", "y"));
    const ids = async (filter: object) => (await accounts.audit.list(filter)).items.map(({ id }) => id);
    expect(await ids({})).toEqual([3, 2, 1]);
    expect(await ids({ actor: "user:1" })).toEqual([3, 1]);
    expect(await ids({ action: "b" })).toEqual([3, 2]);
    expect(await ids({ target: "x" })).toEqual([2, 1]);
    expect(await ids({ from: clock.now() - 1000, to: clock.now() - 1 })).toEqual([2]);
  });
});
