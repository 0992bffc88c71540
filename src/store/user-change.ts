/** What happens to an account after it was made; each of these is the body of one transaction. */
import { and, eq, isNull, ne, sql } from "drizzle-orm";
import type { AccountsDb } from "./accounts-file.ts";
import { standingOf } from "./actor-standing.ts";
import { writeAudit } from "./audit.ts";
import { apiKeys, identities, memberships, oneTimeTokens, orgs, sessions, users } from "./schema-accounts.ts";
import type { Actor, User, UserPatch, UserRefusal } from "./types.ts";
import { findUser, judge, shownInAudit } from "./user-rows.ts";

type Updated = { readonly type: "updated"; readonly user: User };
type Refused<Other extends string = never> = { readonly type: UserRefusal | Other };

export function updateUser(
  db: AccountsDb,
  now: number,
  id: number,
  patch: UserPatch,
  by: Actor,
): Updated | Refused<"email-taken"> {
  const before = findUser(db, id);
  const refusal = judge(db, now, before, by);
  if (refusal !== undefined || before === undefined) return { type: refusal ?? "not-found" };
  const { isActive, isAdmin, email } = patch;
  if (email !== undefined && isEmailOfAnother(db, email, id)) return { type: "email-taken" };
  if (isActive === undefined && isAdmin === undefined && email === undefined) return { type: "updated", user: before };
  const isEnding = isActive === false && before.isActive;
  db.update(users)
    .set({
      ...(isActive === undefined ? {} : { isActive }),
      ...(isAdmin === undefined ? {} : { role: isAdmin ? "admin" : "user", roleFrom: null }),
      ...(email === undefined ? {} : { email, isEmailVouched: email !== null }),
      // Sessions of an account that was switched off stay ended when it is switched on again.
      ...(isEnding ? { tokenEpoch: sql`${users.tokenEpoch} + 1` } : {}),
    })
    .where(eq(users.id, id))
    .run();
  const user = findUser(db, id)!;
  // Whoever may set the password of a user may not thereby set that of an admin.
  if (isEnding || user.role !== before.role) voidTokens(db, id);
  writeAudit(db, now, by, {
    action: "user.update",
    target: `user:${id}`,
    before: shownInAudit(before),
    after: shownInAudit(user),
  });
  return { type: "updated", user };
}

export function deleteUser(
  db: AccountsDb,
  now: number,
  id: number,
  by: Actor,
): { readonly type: "deleted"; readonly keyIds: readonly string[] } | Refused {
  const before = findUser(db, id);
  const refusal = judge(db, now, before, by);
  if (refusal !== undefined || before === undefined) return { type: refusal ?? "not-found" };
  const revoked = db
    .update(apiKeys)
    .set({ revokedAt: now })
    .where(and(eq(apiKeys.userId, id), isNull(apiKeys.revokedAt)))
    .returning({ publicId: apiKeys.publicId })
    .all();
  const owned = db
    .select({ orgId: memberships.orgId })
    .from(memberships)
    .where(and(eq(memberships.userId, id), eq(memberships.role, "owner")))
    .all();
  db.delete(users).where(eq(users.id, id)).run();
  for (const { orgId } of owned) adopt(db, now, orgId);
  writeAudit(db, now, by, { action: "user.delete", target: `user:${id}`, before: shownInAudit(before) });
  return { type: "deleted", keyIds: revoked.map(({ publicId }) => publicId) };
}

/** An organisation without an owner could never get one again: it goes to the super admin. */
function adopt(db: AccountsDb, now: number, orgId: string): void {
  const owners = and(eq(memberships.orgId, orgId), eq(memberships.role, "owner"));
  if (db.select({ userId: memberships.userId }).from(memberships).where(owners).get() !== undefined) return;
  const superAdmin = db.select({ id: users.id }).from(users).where(eq(users.role, "super_admin")).get();
  if (superAdmin !== undefined) makeOwner(db, now, orgId, superAdmin.id);
}

function makeOwner(db: AccountsDb, now: number, orgId: string, userId: number): void {
  db.insert(memberships)
    .values({ orgId, userId, role: "owner", joinedAt: now })
    .onConflictDoUpdate({ target: [memberships.orgId, memberships.userId], set: { role: "owner" } })
    .run();
}

