/** API keys, known by the digest of the whole key and by nothing less. */
import { and, desc, eq, gt, isNotNull, isNull, lt, lte, or, type SQL, sql } from "drizzle-orm";
import type { AccountsDb, AccountsFile } from "./accounts-file.ts";
import { requireStanding } from "./actor-standing.ts";
import { writeAudit } from "./audit.ts";
import { COUNTS_AS, lineAbove, MAKERS } from "./key-lines.ts";
import { idCursor, pageSize, toPage } from "./paging.ts";
import { apiKeys, memberships, orgs, users } from "./schema-accounts.ts";
import type {
  Actor,
  ApiKey,
  ApiKeyFilter,
  ApiKeyPatch,
  ApiKeyRepository,
  ApiKeyStanding,
  CreateKeyOutcome,
  CreateKeyRules,
  NewApiKey,
  RotateKeyOutcome,
  RotateKeyRules,
} from "./types.ts";

/** Everything but the digests. */
const KEY_COLUMNS = {
  id: apiKeys.id,
  publicId: apiKeys.publicId,
  name: apiKeys.name,
  prefix: apiKeys.prefix,
  last4: apiKeys.last4,
  orgId: apiKeys.orgId,
  userId: apiKeys.userId,
  style: apiKeys.style,
  scopes: apiKeys.scopes,
  models: apiKeys.models,
  defaultModel: apiKeys.defaultModel,
  providers: apiKeys.providers,
  limits: apiKeys.limits,
  ipAllow: apiKeys.ipAllow,
  logBodies: apiKeys.logBodies,
  exposeRouting: apiKeys.exposeRouting,
  metadata: apiKeys.metadata,
  createdAt: apiKeys.createdAt,
  createdBy: apiKeys.createdBy,
  expiresAt: apiKeys.expiresAt,
  lastUsedAt: apiKeys.lastUsedAt,
  revokedAt: apiKeys.revokedAt,
  replaces: apiKeys.replaces,
  countsAs: COUNTS_AS,
};

export function createApiKeys(file: AccountsFile): ApiKeyRepository {
  const { db, clock, read, write } = file;
  const byHash = selectStanding(db, eq(apiKeys.hash, sql.placeholder("hash"))).prepare();
  return {
    create: (key, rules, by) => write((own, now) => createKey(own, now, key, rules, by)),
    standing: (hash) => read(() => toStanding(byHash.get({ hash }))),
    find: (id) => read((own) => toStanding(selectStanding(own, isCalled(id)).get())),
    list(filter = {}, page = {}) {
      const size = pageSize(page);
      const cursor = idCursor(page.cursor);
      return read((own) => {
        const where = and(
          cursor === undefined ? undefined : lt(apiKeys.id, cursor),
          conditions(filter, Math.floor(clock.now())),
        );
        const rows = selectKeys(own, where, size + 1);
        return toPage(
          rows,
          size,
          (row: ApiKey) => row,
          (row) => row.id,
        );
      });
    },
    publicIdsOf: (userId) =>
      read((own) => {
        const where = and(eq(apiKeys.userId, userId), isNull(apiKeys.revokedAt));
        const rows = own.select({ publicId: apiKeys.publicId }).from(apiKeys).where(where).all();
        return rows.map(({ publicId }) => publicId);
      }),
    hasImported: () =>
      read((own) => {
        const where = and(eq(apiKeys.style, "imported"), isNull(apiKeys.revokedAt));
        return own.select({ id: apiKeys.id }).from(apiKeys).where(where).limit(1).get() !== undefined;
      }),
    update: (id, patch, liveMax, by) => write((own, now) => updateKey(own, now, id, patch, liveMax, by)),
    revoke: (id, by) =>
      write((own, now) => {
        requireStanding(own, now, by);
        const before = findKey(own, id);
        if (before === undefined) return "not-found";
        if (before.revokedAt !== null) return "already";
        own.update(apiKeys).set({ revokedAt: now }).where(eq(apiKeys.id, before.id)).run();
        writeAudit(own, now, by, { action: "api_key.revoke", target: before.publicId });
        return "revoked";
      }),
    rotate: (id, successor, rules, by) => write((own, now) => rotateKey(own, now, id, successor, rules, by)),
    touch: (uses) =>
      write((own) => {
        for (const { id, at } of uses) {
          own
            .update(apiKeys)
            .set({ lastUsedAt: at })
            .where(and(eq(apiKeys.id, id), or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, at))))
            .run();
        }
      }),
  };
}

