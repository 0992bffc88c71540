/** The identities that a person signs in with, and the way out at the provider that this session came from. */
import { RelayError } from "../contract/errors.ts";
import type { Logger } from "../contract/host.ts";
import type { AccountRepositories, LinkedIdentity } from "../store/types.ts";
import type { Clock } from "../support/clock.ts";
import type { AuditTrail } from "./audit.ts";
import { type AccountsConfig, actorOf, type Caller, isSsoOnly, requireFresh, requireSession } from "./caller.ts";
import { principalOfUser } from "./identity.ts";
import { conflict, notFound } from "./refusals.ts";
import type { Revocations } from "./revocations.ts";
import { PROVIDER_MAX_MS, type SignIns } from "./sign-in.ts";

export interface SignInLinksOptions {
  readonly accounts: AccountRepositories;
  readonly config: () => AccountsConfig;
  readonly audit: AuditTrail;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface SignInLinks {
  /** Throws 403 `session_required`, `reauth_required`. */
  list(caller: Caller): Promise<readonly LinkedIdentity[]>;
  /** Other sessions end. Throws 403, 404, and 409 `last_login_method`. */
  unlink(id: number, caller: Caller): Promise<void>;
  /** Where the provider of this session ends its own; `undefined`: it has no such place, or cannot say. */
  logoutUrl(
    caller: Caller,
    entries: SignIns,
    to: { readonly redirectUri: string; readonly idToken?: string },
  ): Promise<URL | undefined>;
}

const METHOD = /^sso:(.+)$/;

export function createSignInLinks(options: SignInLinksOptions): SignInLinks {
  const { accounts, config, audit, revocations, clock, log } = options;
  const requireProven = (caller: Caller) => {
    const session = requireSession(caller);
    requireFresh(caller, config().auth.reauthTtlMs, clock.now());
    return session;
  };

  return {
    async list(caller) {
      return accounts.users.identities(requireProven(caller).userId);
    },

    unlink: (id, caller) =>
      audit.refusing(caller, "identity.unlink", caller.identity.id, async () => {
        const { userId, sessionId } = requireProven(caller);
        const isPasswordUsable = !isSsoOnly(config());
        const outcome = await accounts.users.unlink(userId, id, sessionId, isPasswordUsable, actorOf(caller));
        if (outcome === "not-found") throw notFound();
        if (outcome === "last-login-method") {
          throw conflict("last_login_method", "Without this identity nobody could sign in to the account");
        }
        revocations.emit({ type: "ended", principalId: principalOfUser(userId), exceptSessionId: sessionId });
      }),

    async logoutUrl(caller, entries, { redirectUri, idToken }) {
      const { sessionId } = requireSession(caller);
      const standing = await accounts.sessions.standing(sessionId);
      const provider = METHOD.exec(standing?.session.method ?? "")?.[1];
      const signIn = provider === undefined ? undefined : entries.get(provider)?.signIn;
      if (signIn?.logoutUrl === undefined) return undefined;
      const signal = AbortSignal.timeout(PROVIDER_MAX_MS);
      try {
        return await signIn.logoutUrl({ redirectUri, ...(idToken === undefined ? {} : { idToken }), signal });
      } catch (error) {
        // The session here ends whether or not the provider is there.
        log.warn("an identity provider could not say where to sign out", { provider, error: RelayError.from(error) });
        return undefined;
      }
    },
  };
}
