/** Tokens that are good for one act, as digests: whoever reads the file cannot use them. */
import { and, eq, gt, isNotNull, isNull } from "drizzle-orm";
import type { AccountsDb, AccountsFile } from "./accounts-file.ts";
import { makerOf } from "./actor-standing.ts";
import { writeAudit } from "./audit.ts";
import { meta, oneTimeTokens } from "./schema-accounts.ts";
import type { OneTimeTokenRepository, User } from "./types.ts";
import { setPassword, voidTokens } from "./user-change.ts";
import { findUnusedSetup, SETUP_FORCED } from "./user-create.ts";
import { findUser, judge } from "./user-rows.ts";

export function createOneTimeTokens({ clock, read, write }: AccountsFile): OneTimeTokenRepository {
  return {
    setSetupTokens: (hashes) => write((db, now) => setSetupTokens(db, now, hashes)),
    isSetupForced: () => read((db) => db.select().from(meta).where(eq(meta.key, SETUP_FORCED)).get() !== undefined),
    isSetupTokenUsed: (hash) =>
      read((db) => {
        const used = and(eq(oneTimeTokens.hash, hash), isSetup(), isNotNull(oneTimeTokens.usedAt));
        return db.select({ hash: oneTimeTokens.hash }).from(oneTimeTokens).where(used).get() !== undefined;
      }),
    checkSetup: (hash) =>
      read((db) => ({
        isRequired: findUnusedSetup(db),
        isValid: hash !== undefined && findUnusedSetup(db, hash),
      })),
    createReset: (userId, hash, expiresAt, by, mayTouchSuperAdmin) =>
      write((db, now) => {
        const user = findUser(db, userId);
        const refusal = judge(db, now, user, by, mayTouchSuperAdmin);
        if (refusal !== undefined) return refusal;
        voidTokens(db, userId);
        db.insert(oneTimeTokens)
          .values({ hash, purpose: "password-reset", userId, createdBy: by.actor, createdAt: now, expiresAt })
          .run();
        writeAudit(db, now, by, { action: "user.create_password_reset", target: `user:${userId}` });
        return "created";
      }),
    findReset: (hash) => read((db) => findReset(db, clock.now(), hash)),
    useReset: (hash, passwordHash, by) =>
      write((db, now) => {
        const user = findReset(db, now, hash);
        if (user === undefined) return undefined;
        db.update(oneTimeTokens).set({ usedAt: now }).where(eq(oneTimeTokens.hash, hash)).run();
        const self = { ...by, actor: `user:${user.id}`, userId: user.id };
        return setPassword(db, now, user.id, passwordHash, null, self) ? user : undefined;
      }),
  };
}

function isSetup() {
  return eq(oneTimeTokens.purpose, "setup");
}

/** Tokens of earlier starts and settings stop working; used ones stay, so that they are never taken again. */
export function setSetupTokens(db: AccountsDb, now: number, hashes: readonly string[]): void {
  db.delete(oneTimeTokens)
    .where(and(isSetup(), isNull(oneTimeTokens.usedAt)))
    .run();
  for (const hash of hashes) {
    db.insert(oneTimeTokens).values({ hash, purpose: "setup", createdAt: now }).onConflictDoNothing().run();
  }
}

function findReset(db: AccountsDb, now: number, hash: string): User | undefined {
  const good = and(
    eq(oneTimeTokens.hash, hash),
    eq(oneTimeTokens.purpose, "password-reset"),
    isNull(oneTimeTokens.usedAt),
    gt(oneTimeTokens.expiresAt, now),
  );
  const columns = { userId: oneTimeTokens.userId, createdBy: oneTimeTokens.createdBy };
  const row = db.select(columns).from(oneTimeTokens).where(good).get();
  if (row === undefined || row.userId === null || row.createdBy === null) return undefined;
  // A link is worth what its maker may do now: who is no admin any more sets nobody's password.
  const maker = makerOf(db, row.createdBy);
  if (maker === undefined || maker?.role === "user") return undefined;
  const user = findUser(db, row.userId);
  return user?.isActive ? user : undefined;
}
