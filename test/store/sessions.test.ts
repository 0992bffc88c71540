/** Sessions and refresh tokens in their tables: one successor each, and replay ends the family. */
import { describe, expect, test } from "bun:test";
import type { AccountRepositories, Rotation, User } from "../../src/store/types.ts";
import { createManualClock, type ManualClock } from "../../src/support/clock.ts";
import { open } from "./fixtures.ts";
import { actor, newSession, newUser } from "./people.ts";

interface House {
  readonly accounts: AccountRepositories;
  readonly clock: ManualClock;
  readonly alice: User;
  readonly bob: User;
}

async function house(): Promise<House> {
  const clock = createManualClock();
  const { accounts } = await open({ clock });
  const person = async (name: string) => {
    const outcome = await accounts.users.create(newUser(name), actor());
    if (outcome.type !== "created") throw new Error(outcome.type);
    return outcome.user;
  };
  return { accounts, clock, alice: await person("alice"), bob: await person("bob") };
}

const HOUR = 3_600_000;
const rotation = (hash: string, own: Partial<Rotation> = {}): Rotation => ({
  hash,
  successorHash: `${hash}'`,
  graceMs: 10_000,
  idleMs: 24 * HOUR,
  refusedMethod: null,
  ...own,
});

describe("a session lives", () => {
  test("until its end, exclusively; the idle one too", async () => {
    const { accounts, clock, alice } = await house();
    const now = clock.now();
    await accounts.sessions.create(newSession("whole", alice, { expiresAt: now + 1000 }), actor());
    await accounts.sessions.create(newSession("idle", alice, { idleExpiresAt: now + 500 }), actor());
    clock.advance(499);
    expect(await accounts.sessions.standing("idle")).toBeDefined();
    clock.advance(1);
    expect(await accounts.sessions.standing("idle")).toBeUndefined();
    clock.advance(499);
    expect(await accounts.sessions.standing("whole")).toMatchObject({
      user: { username: "alice", role: "super_admin" },
    });
    clock.advance(1);
    expect(await accounts.sessions.standing("whole")).toBeUndefined();
  });

  test("only in the epoch in which the person proved who he is", async () => {
    const { accounts, alice } = await house();
    await accounts.sessions.create(newSession("old", alice), actor());
    await accounts.sessions.revokeAll(alice.id, actor("user:1"));
    expect(await accounts.sessions.standing("old")).toBeUndefined();
    expect(await accounts.sessions.create(newSession("late", alice), actor())).toBeUndefined();
    const now = (await accounts.users.find(alice.id))!;
    expect(await accounts.sessions.create(newSession("new", now), actor())).toBeDefined();
  });

  test("R44 it is ended by its owner and nobody else", async () => {
    const { accounts, alice, bob } = await house();
    await accounts.sessions.create(newSession("s", alice), actor());
    expect(await accounts.sessions.revoke("s", bob.id, actor("user:2"))).toBe(false);
    expect(await accounts.sessions.standing("s")).toBeDefined();
    expect(await accounts.sessions.revoke("s", alice.id, actor("user:1"))).toBe(true);
    expect(await accounts.sessions.revoke("s", alice.id, actor("user:1"))).toBe(false);
    expect((await accounts.sessions.list(alice.id)).items).toEqual([]);
  });

  test("a hundred per account; one more ends the oldest", async () => {
    const { accounts, clock, alice } = await house();
    for (let index = 0; index < 101; index += 1) {
      clock.advance(1);
      await accounts.sessions.create(newSession(`s${String(index).padStart(3, "0")}`, alice), actor());
    }
    expect(await accounts.sessions.standing("s000")).toBeUndefined();
    expect(await accounts.sessions.standing("s001")).toBeDefined();
    expect((await accounts.sessions.list(alice.id, { limit: 200 })).items).toHaveLength(100);
  });

  test("when it was last seen never goes back", async () => {
    const { accounts, clock, alice } = await house();
    await accounts.sessions.create(newSession("s", alice), actor());
    const now = clock.now();
    await accounts.sessions.touch([{ id: "s", at: now + 50 }]);
    await accounts.sessions.touch([
      { id: "s", at: now + 20 },
      { id: "unknown", at: now },
    ]);
    expect((await accounts.sessions.standing("s"))?.session.lastSeenAt).toBe(now + 50);
  });

  test("ended ones are forgotten after a while, with their tokens; live ones stay", async () => {
    const { accounts, clock, alice } = await house();
    await accounts.sessions.create(newSession("ended", alice), actor());
    await accounts.sessions.create(newSession("live", alice), actor());
    await accounts.sessions.revoke("ended", alice.id, actor("user:1"));
    expect(await accounts.sessions.prune(clock.now())).toBe(0);
    expect(await accounts.sessions.prune(clock.now() + 1)).toBe(1);
    expect(await accounts.sessions.findByRefresh("refresh of ended")).toBeUndefined();
    expect(await accounts.sessions.standing("live")).toBeDefined();
  });

  test("a new password ends all others; the one that set it goes on, freshly proved", async () => {
    const { accounts, clock, alice } = await house();
    await accounts.sessions.create(newSession("here", alice), actor());
    await accounts.sessions.create(newSession("there", alice), actor());
    clock.advance(HOUR);
    expect(await accounts.users.setPassword(alice.id, "$new", "here", actor("user:1"))).toBe(true);
    expect((await accounts.sessions.standing("here"))?.session.reauthAt).toBe(clock.now());
    expect(await accounts.sessions.standing("there")).toBeUndefined();
    // A session that had ended before does not come back with the epoch it is told to keep.
    expect(await accounts.users.setPassword(alice.id, "$newer", "there", actor("user:1"))).toBe(true);
    expect(await accounts.sessions.standing("there")).toBeUndefined();
    expect(await accounts.sessions.standing("here")).toBeUndefined();
  });
});

