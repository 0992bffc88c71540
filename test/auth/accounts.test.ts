/** Accounts as services: coming in, signing in, being administered; each refusal with its documented status and code. */
import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../src/support/clock.ts";
import { argon2id } from "../../src/auth/password.ts";
import { open, makeDirectory, pathsIn } from "../store/fixtures.ts";
import { type House, openHouse, ORIGIN, operator, originFrom, PASSWORD, quickHasher, refusal } from "./support.ts";

const register = ({ services }: House, username: string, own: object = {}, origin = ORIGIN) =>
  services.registration.register({ username, password: PASSWORD, ...own }, origin);

describe("R45 the first one", () => {
  test("fifty registrations at once: one super admin", async () => {
    const house = await openHouse();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => register(house, `user${index}`, {}, originFrom(`192.0.2.${index}`))),
    );
    const made = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value.user] : []));
    // The others found too many waiting for their password to be hashed.
    expect(made.length).toBeGreaterThanOrEqual(18);
    expect(made.filter(({ role }) => role === "super_admin")).toHaveLength(1);
    expect(made.filter(({ role }) => role === "user")).toHaveLength(made.length - 1);
  });

  test("is admitted whatever the rule, and may call itself admin; the next may not", async () => {
    const house = await openHouse({ config: "auth: { registration: closed }" });
    expect((await register(house, "admin")).user.role).toBe("super_admin");
    expect(await refusal(() => register(house, "root"))).toBe("403 registration_closed");
    await house.configure("");
    expect(await refusal(() => register(house, "root"))).toBe("422 validation_error");
  });
});

describe("R46 a setup token", () => {
  const config = "auth: { setup_token: the-token-of-this-test }";

  test("is asked of the first registration, by whatever way, and void after it", async () => {
    const house = await openHouse({ config });
    expect(await house.services.setup.status()).toMatchObject({ needsSetup: true, setupTokenRequired: true });
    expect(await refusal(() => register(house, "eve"))).toBe("403 setup_token_required");
    expect(await refusal(() => register(house, "eve", { setupToken: "the-token-of-that-test" }))).toBe(
      "403 setup_token_required",
    );
    expect(await refusal(() => house.services.accounts.create({ username: "eve", password: PASSWORD }, operator))).toBe(
      "403 setup_token_required",
    );
    expect(await house.services.setup.status()).toMatchObject({ initialized: false });
    const first = await register(house, "alice", { setupToken: "the-token-of-this-test" });
    expect(first.user.role).toBe("super_admin");
    expect((await register(house, "bob", { setupToken: "the-token-of-this-test" })).user.role).toBe("user");
    expect(await house.services.setup.status()).toMatchObject({ initialized: true, setupTokenRequired: false });
  });

  test("auto: one is made at start, told once, and survives a reload that changes nothing", async () => {
    const house = await openHouse({ config: "" });
    await house.configure("auth: { setup_token: auto }");
    const token = await house.services.setup.prepare();
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(await house.services.setup.prepare()).toBeUndefined();
    expect(await refusal(() => register(house, "eve"))).toBe("403 setup_token_required");
    expect((await register(house, "alice", { setupToken: token })).user.role).toBe("super_admin");
    expect(await house.services.setup.prepare()).toBeUndefined();
  });

  test("guesses at it are counted", async () => {
    const house = await openHouse({ config });
    for (let guess = 0; guess < 50; guess += 1)
      await refusal(() => register(house, "eve", { setupToken: `guess ${guess}` }));
    expect(await refusal(() => register(house, "eve", { setupToken: "one more" }))).toBe("429 rate_limited");
  });
});

