/** Accounts as rows: what is shown of one, and who may change whom. */
import { eq, type SQL, sql } from "drizzle-orm";
import type { AccountsDb } from "./accounts-file.ts";
import { standingOf } from "./actor-standing.ts";
import { users } from "./schema-accounts.ts";
import type { Actor, User, UserRefusal } from "./types.ts";

const ssoOf = (column: "provider" | "subject") =>
  sql<
    string | null
  >`(SELECT i.${sql.raw(column)} FROM identities i WHERE i.user_id = "users"."id" ORDER BY i.id LIMIT 1)`;

/** Everything but the stored hash. */
export const USER_COLUMNS = {
  id: users.id,
  username: users.username,
  email: users.email,
  role: users.role,
  roleFrom: users.roleFrom,
  isActive: users.isActive,
  hasPassword: sql<number>`"users"."password_hash" IS NOT NULL`,
  createdAt: users.createdAt,
  lastLoginAt: users.lastLoginAt,
  epoch: users.tokenEpoch,
  ssoProvider: ssoOf("provider"),
  ssoSubject: ssoOf("subject"),
};

type UserRow = Omit<User, "hasPassword" | "sso"> & {
  readonly hasPassword: number;
  readonly ssoProvider: string | null;
  readonly ssoSubject: string | null;
};

export function toUser({ hasPassword, ssoProvider, ssoSubject, ...row }: UserRow): User {
  const sso = ssoProvider === null || ssoSubject === null ? null : { provider: ssoProvider, subject: ssoSubject };
  return { ...row, hasPassword: hasPassword !== 0, sso };
}

export function selectUser(db: AccountsDb, where: SQL): User | undefined {
  const row = db.select(USER_COLUMNS).from(users).where(where).get();
  return row === undefined ? undefined : toUser(row);
}

export function findUser(db: AccountsDb, id: number): User | undefined {
  return selectUser(db, eq(users.id, id));
}

/** What the audit trail keeps of an account. */
export function shownInAudit({ username, email, role, isActive }: User): object {
  return { username, email, role, is_active: isActive };
}

/**
 * Whether an administrator may change this account, by the roles of this very instant: both may have changed since the
 * request was let in. Throws `unauthenticated` when the administrator's credential has ended meanwhile.
 */
export function judge(
  db: AccountsDb,
  now: number,
  target: Pick<User, "id" | "role"> | undefined,
  by: Actor,
  mayTouchSuperAdmin = false,
): UserRefusal | undefined {
  const actor = standingOf(db, now, by);
  if (actor === undefined || actor?.role === "user") return "actor-not-allowed";
  if (target === undefined) return "not-found";
  if (by.userId === target.id) return "own-account";
  if (target.role === "super_admin" && !mayTouchSuperAdmin) return "super-admin-protected";
  if (by.isPartial && target.role !== "user") return "admin-protected";
  return undefined;
}
