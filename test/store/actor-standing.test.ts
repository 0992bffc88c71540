/** Every change of accounts asks again, inside its own transaction, whether whoever makes it may still do so. */
import { expect, test, describe } from "bun:test";
import { RelayError } from "../../src/contract/errors.ts";
import type { AccountRepositories, Actor } from "../../src/store/types.ts";
import { open } from "./fixtures.ts";
import { actor, newKey, newSession, newUser } from "./people.ts";

/** A super admin, an admin with a session and a key, and somebody to do things to. */
async function house() {
  const store = await open();
  const { accounts } = store;
  const made = async (name: string) => {
    const outcome = await accounts.users.create(newUser(name), actor());
    if (outcome.type !== "created") throw new Error(outcome.type);
    return outcome.user;
  };
  const owner = await made("olive");
  const admin = await made("boris");
  const user = await made("ursula");
  await accounts.users.update(admin.id, { isAdmin: true }, actor(`user:${owner.id}`));
  await accounts.sessions.create(newSession("s-admin", admin), actor());
  await accounts.sessions.create(newSession("s-owner", owner), actor());
  await accounts.apiKeys.create(
    newKey("admins", { userId: admin.id }),
    { liveMax: 9, idempotency: null },
    actor(`user:${admin.id}`),
  );
  await accounts.apiKeys.create(newKey("other"), { liveMax: 9, idempotency: null }, actor(`user:${owner.id}`));
  const bySession: Actor = { ...actor(`user:${admin.id}`), sessionId: "s-admin" };
  const byKey: Actor = { ...actor("key_admins"), userId: admin.id, apiKeyId: "uuid-admins" };
  const byOwner: Actor = { ...actor(`user:${owner.id}`), sessionId: "s-owner" };
  return { store, accounts, owner, admin, user, bySession, byKey, byOwner };
}

type House = Awaited<ReturnType<typeof house>>;
type Change = (accounts: AccountRepositories, by: Actor, house: House) => Promise<unknown>;

const RULES = { liveMax: 9, idempotency: null };
const CHANGES: readonly [name: string, change: Change][] = [
  [
    "makes an account",
    (accounts, by) => accounts.users.create(newUser("nina", { admission: { type: "granted", role: "admin" } }), by),
  ],
  ["changes an account", (accounts, by, { user }) => accounts.users.update(user.id, { isActive: false }, by)],
  ["deletes an account", (accounts, by, { user }) => accounts.users.delete(user.id, by)],
  [
    "makes a link for a new password",
    (accounts, by, { user }) => accounts.tokens.createReset(user.id, "h", 9e15, by, false),
  ],
  ["signs somebody out", (accounts, by, { user }) => accounts.sessions.revokeAllOf(user.id, by, false)],
  ["signs everybody out", (accounts, by) => accounts.sessions.revokeEverything(by)],
  [
    "changes the own address",
    (accounts, by, { admin }) => accounts.users.setOwnEmail(admin.id, "b@x.example", "s-admin", by),
  ],
  [
    "changes the own password",
    (accounts, by, { admin }) => accounts.users.setPassword(admin.id, "$new", "s-admin", by),
  ],
  [
    "links an identity",
    (accounts, by, { admin }) =>
      accounts.users.link(admin.id, { provider: "p", subject: "s", email: null }, "s-admin", by),
  ],
  [
    "makes a key",
    (accounts, by, { admin }) => accounts.apiKeys.create(newKey("late", { userId: admin.id }), RULES, by),
  ],
  ["changes a key", (accounts, by) => accounts.apiKeys.update("uuid-other", { name: "late" }, 9, by)],
  [
    "rotates a key",
    (accounts, by) =>
      accounts.apiKeys.rotate("uuid-other", newKey("late", { replaces: "uuid-other" }), { graceMs: 0, liveMax: 9 }, by),
  ],
  ["revokes a key", (accounts, by) => accounts.apiKeys.revoke("uuid-other", by)],
  [
    "makes an invitation",
    (accounts, by) =>
      accounts.invites.create(
        { id: "inv", codeHash: "c", email: null, orgId: null, role: "member", expiresAt: 9e15 },
        by,
      ),
  ],
  ["revokes an invitation", (accounts, by) => accounts.invites.revoke("inv", by)],
  [
    "makes an organisation",
    (accounts, by, { admin }) => accounts.orgs.create({ id: "org_late", name: "Late" }, admin.id, by),
  ],
  ["changes an organisation", (accounts, by) => accounts.orgs.update("org_default", { name: "Late" }, by)],
  ["deletes an organisation", (accounts, by) => accounts.orgs.delete("org_default", by)],
  ["adds a member", (accounts, by, { user }) => accounts.orgs.addMember("org_default", user.id, "admin", by)],
  ["changes a member", (accounts, by, { user }) => accounts.orgs.setMemberRole("org_default", user.id, "admin", by)],
  ["removes a member", (accounts, by, { user }) => accounts.orgs.removeMember("org_default", user.id, by)],
  ["clears the accounts", (accounts, by) => accounts.reset.clear({ users: true, keys: true }, [], by)],
];

