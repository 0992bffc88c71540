/** Signing in with a password, and proving it again: the same answer and the same time for everything that is wrong. */
import type { Logger } from "../contract/host.ts";
import { RelayError } from "../contract/errors.ts";
import type { AccountRepositories, User } from "../store/types.ts";
import type { Clock } from "../support/clock.ts";
import type { AuditTrail } from "./audit.ts";
import { type AccountsConfig, actorOf, type Caller, type Origin, refuseIfSsoOnly, requireSession } from "./caller.ts";
import { principalOfUser } from "./identity.ts";
import { canonicalEmail, canonicalName } from "./names.ts";
import { checkGivenPassword, checkNewPassword } from "./password-rules.ts";
import type { Passwords } from "./password.ts";
import { badRequest, throwInvalid, unauthenticated } from "./refusals.ts";
import type { Revocations } from "./revocations.ts";
import type { IssuedTokens, Sessions } from "./session.ts";
import type { Throttle } from "./throttle.ts";

export interface LoginOptions {
  readonly accounts: AccountRepositories;
  readonly config: () => AccountsConfig;
  readonly passwords: Passwords;
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  readonly audit: Pick<AuditTrail, "refused">;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Login {
  /**
   * `username`: a name or an address. Throws 401 `invalid_credentials` for an unknown or inactive account, one without
   * a password, and a wrong password alike; 403 `sso_only`; 422 for a password that is too long to be one; 429.
   */
  login(input: { readonly username: string; readonly password: string }, origin: Origin): Promise<IssuedTokens>;
  /** Until when the proof counts, ms since epoch. Throws 400 `wrong_password`, 403, 429. */
  reauthenticate(password: string, caller: Caller): Promise<number>;
  /** Other sessions end. Throws 400 `wrong_password`, 403, 422, 429. */
  changePassword(input: { readonly oldPassword: string; readonly newPassword: string }, caller: Caller): Promise<void>;
}

const NAME_COUNTED_MAX = 256;

export function createLogin(options: LoginOptions): Login {
  const { accounts, config, passwords, sessions, throttle, audit, revocations, clock, log } = options;

  const find = (username: string) => {
    const email = username.includes("@") ? canonicalEmail(username) : undefined;
    // A name that nobody can have is looked for all the same, and not found.
    return accounts.users.findForSignIn(
      email === undefined ? { usernameKey: canonicalName(username) ?? "" } : { email },
    );
  };

  /** Throws `wrong_password` or `rate-limited`. */
  const prove = async (userId: number, password: string, caller: Caller, action: string): Promise<User> => {
    const found = await accounts.users.findForSignIn({ id: userId });
    const attempt = throttle.begin({ account: principalOfUser(userId), address: caller.origin.address });
    const isRight = await settled(attempt, () => passwords.verify(password, found?.passwordHash ?? null));
    if (found === undefined || !isRight) {
      attempt.failed();
      const refused = badRequest("wrong_password", "The password is not right");
      // Whoever has found somebody's session open does not get past this: its owner wants to know.
      await audit.refused(caller, action, principalOfUser(userId), refused);
      throw refused;
    }
    attempt.succeeded();
    return found.user;
  };

  const upgrade = async (user: User, password: string, stored: string): Promise<void> => {
    if (!passwords.isWeak(stored)) return;
    try {
      await accounts.users.upgradePassword(user.id, stored, await passwords.hash(password));
    } catch (error) {
      // There will be another sign-in; this one must not fail for it.
      log.warn("a password hash could not be renewed", { user: user.id, error });
    }
  };

  return {
    async login({ username, password }, origin) {
      refuseIfSsoOnly(config());
      passwords.refuseWhenFull();
      throwInvalid([checkGivenPassword("password", password)]);
      const found = await find(username);
      const attempt = throttle.begin({ account: countedAs(username), address: origin.address });
      const stored = found?.passwordHash ?? null;
      const isRight = await settled(attempt, () => passwords.verify(password, stored));
      if (found === undefined || stored === null || !isRight || !found.user.isActive) {
        attempt.failed();
        log.info("a sign-in failed", { user: found?.user.id ?? null, ip: origin.ip, req: origin.requestId });
        throw wrong();
      }
      attempt.succeeded();
      await upgrade(found.user, password, stored);
      const issued = await sessions.begin(found.user, "password", origin);
      if (issued === undefined) throw wrong();
      return issued;
    },

    async reauthenticate(password, caller) {
      const { userId, sessionId } = requireSession(caller);
      refuseIfSsoOnly(config());
      passwords.refuseWhenFull();
      throwInvalid([checkGivenPassword("password", password)]);
      await prove(userId, password, caller, "session.reauthenticate");
      const now = Math.floor(clock.now());
      if (!(await accounts.sessions.setReauthenticated(sessionId, now, actorOf(caller)))) throw sessionEnded();
      revocations.emit({ type: "changed", principalId: principalOfUser(userId), sessionId });
      return now + config().auth.reauthTtlMs;
    },

    async changePassword({ oldPassword, newPassword }, caller) {
      const { userId, sessionId } = requireSession(caller);
      refuseIfSsoOnly(config());
      throwInvalid([checkGivenPassword("old_password", oldPassword), checkGivenPassword("new_password", newPassword)]);
      const user = await prove(userId, oldPassword, caller, "user.set_password");
      const { auth, server } = config();
      const context = [user.username, user.email, server.publicHost];
      throwInvalid([checkNewPassword("new_password", newPassword, auth.password, context)]);
      const hash = await passwords.hash(newPassword);
      if (!(await accounts.users.setPassword(userId, hash, sessionId, actorOf(caller)))) throw sessionEnded();
      revocations.emit({ type: "ended", principalId: principalOfUser(userId), exceptSessionId: sessionId });
    },
  };
}

/**
 * Every spelling of a name is one, also of a name that nobody has. A name and an address are two, also of one account:
 * a pause that came with the other would tell whose address it is.
 */
function countedAs(username: string): string {
  const canonical = username.includes("@") ? canonicalEmail(username) : canonicalName(username);
  return `name:${canonical ?? username.slice(0, NAME_COUNTED_MAX).normalize("NFKC").toLowerCase()}`;
}

/** An attempt that could not be made, because too many wait, is no failure of the person. */
async function settled<T>(attempt: { withdrawn(): void }, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    attempt.withdrawn();
    throw error;
  }
}

function wrong(): RelayError {
  return unauthenticated("invalid_credentials", "Incorrect username or password");
}

function sessionEnded(): RelayError {
  return new RelayError("unauthenticated", "Unauthorized");
}
