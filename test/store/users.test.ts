/** Accounts in their table: who is first, who may change whom, and what may never be the case. */
import { describe, expect, test } from "bun:test";
import type { AccountRepositories, User, UserRole } from "../../src/store/types.ts";
import { createManualClock } from "../../src/support/clock.ts";
import { makeDirectory, open, pathsIn } from "./fixtures.ts";
import { actor, newKey, newSession, newUser } from "./people.ts";

async function repositories(): Promise<AccountRepositories> {
  return (await open()).accounts;
}

async function add(
  accounts: AccountRepositories,
  username: string,
  own: Parameters<typeof newUser>[1] = {},
): Promise<User> {
  const outcome = await accounts.users.create(newUser(username, own), actor());
  if (outcome.type !== "created") throw new Error(outcome.type);
  return outcome.user;
}

async function roles(accounts: AccountRepositories): Promise<Record<UserRole, number>> {
  const { items } = await accounts.users.list({}, { limit: 200 });
  const count = (role: UserRole) => items.filter((user) => user.role === role).length;
  return { super_admin: count("super_admin"), admin: count("admin"), user: count("user") };
}

describe("R45 exactly one first user", () => {
  test("50 at once, twenty times: one super admin each time, the others ordinary users", async () => {
    for (let round = 0; round < 20; round += 1) {
      const accounts = await repositories();
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          // Some hash for longer than others.
          for (let turn = 0; turn < index % 7; turn += 1) await Promise.resolve();
          const sso = { provider: "github", subject: String(index), email: null };
          const granted = { admission: { type: "granted", role: "user" } } as const;
          const own = index % 3 === 0 ? { identity: sso, passwordHash: null } : index % 3 === 1 ? granted : {};
          return accounts.users.create(newUser(`user${index}`, own), actor());
        }),
      );
      expect(outcomes.filter((outcome) => outcome.type === "created" && outcome.isFirst)).toHaveLength(1);
      expect(await roles(accounts)).toEqual({ super_admin: 1, admin: 0, user: 49 });
    }
  });

  test("of two processes: one super admin", async () => {
    const paths = pathsIn(makeDirectory());
    const first = await open(paths);
    const second = await open(paths);
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? first : second).accounts.users.create(newUser(`user${index}`), actor()),
      ),
    );
    expect(await roles(first.accounts)).toEqual({ super_admin: 1, admin: 0, user: 19 });
    expect(await roles(second.accounts)).toEqual({ super_admin: 1, admin: 0, user: 19 });
  });

  test("with the setup token: without it nobody, with it one, and it is void after that", async () => {
    const accounts = await repositories();
    await accounts.tokens.setSetupTokens(["right"]);
    const attempts = ["wrong", undefined, ""].map((setupHash) =>
      accounts.users.create(newUser("eve", setupHash === undefined ? {} : { setupHash }), actor()),
    );
    for (const outcome of await Promise.all(attempts)) expect(outcome).toEqual({ type: "setup-token-required" });
    expect(await accounts.users.hasAny()).toBe(false);

    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        accounts.users.create(newUser(`user${index}`, { setupHash: "right" }), actor()),
      ),
    );
    expect(await roles(accounts)).toEqual({ super_admin: 1, admin: 0, user: 49 });
    expect(await accounts.tokens.checkSetup("right")).toEqual({ isRequired: false, isValid: false });
    expect(await accounts.tokens.isSetupTokenUsed("right")).toBe(true);
  });

  test("the first one owns the default organisation, everybody else is a member of it", async () => {
    const accounts = await repositories();
    const first = await add(accounts, "first");
    const second = await add(accounts, "second", { newOrgId: "org_never_made" });
    const org = await accounts.orgs.findDefault();
    expect(org).toMatchObject({ id: "org_default", isDefault: true });
    expect(await accounts.orgs.homeOf(first.id)).toMatchObject({ orgId: "org_default", role: "owner" });
    expect(await accounts.orgs.homeOf(second.id)).toMatchObject({ orgId: "org_default", role: "member" });
  });
});

