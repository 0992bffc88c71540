/** Table of things that clients left with upstreams, in monorelay.db: without it nobody finds them again. */
import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const upstreamObjects = sqliteTable(
  "upstream_objects",
  {
    /** As the upstream named it. */
    id: text("id").primaryKey(),
    /** e.g. `file`, `batch`, `thread`. */
    kind: text("kind").notNull(),
    /** Name of the configured provider. */
    provider: text("provider").notNull(),
    /** Of the provider's keys; empty for a provider without keys. */
    keyId: text("key_id").notNull(),
    orgId: text("org_id"),
    userId: integer("user_id"),
    /** `id` of the identity that made it. */
    principal: text("principal").notNull(),
    /** ms since epoch. */
    createdAt: integer("created_at").notNull(),
  },
  (table) => [index("upstream_objects_owner").on(table.kind, table.orgId)],
);
