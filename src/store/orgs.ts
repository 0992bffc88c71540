/** Organisations and their members: there is always a default one, and each keeps an owner. */
import { and, asc, eq, gt, isNull, or, type SQL, sql } from "drizzle-orm";
import type { AccountsDb, AccountsFile } from "./accounts-file.ts";
import { requireAdmin } from "./actor-standing.ts";
import { writeAudit } from "./audit.ts";
import { prepareHome } from "./home.ts";
import { requireRank } from "./org-rank.ts";
import { numberCursor, pageSize, timeCursor, timeCursorOf, toPage } from "./paging.ts";
import { apiKeys, memberships, orgs, users } from "./schema-accounts.ts";
import type { Actor, Member, Org, OrgRepository, OrgRole } from "./types.ts";

const MEMBER_COLUMNS = {
  userId: memberships.userId,
  username: users.username,
  email: users.email,
  role: memberships.role,
  joinedAt: memberships.joinedAt,
};

export function createOrgs({ db, read, write }: AccountsFile): OrgRepository {
  const homeOf = prepareHome(db);
  return {
    create: (org, ownerId, by) =>
      write((db, now) => {
        requireAdmin(db, now, by);
        const owner = db.select({ isActive: users.isActive }).from(users).where(eq(users.id, ownerId)).get();
        if (!owner?.isActive) return undefined;
        db.insert(orgs)
          .values({ ...org, isDefault: false, createdAt: now })
          .run();
        db.insert(memberships).values({ orgId: org.id, userId: ownerId, role: "owner", joinedAt: now }).run();
        writeAudit(db, now, by, { action: "org.create", target: org.id, after: { name: org.name } });
        return findOrg(db, eq(orgs.id, org.id));
      }),
    find: (id) => read((db) => findOrg(db, eq(orgs.id, id))),
    findDefault: () => read((db) => findOrg(db, eq(orgs.isDefault, true))),
    membership: (orgId, userId) =>
      read((db) => {
        const columns = { orgId: memberships.orgId, role: memberships.role };
        return db.select(columns).from(memberships).where(isMember(orgId, userId)).get();
      }),
    homeOf: (userId) => read(() => homeOf(userId)),
    list(userId, isAll, page = {}) {
      const size = pageSize(page);
      const cursor = timeCursor(page.cursor);
      const isAfter =
        cursor === undefined
          ? undefined
          : or(gt(orgs.createdAt, cursor.at), and(eq(orgs.createdAt, cursor.at), gt(orgs.id, cursor.id)));
      const isOwn = isAll ? undefined : eq(memberships.userId, userId ?? 0);
      return read((db) => {
        const rows = selectOrgs(db, userId, and(isOwn, isAfter), size + 1);
        return toPage(rows, size, (row) => row, timeCursorOf);
      });
    },
    update: (id, patch, by) =>
      write((db, now) => {
        const before = findOrg(db, eq(orgs.id, id));
        if (before === undefined) return undefined;
        requireRank(db, now, id, by, "admin");
        // What the house lends an organisation, its own admins do not raise.
        if (patch.limits !== undefined) requireAdmin(db, now, by);
        if (Object.keys(patch).length === 0) return before;
        db.update(orgs).set(patch).where(eq(orgs.id, id)).run();
        const after = findOrg(db, eq(orgs.id, id))!;
        const shown = ({ name, limits }: Org) => ({ name, limits });
        writeAudit(db, now, by, { action: "org.update", target: id, before: shown(before), after: shown(after) });
        return after;
      }),
    delete: (id, by) =>
      write((db, now) => {
        const before = findOrg(db, eq(orgs.id, id));
        if (before === undefined) return "not-found";
        requireRank(db, now, id, by, "owner");
        if (before.isDefault) return "is-default";
        if (hasActiveKeys(db, id, now)) return "has-active-keys";
        db.delete(orgs).where(eq(orgs.id, id)).run();
        writeAudit(db, now, by, { action: "org.delete", target: id, before: { name: before.name } });
        return "deleted";
      }),
    members(orgId, page = {}, userId) {
      const size = pageSize(page);
      const cursor = numberCursor(page.cursor);
      return read((db) => {
        const rows = db
          .select(MEMBER_COLUMNS)
          .from(memberships)
          .innerJoin(users, eq(users.id, memberships.userId))
          .where(
            and(
              userId === undefined ? eq(memberships.orgId, orgId) : isMember(orgId, userId),
              cursor === undefined ? undefined : gt(memberships.userId, cursor),
            ),
          )
          .orderBy(memberships.userId)
          .limit(size + 1)
          .all();
        return toPage(
          rows,
          size,
          (row: Member) => row,
          (row) => String(row.userId),
        );
      });
    },
    addMember: (orgId, userId, role, by) =>
      write((db, now) => {
        requireRank(db, now, orgId, by, "admin", role);
        const known = findMember(db, orgId, userId);
        if (known !== undefined) return { type: "already", member: known };
        const user = db.select({ id: users.id }).from(users).where(eq(users.id, userId)).get();
        if (user === undefined || findOrg(db, eq(orgs.id, orgId)) === undefined) return { type: "not-found" };
        db.insert(memberships).values({ orgId, userId, role, joinedAt: now }).run();
        writeAudit(db, now, by, { action: "org.add_member", target: orgId, after: { user: `user:${userId}`, role } });
        return { type: "added", member: findMember(db, orgId, userId)! };
      }),
    setMemberRole: (orgId, userId, role, by) =>
      write((db, now) => {
        const before = findMember(db, orgId, userId);
        if (before === undefined) return { type: "not-found" };
        requireRank(db, now, orgId, by, "admin", role, before.role);
        if (role !== "owner" && isLastOwner(db, orgId, before)) return { type: "last-owner" };
        db.update(memberships).set({ role }).where(isMember(orgId, userId)).run();
        auditMember(db, now, by, "org.update_member", orgId, before, role);
        return { type: "updated", member: { ...before, role } };
      }),
    removeMember: (orgId, userId, by) =>
      write((db, now) => {
        const before = findMember(db, orgId, userId);
        if (before === undefined) return "not-found";
        requireRank(db, now, orgId, by, "admin", before.role);
        if (isLastOwner(db, orgId, before)) return "last-owner";
        db.delete(memberships).where(isMember(orgId, userId)).run();
        auditMember(db, now, by, "org.remove_member", orgId, before, null);
        return "removed";
      }),
  };
}