export function transferOwnership(
  db: AccountsDb,
  now: number,
  targetId: number,
  by: Actor,
): { readonly type: "transferred"; readonly user: User } | Refused<"target-inactive"> {
  const owner = standingOf(db, now, by);
  if (owner?.role !== "super_admin") return { type: "actor-not-allowed" };
  const target = findUser(db, targetId);
  if (target === undefined) return { type: "not-found" };
  if (target.id === owner.id) return { type: "own-account" };
  if (!target.isActive) return { type: "target-inactive" };
  // In this order: the index refuses a second super admin even for a moment. Nobody sees the moment without one.
  db.update(users).set({ role: "admin", roleFrom: null }).where(eq(users.id, owner.id)).run();
  db.update(users).set({ role: "super_admin", roleFrom: null }).where(eq(users.id, target.id)).run();
  for (const id of [owner.id, target.id]) voidTokens(db, id);
  const defaultOrg = db.select({ id: orgs.id }).from(orgs).where(eq(orgs.isDefault, true)).get();
  if (defaultOrg !== undefined) makeOwner(db, now, defaultOrg.id, target.id);
  const user = findUser(db, target.id)!;
  writeAudit(db, now, by, {
    action: "user.transfer_ownership",
    target: `user:${target.id}`,
    before: { super_admin: `user:${owner.id}` },
    after: { super_admin: `user:${target.id}` },
  });
  return { type: "transferred", user };
}

export function setOwnEmail(
  db: AccountsDb,
  now: number,
  id: number,
  email: string | null,
  keepSession: string,
  by: Actor,
): "updated" | "email-taken" | "not-found" {
  standingOf(db, now, by);
  const before = findUser(db, id);
  if (before === undefined || !before.isActive) return "not-found";
  if (isEmailOfAnother(db, email, id)) return "email-taken";
  db.update(users)
    .set({ email, isEmailVouched: email !== null && isEmailOfIdentity(db, id, email) })
    .where(eq(users.id, id))
    .run();
  endOtherSessions(db, id, keepSession);
  const line = { action: "user.update_email", target: `user:${id}` };
  writeAudit(db, now, by, { ...line, before: { email: before.email }, after: { email } });
  return "updated";
}

export function setPassword(
  db: AccountsDb,
  now: number,
  id: number,
  passwordHash: string,
  keepSession: string | null,
  by: Actor,
): boolean {
  standingOf(db, now, by);
  const where = and(eq(users.id, id), eq(users.isActive, true));
  if (db.update(users).set({ passwordHash }).where(where).returning({ id: users.id }).all().length === 0) return false;
  endOtherSessions(db, id, keepSession);
  if (keepSession !== null) {
    db.update(sessions)
      .set({ reauthAt: now })
      .where(and(eq(sessions.id, keepSession), eq(sessions.userId, id)))
      .run();
  }
  // A link that was asked for before the password changed must not change it again.
  voidTokens(db, id);
  writeAudit(db, now, by, { action: "user.set_password", target: `user:${id}` });
  return true;
}

/** Links that were made for an account as it was. */
export function voidTokens(db: AccountsDb, userId: number): void {
  db.delete(oneTimeTokens)
    .where(and(eq(oneTimeTokens.userId, userId), isNull(oneTimeTokens.usedAt)))
    .run();
}

/** Moves the account to a new epoch, and the one session that stays with it. */
export function endOtherSessions(db: AccountsDb, userId: number, keepSession: string | null): void {
  const [row] = db
    .update(users)
    .set({ tokenEpoch: sql`${users.tokenEpoch} + 1` })
    .where(eq(users.id, userId))
    .returning({ epoch: users.tokenEpoch })
    .all();
  if (row === undefined || keepSession === null) return;
  db.update(sessions)
    .set({ epoch: row.epoch })
    .where(and(eq(sessions.id, keepSession), eq(sessions.userId, userId), eq(sessions.epoch, row.epoch - 1)))
    .run();
}

export function setRoleFromProvider(
  db: AccountsDb,
  now: number,
  id: number,
  provider: string,
  isAdmin: boolean,
  by: Actor,
): User | undefined {
  const before = findUser(db, id);
  if (before === undefined) return undefined;
  const isRise = isAdmin && before.role === "user";
  const isFall = !isAdmin && before.role === "admin" && before.roleFrom === provider;
  if (!isRise && !isFall) return before;
  const change = isRise
    ? ({ role: "admin", roleFrom: provider } as const)
    : ({ role: "user", roleFrom: null } as const);
  db.update(users).set(change).where(eq(users.id, id)).run();
  voidTokens(db, id);
  const user = findUser(db, id)!;
  writeAudit(db, now, by, {
    action: "user.role_from_provider",
    target: `user:${id}`,
    before: { role: before.role },
    after: { role: user.role, provider },
  });
  return user;
}

function isEmailOfIdentity(db: AccountsDb, userId: number, email: string): boolean {
  const where = and(eq(identities.userId, userId), eq(identities.email, email));
  return db.select({ id: identities.id }).from(identities).where(where).limit(1).get() !== undefined;
}

function isEmailOfAnother(db: AccountsDb, email: string | null, id: number): boolean {
  if (email === null) return false;
  const where = and(eq(users.email, email), ne(users.id, id));
  return db.select({ id: users.id }).from(users).where(where).get() !== undefined;
}
