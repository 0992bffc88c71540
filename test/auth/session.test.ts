/** Sessions as services: what ends them ends them everywhere, and what a person may do is asked anew each time. */
import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../src/support/clock.ts";
import { makeDirectory, open, pathsIn } from "../store/fixtures.ts";
import { type House, openHouse, ORIGIN, operator, PASSWORD, type Person, refusal } from "./support.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const isIn = async ({ services }: House, { accessToken }: Pick<Person, "accessToken">) =>
  (await services.sessions.find(accessToken)) !== undefined;

async function signIn({ services }: House, username: string, password = PASSWORD) {
  return services.login.login({ username, password }, ORIGIN);
}

/** Without the thousands of looks at the file that lie between. */
function pass({ clock }: House, ms: number): void {
  clock.setNow(clock.now() + ms - 2000);
  clock.advance(2000);
}

describe("what ends a session", () => {
  test("R38 an account that is switched off or deleted: from the next look on", async () => {
    const house = await openHouse();
    const admin = await house.person("admin");
    for (const [name, end] of [
      ["bob", async (id: number) => house.services.accounts.update(id, { isActive: false }, await admin.caller())],
      ["carol", async (id: number) => house.services.accounts.delete(id, await admin.caller())],
      ["dave", async (id: number) => house.services.accounts.logout(id, await admin.caller())],
    ] as const) {
      const person = await house.person(name);
      expect(await isIn(house, person)).toBe(true);
      await end(person.id);
      expect(await isIn(house, person)).toBe(false);
      expect(await refusal(() => house.services.sessions.refresh(person.refreshToken, ORIGIN))).toBe(
        "401 invalid_refresh_token",
      );
      expect(house.revocations).toContainEqual({ type: "ended", principalId: `user:${person.id}` });
    }
  });

  test("R42 signing out ends this session; with all, every one; and twice is once", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const second = await signIn(house, "alice");
    const third = await signIn(house, "alice");
    await house.services.sessions.logout({ identity: await alice.identity() }, ORIGIN);
    expect(await isIn(house, alice)).toBe(false);
    expect(await isIn(house, second)).toBe(true);
    await house.services.sessions.logout({ refreshToken: second.refreshToken, all: true }, ORIGIN);
    expect([await isIn(house, second), await isIn(house, third)]).toEqual([false, false]);
    await house.services.sessions.logout({ refreshToken: second.refreshToken, all: true }, ORIGIN);
    const again = await signIn(house, "alice");
    expect([await isIn(house, again), await isIn(house, second)]).toEqual([true, false]);
  });

  test("a refresh token that has been used signs nobody else out", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const other = await signIn(house, "alice");
    const next = await house.services.sessions.refresh(alice.refreshToken, ORIGIN);
    await house.services.sessions.logout({ refreshToken: alice.refreshToken, all: true }, ORIGIN);
    expect([await isIn(house, next), await isIn(house, other)]).toEqual([false, true]);
  });

  test("R43 a new password: all others end, this one goes on", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const other = await signIn(house, "alice");
    const change = { oldPassword: PASSWORD, newPassword: "another horse 8 staple" };
    await house.services.login.changePassword(change, await alice.caller());
    expect([await isIn(house, alice), await isIn(house, other)]).toEqual([true, false]);
    expect(await refusal(() => signIn(house, "alice"))).toBe("401 invalid_credentials");
    expect(await isIn(house, await signIn(house, "alice", change.newPassword))).toBe(true);
  });

  test("R44 people list and end their own; somebody else's is not there", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const bob = await house.person("bob");
    const { items } = await house.services.sessions.list(await alice.caller());
    expect(items).toMatchObject([{ id: alice.sessionId, isCurrent: true, method: "password", ip: ORIGIN.ip }]);
    expect(await refusal(async () => house.services.sessions.revoke(alice.sessionId, await bob.caller()))).toBe(
      "404 not_found",
    );
    expect(await isIn(house, alice)).toBe(true);
    await house.services.sessions.revoke(alice.sessionId, await alice.caller());
    expect(await isIn(house, alice)).toBe(false);
  });

  test("R37 everybody's, at the operator's word", async () => {
    const house = await openHouse();
    const people = [await house.person("alice"), await house.person("bob")];
    expect(await house.services.accounts.logoutEverybody(operator)).toBe(2);
    for (const person of people) expect(await isIn(house, person)).toBe(false);
  });

  test("R48 sso_only ends sessions that began with a password", async () => {
    const house = await openHouse({ config: SSO });
    await house.configure("");
    const alice = await house.person("alice");
    expect(await isIn(house, alice)).toBe(true);
    await house.configure(SSO);
    expect(await isIn(house, alice)).toBe(false);
    expect(await refusal(() => house.services.sessions.refresh(alice.refreshToken, ORIGIN))).toBe(
      "401 invalid_refresh_token",
    );
    expect(await refusal(() => signIn(house, "alice"))).toBe("403 sso_only");
    expect(await refusal(() => house.person("bob"))).toBe("403 sso_only");
    const reset = { token: "x", newPassword: PASSWORD };
    expect(await refusal(() => house.services.accounts.resetPassword(reset, ORIGIN))).toBe("403 sso_only");
    await house.configure("");
    expect(await isIn(house, alice)).toBe(true);
  });

  test("time: the token after its hours, the session after its month, refreshed or not", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    pass(house, DAY - 2000);
    expect(await isIn(house, alice)).toBe(true);
    house.clock.advance(2000);
    expect(await isIn(house, alice)).toBe(false);

    let token = alice.refreshToken;
    for (let day = 1; day < 30; day += 1) {
      const issued = await house.services.sessions.refresh(token, ORIGIN);
      token = issued.refreshToken;
      pass(house, DAY);
    }
    expect(await refusal(() => house.services.sessions.refresh(token, ORIGIN))).toBe("401 invalid_refresh_token");
  });

  test("R41 a week without a refresh", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    pass(house, 7 * DAY);
    expect(await refusal(() => house.services.sessions.refresh(alice.refreshToken, ORIGIN))).toBe(
      "401 invalid_refresh_token",
    );
  });
});

