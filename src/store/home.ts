/** The organisation an account is at home in: the one it was made for, else the default one, else its oldest. */
import { desc, eq, sql } from "drizzle-orm";
import type { AccountsDb } from "./accounts-file.ts";
import { memberships, orgs, users } from "./schema-accounts.ts";
import type { Home } from "./types.ts";

/** Prepared once; call the result inside a `read` or `write`. */
export function prepareHome(db: AccountsDb): (userId: number) => Home | undefined {
  const statement = db
    .select({ orgId: memberships.orgId, role: memberships.role, limits: orgs.limits })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .innerJoin(orgs, eq(orgs.id, memberships.orgId))
    .where(eq(memberships.userId, sql.placeholder("userId")))
    .orderBy(
      sql`${memberships.orgId} = ${users.homeOrgId} DESC`,
      desc(orgs.isDefault),
      memberships.joinedAt,
      memberships.orgId,
    )
    .limit(1)
    .prepare();
  return (userId) => statement.get({ userId });
}