describe("R40 refresh tokens", () => {
  test("are good once; within the grace the same successor is told again, to the direct predecessor", async () => {
    const { accounts, clock, alice } = await house();
    await accounts.sessions.create(newSession("s", alice, { refreshHash: "r1" }), actor());
    const first = await accounts.sessions.rotate(rotation("r1"), actor());
    expect(first).toMatchObject({ type: "rotated", standing: { session: { id: "s" } } });
    clock.advance(10_000);
    expect((await accounts.sessions.rotate(rotation("r1"), actor())).type).toBe("repeated");
    clock.advance(1);
    expect(await accounts.sessions.rotate(rotation("r1"), actor())).toEqual({
      type: "replayed",
      sessionId: "s",
      userId: 1,
    });
    expect(await accounts.sessions.standing("s")).toBeUndefined();
    expect((await accounts.sessions.rotate(rotation("r1'"), actor())).type).toBe("refused");
    const { items } = await accounts.audit.list({ action: "session.replay" });
    expect(items).toMatchObject([{ target: "session:s", outcome: "revoked", before: { user: "user:1" } }]);
  });

  test("a token whose successor has been used is a replay, however soon", async () => {
    const { accounts, alice } = await house();
    await accounts.sessions.create(newSession("s", alice, { refreshHash: "r1" }), actor());
    await accounts.sessions.rotate(rotation("r1"), actor());
    await accounts.sessions.rotate(rotation("r1'"), actor());
    expect((await accounts.sessions.rotate(rotation("r1"), actor())).type).toBe("replayed");
    for (const token of ["r1'", "r1''"]) {
      expect((await accounts.sessions.rotate(rotation(token), actor())).type).toBe("refused");
    }
  });

  test("of twenty at once one rotates, the others hear the same", async () => {
    const { accounts, alice } = await house();
    await accounts.sessions.create(newSession("s", alice, { refreshHash: "r1" }), actor());
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => accounts.sessions.rotate(rotation("r1"), actor())),
    );
    const types = outcomes.map(({ type }) => type);
    expect(types.filter((type) => type === "rotated")).toHaveLength(1);
    expect(types.filter((type) => type === "repeated")).toHaveLength(19);
  });

  test("a successor under another server key is not told, and nobody is taken for a thief", async () => {
    const { accounts, alice } = await house();
    await accounts.sessions.create(newSession("s", alice, { refreshHash: "r1" }), actor());
    await accounts.sessions.rotate(rotation("r1"), actor());
    const other = await accounts.sessions.rotate(rotation("r1", { successorHash: "other" }), actor());
    expect(other.type).toBe("refused");
    expect(await accounts.sessions.standing("s")).toBeDefined();
  });

  test("R41 they end unused, and never outlive their session", async () => {
    const { accounts, clock, alice } = await house();
    const now = clock.now();
    const own = { refreshHash: "r1", expiresAt: now + 3 * HOUR, idleExpiresAt: now + HOUR };
    await accounts.sessions.create(newSession("s", alice, own), actor());
    clock.advance(HOUR - 1);
    expect((await accounts.sessions.rotate(rotation("r1", { idleMs: HOUR }), actor())).type).toBe("rotated");
    clock.advance(HOUR);
    expect((await accounts.sessions.rotate(rotation("r1'", { idleMs: HOUR }), actor())).type).toBe("refused");

    await accounts.sessions.create(
      newSession("t", alice, { refreshHash: "q1", expiresAt: clock.now() + HOUR }),
      actor(),
    );
    const rotated = await accounts.sessions.rotate(rotation("q1", { idleMs: 9 * HOUR }), actor());
    expect(rotated).toMatchObject({ standing: { session: { idleExpiresAt: clock.now() + HOUR } } });
  });

  test("unknown ones, and those of a way to sign in that is closed, get nothing", async () => {
    const { accounts, alice } = await house();
    await accounts.sessions.create(newSession("s", alice, { refreshHash: "r1" }), actor());
    expect((await accounts.sessions.rotate(rotation("nobody's"), actor())).type).toBe("refused");
    expect((await accounts.sessions.rotate(rotation("r1", { refusedMethod: "password" }), actor())).type).toBe(
      "refused",
    );
    expect((await accounts.sessions.rotate(rotation("r1"), actor())).type).toBe("rotated");
  });

  test("it is known whose they are, and whether they are used up", async () => {
    const { accounts, alice } = await house();
    await accounts.sessions.create(newSession("s", alice, { refreshHash: "r1" }), actor());
    await accounts.sessions.rotate(rotation("r1"), actor());
    expect(await accounts.sessions.findByRefresh("r1")).toEqual({ id: "s", userId: 1, isUsed: true });
    expect(await accounts.sessions.findByRefresh("r1'")).toEqual({ id: "s", userId: 1, isUsed: false });
  });
});

