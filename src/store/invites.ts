/** Invitations, as digests of their codes: each is good for one account. */
import { and, desc, eq, gt, isNull, lt, or, type SQL } from "drizzle-orm";
import type { AccountsFile } from "./accounts-file.ts";
import { requireAdmin } from "./actor-standing.ts";
import { writeAudit } from "./audit.ts";
import { isInviteGood, requireRank } from "./org-rank.ts";
import { pageSize, timeCursor, timeCursorOf, toPage } from "./paging.ts";
import { invites, orgs } from "./schema-accounts.ts";
import type { InviteRepository } from "./types.ts";

const INVITE_COLUMNS = {
  id: invites.id,
  email: invites.email,
  orgId: invites.orgId,
  role: invites.role,
  createdBy: invites.createdBy,
  createdAt: invites.createdAt,
  expiresAt: invites.expiresAt,
  usedAt: invites.usedAt,
  usedBy: invites.usedBy,
  revokedAt: invites.revokedAt,
};

export function createInvites({ clock, read, write }: AccountsFile): InviteRepository {
  return {
    create: (invite, by) =>
      write((db, now) => {
        const { orgId, id, email, role } = invite;
        if (orgId === null) requireAdmin(db, now, by);
        else {
          const org = db.select({ id: orgs.id }).from(orgs).where(eq(orgs.id, orgId)).get();
          if (org === undefined) return "org-not-found";
          requireRank(db, now, orgId, by, "admin", role);
        }
        // Who invites the same address again means the new link; what somebody else has offered it stays.
        if (orgId !== null && email !== null) {
          const same = and(eq(invites.orgId, orgId), eq(invites.email, email), eq(invites.createdBy, by.actor));
          db.update(invites)
            .set({ revokedAt: now })
            .where(and(same, isOpen(now)))
            .run();
        }
        db.insert(invites)
          .values({ ...invite, createdBy: by.actor, createdAt: now })
          .run();
        writeAudit(db, now, by, { action: "invite.create", target: id, after: { email, org: orgId, role } });
        return db.select(INVITE_COLUMNS).from(invites).where(eq(invites.id, id)).get()!;
      }),
    list(page = {}) {
      const size = pageSize(page);
      const cursor = timeCursor(page.cursor);
      const isAfter =
        cursor === undefined
          ? undefined
          : or(lt(invites.createdAt, cursor.at), and(eq(invites.createdAt, cursor.at), lt(invites.id, cursor.id)));
      return read((db) => {
        const rows = db
          .select(INVITE_COLUMNS)
          .from(invites)
          .where(isAfter)
          .orderBy(desc(invites.createdAt), desc(invites.id))
          .limit(size + 1)
          .all();
        return toPage(rows, size, (row) => row, timeCursorOf);
      });
    },
    findOpen: (by) =>
      read((db) => {
        const which = "email" in by ? eq(invites.email, by.email) : eq(invites.codeHash, by.codeHash);
        const where = and(which, isOpen(clock.now()));
        const invite = db.select(INVITE_COLUMNS).from(invites).where(where).limit(1).get();
        return invite !== undefined && isInviteGood(db, invite) ? invite : undefined;
      }),
    revoke: (id, by) =>
      write((db, now) => {
        requireAdmin(db, now, by);
        const where = and(eq(invites.id, id), isOpen(now));
        const rows = db.update(invites).set({ revokedAt: now }).where(where).returning({ id: invites.id }).all();
        if (rows.length === 0) return false;
        writeAudit(db, now, by, { action: "invite.revoke", target: id });
        return true;
      }),
  };
}

function isOpen(now: number): SQL {
  return and(isNull(invites.usedAt), isNull(invites.revokedAt), gt(invites.expiresAt, now))!;
}
