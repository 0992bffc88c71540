/** Whether whoever asks for a change may still do so, read inside the transaction that makes it. */
import { and, eq, gt, isNull, or, type SQL } from "drizzle-orm";
import { RelayError } from "../contract/errors.ts";
import type { AccountsDb } from "./accounts-file.ts";
import { apiKeys, sessions, users } from "./schema-accounts.ts";
import type { Actor, UserRole } from "./types.ts";

export interface Account {
  readonly id: number;
  readonly role: UserRole;
}

/**
 * The active account behind a change; `null` for who has none, `undefined` when it is gone or inactive. Throws
 * `unauthenticated` when the session or key that asks has ended: it was good when the request was let in.
 */
export function standingOf(db: AccountsDb, now: number, by: Actor): Account | null | undefined {
  const { userId, sessionId, apiKeyId } = by;
  if (apiKeyId !== undefined && !isKeyGood(db, now, apiKeyId)) throw ended();
  if (sessionId !== undefined && !isSessionGood(db, now, sessionId)) throw ended();
  if (userId === null) return null;
  return activeAccount(db, userId);
}

/**
 * The account of whoever made something that others use later, e.g. an invitation; `id` of the identity as it was
 * written down then. `null`: made without an account, `undefined`: who made it could not do so any more.
 */
export function makerOf(db: AccountsDb, id: string): Account | null | undefined {
  const userId = /^user:(\d+)$/.exec(id)?.[1];
  if (userId !== undefined) return activeAccount(db, Number(userId));
  if (!id.startsWith("key_")) return null;
  const good = and(eq(apiKeys.publicId, id), isNull(apiKeys.revokedAt));
  const key = db.select({ userId: apiKeys.userId }).from(apiKeys).where(good).get();
  // A key that has only expired did it in its time.
  return key?.userId == null ? key?.userId : activeAccount(db, key.userId);
}

/** Throws `unauthenticated` when the account is gone or inactive, too. */
export function requireStanding(db: AccountsDb, now: number, by: Actor): Account | null {
  const account = standingOf(db, now, by);
  if (account === undefined) throw ended();
  return account;
}

/** For who has to be an admin; credentials without an account are bounded by their scopes. */
export function requireAdmin(db: AccountsDb, now: number, by: Actor): void {
  const account = requireStanding(db, now, by);
  if (account?.role === "user") throw refused("Admin access required", "admin_required");
}

/** For the super admin, or whoever stands above the roles. */
export function requireSuperAdmin(db: AccountsDb, now: number, by: Actor): void {
  const account = requireStanding(db, now, by);
  const isAbove = account === null && by.apiKeyId === undefined;
  if (!isAbove && account?.role !== "super_admin") {
    throw refused("Super admin access required", "super_admin_required");
  }
}

/** Neither revoked nor expired, and of an active account that is still in the same epoch. */
export function isLive(now: number | SQL): SQL {
  return and(
    isNull(sessions.revokedAt),
    gt(sessions.expiresAt, now),
    gt(sessions.idleExpiresAt, now),
    eq(users.isActive, true),
    eq(sessions.epoch, users.tokenEpoch),
  )!;
}

function activeAccount(db: AccountsDb, id: number): Account | undefined {
  const columns = { id: users.id, role: users.role };
  const isActive = and(eq(users.id, id), eq(users.isActive, true));
  return db.select(columns).from(users).where(isActive).get();
}

function isKeyGood(db: AccountsDb, now: number, id: string): boolean {
  const good = and(
    eq(apiKeys.id, id),
    isNull(apiKeys.revokedAt),
    or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)),
  );
  return db.select({ id: apiKeys.id }).from(apiKeys).where(good).get() !== undefined;
}

function isSessionGood(db: AccountsDb, now: number, id: string): boolean {
  const live = and(eq(sessions.id, id), isLive(now));
  const joined = db.select({ id: sessions.id }).from(sessions).innerJoin(users, eq(users.id, sessions.userId));
  return joined.where(live).get() !== undefined;
}

function ended(): RelayError {
  return new RelayError("unauthenticated", "Unauthorized");
}

function refused(message: string, wireCode: string): RelayError {
  return new RelayError("forbidden", message, { wireCode });
}
