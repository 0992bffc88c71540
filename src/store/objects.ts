/** Where things lie that clients left with upstreams, and whose they are. */
import { and, desc, eq, inArray, isNull, lt } from "drizzle-orm";
import { createAccountsFile } from "./accounts-file.ts";
import { upstreamObjects } from "./schema-accounts.ts";
import type { AccountsOptions } from "./settings.ts";
import type { ObjectRepository, UpstreamObject } from "./types.ts";

/** Of one question to the database. */
const IDS_AT_ONCE = 500;

const COLUMNS = {
  id: upstreamObjects.id,
  kind: upstreamObjects.kind,
  provider: upstreamObjects.provider,
  keyId: upstreamObjects.keyId,
  orgId: upstreamObjects.orgId,
  userId: upstreamObjects.userId,
  principal: upstreamObjects.principal,
};

export function createObjects(options: AccountsOptions): ObjectRepository {
  const { db: opened, read, write } = createAccountsFile(options);
  const first = () => opened.select({ id: upstreamObjects.id }).from(upstreamObjects).limit(1).get();
  // What has been left once may be gone since; then somebody is asked for nothing, and that is all.
  let isEmpty = options.client.scoped(first) === undefined;
  return {
    get isEmpty() {
      return isEmpty;
    },
    async add(objects) {
      if (objects.length === 0) return;
      isEmpty = false;
      await write((db, now) => {
        const rows = objects.map((object) => ({ ...object, createdAt: now }));
        db.insert(upstreamObjects).values(rows).onConflictDoNothing().run();
      });
    },
    find: (id) =>
      read((db) => db.select(COLUMNS).from(upstreamObjects).where(eq(upstreamObjects.id, id)).limit(1).get()),
    async findAll(ids) {
      const found: UpstreamObject[] = [];
      for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
        const some = ids.slice(at, at + IDS_AT_ONCE);
        found.push(
          ...(await read((db) =>
            db.select(COLUMNS).from(upstreamObjects).where(inArray(upstreamObjects.id, some)).all(),
          )),
        );
      }
      return found;
    },
    list: (kind, { orgId, userId, principal }, max) =>
      read((db) => {
        const where = and(
          eq(upstreamObjects.kind, kind),
          orgId === null ? isNull(upstreamObjects.orgId) : eq(upstreamObjects.orgId, orgId),
          userId === undefined ? undefined : eq(upstreamObjects.userId, userId),
          principal === undefined ? undefined : eq(upstreamObjects.principal, principal),
        );
        const rows = db.select(COLUMNS).from(upstreamObjects).where(where);
        return rows.orderBy(desc(upstreamObjects.createdAt)).limit(max).all();
      }),
    prune: (kind, before) =>
      write((db) => {
        const where = and(eq(upstreamObjects.kind, kind), lt(upstreamObjects.createdAt, before));
        return db.delete(upstreamObjects).where(where).returning({ id: upstreamObjects.id }).all().length;
      }),
    async remove(id) {
      await write((db) => void db.delete(upstreamObjects).where(eq(upstreamObjects.id, id)).run());
    },
  };
}
