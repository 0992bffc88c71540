/** Clears accounts and keys at the super admin's word; what was done stays in the audit trail. */
import { eq, sql } from "drizzle-orm";
import type { AccountsDb, AccountsFile } from "./accounts-file.ts";
import { requireSuperAdmin } from "./actor-standing.ts";
import { writeAudit } from "./audit.ts";
import { setSetupTokens } from "./one-time-tokens.ts";
import {
  apiKeys,
  invites,
  meta,
  oneTimeTokens,
  orgs,
  settings,
  spending,
  throttle,
  upstreamObjects,
  users,
} from "./schema-accounts.ts";
import { SSO_ISSUERS, SSO_TIES } from "./setting-names.ts";
import type { ResetRepository } from "./types.ts";
import { CLAIMED, SETUP_FORCED } from "./user-create.ts";

export function createReset({ write }: AccountsFile): ResetRepository {
  return {
    clear: (what, setupHashes, by) =>
      write((db, now) => {
        requireSuperAdmin(db, now, by);
        const before = {
          users: what.users ? count(db, users) : 0,
          keys: what.keys || what.users ? count(db, apiKeys) : 0,
        };
        // Without its owner no key would be let in; leaving the rows would only keep names of people.
        if (what.keys || what.users) db.delete(apiKeys).run();
        // A new start for everybody who is left: nobody could be told any more what the sums are made of.
        if (what.users) db.delete(spending).run();
        if (what.users) {
          db.delete(users).run();
          // The default one too: whoever comes next gets one of his own, without the limits and records of this.
          db.delete(orgs).run();
          db.delete(upstreamObjects).run();
          for (const prefix of [SSO_TIES, SSO_ISSUERS]) {
            db.delete(settings).where(sql`substr(${settings.key}, 1, ${prefix.length}) = ${prefix}`).run();
          }
          db.delete(invites).run();
          db.delete(oneTimeTokens).where(eq(oneTimeTokens.purpose, "password-reset")).run();
          db.delete(throttle).run();
          db.delete(meta).where(eq(meta.key, CLAIMED)).run();
          db.insert(meta)
            .values({ key: SETUP_FORCED, value: String(now) })
            .onConflictDoNothing()
            .run();
          setSetupTokens(db, now, setupHashes);
        }
        writeAudit(db, now, by, { action: "accounts.clear", target: null, before });
        return before;
      }),
  };
}

function count(db: AccountsDb, table: typeof users | typeof apiKeys): number {
  return db.select({ n: sql<number>`count(*)` }).from(table).get()?.n ?? 0;
}
