/** Sessions: begun by a sign-in, kept alive by refresh tokens that work once, and over everywhere the moment they end. */
import { createHmac } from "node:crypto";
import type { Identity, Logger, MaybePromise } from "../contract/host.ts";
import type { AccountRepositories, Page, PageRequest, Session, SessionStanding, User } from "../store/types.ts";
import type { Clock, Schedule } from "../support/clock.ts";
import { digestSecretHex } from "../support/secret.ts";
import {
  type AccountsConfig,
  actorOf,
  anonymousActor,
  type Caller,
  isSsoOnly,
  type Origin,
  requireSession,
} from "./caller.ts";
import { principalOfUser, sessionIdentity } from "./identity.ts";
import type { AccessTokens, VerifiedToken } from "./jwt.ts";
import { createLastUse } from "./last-use.ts";
import { createLiveCache } from "./live-cache.ts";
import { type FillRandom, randomToken } from "./randomness.ts";
import { notFound, unauthenticated } from "./refusals.ts";
import type { Revocations } from "./revocations.ts";

export interface SessionsOptions {
  readonly accounts: AccountRepositories;
  readonly config: () => AccountsConfig;
  readonly tokens: AccessTokens;
  /** From this, and a refresh token, its successor follows: so it can be told twice without being kept. */
  readonly refreshKey: Uint8Array;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly newId: () => string;
  readonly fillRandom: FillRandom;
  readonly log: Logger;
}

export interface IssuedTokens {
  readonly accessToken: string;
  readonly expiresInS: number;
  readonly refreshToken: string;
  readonly sessionId: string;
  readonly user: User;
}

export interface Sessions {
  /**
   * `epoch` as it was when the person proved who he is. `undefined`: the account has been switched off, or all its
   * sessions ended, since.
   */
  begin(
    user: { readonly id: number; readonly epoch: number },
    method: string,
    origin: Origin,
  ): Promise<IssuedTokens | undefined>;
  /** Throws `unauthenticated` for a token that is unknown, used up, expired, or of a session that has ended. */
  refresh(refreshToken: string, origin: Origin): Promise<IssuedTokens>;
  /** Who shows this access token. Without a promise when it was shown a moment ago. */
  find(accessToken: string): MaybePromise<Identity | undefined>;
  /** Ends the session of the caller, and the one a refresh token belongs to; with `all`, every session of the person. */
  logout(
    what: { readonly identity?: Identity; readonly refreshToken?: string; readonly all?: boolean },
    origin: Origin,
  ): Promise<void>;
  list(caller: Caller, page?: PageRequest): Promise<Page<Session & { readonly isCurrent: boolean }>>;
  /** Throws 404 for sessions of others too. */
  revoke(id: string, caller: Caller): Promise<void>;
  /** What this identity, once found, is now, at home; past every cache. */
  renew(identity: Identity): Promise<Identity | undefined>;
  /** Writes when sessions were last seen; for the end of the process. */
  flush(): Promise<void>;
}

/** A client whose answer got lost asks again with the token it has; it gets the same successor for so long. */
const GRACE_MS = 10_000;
const REFRESH_LENGTH = 43;

interface Known {
  readonly identity: Identity;
  readonly method: string;
}

