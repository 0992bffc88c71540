/** Identities of outside providers that an account signs in with. */
import { and, eq, ne } from "drizzle-orm";
import type { AccountsDb } from "./accounts-file.ts";
import { standingOf } from "./actor-standing.ts";
import { writeAudit } from "./audit.ts";
import { identities, users } from "./schema-accounts.ts";
import type { Actor, LinkedIdentity } from "./types.ts";
import { endOtherSessions } from "./user-change.ts";

const COLUMNS = {
  id: identities.id,
  provider: identities.provider,
  subject: identities.subject,
  email: identities.email,
  linkedAt: identities.linkedAt,
};

export function identitiesOf(db: AccountsDb, userId: number): LinkedIdentity[] {
  return db.select(COLUMNS).from(identities).where(eq(identities.userId, userId)).orderBy(identities.id).all();
}

export function linkIdentity(
  db: AccountsDb,
  now: number,
  userId: number,
  identity: { readonly provider: string; readonly subject: string; readonly email: string | null },
  keepSession: string,
  by: Actor,
): "linked" | "already" | "taken" | "not-found" {
  const { provider, subject } = identity;
  standingOf(db, now, by);
  const user = db.select({ isActive: users.isActive }).from(users).where(eq(users.id, userId)).get();
  if (user === undefined || !user.isActive) return "not-found";
  const found = db
    .select({ userId: identities.userId })
    .from(identities)
    .where(and(eq(identities.provider, provider), eq(identities.subject, subject)))
    .get();
  if (found !== undefined) return found.userId === userId ? "already" : "taken";
  db.insert(identities)
    .values({ ...identity, userId, linkedAt: now })
    .run();
  if (identity.email !== null) {
    const isSame = and(eq(users.id, userId), eq(users.email, identity.email));
    db.update(users).set({ isEmailVouched: true }).where(isSame).run();
  }
  endOtherSessions(db, userId, keepSession);
  writeAudit(db, now, by, { action: "identity.link", target: `user:${userId}`, after: { provider, subject } });
  return "linked";
}

export function unlinkIdentity(
  db: AccountsDb,
  now: number,
  userId: number,
  identityId: number,
  keepSession: string,
  isPasswordUsable: boolean,
  by: Actor,
): "unlinked" | "not-found" | "last-login-method" {
  standingOf(db, now, by);
  const own = and(eq(identities.id, identityId), eq(identities.userId, userId));
  const found = db.select().from(identities).where(own).get();
  const user = db.select({ passwordHash: users.passwordHash }).from(users).where(eq(users.id, userId)).get();
  if (found === undefined || user === undefined) return "not-found";
  const others = and(eq(identities.userId, userId), ne(identities.id, identityId));
  const hasOther = db.select({ id: identities.id }).from(identities).where(others).limit(1).get() !== undefined;
  if (!hasOther && !(isPasswordUsable && user.passwordHash !== null)) return "last-login-method";
  db.delete(identities).where(own).run();
  endOtherSessions(db, userId, keepSession);
  const { provider, subject } = found;
  writeAudit(db, now, by, { action: "identity.unlink", target: `user:${userId}`, before: { provider, subject } });
  return "unlinked";
}