describe("registering", () => {
  test.each([
    ["a taken name", { username: "ALICE" }, "409 username_taken"],
    ["a taken address", { username: "bob", email: "Alice@Example.com" }, "409 email_taken"],
    ["a reserved name", { username: "system" }, "422 validation_error"],
    ["a short password", { username: "bob", password: "short" }, "422 validation_error"],
    ["a common password", { username: "bob", password: "password1" }, "422 validation_error"],
    ["a password that is the name", { username: "bobby.tables", password: "bobby.tables1" }, "422 validation_error"],
    ["no address at all", { username: "bob", email: "bob" }, "422 validation_error"],
    ["an invitation that is none", { username: "bob", inviteCode: "x" }, "403 invite_invalid"],
  ])("%s: %s", async (_name, own, expected) => {
    const house = await openHouse();
    await register(house, "alice", { email: "alice@example.com" });
    expect(await refusal(() => register(house, "", own))).toBe(expected);
    expect((await house.services.accounts.list()).items).toHaveLength(1);
  });

  test("R58 everything wrong is told at once, and nothing of what was typed", async () => {
    const house = await openHouse();
    const typed = { username: "canary-user\u0000", email: "canary-mail", password: "canary" };
    const error = await register(house, "", typed).catch((cause: unknown) => cause as { details: { loc: string[] }[] });
    const { details } = error as { details: { loc: string[] }[] };
    expect(details.map(({ loc }) => loc.join("."))).toEqual(["body.username", "body.email", "body.password"]);
    expect(JSON.stringify(error) + String(error)).not.toContain("canary");
  });

  test("by invitation only: with a code, once; without one, not", async () => {
    const house = await openHouse({ config: "auth: { registration: invite }" });
    const alice = await house.person("alice");
    expect(await refusal(() => register(house, "bob"))).toBe("403 invite_required");
    const { code } = await house.services.invites.create({}, await alice.caller());
    expect((await register(house, "bob", { inviteCode: code })).user.role).toBe("user");
    expect(await refusal(() => register(house, "carol", { inviteCode: code }))).toBe("403 invite_invalid");
  });

  test("guesses at invitations are counted by network", async () => {
    const house = await openHouse({ config: "auth: { registration: invite }" });
    await house.person("alice");
    for (let guess = 0; guess < 50; guess += 1)
      await refusal(() => register(house, "eve", { inviteCode: `guess ${guess}` }));
    expect(await refusal(() => register(house, "eve", { inviteCode: "one more" }))).toBe("429 rate_limited");
    expect(await refusal(() => register(house, "eve", { inviteCode: "x" }, originFrom("198.51.100.1")))).toBe(
      "403 invite_invalid",
    );
  });
});