const outcomeOf = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    return await work;
  } catch (error) {
    if (!RelayError.is(error)) throw error;
    return error.status;
  }
};
const everything = async ({ accounts }: House) => [
  (await accounts.users.list()).items,
  (await accounts.apiKeys.list()).items,
  (await accounts.invites.list()).items,
  (await accounts.orgs.list(null, true)).items,
  (await accounts.orgs.members("org_default")).items,
];

describe("R38 R39 a change by a credential that has ended since its request was let in", () => {
  test.each(CHANGES)("%s: 401 for a session, and all is as it was", async (_name, change) => {
    const own = await house();
    await own.accounts.sessions.revoke("s-admin", own.admin.id, own.bySession);
    const before = await everything(own);
    expect(await outcomeOf(change(own.accounts, own.bySession, own))).toBe(401);
    expect(await everything(own)).toEqual(before);
  });

  test.each(CHANGES)("%s: 401 for a key, and all is as it was", async (_name, change) => {
    const own = await house();
    await own.accounts.apiKeys.revoke("uuid-admins", own.byOwner);
    const before = await everything(own);
    expect(await outcomeOf(change(own.accounts, own.byKey, own))).toBe(401);
    expect(await everything(own)).toEqual(before);
  });
});

describe("R39 a change by an admin who is one no more", () => {
  const FOR_ADMINS = CHANGES.filter(([name]) =>
    /an account|a link|somebody|everybody|an invitation|the accounts/.test(name),
  );

  test.each(FOR_ADMINS)("%s: refused, and all is as it was", async (_name, change) => {
    const own = await house();
    await own.accounts.users.update(own.admin.id, { isAdmin: false }, own.byOwner);
    const before = await everything(own);
    const outcome = await outcomeOf(change(own.accounts, own.bySession, own));
    const isRefused = outcome === 403 || outcome === "actor-not-allowed";
    const asObject = (outcome as { readonly type?: string }).type;
    expect([isRefused || asObject === "actor-not-allowed", outcome]).toEqual([true, outcome]);
    expect(await everything(own)).toEqual(before);
  });
});

describe("R39 a change of an organisation by who has lost his role there since", () => {
  const IN_ORG = CHANGES.filter(([name]) => /organisation|member/.test(name) && name !== "makes an organisation");

  test.each(IN_ORG)("%s: 403, and all is as it was", async (_name, change) => {
    const own = await house();
    const { accounts, user, byOwner } = own;
    await accounts.orgs.setMemberRole("org_default", user.id, "admin", byOwner);
    const manager = actor(`user:${user.id}`);
    expect((await accounts.orgs.update("org_default", { name: "Ours" }, manager))?.name).toBe("Ours");
    await accounts.orgs.setMemberRole("org_default", user.id, "member", byOwner);
    const before = await everything(own);
    expect(await outcomeOf(change(accounts, manager, own))).toBe(403);
    expect(await everything(own)).toEqual(before);
  });

  test("who was removed is told of no organisation", async () => {
    const own = await house();
    const { accounts, user, byOwner } = own;
    await accounts.orgs.setMemberRole("org_default", user.id, "owner", byOwner);
    await accounts.orgs.removeMember("org_default", user.id, byOwner);
    const late = accounts.orgs.update("org_default", { name: "Late" }, actor(`user:${user.id}`));
    expect(await outcomeOf(late)).toBe(404);
  });

  test("an admin there gives nobody a role above his own, and limits only as an admin of the house", async () => {
    const own = await house();
    const { accounts, user, owner, byOwner } = own;
    await accounts.orgs.setMemberRole("org_default", user.id, "admin", byOwner);
    const manager = actor(`user:${user.id}`);
    const none = { rpm: 0, tpm: 0, concurrency: 0, budgets: [] };
    const refused = [
      accounts.orgs.setMemberRole("org_default", user.id, "owner", manager),
      accounts.orgs.setMemberRole("org_default", owner.id, "member", manager),
      accounts.orgs.removeMember("org_default", owner.id, manager),
      accounts.orgs.delete("org_default", manager),
      accounts.orgs.update("org_default", { limits: none }, manager),
    ];
    expect(await Promise.all(refused.map(outcomeOf))).toEqual([403, 403, 403, 403, 403]);
  });
});
