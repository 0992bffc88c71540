/** Tables of monorelay.db: what must never be lost. */
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const settings = sqliteTable("settings", {
  key: text("key").primaryKey(),
  value: text("value").notNull(),
  /** ms since epoch. */
  updatedAt: integer("updated_at").notNull(),
});

/** Facts about the file itself, e.g. that the first start was finished. */
export const meta = sqliteTable("meta", {
  key: text("key").primaryKey(),
  value: text("value").notNull(),
});

export * from "./schema-credentials.ts";
export * from "./schema-objects.ts";
export * from "./schema-people.ts";
export * from "./schema-spending.ts";
