/** Tables of people in monorelay.db: accounts, how they sign in, and the organisations they belong to. */
import { sql } from "drizzle-orm";
import { check, index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { OrgRole, StoredLimits, UserRole } from "./types-accounts.ts";

export const orgs = sqliteTable(
  "orgs",
  {
    id: text("id").primaryKey(),
    name: text("name").notNull(),
    isDefault: integer("is_default", { mode: "boolean" }).notNull(),
    limits: text("limits", { mode: "json" }).$type<StoredLimits>(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [uniqueIndex("orgs_one_default").on(table.isDefault).where(sql`is_default = 1`)],
);

export const users = sqliteTable(
  "users",
  {
    /** Never given twice: log rows keep the ids of accounts that are gone. */
    id: integer("id").primaryKey({ autoIncrement: true }),
    /** As written at registration. */
    username: text("username").notNull(),
    /** What makes it unique. */
    usernameKey: text("username_key").notNull().unique(),
    /** In canonical form. */
    email: text("email").unique(),
    /** Somebody else than the person says that it is theirs: an identity provider or an administrator. */
    isEmailVouched: integer("is_email_vouched", { mode: "boolean" }).notNull().default(false),
    passwordHash: text("password_hash"),
    role: text("role").$type<UserRole>().notNull(),
    /** The identity provider that made this account an admin; it may take that away again. */
    roleFrom: text("role_from"),
    isActive: integer("is_active", { mode: "boolean" }).notNull(),
    homeOrgId: text("home_org_id").references(() => orgs.id, { onDelete: "set null" }),
    createdAt: integer("created_at").notNull(),
    lastLoginAt: integer("last_login_at"),
    /** Sessions begun under an earlier number have ended. */
    tokenEpoch: integer("token_epoch").notNull().default(0),
  },
  (table) => [
    uniqueIndex("users_one_super_admin").on(sql`(1)`).where(sql`role = 'super_admin'`),
    check("users_role", sql`${table.role} IN ('super_admin', 'admin', 'user')`),
  ],
);

export const identities = sqliteTable(
  "identities",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    userId: integer("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    provider: text("provider").notNull(),
    subject: text("subject").notNull(),
    email: text("email"),
    linkedAt: integer("linked_at").notNull(),
  },
  (table) => [
    uniqueIndex("identities_subject").on(table.provider, table.subject),
    index("identities_user").on(table.userId),
  ],
);

export const memberships = sqliteTable(
  "memberships",
  {
    orgId: text("org_id")
      .notNull()
      .references(() => orgs.id, { onDelete: "cascade" }),
    userId: integer("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    role: text("role").$type<OrgRole>().notNull(),
    joinedAt: integer("joined_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.orgId, table.userId] }),
    index("memberships_user").on(table.userId),
    check("memberships_role", sql`${table.role} IN ('owner', 'admin', 'member')`),
  ],
);

export const invites = sqliteTable("invites", {
  id: text("id").primaryKey(),
  codeHash: text("code_hash").notNull().unique(),
  /** Only an account with this address may use it; canonical. */
  email: text("email"),
  orgId: text("org_id").references(() => orgs.id, { onDelete: "cascade" }),
  role: text("role").$type<OrgRole>().notNull(),
  createdBy: text("created_by").notNull(),
  createdAt: integer("created_at").notNull(),
  expiresAt: integer("expires_at").notNull(),
  usedAt: integer("used_at"),
  usedBy: integer("used_by"),
  revokedAt: integer("revoked_at"),
});

/** Tokens handed out once and good for one act: the first registration, a new password. */
export const oneTimeTokens = sqliteTable(
  "one_time_tokens",
  {
    hash: text("hash").primaryKey(),
    purpose: text("purpose").$type<"setup" | "password-reset">().notNull(),
    userId: integer("user_id").references(() => users.id, { onDelete: "cascade" }),
    /** `id` of the identity that made it; `null` = the house. */
    createdBy: text("created_by"),
    createdAt: integer("created_at").notNull(),
    /** `null` = until it is used. */
    expiresAt: integer("expires_at"),
    usedAt: integer("used_at"),
  },
  (table) => [index("one_time_tokens_user").on(table.userId)],
);

/** Append-only: triggers of migration 0002 refuse any other change. */
export const audit = sqliteTable("audit", {
  id: integer("id").primaryKey({ autoIncrement: true }),
  at: integer("at").notNull(),
  actor: text("actor").notNull(),
  via: text("via").notNull(),
  ip: text("ip"),
  action: text("action").notNull(),
  target: text("target"),
  before: text("before", { mode: "json" }).$type<object>(),
  after: text("after", { mode: "json" }).$type<object>(),
  outcome: text("outcome").notNull(),
  requestId: text("request_id"),
});

/** How much failure has gathered under a key; keys are digests, for people type passwords into the wrong field. */
export const throttle = sqliteTable("throttle", {
  key: text("key").primaryKey(),
  level: real("level").notNull(),
  updatedAt: integer("updated_at").notNull(),
  blockedUntil: integer("blocked_until").notNull(),
});
