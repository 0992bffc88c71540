/** What a refresh token is good for: once for its successor, for a moment again for the same one, never after that. */
import { eq } from "drizzle-orm";
import type { AccountsDb } from "./accounts-file.ts";
import { writeAudit } from "./audit.ts";
import { refreshTokens, sessions } from "./schema-accounts.ts";
import type { FindStanding } from "./sessions.ts";
import type { Actor, Rotation, RotationOutcome } from "./types.ts";

const REFUSED = { type: "refused" } as const;

export function rotate(
  db: AccountsDb,
  now: number,
  rotation: Rotation,
  by: Actor,
  standingOf: FindStanding,
): RotationOutcome {
  const token = db.select().from(refreshTokens).where(eq(refreshTokens.hash, rotation.hash)).get();
  const standing = token === undefined ? undefined : standingOf(token.sessionId, now);
  if (token === undefined || standing === undefined || standing.session.method === rotation.refusedMethod)
    return REFUSED;
  if (token.usedAt === null) {
    return token.expiresAt > now ? advance(db, now, rotation, token.sessionId, standingOf) : REFUSED;
  }

  const successor =
    token.rotatedTo === null
      ? undefined
      : db.select().from(refreshTokens).where(eq(refreshTokens.hash, token.rotatedTo)).get();
  // A clock that was set back makes it younger than nothing, which is young enough.
  if (successor?.usedAt === null && now - token.usedAt <= rotation.graceMs) {
    // Another hash means another server key: the successor cannot be told again, but nobody stole anything.
    return successor.hash === rotation.successorHash ? { type: "repeated", standing } : REFUSED;
  }
  const { id: sessionId, userId } = standing.session;
  db.update(sessions).set({ revokedAt: now }).where(eq(sessions.id, sessionId)).run();
  writeAudit(db, now, by, {
    action: "session.replay",
    target: `session:${sessionId}`,
    before: { user: `user:${userId}` },
    outcome: "revoked",
  });
  return { type: "replayed", sessionId, userId };
}

function advance(
  db: AccountsDb,
  now: number,
  { hash, successorHash, idleMs }: Rotation,
  sessionId: string,
  standingOf: FindStanding,
): RotationOutcome {
  const before = standingOf(sessionId, now)!;
  const expiresAt = Math.min(now + idleMs, before.session.expiresAt);
  db.update(refreshTokens).set({ usedAt: now, rotatedTo: successorHash }).where(eq(refreshTokens.hash, hash)).run();
  db.insert(refreshTokens).values({ hash: successorHash, sessionId, createdAt: now, expiresAt }).run();
  db.update(sessions)
    .set({ idleExpiresAt: expiresAt, lastSeenAt: Math.max(now, before.session.lastSeenAt) })
    .where(eq(sessions.id, sessionId))
    .run();
  return { type: "rotated", standing: standingOf(sessionId, now)! };
}