function createKey(
  db: AccountsDb,
  now: number,
  { hash, ...key }: NewApiKey,
  { liveMax, idempotency }: CreateKeyRules,
  by: Actor,
): CreateKeyOutcome {
  requireStanding(db, now, by);
  if (idempotency !== null) {
    const before = db.select().from(apiKeys).where(eq(apiKeys.idempotencyKey, idempotency.key)).get();
    if (before !== undefined && now - before.createdAt < idempotency.withinMs) {
      if (before.idempotencyDigest !== idempotency.digest) return { type: "conflict" };
      return { type: "replayed", key: findKey(db, before.id)! };
    }
    const freed = { idempotencyKey: null, idempotencyDigest: null };
    if (before !== undefined) db.update(apiKeys).set(freed).where(eq(apiKeys.id, before.id)).run();
  }
  if (db.select({ id: orgs.id }).from(orgs).where(eq(orgs.id, key.orgId)).get() === undefined) {
    return { type: "org-not-found" };
  }
  if (key.userId !== null) {
    const user = db.select({ isActive: users.isActive }).from(users).where(eq(users.id, key.userId)).get();
    if (!user?.isActive) return { type: "owner-refused" };
  }
  if (db.select({ id: apiKeys.id }).from(apiKeys).where(eq(apiKeys.hash, hash)).get() !== undefined) {
    return { type: "known" };
  }
  if (countLive(db, now, key.userId) >= liveMax) return { type: "too-many" };
  if (lineAbove(db, eq(apiKeys.publicId, key.createdBy)).isFull) return { type: "line-too-long" };
  db.insert(apiKeys)
    .values({
      ...key,
      hash,
      createdAt: now,
      idempotencyKey: idempotency?.key ?? null,
      idempotencyDigest: idempotency?.digest ?? null,
    })
    .run();
  const made = findKey(db, key.id)!;
  writeAudit(db, now, by, { action: "api_key.create", target: made.publicId, after: shownInAudit(made) });
  return { type: "created", key: made };
}

function updateKey(
  db: AccountsDb,
  now: number,
  id: string,
  patch: ApiKeyPatch,
  liveMax: number,
  by: Actor,
): ApiKey | "too-many" | undefined {
  requireStanding(db, now, by);
  const before = findKey(db, id);
  if (before === undefined || before.revokedAt !== null) return undefined;
  const isRisen = isExpired(before, now) && !isExpired({ ...before, ...patch }, now);
  if (isRisen && countLive(db, now, before.userId) >= liveMax) return "too-many";
  if (Object.keys(patch).length === 0) return before;
  db.update(apiKeys).set(patch).where(eq(apiKeys.id, before.id)).run();
  const after = findKey(db, before.id)!;
  writeAudit(db, now, by, {
    action: "api_key.update",
    target: after.publicId,
    before: shownInAudit(before),
    after: shownInAudit(after),
  });
  return after;
}

function rotateKey(
  db: AccountsDb,
  now: number,
  id: string,
  { hash, ...successor }: NewApiKey,
  { graceMs, liveMax }: RotateKeyRules,
  by: Actor,
): RotateKeyOutcome {
  requireStanding(db, now, by);
  const before = findKey(db, id);
  if (before === undefined || before.revokedAt !== null || isExpired(before, now)) return { type: "not-active" };
  const replaced = and(eq(apiKeys.replaces, before.id), conditions({ status: "active" }, now));
  if (selectKeys(db, replaced, 1).length > 0) return { type: "has-successor" };
  const line = lineAbove(db, eq(apiKeys.id, before.id));
  if (line.isFull && line.hasMaker) return { type: "line-too-long" };
  const ancestors = liveAncestors(db, now, before);
  const endingNow = ancestors.length + (graceMs > 0 ? 0 : 1);
  if (countLive(db, now, before.userId) - endingNow >= liveMax) return { type: "too-many" };
  const expiresAt = Math.min(before.expiresAt ?? Number.MAX_SAFE_INTEGER, now + graceMs);
  for (const { id: older } of ancestors) {
    db.update(apiKeys).set({ expiresAt: now }).where(eq(apiKeys.id, older)).run();
  }
  db.update(apiKeys).set({ expiresAt }).where(eq(apiKeys.id, before.id)).run();
  db.insert(apiKeys)
    .values({ ...successor, hash, createdAt: now })
    .run();
  const made = findKey(db, successor.id)!;
  writeAudit(db, now, by, {
    action: "api_key.rotate",
    target: before.publicId,
    after: { successor: made.publicId, expires_at: expiresAt },
  });
  return { type: "rotated", key: made, ended: ancestors.map(({ publicId }) => publicId) };
}