const SSO = `
server: { public_host: "https://relay.example" }
sso:
  enabled: true
  sso_only: true
  providers: [{ id: github, type: github, client_id: abc, client_secret: secret-of-the-provider }]
`;

describe("R39 what somebody may do is not in the token", () => {
  test("a new role counts from the next look on", async () => {
    const house = await openHouse();
    const admin = await house.person("admin");
    const bob = await house.person("bob");
    expect((await bob.identity()).role).toBe("user");
    await house.services.accounts.update(bob.id, { isAdmin: true }, await admin.caller());
    const risen = await bob.identity();
    expect([risen.role, risen.scopes.has("users:write")]).toEqual(["admin", true]);
    await house.services.accounts.update(bob.id, { isAdmin: false }, await admin.caller());
    const fallen = await bob.identity();
    expect([fallen.role, fallen.scopes.has("users:write")]).toEqual(["user", false]);
    expect(
      house.revocations.filter(({ principalId }) => principalId === `user:${bob.id}`).map(({ type }) => type),
    ).toEqual(["changed", "changed"]);
  });

  test("by another process: within a tenth of a second, and within half of one it is told to running calls", async () => {
    const paths = pathsIn(makeDirectory());
    const clock = createManualClock();
    const house = await openHouse({ store: await open({ ...paths, clock }), clock });
    await house.person("admin");
    const bob = await house.person("bob");
    expect((await bob.identity()).role).toBe("user");
    const beside = house.beside(await open({ ...paths, clock }));
    await beside.accounts.update(bob.id, { isAdmin: true }, operator);
    house.clock.advance(100);
    expect((await bob.identity()).role).toBe("admin");
    house.clock.advance(400);
    expect(house.revocations).toContainEqual({ type: "changed", principalId: null });
  });
});

