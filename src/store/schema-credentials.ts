/** Tables of credentials that this house gives out, in monorelay.db: sessions and API keys, all as digests. */
import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { JsonObject } from "../contract/chat.ts";
import { orgs, users } from "./schema-people.ts";
import type { KeyStyle, StoredLimits, StoredModels } from "./types-accounts.ts";

export const sessions = sqliteTable(
  "sessions",
  {
    id: text("id").primaryKey(),
    userId: integer("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** The account's `token_epoch` when it began. */
    epoch: integer("epoch").notNull(),
    /** `password` or `sso:<provider>`. */
    method: text("method").notNull(),
    createdAt: integer("created_at").notNull(),
    lastSeenAt: integer("last_seen_at").notNull(),
    ip: text("ip"),
    userAgent: text("user_agent"),
    /** Ends whatever happens. */
    expiresAt: integer("expires_at").notNull(),
    /** Ends unless refreshed before. */
    idleExpiresAt: integer("idle_expires_at").notNull(),
    reauthAt: integer("reauth_at").notNull(),
    revokedAt: integer("revoked_at"),
  },
  (table) => [index("sessions_user").on(table.userId)],
);

export const refreshTokens = sqliteTable(
  "refresh_tokens",
  {
    hash: text("hash").primaryKey(),
    sessionId: text("session_id")
      .notNull()
      .references(() => sessions.id, { onDelete: "cascade" }),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
    usedAt: integer("used_at"),
    /** Hash of the one that was given for it. */
    rotatedTo: text("rotated_to"),
  },
  (table) => [index("refresh_tokens_session").on(table.sessionId)],
);

export const apiKeys = sqliteTable(
  "api_keys",
  {
    /** UUID version 7: sorts by age. */
    id: text("id").primaryKey(),
    /** `key_…` */
    publicId: text("public_id").notNull().unique(),
    name: text("name").notNull(),
    /** First eight characters of the key. */
    prefix: text("prefix").notNull(),
    last4: text("last4").notNull(),
    hash: text("hash").notNull().unique(),
    orgId: text("org_id")
      .notNull()
      .references(() => orgs.id, { onDelete: "cascade" }),
    /** No foreign key: a key of an account that is gone stays on record, revoked. `null` = made by the access key. */
    userId: integer("user_id"),
    style: text("style").$type<KeyStyle>().notNull(),
    scopes: text("scopes", { mode: "json" }).$type<readonly string[]>().notNull(),
    models: text("models", { mode: "json" }).$type<StoredModels>().notNull(),
    defaultModel: text("default_model"),
    providers: text("providers", { mode: "json" }).$type<readonly string[]>().notNull(),
    limits: text("limits", { mode: "json" }).$type<StoredLimits>().notNull(),
    ipAllow: text("ip_allow", { mode: "json" }).$type<readonly string[]>().notNull(),
    logBodies: text("log_bodies").$type<"off" | "preview" | "full">(),
    exposeRouting: integer("expose_routing", { mode: "boolean" }).notNull(),
    metadata: text("metadata", { mode: "json" }).$type<JsonObject>().notNull(),
    createdAt: integer("created_at").notNull(),
    createdBy: text("created_by").notNull(),
    expiresAt: integer("expires_at"),
    lastUsedAt: integer("last_used_at"),
    revokedAt: integer("revoked_at"),
    replaces: text("replaces"),
    /** Digest of the caller and the key that the caller chose for its request. */
    idempotencyKey: text("idempotency_key").unique(),
    /** Digest of what was asked for. */
    idempotencyDigest: text("idempotency_digest"),
  },
  (table) => [index("api_keys_user").on(table.userId), index("api_keys_org").on(table.orgId)],
);