describe("links to set a password", () => {
  test("are good once, until their end, and end every session", async () => {
    const { accounts, clock, bob } = await house();
    await accounts.sessions.create(newSession("s", bob), actor());
    const make = (hash: string) =>
      accounts.tokens.createReset(bob.id, hash, clock.now() + HOUR, actor("user:1"), false);
    expect(await make("one")).toBe("created");
    expect((await accounts.tokens.findReset("one"))?.username).toBe("bob");
    const both = await Promise.all(["$a", "$b"].map((hash) => accounts.tokens.useReset("one", hash, actor())));
    expect(both.filter((user) => user !== undefined)).toHaveLength(1);
    expect(await accounts.sessions.standing("s")).toBeUndefined();
    expect(await accounts.tokens.findReset("one")).toBeUndefined();

    await make("late");
    clock.advance(HOUR);
    expect(await accounts.tokens.useReset("late", "$c", actor())).toBeUndefined();
  });

  test("a later one, and a password set meanwhile, void the earlier", async () => {
    const { accounts, bob } = await house();
    const make = (hash: string) => accounts.tokens.createReset(bob.id, hash, 9e15, actor("user:1"), false);
    await make("one");
    await make("two");
    expect(await accounts.tokens.findReset("one")).toBeUndefined();
    expect(await accounts.tokens.findReset("two")).toBeDefined();
    await accounts.users.setPassword(bob.id, "$x", null, actor("user:2"));
    expect(await accounts.tokens.findReset("two")).toBeUndefined();
  });

  test("of an account that was switched off they are good for nothing", async () => {
    const { accounts, bob } = await house();
    await accounts.tokens.createReset(bob.id, "one", 9e15, actor("user:1"), false);
    await accounts.users.update(bob.id, { isActive: false }, actor("user:1"));
    expect(await accounts.tokens.useReset("one", "$x", actor())).toBeUndefined();
  });

  test("the super admin's are made by the command line alone", async () => {
    const { accounts, alice } = await house();
    expect(await accounts.tokens.createReset(alice.id, "one", 9e15, actor(), false)).toBe("super-admin-protected");
    expect(await accounts.tokens.createReset(alice.id, "one", 9e15, actor("cli"), true)).toBe("created");
  });
});