describe("who is admitted", () => {
  test.each([
    ["open", undefined, "created"],
    ["closed", undefined, "registration-closed"],
    ["closed", "code", "registration-closed"],
    ["invite", undefined, "invite-required"],
    ["invite", "wrong", "invite-invalid"],
    ["invite", "code", "created"],
    ["open", "wrong", "invite-invalid"],
    ["open", "code", "created"],
  ] as const)("registration %s, invitation %s: %s", async (registration, inviteHash, type) => {
    const accounts = await repositories();
    await add(accounts, "first");
    const invite = { id: "i1", codeHash: "code", email: null, orgId: null, role: "member", expiresAt: 9e15 } as const;
    await accounts.invites.create(invite, actor("user:1"));
    const admission = { type: "rule", registration, ...(inviteHash === undefined ? {} : { inviteHash }) } as const;
    const outcome = await accounts.users.create(newUser("second", { admission }), actor());
    expect(outcome.type).toBe(type);
    expect((await roles(accounts)).user).toBe(type === "created" ? 1 : 0);
  });

  test("the first account is always possible", async () => {
    const accounts = await repositories();
    const closed = { admission: { type: "rule", registration: "closed" } } as const;
    expect((await add(accounts, "first", closed)).role).toBe("super_admin");
  });

  test("an invitation is good for one account, until its end, and for the address it names", async () => {
    const clock = createManualClock();
    const { accounts } = await open({ clock });
    await add(accounts, "first");
    const org = await accounts.orgs.create({ id: "org_two", name: "Two" }, 1, actor("user:1"));
    expect(org).toBeDefined();
    const invite = (id: string, own: object = {}) =>
      accounts.invites.create(
        { id, codeHash: id, email: null, orgId: null, role: "member", expiresAt: clock.now() + 1000, ...own },
        actor("user:1"),
      );
    const using = (username: string, inviteHash: string, email: string | null = null) =>
      accounts.users.create(
        newUser(username, { email, admission: { type: "rule", registration: "invite", inviteHash } }),
        actor(),
      );
    await invite("placed", { orgId: "org_two", role: "admin" });
    const both = await Promise.all([using("a", "placed"), using("b", "placed")]);
    expect(both.map(({ type }) => type).sort()).toEqual(["created", "invite-invalid"]);
    const made = both.find((outcome) => outcome.type === "created")!;
    const id = made.type === "created" ? made.user.id : 0;
    expect(await accounts.orgs.homeOf(id)).toMatchObject({ orgId: "org_two", role: "admin" });

    await invite("personal", { email: "carol@example.com" });
    expect((await using("carol", "personal", "eve@example.com")).type).toBe("invite-invalid");
    expect((await using("carol", "personal")).type).toBe("invite-invalid");
    expect((await using("carol", "personal", "carol@example.com")).type).toBe("created");

    await invite("late");
    clock.advance(1000);
    expect((await using("dave", "late")).type).toBe("invite-invalid");
    await invite("withdrawn");
    expect(await accounts.invites.revoke("withdrawn", actor("user:1"))).toBe(true);
    expect(await accounts.invites.revoke("withdrawn", actor("user:1"))).toBe(false);
    expect((await using("dave", "withdrawn")).type).toBe("invite-invalid");
  });
});

