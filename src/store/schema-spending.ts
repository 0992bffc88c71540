/** Table of what callers have spent, in monorelay.db: records are pruned, budgets last longer. */
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const spending = sqliteTable("spending", {
  /** e.g. `key:<uuid>`, `user:7`, `org:org_…`, `access-key`. */
  subject: text("subject").primaryKey(),
  /** ms since epoch: the sums are those of the calendar windows in which it lies. */
  bookedAt: integer("booked_at").notNull(),
  /** All sums in micro-USD. */
  hour: integer("hour").notNull(),
  day: integer("day").notNull(),
  week: integer("week").notNull(),
  month: integer("month").notNull(),
  total: integer("total").notNull(),
});
