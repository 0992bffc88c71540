/** How an account comes into being: admitted, named and placed in its organisations in one transaction. */
import { and, eq, gt, inArray, isNotNull, isNull, sql } from "drizzle-orm";
import type { AccountsDb } from "./accounts-file.ts";
import { requireAdmin } from "./actor-standing.ts";
import { writeAudit } from "./audit.ts";
import { isInviteGood } from "./org-rank.ts";
import { identities, invites, memberships, meta, oneTimeTokens, orgs, users } from "./schema-accounts.ts";
import type { Actor, CreateUserOutcome, NewUser, OrgRole } from "./types.ts";
import { findUser, shownInAudit } from "./user-rows.ts";

/** Set when the first account is made: from then on an empty table is a loss, not a beginning. */
export const CLAIMED = "claimed_at";
/** Set when all accounts were cleared: whoever comes first now must have been told a token. */
export const SETUP_FORCED = "setup_forced";
const DEFAULT_ORG_NAME = "Default";

type Refusal = Exclude<CreateUserOutcome, { type: "created" }>["type"];
interface Admitted {
  readonly role: "admin" | "user";
  readonly place?: {
    readonly inviteId: string;
    readonly email: string | null;
    readonly orgId: string | null;
    readonly role: OrgRole;
  };
}

export function createUser(db: AccountsDb, now: number, input: NewUser, by: Actor): CreateUserOutcome {
  if (input.admission.type === "granted") requireAdmin(db, now, by);
  const isFirst = db.select({ id: users.id }).from(users).limit(1).get() === undefined;
  const admitted = isFirst ? admitFirst(db, input) : admit(db, now, input);
  if (typeof admitted === "string") return { type: admitted };

  const name = freeName(db, input, isFirst);
  if ("refusal" in name) return { type: name.refusal };
  const isEmailTaken = input.email !== null && isTaken(db, eq(users.email, input.email));
  if (isEmailTaken && !input.isEmailOptional) return { type: "email-taken" };
  if (input.identity !== undefined && isLinked(db, input.identity)) return { type: "identity-taken" };

  const defaultOrgId = ensureDefaultOrg(db, now, input.newOrgId);
  const homeOrgId = admitted.place?.orgId ?? defaultOrgId;
  const { id } = db
    .insert(users)
    .values({
      username: name.username,
      usernameKey: name.key,
      email: isEmailTaken ? null : input.email,
      isEmailVouched: input.email !== null && !isEmailTaken && isVouched(input, admitted),
      passwordHash: input.passwordHash,
      // Who is first is decided by this statement alone; the index over the role stands behind it.
      role: sql`CASE WHEN EXISTS (SELECT 1 FROM users) THEN ${admitted.role} ELSE 'super_admin' END`,
      isActive: true,
      homeOrgId,
      createdAt: now,
    })
    .returning({ id: users.id })
    .get();

  join(db, now, defaultOrgId, id, isFirst ? "owner" : "member");
  if (admitted.place !== undefined) usePlace(db, now, admitted.place, id);
  if (input.identity !== undefined) {
    db.insert(identities)
      .values({ ...input.identity, userId: id, linkedAt: now })
      .run();
  }
  if (isFirst) {
    db.insert(meta)
      .values({ key: CLAIMED, value: String(now) })
      .onConflictDoUpdate({ target: meta.key, set: { value: String(now) } })
      .run();
    db.delete(meta).where(eq(meta.key, SETUP_FORCED)).run();
    db.update(oneTimeTokens)
      .set({ usedAt: now })
      .where(and(eq(oneTimeTokens.purpose, "setup"), isNull(oneTimeTokens.usedAt)))
      .run();
  }
  const user = findUser(db, id)!;
  const line = { action: "user.create", target: `user:${id}`, after: shownInAudit(user) };
  // Who registers acts as himself.
  writeAudit(db, now, by.actor === "anonymous" ? { ...by, actor: `user:${id}`, userId: id } : by, line);
  return { type: "created", user, isFirst };
}

/** By an administrator, an identity provider, or whoever sent the code to this address. */
function isVouched({ admission, identity, email }: NewUser, { place }: Admitted): boolean {
  return admission.type === "granted" || (identity !== undefined && identity.email === email) || place?.email === email;
}

/** The condition under which the first registration is asked for a setup token. */
export function findUnusedSetup(db: AccountsDb, hash?: string): boolean {
  const where = and(
    eq(oneTimeTokens.purpose, "setup"),
    isNull(oneTimeTokens.usedAt),
    hash === undefined ? undefined : eq(oneTimeTokens.hash, hash),
  );
  return db.select({ hash: oneTimeTokens.hash }).from(oneTimeTokens).where(where).limit(1).get() !== undefined;
}

