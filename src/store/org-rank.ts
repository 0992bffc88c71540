/** What somebody may do in an organisation, by the roles of this very instant. */
import { and, eq } from "drizzle-orm";
import { RelayError } from "../contract/errors.ts";
import type { AccountsDb } from "./accounts-file.ts";
import { type Account, makerOf, requireStanding } from "./actor-standing.ts";
import { apiKeys, memberships } from "./schema-accounts.ts";
import type { Actor, OrgRole } from "./types.ts";

const RANK: Readonly<Record<OrgRole, number>> = { member: 1, admin: 2, owner: 3 };

/**
 * `roles`: those that are given, and those of whoever is touched. Nobody reaches above his own rank. Throws
 * `unauthenticated` when the credential has ended, 404 for who has no rank here, 403 for too low a one.
 */
export function requireRank(
  db: AccountsDb,
  now: number,
  orgId: string,
  by: Actor,
  least: OrgRole,
  ...roles: readonly OrgRole[]
): void {
  const rank = rankIn(db, now, orgId, by);
  if (rank === 0) throw new RelayError("not-found", "Not found", { wireCode: "not_found" });
  const needed = roles.reduce((most, role) => Math.max(most, RANK[role]), RANK[least]);
  if (rank >= needed) return;
  const who = needed === RANK.owner ? "owner" : "admin";
  throw new RelayError("forbidden", `Only an ${who} of the organisation may do this`, {
    wireCode: "org_role_required",
  });
}

/** Admins of the house count as admins of every organisation, its super admin as an owner; keys only in their own. */
function rankIn(db: AccountsDb, now: number, orgId: string, by: Actor): number {
  const account = requireStanding(db, now, by);
  if (by.apiKeyId !== undefined && orgOfKey(db, by.apiKeyId) !== orgId) return 0;
  // The command line, and the house itself.
  if (account === null) return by.apiKeyId === undefined ? RANK.owner : 0;
  return rankOf(db, orgId, account, by.apiKeyId !== undefined);
}

function rankOf(db: AccountsDb, orgId: string, account: Account, isKey: boolean): number {
  const isMember = and(eq(memberships.orgId, orgId), eq(memberships.userId, account.id));
  const own = db.select({ role: memberships.role }).from(memberships).where(isMember).get();
  // A key acts as an admin of the house at most.
  const isOwnerByHouse = account.role === "super_admin" && !isKey;
  const byHouse = account.role === "user" ? 0 : isOwnerByHouse ? RANK.owner : RANK.admin;
  return Math.max(byHouse, own === undefined ? 0 : RANK[own.role]);
}

/** Whether whoever made an invitation could make it today. */
export function isInviteGood(
  db: AccountsDb,
  { createdBy, orgId, role }: { readonly createdBy: string; readonly orgId: string | null; readonly role: OrgRole },
): boolean {
  const maker = makerOf(db, createdBy);
  if (maker === undefined) return false;
  if (maker === null) return true;
  if (orgId === null) return maker.role !== "user";
  return rankOf(db, orgId, maker, createdBy.startsWith("key_")) >= Math.max(RANK.admin, RANK[role]);
}

function orgOfKey(db: AccountsDb, id: string): string | undefined {
  return db.select({ orgId: apiKeys.orgId }).from(apiKeys).where(eq(apiKeys.id, id)).get()?.orgId;
}
