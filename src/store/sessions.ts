/** Sessions and the refresh tokens that keep them alive: one successor per token, and replay ends the whole family. */
import { and, desc, eq, lt, or, sql } from "drizzle-orm";
import type { AccountsDb, AccountsFile } from "./accounts-file.ts";
import { isLive, requireAdmin } from "./actor-standing.ts";
import { writeAudit } from "./audit.ts";
import { prepareHome } from "./home.ts";
import { idCursor, pageSize, toPage } from "./paging.ts";
import { refreshTokens, sessions, users } from "./schema-accounts.ts";
import { rotate } from "./session-rotation.ts";
import type { Actor, NewSession, Session, SessionRepository, SessionStanding } from "./types.ts";
import { endOtherSessions } from "./user-change.ts";
import { findUser, judge } from "./user-rows.ts";

/** Live sessions of one account; one more ends the oldest. */
const LIVE_MAX = 100;

const SESSION_COLUMNS = {
  id: sessions.id,
  userId: sessions.userId,
  method: sessions.method,
  createdAt: sessions.createdAt,
  lastSeenAt: sessions.lastSeenAt,
  ip: sessions.ip,
  userAgent: sessions.userAgent,
  expiresAt: sessions.expiresAt,
  idleExpiresAt: sessions.idleExpiresAt,
  reauthAt: sessions.reauthAt,
};
const USER_COLUMNS = { id: users.id, username: users.username, role: users.role };

export function createSessions(file: AccountsFile): SessionRepository {
  const { db, clock, read, write } = file;
  const standing = prepareStanding(db);
  return {
    create: (session, by) =>
      write((own, now) => (createSession(own, now, session, by) ? standing(session.id, now) : undefined)),
    standing: (id) => read(() => standing(id, clock.now())),
    rotate: (rotation, by) => write((own, now) => rotate(own, now, rotation, by, standing)),
    findByRefresh: (hash) =>
      read((own) =>
        own
          .select({
            id: sessions.id,
            userId: sessions.userId,
            isUsed: sql`${refreshTokens.usedAt} IS NOT NULL`.mapWith(Boolean),
          })
          .from(refreshTokens)
          .innerJoin(sessions, eq(sessions.id, refreshTokens.sessionId))
          .where(eq(refreshTokens.hash, hash))
          .get(),
      ),
    touch: (uses) =>
      write((own) => {
        for (const { id, at } of uses) {
          own
            .update(sessions)
            .set({ lastSeenAt: at })
            .where(and(eq(sessions.id, id), lt(sessions.lastSeenAt, at)))
            .run();
        }
      }),
    setReauthenticated: (id, at, by) =>
      write((own, now) => {
        const live = standing(id, now);
        if (live === undefined) return false;
        own.update(sessions).set({ reauthAt: at }).where(eq(sessions.id, id)).run();
        writeAudit(own, now, by, { action: "session.reauthenticate", target: `session:${id}` });
        return true;
      }),
    list(userId, page = {}) {
      const size = pageSize(page);
      const cursor = idCursor(page.cursor);
      return read((own) => {
        const rows = own
          .select(SESSION_COLUMNS)
          .from(sessions)
          .innerJoin(users, eq(users.id, sessions.userId))
          .where(
            and(
              eq(sessions.userId, userId),
              isLive(clock.now()),
              cursor === undefined ? undefined : lt(sessions.id, cursor),
            ),
          )
          .orderBy(desc(sessions.id))
          .limit(size + 1)
          .all();
        return toPage(
          rows,
          size,
          (row: Session) => row,
          (row) => row.id,
        );
      });
    },
    revoke: (id, userId, by) =>
      write((own, now) => {
        if (standing(id, now)?.user.id !== userId) return false;
        own.update(sessions).set({ revokedAt: now }).where(eq(sessions.id, id)).run();
        writeAudit(own, now, by, { action: "session.revoke", target: `session:${id}` });
        return true;
      }),
    revokeAll: (userId, by) => write((own, now) => endAll(own, now, userId, by)),
    revokeAllOf: (userId, by, mayTouchSuperAdmin) =>
      write((own, now) => {
        const refusal = judge(own, now, findUser(own, userId), by, mayTouchSuperAdmin);
        if (refusal !== undefined) return refusal;
        endAll(own, now, userId, by);
        return "ended";
      }),
    revokeEverything: (by) =>
      write((own, now) => {
        requireAdmin(own, now, by);
        const count = countLive(own, now);
        own
          .update(users)
          .set({ tokenEpoch: sql`${users.tokenEpoch} + 1` })
          .run();
        writeAudit(own, now, by, { action: "session.revoke_everything", target: null, before: { sessions: count } });
        return count;
      }),
    prune: (before) =>
      write((own) => {
        const ended = or(
          lt(sessions.revokedAt, before),
          lt(sessions.expiresAt, before),
          lt(sessions.idleExpiresAt, before),
        );
        return own.delete(sessions).where(ended).returning({ id: sessions.id }).all().length;
      }),
  };
}