/** Those that a key has replaced, one after the other, as far as their grace has not ended. */
function liveAncestors(db: AccountsDb, now: number, { replaces }: ApiKey): ApiKey[] {
  const found: ApiKey[] = [];
  for (let id = replaces; id !== null; ) {
    const [older] = selectKeys(db, and(eq(apiKeys.id, id), conditions({ status: "active" }, now)), 1);
    if (older === undefined) return found;
    found.push(older);
    id = older.replaces;
  }
  return found;
}

function countLive(db: AccountsDb, now: number, userId: number | null): number {
  const owner = userId === null ? isNull(apiKeys.userId) : eq(apiKeys.userId, userId);
  const where = and(owner, conditions({ status: "active" }, now));
  return db.select({ n: sql<number>`count(*)` }).from(apiKeys).where(where).get()?.n ?? 0;
}

function isExpired({ expiresAt }: Pick<ApiKey, "expiresAt">, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

function findKey(db: AccountsDb, id: string): ApiKey | undefined {
  return db.select(KEY_COLUMNS).from(apiKeys).where(isCalled(id)).get();
}

function isCalled(id: string): SQL {
  return id.startsWith("key_") ? eq(apiKeys.publicId, id) : eq(apiKeys.id, id);
}

function selectKeys(db: AccountsDb, where: SQL | undefined, limit: number): ApiKey[] {
  return db.select(KEY_COLUMNS).from(apiKeys).where(where).orderBy(desc(apiKeys.id)).limit(limit).all();
}

function selectStanding(db: AccountsDb, where: SQL) {
  return db
    .select({
      key: KEY_COLUMNS,
      owner: { username: users.username, role: users.role, isActive: users.isActive },
      orgRole: memberships.role,
      orgLimits: orgs.limits,
      makers: MAKERS,
    })
    .from(apiKeys)
    .leftJoin(users, eq(users.id, apiKeys.userId))
    .leftJoin(memberships, and(eq(memberships.orgId, apiKeys.orgId), eq(memberships.userId, apiKeys.userId)))
    .leftJoin(orgs, eq(orgs.id, apiKeys.orgId))
    .where(where);
}

type StandingRow = Omit<ApiKeyStanding, "makers"> & { readonly makers: string };

function toStanding(row: StandingRow | undefined): ApiKeyStanding | undefined {
  return row === undefined ? undefined : { ...row, makers: JSON.parse(row.makers) };
}

function conditions({ orgId, userId, isOwnerless, style, status }: ApiKeyFilter, now: number): SQL | undefined {
  return and(
    orgId === undefined ? undefined : eq(apiKeys.orgId, orgId),
    userId === undefined ? undefined : eq(apiKeys.userId, userId),
    isOwnerless ? isNull(apiKeys.userId) : undefined,
    style === undefined ? undefined : eq(apiKeys.style, style),
    status === "revoked" ? isNotNull(apiKeys.revokedAt) : undefined,
    status === undefined || status === "revoked" ? undefined : isNull(apiKeys.revokedAt),
    status === "active" ? or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)) : undefined,
    status === "expired" ? lte(apiKeys.expiresAt, now) : undefined,
  );
}

function shownInAudit(key: ApiKey): object {
  const { name, prefix, last4, style, scopes, models, providers, limits } = key;
  return {
    name,
    prefix,
    last4,
    style,
    scopes,
    models,
    providers,
    limits,
    org: key.orgId,
    user: key.userId === null ? null : `user:${key.userId}`,
    ip_allow: key.ipAllow,
    expires_at: key.expiresAt,
  };
}