describe("R49 signing in", () => {
  test("unknown, wrong, inactive, and without a password: one answer, and one check of a password each", async () => {
    let checks = 0;
    const hasher = {
      hash: quickHasher.hash,
      verify(password: string, hash: string) {
        checks += 1;
        return quickHasher.verify(password, hash);
      },
    };
    const house = await openHouse({ hasher });
    await house.person("alice");
    const bob = await house.person("bob");
    await house.services.accounts.update(bob.id, { isActive: false }, operator);
    await house.services.accounts.create({ username: "carol" }, operator);
    const said = new Set<string>();
    for (const [username, password] of [
      ["nobody", PASSWORD],
      ["alice", "wrong password"],
      ["bob", PASSWORD],
      ["carol", PASSWORD],
      ["nobody@example.com", PASSWORD],
      ["", PASSWORD],
      ["a".repeat(5000), PASSWORD],
      ["' OR 1=1 --", PASSWORD],
      ["alice\u0000", PASSWORD],
    ] as const) {
      checks = 0;
      const error = await house.services.login.login({ username, password }, ORIGIN).catch((cause: Error) => cause);
      said.add(JSON.stringify([error, (error as Error).message]));
      expect(checks).toBe(1);
    }
    expect(said.size).toBe(1);
    expect([...said][0]).toContain("Incorrect username or password");
    expect(house.log.lines.join("\n")).not.toContain("nobody");
  });

  test("by name in any case, or by address in any case", async () => {
    const house = await openHouse();
    await register(house, "Alice", { email: "Alice@example.com" });
    for (const username of ["alice", "ALICE", "Alice", "alice@EXAMPLE.com"]) {
      expect((await house.services.login.login({ username, password: PASSWORD }, ORIGIN)).user.id).toBe(1);
    }
  });

  test("R53 no spelling of a name or an address begins a count of its own", async () => {
    const house = await openHouse();
    await register(house, "alice", { email: "alice@example.com" });
    const login = (username: string, password: string, address: string) =>
      refusal(() => house.services.login.login({ username, password }, originFrom(address)));
    for (const names of [
      ["alice", "ALICE", "Alice", "\uff41lice"],
      ["alice@example.com", "Alice@EXAMPLE.com"],
    ]) {
      for (let index = 0; index < 10; index += 1) {
        const name = names[index % names.length]!;
        expect(await login(name, "wrong password", `192.0.2.${index}`)).toBe("401 invalid_credentials");
      }
      for (const name of names) expect(await login(name, PASSWORD, "198.51.100.7")).toBe("429 rate_limited");
    }
    house.clock.advance(15 * 60_000);
    expect(await login("alice", PASSWORD, "198.51.100.7")).toBe("none");
  });

  test("R49 pauses tell neither whether a name is somebody's, nor whose an address is", async () => {
    const house = await openHouse();
    await register(house, "alice", { email: "alice@example.com" });
    const seen = async (spent: string, asked: string): Promise<string> => {
      for (let index = 0; index < 11; index += 1) {
        const attempt = { username: spent, password: "wrong password" };
        await refusal(() => house.services.login.login(attempt, originFrom(`192.0.2.${index}`)));
      }
      const next = { username: asked, password: "wrong password" };
      const answer = await refusal(() => house.services.login.login(next, originFrom("198.51.100.7")));
      house.clock.advance(3_600_000);
      return answer;
    };
    for (const name of ["alice", "nobody"]) {
      const wide = `${String.fromCharCode(name.charCodeAt(0) + 0xfee0)}${name.slice(1)}`;
      expect([name, await seen(name, wide.toUpperCase())]).toEqual([name, "429 rate_limited"]);
      const email = `${name}@example.com`;
      expect([name, await seen(name, email)]).toEqual([name, "401 invalid_credentials"]);
      expect([name, await seen(email, name)]).toEqual([name, "401 invalid_credentials"]);
      expect([name, await seen(email, email.toUpperCase())]).toEqual([name, "429 rate_limited"]);
    }
  });

  test("R50 a weaker hash is replaced at the next sign-in", async () => {
    const house = await openHouse({ hasher: argon2id, config: "auth: { password: { hash: { memory_kib: 19456 } } }" });
    await house.person("alice");
    const stored = async () => (await house.store.accounts.users.findForSignIn({ id: 1 }))?.passwordHash ?? "";
    expect(await stored()).toContain("m=19456,");
    await house.configure("auth: { password: { hash: { memory_kib: 20000 } } }");
    await house.services.login.login({ username: "alice", password: PASSWORD }, ORIGIN);
    expect(await stored()).toContain("m=20000,");
    expect((await house.services.login.login({ username: "alice", password: PASSWORD }, ORIGIN)).user.id).toBe(1);
  });

  test("R52 a password over 1024 bytes is refused before anything is done with it", async () => {
    const house = await openHouse();
    await house.person("alice");
    const attempt = house.services.login.login({ username: "alice", password: "x".repeat(1025) }, ORIGIN);
    expect(await refusal(() => attempt)).toBe("422 validation_error");
  });
});

describe("changing a password", () => {
  test.each([
    ["a wrong old one", { oldPassword: "wrong", newPassword: "another horse 8 staple" }, "400 wrong_password"],
    ["a common new one", { oldPassword: PASSWORD, newPassword: "password1" }, "422 validation_error"],
    ["the own name", { oldPassword: PASSWORD, newPassword: "alicealice" }, "422 validation_error"],
  ])("%s: %s", async (_name, change, expected) => {
    const house = await openHouse();
    const alice = await house.person("alice");
    expect(await refusal(async () => house.services.login.changePassword(change, await alice.caller()))).toBe(expected);
    expect((await house.services.login.login({ username: "alice", password: PASSWORD }, ORIGIN)).user.id).toBe(1);
  });

  test("guesses at the old one are counted like guesses at a sign-in", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const caller = await alice.caller();
    for (let guess = 0; guess < 10; guess += 1) {
      expect(await refusal(() => house.services.login.reauthenticate(`guess ${guess}`, caller))).toBe(
        "400 wrong_password",
      );
    }
    expect(await refusal(() => house.services.login.reauthenticate(PASSWORD, caller))).toBe("429 rate_limited");
  });
});