export function createSessions(options: SessionsOptions): Sessions {
  const { accounts, config, tokens, refreshKey, revocations, clock, schedule, newId, fillRandom, log } = options;
  const cache = createLiveCache<Known>({ clock, outsideVersion: accounts.outsideVersion });
  revocations.subscribe(cache.clear);
  const lastSeen = createLastUse({
    clock,
    schedule,
    write: accounts.sessions.touch,
    onError: (error) => log.warn("when sessions were last seen cannot be written", { error }),
  });

  const successorOf = (refreshToken: string): string =>
    createHmac("sha256", refreshKey).update(refreshToken).digest("base64url");

  const issue = async (standing: SessionStanding, refreshToken: string): Promise<IssuedTokens | undefined> => {
    const { session, user } = standing;
    const account = await accounts.users.find(user.id);
    if (account === undefined) return undefined;
    const now = clock.now();
    const expiresAt = Math.min(now + config().auth.jwt.accessTtlMs, session.expiresAt);
    return {
      accessToken: await tokens.issue({ userId: user.id, sessionId: session.id, expiresAt }),
      expiresInS: Math.max(1, Math.floor((expiresAt - now) / 1000)),
      refreshToken,
      sessionId: session.id,
      user: account,
    };
  };

  const load = async (id: string): Promise<Known | undefined> => {
    const standing = await accounts.sessions.standing(id);
    return standing === undefined
      ? undefined
      : { identity: sessionIdentity(standing), method: standing.session.method };
  };
  const judge = (known: Known | undefined, token: VerifiedToken): Identity | undefined => {
    if (known === undefined || known.identity.userId !== token.userId) return undefined;
    if (known.method === "password" && isSsoOnly(config())) return undefined;
    lastSeen.note(token.sessionId);
    return known.identity;
  };
  const identify = (token: VerifiedToken | undefined): MaybePromise<Identity | undefined> => {
    if (token === undefined) return undefined;
    const { sessionId } = token;
    const known = cache.get(sessionId);
    if (known !== undefined) return judge(known, token);
    return cache.load(sessionId, () => load(sessionId)).then((loaded) => judge(loaded, token));
  };

  return {
    async begin(user, method, origin) {
      const { refreshTtlMs, sessionTtlMs } = config().auth.jwt;
      const now = Math.floor(clock.now());
      const refreshToken = randomToken(fillRandom);
      const expiresAt = now + sessionTtlMs;
      const standing = await accounts.sessions.create(
        {
          id: newId(),
          userId: user.id,
          epoch: user.epoch,
          method,
          ip: origin.ip,
          userAgent: origin.userAgent?.slice(0, 256) ?? null,
          expiresAt,
          idleExpiresAt: Math.min(now + refreshTtlMs, expiresAt),
          refreshHash: digestSecretHex(refreshToken),
        },
        anonymousActor(origin, method),
      );
      return standing === undefined ? undefined : issue(standing, refreshToken);
    },

    async refresh(refreshToken, origin) {
      const refused = () => unauthenticated("invalid_refresh_token", "The refresh token is not valid");
      if (refreshToken.length !== REFRESH_LENGTH) throw refused();
      const successor = successorOf(refreshToken);
      const outcome = await accounts.sessions.rotate(
        {
          hash: digestSecretHex(refreshToken),
          successorHash: digestSecretHex(successor),
          graceMs: GRACE_MS,
          idleMs: config().auth.jwt.refreshTtlMs,
          refusedMethod: isSsoOnly(config()) ? "password" : null,
        },
        anonymousActor(origin, "refresh"),
      );
      if (outcome.type === "replayed") {
        const { sessionId, userId } = outcome;
        log.warn("a refresh token was used a second time; its session has ended", { user: userId, session: sessionId });
        revocations.emit({ type: "ended", principalId: principalOfUser(userId), sessionId });
        throw refused();
      }
      if (outcome.type === "refused") throw refused();
      const issued = await issue(outcome.standing, successor);
      if (issued === undefined) throw refused();
      return issued;
    },

    find(accessToken) {
      const verified = tokens.verify(accessToken);
      return verified instanceof Promise ? verified.then(identify) : identify(verified);
    },

    async logout({ identity, refreshToken, all = false }, origin) {
      const named: { readonly id: string; readonly userId: number; readonly isUsed: boolean }[] = [];
      if (identity?.sessionId !== undefined && identity.userId !== null) {
        named.push({ id: identity.sessionId, userId: identity.userId, isUsed: false });
      }
      if (refreshToken !== undefined && refreshToken.length === REFRESH_LENGTH) {
        const found = await accounts.sessions.findByRefresh(digestSecretHex(refreshToken));
        if (found !== undefined && found.id !== identity?.sessionId) named.push(found);
      }
      for (const { id, userId, isUsed } of named) {
        const principalId = principalOfUser(userId);
        const by = { ...anonymousActor(origin, "logout"), actor: principalId, userId };
        // A token that somebody may have picked up long ago is good for no more than its own session.
        if (all && !isUsed) {
          await accounts.sessions.revokeAll(userId, by);
          revocations.emit({ type: "ended", principalId });
        } else if (await accounts.sessions.revoke(id, userId, by)) {
          revocations.emit({ type: "ended", principalId, sessionId: id });
        }
      }
    },

    async list(caller, page) {
      const { userId, sessionId } = requireSession(caller);
      const found = await accounts.sessions.list(userId, page);
      return { ...found, items: found.items.map((session) => ({ ...session, isCurrent: session.id === sessionId })) };
    },

    async revoke(id, caller) {
      const { userId } = requireSession(caller);
      if (!(await accounts.sessions.revoke(id, userId, actorOf(caller)))) throw notFound();
      revocations.emit({ type: "ended", principalId: principalOfUser(userId), sessionId: id });
    },

    async renew({ sessionId, userId }) {
      if (sessionId === undefined || userId === null) return undefined;
      const known = await load(sessionId);
      const isRefused = known?.identity.userId !== userId || (known.method === "password" && isSsoOnly(config()));
      return isRefused ? undefined : known.identity;
    },

    flush: lastSeen.flush,
  };
}