function admitFirst(db: AccountsDb, { setupHash }: NewUser): Admitted | Refusal {
  if (!findUnusedSetup(db)) return { role: "user" };
  return setupHash !== undefined && findUnusedSetup(db, setupHash) ? { role: "user" } : "setup-token-required";
}

function admit(db: AccountsDb, now: number, { admission, email }: NewUser): Admitted | Refusal {
  if (admission.type === "granted") return { role: admission.role };
  const { registration, inviteHash, inviteEmail } = admission;
  if (registration === "closed") return "registration-closed";
  if (inviteHash === undefined && inviteEmail === undefined) {
    return registration === "open" ? { role: "user" } : "invite-required";
  }
  const found = db
    .select()
    .from(invites)
    .where(
      and(
        inviteHash === undefined ? eq(invites.email, inviteEmail!) : eq(invites.codeHash, inviteHash),
        isNull(invites.usedAt),
        isNull(invites.revokedAt),
        gt(invites.expiresAt, now),
      ),
    )
    .limit(1)
    .get();
  const invite = found !== undefined && isInviteGood(db, found) ? found : undefined;
  if (invite === undefined) {
    // An address alone is no claim to an invitation; a code is.
    if (inviteHash !== undefined) return "invite-invalid";
    return registration === "open" ? { role: "user" } : "invite-required";
  }
  if (inviteHash !== undefined && invite.email !== null && invite.email !== email) return "invite-invalid";
  return { role: "user", place: { inviteId: invite.id, email: invite.email, orgId: invite.orgId, role: invite.role } };
}

function freeName(
  db: AccountsDb,
  input: NewUser,
  isFirst: boolean,
): { readonly username: string; readonly key: string } | { readonly refusal: Refusal } {
  if (!isTaken(db, eq(users.usernameKey, input.usernameKey))) {
    if (!input.isReservedLater || isFirst) return { username: input.username, key: input.usernameKey };
    if (input.otherNames === undefined) return { refusal: "username-reserved" };
  }
  const other = input.otherNames?.find((name) => !isTaken(db, eq(users.usernameKey, name)));
  return other === undefined ? { refusal: "username-taken" } : { username: other, key: other };
}

function isTaken(db: AccountsDb, where: ReturnType<typeof eq>): boolean {
  return db.select({ id: users.id }).from(users).where(where).get() !== undefined;
}

function isLinked(db: AccountsDb, { provider, subject }: NonNullable<NewUser["identity"]>): boolean {
  const where = and(eq(identities.provider, provider), eq(identities.subject, subject));
  return db.select({ id: identities.id }).from(identities).where(where).get() !== undefined;
}

function ensureDefaultOrg(db: AccountsDb, now: number, newOrgId: string): string {
  const found = db.select({ id: orgs.id }).from(orgs).where(eq(orgs.isDefault, true)).get();
  if (found !== undefined) return found.id;
  db.insert(orgs).values({ id: newOrgId, name: DEFAULT_ORG_NAME, isDefault: true, createdAt: now }).run();
  return newOrgId;
}

function usePlace(db: AccountsDb, now: number, place: NonNullable<Admitted["place"]>, userId: number): void {
  db.update(invites).set({ usedAt: now, usedBy: userId }).where(eq(invites.id, place.inviteId)).run();
  if (place.orgId !== null) join(db, now, place.orgId, userId, place.role);
}

function join(db: AccountsDb, now: number, orgId: string, userId: number, role: OrgRole): void {
  db.insert(memberships)
    .values({ orgId, userId, role, joinedAt: now })
    .onConflictDoUpdate({ target: [memberships.orgId, memberships.userId], set: { role } })
    .run();
}

/** Whether there were accounts and now there are none, without anybody having cleared them. */
export function areAccountsLost(db: AccountsDb, wasClaimed: boolean): boolean {
  if (db.select({ id: users.id }).from(users).limit(1).get() !== undefined) return false;
  const marks = db
    .select({ key: meta.key })
    .from(meta)
    .where(and(inArray(meta.key, [CLAIMED, SETUP_FORCED]), isNotNull(meta.value)))
    .all();
  const has = (key: string) => marks.some((mark) => mark.key === key);
  return has(CLAIMED) || (wasClaimed && !has(SETUP_FORCED));
}