function hasActiveKeys(db: AccountsDb, orgId: string, now: number): boolean {
  const active = and(
    eq(apiKeys.orgId, orgId),
    isNull(apiKeys.revokedAt),
    or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)),
  );
  return db.select({ id: apiKeys.id }).from(apiKeys).where(active).limit(1).get() !== undefined;
}

function findOrg(db: AccountsDb, where: SQL): Org | undefined {
  return db.select().from(orgs).where(where).get();
}

function selectOrgs(db: AccountsDb, userId: number | null, where: SQL | undefined, limit: number) {
  return db
    .select({
      id: orgs.id,
      name: orgs.name,
      isDefault: orgs.isDefault,
      limits: orgs.limits,
      createdAt: orgs.createdAt,
      role: memberships.role,
    })
    .from(orgs)
    .leftJoin(memberships, and(eq(memberships.orgId, orgs.id), eq(memberships.userId, userId ?? 0)))
    .where(where)
    .orderBy(asc(orgs.createdAt), asc(orgs.id))
    .limit(limit)
    .all();
}

function isMember(orgId: string, userId: number): SQL {
  return and(eq(memberships.orgId, orgId), eq(memberships.userId, userId))!;
}

function findMember(db: AccountsDb, orgId: string, userId: number): Member | undefined {
  return db
    .select(MEMBER_COLUMNS)
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(isMember(orgId, userId))
    .get();
}

function isLastOwner(db: AccountsDb, orgId: string, member: Member): boolean {
  if (member.role !== "owner") return false;
  const owners = db
    .select({ n: sql<number>`count(*)` })
    .from(memberships)
    .where(and(eq(memberships.orgId, orgId), eq(memberships.role, "owner")))
    .get();
  return (owners?.n ?? 0) <= 1;
}

function auditMember(
  db: AccountsDb,
  now: number,
  by: Actor,
  action: string,
  orgId: string,
  before: Member,
  role: OrgRole | null,
): void {
  const user = `user:${before.userId}`;
  const change = { before: { user, role: before.role }, ...(role === null ? {} : { after: { user, role } }) };
  writeAudit(db, now, by, { action, target: orgId, ...change });
}