function createSession(db: AccountsDb, now: number, session: NewSession, by: Actor): boolean {
  const { refreshHash, ...row } = session;
  const user = db
    .select({ epoch: users.tokenEpoch })
    .from(users)
    .where(and(eq(users.id, session.userId), eq(users.isActive, true)))
    .get();
  if (user?.epoch !== session.epoch) return false;
  db.insert(sessions)
    .values({ ...row, createdAt: now, lastSeenAt: now, reauthAt: now })
    .run();
  const { id: sessionId, idleExpiresAt: expiresAt } = session;
  db.insert(refreshTokens).values({ hash: refreshHash, sessionId, createdAt: now, expiresAt }).run();
  db.update(users).set({ lastLoginAt: now }).where(eq(users.id, session.userId)).run();
  // The list is short: the account's index finds it, and it holds at most one session too many.
  db.run(sql`UPDATE sessions SET revoked_at = ${now} WHERE id IN (
    SELECT id FROM sessions WHERE user_id = ${session.userId} AND revoked_at IS NULL AND epoch = ${session.epoch}
      AND expires_at > ${now} AND idle_expires_at > ${now} ORDER BY id DESC LIMIT -1 OFFSET ${LIVE_MAX})`);
  const self = by.userId === null ? { ...by, actor: `user:${session.userId}`, userId: session.userId } : by;
  writeAudit(db, now, self, {
    action: "session.create",
    target: `session:${sessionId}`,
    after: { user: `user:${session.userId}`, method: session.method },
  });
  return true;
}

function endAll(db: AccountsDb, now: number, userId: number, by: Actor): number {
  const count = countLive(db, now, userId);
  endOtherSessions(db, userId, null);
  const line = { action: "session.revoke_all", target: `user:${userId}`, before: { sessions: count } };
  writeAudit(db, now, by, line);
  return count;
}

function countLive(db: AccountsDb, now: number, userId?: number): number {
  const row = db
    .select({ n: sql<number>`count(*)` })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(and(isLive(now), userId === undefined ? undefined : eq(users.id, userId)))
    .get();
  return row?.n ?? 0;
}

export type FindStanding = (id: string, now: number) => SessionStanding | undefined;

/** Two prepared statements: the session with its account, and the organisation in which the account is at home. */
function prepareStanding(db: AccountsDb): FindStanding {
  const live = db
    .select({ session: SESSION_COLUMNS, user: USER_COLUMNS })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(and(eq(sessions.id, sql.placeholder("id")), isLive(sql`${sql.placeholder("now")}`)))
    .prepare();
  const homeOf = prepareHome(db);
  return (id, now) => {
    const row = live.get({ id, now });
    return row === undefined ? undefined : { ...row, home: homeOf(row.user.id) ?? null };
  };
}