describe("a link to set a password", () => {
  test("is made by an administrator, good once and for a day, and ends every session", async () => {
    const house = await openHouse();
    const admin = await house.person("admin");
    const bob = await house.person("bob");
    const { token, expiresAt } = await house.services.accounts.createReset(bob.id, await admin.caller());
    expect(expiresAt).toBe(house.clock.now() + 86_400_000);
    const set = (newPassword: string) => house.services.accounts.resetPassword({ token, newPassword }, ORIGIN);
    expect(await refusal(() => set("short"))).toBe("422 validation_error");
    await set("another horse 8 staple");
    expect(await house.services.sessions.find(bob.accessToken)).toBeUndefined();
    expect(await refusal(() => set("yet another horse 9"))).toBe("400 token_invalid");
    const signedIn = await house.services.login.login({ username: "bob", password: "another horse 8 staple" }, ORIGIN);
    expect(signedIn.user.id).toBe(bob.id);
  });

  test("an account without a password gets one this way, and only this way signs in", async () => {
    const house = await openHouse();
    await house.person("admin");
    const { user, reset } = await house.services.accounts.create({ username: "carol" }, operator);
    expect(user.hasPassword).toBe(false);
    await house.services.accounts.resetPassword({ token: reset!.token, newPassword: PASSWORD }, ORIGIN);
    expect((await house.services.login.login({ username: "carol", password: PASSWORD }, ORIGIN)).user.id).toBe(user.id);
  });

  test("guesses are counted by network", async () => {
    const house = await openHouse();
    await house.person("admin");
    const guess = (token: string) => house.services.accounts.resetPassword({ token, newPassword: PASSWORD }, ORIGIN);
    for (let index = 0; index < 50; index += 1)
      expect(await refusal(() => guess(`guess ${index}`))).toBe("400 token_invalid");
    expect(await refusal(() => guess("one more"))).toBe("429 rate_limited");
  });
});

