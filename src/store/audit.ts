/** The audit trail: one line per change, written in the transaction of the change, and never touched again. */
import { and, desc, eq, gte, lt, lte } from "drizzle-orm";
import type { AccountsDb, AccountsFile } from "./accounts-file.ts";
import { numberCursor, pageSize, toPage } from "./paging.ts";
import { audit } from "./schema-accounts.ts";
import type { Actor, AuditEntry, AuditRepository } from "./types.ts";

export type AuditLine = Pick<AuditEntry, "action" | "target"> & {
  readonly outcome?: string;
  /** No secrets, no digests. */
  readonly before?: object;
  readonly after?: object;
};

/** For repositories, inside their own transactions. */
export function writeAudit(db: AccountsDb, at: number, by: Actor, line: AuditLine): void {
  const { action, target, before = null, after = null, outcome = "ok" } = line;
  const { actor, via, ip, requestId } = by;
  db.insert(audit).values({ at, actor, via, ip, requestId, action, target, before, after, outcome }).run();
}

export function createAudit(file: AccountsFile): AuditRepository {
  return {
    append: (by, line) => file.write((db, now) => writeAudit(db, now, by, line)),
    list(filter = {}, page = {}) {
      const size = pageSize(page);
      const cursor = numberCursor(page.cursor);
      const where = and(
        cursor === undefined ? undefined : lt(audit.id, cursor),
        filter.actor === undefined ? undefined : eq(audit.actor, filter.actor),
        filter.action === undefined ? undefined : eq(audit.action, filter.action),
        filter.target === undefined ? undefined : eq(audit.target, filter.target),
        filter.from === undefined ? undefined : gte(audit.at, filter.from),
        filter.to === undefined ? undefined : lte(audit.at, filter.to),
      );
      return file.read((db) => {
        const rows = db
          .select()
          .from(audit)
          .where(where)
          .orderBy(desc(audit.id))
          .limit(size + 1)
          .all();
        return toPage(
          rows,
          size,
          (row) => row,
          (row) => String(row.id),
        );
      });
    },
  };
}