describe("R54 names and addresses are unique in their canonical form", () => {
  test("a second account of the same name, address or identity is refused, and leaves nothing behind", async () => {
    const accounts = await repositories();
    const identity = { provider: "github", subject: "1", email: null };
    await add(accounts, "Alice", { email: "alice@example.com", identity });
    const type = async (own: Parameters<typeof newUser>[1]) =>
      (await accounts.users.create({ ...newUser("bob"), ...own }, actor())).type;
    expect(await type({ username: "ALICE", usernameKey: "alice" })).toBe("username-taken");
    expect(await type({ email: "alice@example.com" })).toBe("email-taken");
    expect(await type({ identity })).toBe("identity-taken");
    expect(await type({ usernameKey: "root", isReservedLater: true })).toBe("username-reserved");
    expect((await accounts.users.list()).items).toHaveLength(1);
  });

  test("accounts that providers make take the next free name, and do without an address that is taken", async () => {
    const accounts = await repositories();
    await add(accounts, "alice", { email: "a@example.com" });
    const second = await add(accounts, "alice", {
      otherNames: ["alice-2", "alice-3"],
      email: "a@example.com",
      isEmailOptional: true,
    });
    expect(second).toMatchObject({ username: "alice-2", email: null });
    const third = await add(accounts, "alice", { otherNames: ["alice-2", "alice-3"] });
    expect(third.username).toBe("alice-3");
    const none = await accounts.users.create(newUser("alice", { otherNames: ["alice-2"] }), actor());
    expect(none.type).toBe("username-taken");
  });

  test("R77 what is searched for is text, not a pattern; pages follow each other without gap or repeat", async () => {
    const accounts = await repositories();
    for (let index = 0; index < 7; index += 1) await add(accounts, `user_${index}`);
    await add(accounts, "a%b", { usernameKey: "a%b" });
    const names = async (search: string) =>
      (await accounts.users.list({ search })).items.map(({ username }) => username);
    expect(await names("%")).toEqual(["a%b"]);
    expect(await names("r_3")).toEqual(["user_3"]);
    expect(await names("USER_")).toHaveLength(7);
    expect(await names("'; DROP TABLE users; --")).toEqual([]);

    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await accounts.users.list({}, { limit: 3, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    expect(() => accounts.users.list({}, { cursor: "1 OR 1=1" })).toThrow(RangeError);
  });
});

describe("R74 who may change whom", () => {
  /** 1 super admin, 2 and 3 admins, 4 and 5 users, 6 an admin who is switched off. */
  async function house(): Promise<AccountRepositories> {
    const accounts = await repositories();
    await add(accounts, "super");
    for (const name of ["admin-a", "admin-b"])
      await add(accounts, name, { admission: { type: "granted", role: "admin" } });
    for (const name of ["user-a", "user-b"]) await add(accounts, name);
    await add(accounts, "asleep", { admission: { type: "granted", role: "admin" } });
    await accounts.users.update(6, { isActive: false }, actor("user:1"));
    return accounts;
  }
  const who = ["", "super admin", "admin", "another admin", "user", "another user", "inactive admin"];
  const expected = (by: number, target: number): string => {
    if (by === 4 || by === 6) return "actor-not-allowed";
    if (by === target) return "own-account";
    return target === 1 ? "super-admin-protected" : "ok";
  };
  const cells = [1, 2, 4, 6].flatMap((by) =>
    [1, 2, 3, 4, 5, 6].map((target) => [who[by], who[target], by, target] as const),
  );

  test.each(cells)("%s → %s", async (_by, _target, by, target) => {
    const accounts = await house();
    const want = expected(by, target);
    const type = (outcome: { type: string } | string) => (typeof outcome === "string" ? outcome : outcome.type);
    const as = actor(`user:${by}`);
    const before = JSON.stringify(await accounts.users.list());
    for (const patch of [
      { isActive: true },
      { isAdmin: true },
      { isAdmin: false },
      { email: `new${target}@example.com` },
    ]) {
      expect(type(await accounts.users.update(target, patch, as))).toBe(want === "ok" ? "updated" : want);
    }
    expect(type(await accounts.tokens.createReset(target, "digest", 9e15, as, false))).toBe(
      want === "ok" ? "created" : want,
    );
    expect(type(await accounts.sessions.revokeAllOf(target, as, false))).toBe(want === "ok" ? "ended" : want);
    if (want !== "ok") expect(JSON.stringify(await accounts.users.list())).toBe(before);
    expect(type(await accounts.users.delete(target, as))).toBe(want === "ok" ? "deleted" : want);
    expect((await roles(accounts)).super_admin).toBe(1);
  });

  test("an account that is not there", async () => {
    const accounts = await house();
    expect(await accounts.users.update(99, { isAdmin: true }, actor("user:1"))).toEqual({ type: "not-found" });
    expect(await accounts.users.delete(99, actor("user:1"))).toEqual({ type: "not-found" });
    // Whoever may not act here does not learn who is there either.
    expect(await accounts.users.delete(99, actor("user:4"))).toEqual({ type: "actor-not-allowed" });
  });

  test("only the super admin hands the role over, to somebody else who is active; he stays admin", async () => {
    const accounts = await house();
    const hand = async (by: number, target: number) =>
      (await accounts.users.transferOwnership(target, actor(`user:${by}`))).type;
    expect(await hand(2, 3)).toBe("actor-not-allowed");
    expect(await hand(4, 4)).toBe("actor-not-allowed");
    expect(await hand(1, 1)).toBe("own-account");
    expect(await hand(1, 6)).toBe("target-inactive");
    expect(await hand(1, 99)).toBe("not-found");
    expect((await accounts.users.transferOwnership(4, actor())).type).toBe("actor-not-allowed");
    expect(await hand(1, 4)).toBe("transferred");
    expect(await accounts.users.find(1)).toMatchObject({ role: "admin" });
    expect(await accounts.users.find(4)).toMatchObject({ role: "super_admin" });
    expect(await accounts.orgs.homeOf(4)).toMatchObject({ role: "owner" });
    expect(await hand(1, 2)).toBe("actor-not-allowed");
  });

  test("what a person does to the own account is not what an administrator does", async () => {
    const accounts = await house();
    expect(await accounts.users.setOwnEmail(4, "me@example.com", "s", actor("user:4"))).toBe("updated");
    expect(await accounts.users.setOwnEmail(5, "me@example.com", "s", actor("user:5"))).toBe("email-taken");
    expect(await accounts.users.setOwnEmail(6, "x@example.com", "s", actor("user:6"))).toBe("not-found");
    expect(await accounts.users.setPassword(6, "$new", null, actor("user:6"))).toBe(false);
  });
});

describe("the end of an account", () => {
  test("keys are revoked, sessions end, organisations without an owner go to the super admin", async () => {
    const accounts = await repositories();
    await add(accounts, "super");
    const bob = await add(accounts, "bob");
    await accounts.orgs.create({ id: "org_bob", name: "Bob's" }, bob.id, actor());
    await accounts.apiKeys.create(newKey("k", { userId: bob.id }), { liveMax: 9, idempotency: null }, actor("user:2"));
    await accounts.sessions.create(newSession("s", bob), actor());
    expect(await accounts.sessions.standing("s")).toBeDefined();

    const outcome = await accounts.users.delete(bob.id, actor("user:1"));
    expect(outcome).toEqual({ type: "deleted", keyIds: ["key_k"] });
    expect(await accounts.sessions.standing("s")).toBeUndefined();
    expect((await accounts.apiKeys.find("key_k"))?.key.revokedAt).not.toBeNull();
    expect((await accounts.orgs.membership("org_bob", 1))?.role).toBe("owner");
  });

  test("the number of an account that is gone is never given to another", async () => {
    const accounts = await repositories();
    await add(accounts, "super");
    const bob = await add(accounts, "bob");
    await accounts.users.delete(bob.id, actor("user:1"));
    expect((await add(accounts, "carol")).id).toBeGreaterThan(bob.id);
  });

  test("R38 switched off: sessions end, and stay ended when it is switched on again", async () => {
    const accounts = await repositories();
    await add(accounts, "super");
    const bob = await add(accounts, "bob");
    await accounts.sessions.create(newSession("s", bob), actor());
    await accounts.users.update(bob.id, { isActive: false }, actor("user:1"));
    expect(await accounts.sessions.standing("s")).toBeUndefined();
    expect(await accounts.sessions.create(newSession("s2", bob), actor())).toBeUndefined();
    await accounts.users.update(bob.id, { isActive: true }, actor("user:1"));
    expect(await accounts.sessions.standing("s")).toBeUndefined();
    const again = (await accounts.users.find(bob.id))!;
    expect(await accounts.sessions.create(newSession("s3", again), actor())).toBeDefined();
  });
});

/** Numbers that look random and are the same every time. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("R73 after any of 10,000 promotions, demotions, removals and transfers there is exactly one super admin", async () => {
  const { accounts } = await open();
  const random = createRandom(73);
  await add(accounts, "super");
  /** What ought to be the case: id → role and whether it is active. */
  const model = new Map<number, { role: UserRole; isActive: boolean }>([[1, { role: "super_admin", isActive: true }]]);
  const mayAct = (id: number) => model.get(id)?.isActive === true && model.get(id)?.role !== "user";
  const refusal = (by: number, target: number): string | undefined => {
    if (!mayAct(by)) return "actor-not-allowed";
    if (!model.has(target)) return "not-found";
    if (by === target) return "own-account";
    return model.get(target)!.role === "super_admin" ? "super-admin-protected" : undefined;
  };
  let last = 1;

  for (let step = 0; step < 10_000; step += 1) {
    const by = 1 + random(last + 1);
    const target = 1 + random(last + 1);
    const as = actor(`user:${by}`);
    const expected = refusal(by, target);
    switch (model.size < 12 ? random(6) : random(5)) {
      case 0: {
        const isAdmin = random(2) === 0;
        const { type } = await accounts.users.update(target, { isAdmin }, as);
        expect(type).toBe((expected ?? "updated") as typeof type);
        if (expected === undefined) model.get(target)!.role = isAdmin ? "admin" : "user";
        break;
      }
      case 1: {
        const isActive = random(3) > 0;
        const { type } = await accounts.users.update(target, { isActive }, as);
        expect(type).toBe((expected ?? "updated") as typeof type);
        if (expected === undefined) model.get(target)!.isActive = isActive;
        break;
      }
      case 2: {
        if (model.size < 6) break;
        const { type } = await accounts.users.delete(target, as);
        expect(type).toBe((expected ?? "deleted") as typeof type);
        if (expected === undefined) model.delete(target);
        break;
      }
      case 3: {
        const { type } = await accounts.users.transferOwnership(target, as);
        const isOwner = model.get(by)?.role === "super_admin";
        const isTo = isOwner && by !== target && model.get(target)?.isActive === true;
        expect(type === "transferred").toBe(isTo);
        if (isTo) {
          model.get(by)!.role = "admin";
          model.get(target)!.role = "super_admin";
        }
        break;
      }
      case 4: {
        const isAdmin = random(2) === 0;
        const before = model.get(target);
        const user = await accounts.users.setRoleFromProvider(target, "oidc", isAdmin, actor());
        expect(user === undefined).toBe(before === undefined);
        if (before !== undefined) before.role = user!.role;
        break;
      }
      default: {
        const role = random(2) === 0 ? "admin" : "user";
        const user = await add(accounts, `user${step}`, { admission: { type: "granted", role } });
        last = user.id;
        model.set(user.id, { role, isActive: true });
      }
    }
    const owners = [...model.values()].filter(({ role, isActive }) => role === "super_admin" && isActive);
    expect(owners).toHaveLength(1);
    if (step % 50 === 0) {
      const { items } = await accounts.users.list({}, { limit: 200 });
      const stored = new Map(items.map(({ id, role, isActive }) => [id, { role, isActive }]));
      expect([...stored].sort()).toEqual([...model].sort());
    }
  }
}, 60_000);