describe("R74 administering", () => {
  const OUTCOMES = {
    update: (house: House, id: number, by: Parameters<House["services"]["accounts"]["update"]>[2]) =>
      house.services.accounts.update(id, { isAdmin: false }, by),
    deactivate: (house: House, id: number, by: Parameters<House["services"]["accounts"]["update"]>[2]) =>
      house.services.accounts.update(id, { isActive: false }, by),
    reset: (house: House, id: number, by: Parameters<House["services"]["accounts"]["update"]>[2]) =>
      house.services.accounts.createReset(id, by),
    logout: (house: House, id: number, by: Parameters<House["services"]["accounts"]["update"]>[2]) =>
      house.services.accounts.logout(id, by),
    delete: (house: House, id: number, by: Parameters<House["services"]["accounts"]["update"]>[2]) =>
      house.services.accounts.delete(id, by),
  };
  const rows = (Object.keys(OUTCOMES) as (keyof typeof OUTCOMES)[]).flatMap((act) => [
    ["super", "super", act, "403 own_account"] as const,
    ["super", "admin", act, "none"] as const,
    ["admin", "super", act, "403 super_admin_protected"] as const,
    ["admin", "admin", act, "403 own_account"] as const,
    ["admin", "user", act, "none"] as const,
    ["user", "user", act, "403 admin_required"] as const,
    ["user", "admin", act, "403 admin_required"] as const,
  ]);

  test.each(rows)("%s → %s, %s: %s", async (by, target, act, expected) => {
    const house = await openHouse();
    const people = {
      super: await house.person("super"),
      admin: await house.person("adam"),
      user: await house.person("uma"),
    };
    await house.services.accounts.update(people.admin.id, { isAdmin: true }, await people.super.caller());
    const lines = (await house.services.audit.list({}, { limit: 200 })).items.length;
    const caller = await people[by].caller();
    expect(await refusal(() => OUTCOMES[act](house, people[target].id, caller))).toBe(expected);
    // R76 what was refused is a line of the trail like what was done.
    expect((await house.services.audit.list({}, { limit: 200 })).items.length).toBe(lines + 1);
    if (expected !== "none") {
      const [line] = (await house.services.audit.list()).items;
      expect(line).toMatchObject({ actor: `user:${people[by].id}`, outcome: expected.slice(4) });
    }
  });

  test("R73, R75 handing the house over asks for the super admin, a fresh proof and the name", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const bob = await house.person("bob");
    const hand = async (by: typeof alice, confirm: string) =>
      refusal(async () => house.services.accounts.transferOwnership(bob.id, confirm, await by.caller()));
    expect(await hand(bob, "bob")).toBe("403 super_admin_required");
    expect(await hand(alice, "bobby")).toBe("422 validation_error");
    house.clock.advance(5 * 60_000);
    expect(await hand(alice, "bob")).toBe("403 reauth_required");
    await house.services.login.reauthenticate(PASSWORD, await alice.caller());
    expect(await hand(alice, "BOB")).toBe("none");
    expect([(await alice.identity()).role, (await bob.identity()).role]).toEqual(["admin", "super-admin"]);
    expect(await refusal(async () => house.services.accounts.transferOwnership(bob.id, "bob", operator))).toBe(
      "403 session_required",
    );
  });

  test("R75 clearing all accounts: nobody is signed in, no key works, and the next one needs the token told", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const bob = await house.person("bob");
    const { secret } = await house.services.apiKeys.create({ name: "k" }, { style: "native" }, await alice.caller());
    expect(
      await refusal(async () => house.services.accounts.clear({ users: true, keys: true }, await bob.caller())),
    ).toBe("403 super_admin_required");
    const cleared = await house.services.accounts.clear({ users: true, keys: true }, await alice.caller());
    expect(cleared).toMatchObject({ users: 2, keys: 1 });
    expect(await house.services.sessions.find(alice.accessToken)).toBeUndefined();
    expect(await house.services.apiKeys.find(secret!)).toBeUndefined();
    expect(await refusal(() => register(house, "eve"))).toBe("403 setup_token_required");
    expect((await register(house, "alice", { setupToken: cleared.setupToken })).user.role).toBe("super_admin");
    expect((await house.services.audit.list({ action: "accounts.clear" })).items).toHaveLength(2);
  });

  test("R75 clearing all accounts leaves the next ones no organisation, nothing at upstreams and no admin by name", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const by = await alice.caller();
    const orgId = by.identity.orgId!;
    await house.services.orgs.update(orgId, { name: "Ours", limits: { rpm: 1 } }, by);
    const file = { kind: "file", provider: "openai", keyId: "k", orgId, userId: alice.id, principal: "user:1" };
    await house.store.objects.add([{ id: "file-1", ...file }]);
    const { settings } = house.store;
    await settings.add("sso_admin.octocat", "github:1");
    await settings.add("sso_issuer.company", "https://id.example.com");
    await settings.add("another", "stays");

    const { setupToken } = await house.services.accounts.clear({ users: true, keys: true }, by);
    const next = await register(house, "nina", { setupToken });
    const [home] = (await house.store.accounts.orgs.list(next.user.id, true)).items;
    expect(home).toMatchObject({ name: "Default", limits: null, isDefault: true, role: "owner" });
    expect(home!.id).not.toBe(orgId);
    expect(await house.store.objects.find("file-1")).toBeUndefined();
    expect(await settings.get("sso_admin.octocat")).toBeUndefined();
    expect(await settings.get("sso_issuer.company")).toBeUndefined();
    expect(await settings.get("another")).toBe("stays");
  });

  test("who is at home where outside: the one linked to this subject, unless switched off", async () => {
    const house = await openHouse();
    await house.person("alice");
    const by = { actor: "system", userId: null, via: "test", ip: null, requestId: null };
    const identity = { provider: "github", subject: "42", email: null };
    await house.store.accounts.users.link(1, identity, "", by);
    expect(await house.services.directory.findByLink("github", "42")).toMatchObject({
      id: "user:1",
      via: "sso",
      orgRole: "owner",
    });
    expect(await house.services.directory.findByLink("github", "4")).toBeUndefined();
    expect(await house.services.directory.findByLink("google", "42")).toBeUndefined();
  });
});

test("I4 what was acknowledged is there after a restart", async () => {
  const paths = pathsIn(makeDirectory());
  const clock = createManualClock();
  const first = await openHouse({ store: await open({ ...paths, clock }), clock });
  const alice = await first.person("alice");
  const { secret } = await first.services.apiKeys.create({ name: "k" }, { style: "native" }, await alice.caller());
  await first.services.stop();
  await first.store.close();
  const second = await openHouse({ store: await open({ ...paths, clock }), clock });
  expect(await second.services.apiKeys.find(secret!)).toMatchObject({ userId: 1 });
  expect(await second.services.sessions.find(alice.accessToken)).toMatchObject({ userId: 1 });
});
