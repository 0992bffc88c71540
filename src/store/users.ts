/** Accounts: exactly one super admin from the first of them on, whatever happens at the same time. */
import { and, desc, eq, lt, type SQL, sql } from "drizzle-orm";
import type { AccountsDb, AccountsFile } from "./accounts-file.ts";
import { numberCursor, pageSize, toPage } from "./paging.ts";
import { identities, users } from "./schema-accounts.ts";
import type { UserFilter, UserRepository } from "./types.ts";
import {
  deleteUser,
  setOwnEmail,
  setPassword,
  setRoleFromProvider,
  transferOwnership,
  updateUser,
} from "./user-change.ts";
import { createUser } from "./user-create.ts";
import { identitiesOf, linkIdentity, unlinkIdentity } from "./user-links.ts";
import { findUser, selectUser, toUser, USER_COLUMNS } from "./user-rows.ts";

export function createUsers(file: AccountsFile): UserRepository {
  const { read, write } = file;
  const one = (where: SQL) => read((db) => selectUser(db, where));
  return {
    hasAny: () => read((db) => db.select({ id: users.id }).from(users).limit(1).get() !== undefined),
    find: (id) => read((db) => findUser(db, id)),
    findByName: (usernameKey) => one(eq(users.usernameKey, usernameKey)),
    findByVouchedEmail: (email) => one(and(eq(users.email, email), eq(users.isEmailVouched, true))!),
    findByIdentity: (provider, subject) =>
      one(
        sql`"users"."id" = (SELECT ${identities.userId} FROM ${identities} WHERE ${and(
          eq(identities.provider, provider),
          eq(identities.subject, subject),
        )})`,
      ),
    findForSignIn: (by) =>
      read((db) => {
        const where =
          "id" in by
            ? eq(users.id, by.id)
            : "email" in by
              ? eq(users.email, by.email)
              : eq(users.usernameKey, by.usernameKey);
        const columns = { ...USER_COLUMNS, passwordHash: users.passwordHash };
        const row = db.select(columns).from(users).where(where).get();
        if (row === undefined) return undefined;
        const { passwordHash, ...rest } = row;
        return { user: toUser(rest), passwordHash };
      }),
    list(filter = {}, page = {}) {
      const size = pageSize(page);
      const cursor = numberCursor(page.cursor);
      return read((db) => {
        const where = and(cursor === undefined ? undefined : lt(users.id, cursor), conditions(filter));
        const rows = selectPage(db, where, size + 1);
        return toPage(rows, size, toUser, (row) => String(row.id));
      });
    },
    create: (input, by) => write((db, now) => createUser(db, now, input, by)),
    update: (id, patch, by) => write((db, now) => updateUser(db, now, id, patch, by)),
    delete: (id, by) => write((db, now) => deleteUser(db, now, id, by)),
    transferOwnership: (targetId, by) => write((db, now) => transferOwnership(db, now, targetId, by)),
    setOwnEmail: (id, email, keep, by) => write((db, now) => setOwnEmail(db, now, id, email, keep, by)),
    setPassword: (id, hash, keep, by) => write((db, now) => setPassword(db, now, id, hash, keep, by)),
    upgradePassword: (id, before, after) =>
      write((db) => {
        const where = and(eq(users.id, id), eq(users.passwordHash, before));
        db.update(users).set({ passwordHash: after }).where(where).run();
      }),
    setRoleFromProvider: (id, provider, isAdmin, by) =>
      write((db, now) => setRoleFromProvider(db, now, id, provider, isAdmin, by)),
    identities: (userId) => read((db) => identitiesOf(db, userId)),
    link: (userId, identity, keep, by) => write((db, now) => linkIdentity(db, now, userId, identity, keep, by)),
    unlink: (userId, identityId, keep, isPasswordUsable, by) =>
      write((db, now) => unlinkIdentity(db, now, userId, identityId, keep, isPasswordUsable, by)),
  };
}

function selectPage(db: AccountsDb, where: SQL | undefined, limit: number) {
  return db.select(USER_COLUMNS).from(users).where(where).orderBy(desc(users.id)).limit(limit).all();
}

function conditions({ search, isActive, role }: UserFilter): SQL | undefined {
  return and(
    // `instr` takes the text as it is; in a LIKE pattern `%` and `_` would mean something.
    search === undefined
      ? undefined
      : sql`(instr(${users.usernameKey}, lower(${search})) > 0 OR instr(coalesce(${users.email}, ''), lower(${search})) > 0)`,
    isActive === undefined ? undefined : eq(users.isActive, isActive),
    role === undefined ? undefined : eq(users.role, role),
  );
}