describe("R40 refreshing", () => {
  test("gives a new pair; the same one again within ten seconds; and ends it all when an old one comes back", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const second = await house.services.sessions.refresh(alice.refreshToken, ORIGIN);
    expect(second.refreshToken).not.toBe(alice.refreshToken);
    house.clock.advance(9_000);
    const lost = await house.services.sessions.refresh(alice.refreshToken, ORIGIN);
    expect(lost.refreshToken).toBe(second.refreshToken);
    const third = await house.services.sessions.refresh(second.refreshToken, ORIGIN);
    expect(await isIn(house, third)).toBe(true);

    expect(await refusal(() => house.services.sessions.refresh(alice.refreshToken, ORIGIN))).toBe(
      "401 invalid_refresh_token",
    );
    expect(await isIn(house, third)).toBe(false);
    expect(await refusal(() => house.services.sessions.refresh(third.refreshToken, ORIGIN))).toBe(
      "401 invalid_refresh_token",
    );
    expect(house.revocations).toContainEqual({ type: "ended", principalId: "user:1", sessionId: alice.sessionId });
    expect(house.log.lines).toContain("warn a refresh token was used a second time; its session has ended");
  });

  test("of twenty at once all get the same successor", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const all = await Promise.all(
      Array.from({ length: 20 }, () => house.services.sessions.refresh(alice.refreshToken, ORIGIN)),
    );
    expect(new Set(all.map(({ refreshToken }) => refreshToken)).size).toBe(1);
    expect(await isIn(house, all[0]!)).toBe(true);
  });

  test("R41 no token lies in the database as it is", async () => {
    const paths = pathsIn(makeDirectory());
    const clock = createManualClock();
    const house = await openHouse({ store: await open({ ...paths, clock }), clock });
    const alice = await house.person("alice");
    const next = await house.services.sessions.refresh(alice.refreshToken, ORIGIN);
    house.store.checkpoint();
    const bytes = Buffer.from(await Bun.file(paths.accountsPath).arrayBuffer()).toString("latin1");
    for (const secret of [alice.refreshToken, next.refreshToken, alice.accessToken, PASSWORD]) {
      expect(bytes).not.toContain(secret);
    }
  });

  test.each(["", "x", "x".repeat(43), "x".repeat(44), "' OR 1=1 --"])("%j is none", async (token) => {
    const house = await openHouse();
    expect(await refusal(() => house.services.sessions.refresh(token, ORIGIN))).toBe("401 invalid_refresh_token");
  });

  test("a token of one person with the session of another is nobody's", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const bob = await house.person("bob");
    const mixed = await house.services.tokens.issue({
      userId: alice.id,
      sessionId: bob.sessionId,
      expiresAt: house.clock.now() + HOUR,
    });
    expect(await house.services.sessions.find(mixed)).toBeUndefined();
  });
});

describe("proving again who one is", () => {
  test("R43 counts for five minutes; a wrong password changes nothing", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const setEmail = async (email: string) => house.services.accounts.updateOwn({ email }, await alice.caller());
    await setEmail("alice@example.com");
    pass(house, 5 * 60_000);
    expect(await refusal(() => setEmail("a2@example.com"))).toBe("403 reauth_required");
    expect(await refusal(async () => house.services.login.reauthenticate("wrong", await alice.caller()))).toBe(
      "400 wrong_password",
    );
    expect(await refusal(() => setEmail("a2@example.com"))).toBe("403 reauth_required");
    const until = await house.services.login.reauthenticate(PASSWORD, await alice.caller());
    expect(until).toBe(house.clock.now() + 5 * 60_000);
    expect((await setEmail("a2@example.com")).email).toBe("a2@example.com");
  });

  test("a key has no session, whatever it may do", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const { secret } = await house.services.apiKeys.create(
      { name: "k", scopes: ["*"] },
      { style: "native" },
      await alice.caller(),
    );
    const identity = (await house.services.apiKeys.find(secret!))!;
    const caller = { identity, origin: ORIGIN };
    expect(await refusal(() => house.services.accounts.updateOwn({ email: null }, caller))).toBe(
      "403 session_required",
    );
    expect(await refusal(() => house.services.login.reauthenticate(PASSWORD, caller))).toBe("403 session_required");
    expect(await refusal(() => house.services.sessions.list(caller))).toBe("403 session_required");
    expect(await refusal(() => house.services.accounts.clear({ users: true, keys: true }, caller))).toBe(
      "403 session_required",
    );
  });
});
