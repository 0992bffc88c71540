/** Signing in through an identity provider: state, PKCE, nonce and browser on the way out, an account on the way back. */
import { createHash } from "node:crypto";
import type { SignIn } from "../contract/auth.ts";
import { RelayError } from "../contract/errors.ts";
import type { Logger } from "../contract/host.ts";
import type { SsoProviderConfig } from "../config/types.ts";
import type { AccountRepositories, User } from "../store/types.ts";
import type { Clock } from "../support/clock.ts";
import { sameSecret } from "../support/secret.ts";
import { type AccountsConfig, actorOf, type Caller, type Origin, requireFresh, requireSession } from "./caller.ts";
import { principalOfUser } from "./identity.ts";
import { type FillRandom, randomToken } from "./randomness.ts";
import { badRequest, conflict, unauthenticated } from "./refusals.ts";
import type { Revocations } from "./revocations.ts";
import type { IssuedTokens, Sessions } from "./session.ts";
import type { Person, SignInAccounts } from "./sign-in-account.ts";
import { createOneTimeStore } from "./sign-in-store.ts";

/** A configured identity provider, set up. */
export interface SignInEntry {
  readonly config: SsoProviderConfig;
  readonly signIn: SignIn;
}

/** By id, in the configured order: those that may be used. */
export type SignIns = ReadonlyMap<string, SignInEntry>;

export interface SignInsOptions {
  readonly accounts: AccountRepositories;
  readonly config: () => AccountsConfig;
  readonly sessions: Pick<Sessions, "begin" | "renew">;
  readonly people: SignInAccounts;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly fillRandom: FillRandom;
  readonly log: Logger;
}

export interface Begun {
  readonly loginUrl: URL;
  readonly state: string;
  /** For a cookie that only this browser has; it is asked for twice. */
  readonly browser: string;
}

export interface Answer {
  /** The provider whose own callback was used; absent at the callback that all share. */
  readonly providerId?: string;
  readonly code?: string;
  readonly state?: string;
  /** RFC 9207. */
  readonly issuer?: string;
  /** As the provider says it; never repeated. */
  readonly error?: string;
  /** What the browser's cookie holds. */
  readonly browser?: string;
}

/** Where the browser goes next. `error` is one of the fixed words of `SIGN_IN_ERRORS`. */
export type Finished = { readonly returnTo: string | undefined } & (
  | { readonly code: string }
  | { readonly error: SignInError }
);

export interface SignInFlow {
  /**
   * `redirectUri`: of the relay, absolute. `link`: the signed-in person whose account gets the identity. Throws 403
   * `session_required`, `reauth_required`; 502 or 504 when the provider does not play along.
   */
  begin(
    entry: SignInEntry,
    to: { readonly redirectUri: string; readonly returnTo: string | undefined; readonly link?: Caller },
  ): Promise<Begun>;
  /** Never throws for what came from outside: the browser is told by a word in the fragment. */
  finish(entries: SignIns, answer: Answer, origin: Origin): Promise<Finished>;
  /** The tokens for a one-time code, in the browser that it was made for. Throws 400 `code_invalid`. */
  exchange(code: string, browser: string | undefined, origin: Origin): Promise<IssuedTokens>;
}

/** What `#sso_error=` may say. */
export const SIGN_IN_ERRORS = [
  "state_invalid",
  "sso_disabled",
  "access_denied",
  "provider_error",
  "provider_unavailable",
  "sign_in_refused",
  "not_allowed",
  "account_inactive",
  "registration_closed",
  "invite_required",
  "invite_invalid",
  "setup_token_required",
  "identity_taken",
  "link_expired",
  "internal",
] as const;
export type SignInError = (typeof SIGN_IN_ERRORS)[number];

/** Sign-ins under way, and how long one may take (R59). */
export const PENDING_MAX = 10_000;
export const PENDING_MS = 600_000;
export const CODE_MS = 60_000;
/** All that a plugin asks of its provider for one half of a sign-in. */
export const PROVIDER_MAX_MS = 15_000;

interface Pending {
  readonly providerId: string;
  readonly redirectUri: string;
  readonly returnTo: string | undefined;
  readonly browser: string;
  readonly codeVerifier: string;
  readonly nonce: string;
  readonly link: Caller | undefined;
  readonly isShared: boolean;
}

interface Ready {
  readonly user: { readonly id: number; readonly epoch: number };
  readonly method: string;
  readonly browser: string;
}

export function createSignInFlow(options: SignInsOptions): SignInFlow {
  const { accounts, config, sessions, people, revocations, clock, fillRandom, log } = options;
  const pending = createOneTimeStore<Pending>({ clock, ttlMs: PENDING_MS, max: PENDING_MAX });
  const ready = createOneTimeStore<Ready>({ clock, ttlMs: CODE_MS, max: PENDING_MAX });

  /** The account that asked gets the identity, if whoever asked is still there. */
  const link = async (caller: Caller, entry: SignInEntry, person: Person): Promise<User> => {
    const { identity } = caller;
    const { userId, sessionId } = requireSession(caller);
    if ((await sessions.renew(identity)) === undefined) throw linkExpired();
    const { subject, verifiedEmail } = person;
    const added = { provider: entry.config.id, subject, email: verifiedEmail };
    const outcome = await accounts.users.link(userId, added, sessionId, actorOf(caller));
    if (outcome === "taken") throw conflict("identity_taken", "This identity belongs to another account");
    if (outcome === "not-found") throw linkExpired();
    if (outcome === "linked") {
      revocations.emit({ type: "ended", principalId: principalOfUser(userId), exceptSessionId: sessionId });
    }
    const user = await accounts.users.find(userId);
    if (user === undefined) throw linkExpired();
    return user;
  };

  const signIn = async (begun: Pending, entry: SignInEntry, answer: Answer, origin: Origin): Promise<string> => {
    const { redirectUri, codeVerifier, nonce, browser } = begun;
    const { code, issuer } = answer;
    if (code === undefined) throw unauthenticated("code_refused", "The provider sent no code");
    const profile = await asked(() =>
      entry.signIn.finish({
        code,
        redirectUri,
        codeVerifier,
        nonce,
        ...(issuer === undefined ? {} : { issuer }),
        signal: AbortSignal.timeout(PROVIDER_MAX_MS),
      }),
    );
    const person = await people.admit(entry, profile);
    const { id, epoch } =
      begun.link === undefined ? await people.find(entry, person, origin) : await link(begun.link, entry, person);
    await people.tie(entry);
    const oneTimeCode = randomToken(fillRandom);
    ready.put(oneTimeCode, { user: { id, epoch }, method: `sso:${entry.config.id}`, browser });
    return oneTimeCode;
  };

  const report = (providerId: string, cause: unknown, origin: Origin): SignInError => {
    const error = wordFor(cause);
    const fields = { provider: providerId, outcome: error, ip: origin.ip, req: origin.requestId, error: cause };
    if (error === "internal") log.error("a sign-in failed inside the relay", fields);
    else if (error === "provider_unavailable") log.warn("an identity provider let a sign-in down", fields);
    else log.info("a sign-in was refused", fields);
    return error;
  };

  return {
    async begin({ config: { id, callback }, signIn: provider }, { redirectUri, returnTo, link: linking }) {
      if (linking !== undefined) {
        requireSession(linking);
        requireFresh(linking, config().auth.reauthTtlMs, clock.now());
      }
      const [state, browser, codeVerifier, nonce] = [0, 0, 0, 0].map(() => randomToken(fillRandom)) as Four;
      const codeChallenge = createHash("sha256").update(codeVerifier).digest("base64url");
      const signal = AbortSignal.timeout(PROVIDER_MAX_MS);
      let loginUrl: URL;
      try {
        loginUrl = await asked(() => provider.begin({ redirectUri, state, codeChallenge, nonce, signal }));
      } catch (cause) {
        log.warn("an identity provider cannot begin a sign-in", { provider: id, error: cause });
        throw unavailable(cause);
      }
      const isShared = callback === "shared";
      const begun = { providerId: id, redirectUri, returnTo, browser, codeVerifier, nonce, link: linking, isShared };
      pending.put(state, begun);
      return { loginUrl, state, browser };
    },

    async finish(entries, answer, origin) {
      const { state, browser, providerId } = answer;
      const begun = state === undefined ? undefined : pending.take(state);
      const isOurs =
        begun !== undefined &&
        browser !== undefined &&
        sameSecret(browser, begun.browser) &&
        (providerId === undefined ? begun.isShared : !begun.isShared && providerId === begun.providerId);
      if (begun === undefined || !isOurs) {
        log.info("an answer to no sign-in of this browser was refused", { ip: origin.ip, req: origin.requestId });
        return { returnTo: undefined, error: "state_invalid" };
      }
      const { returnTo } = begun;
      const entry = entries.get(begun.providerId);
      if (entry === undefined) return { returnTo, error: "sso_disabled" };
      if (answer.error !== undefined) {
        return { returnTo, error: answer.error === "access_denied" ? "access_denied" : "provider_error" };
      }
      try {
        return { returnTo, code: await signIn(begun, entry, answer, origin) };
      } catch (cause) {
        return { returnTo, error: report(begun.providerId, cause, origin) };
      }
    },

    async exchange(code, browser, origin) {
      const invalid = () => badRequest("code_invalid", "The code is not valid any more; sign in again");
      const found = ready.take(code);
      if (found === undefined || browser === undefined || !sameSecret(browser, found.browser)) throw invalid();
      const issued = await sessions.begin(found.user, found.method, origin);
      // Since the provider's answer the account has been switched off, or all its sessions ended.
      if (issued === undefined) throw invalid();
      return issued;
    },
  };
}

type Four = [string, string, string, string];

/** One word for each kind of failure: what went wrong in particular is for the log. */
function wordFor(cause: unknown): SignInError {
  if (!RelayError.is(cause)) return "internal";
  const known = SIGN_IN_ERRORS.find((word) => word === cause.wireCode);
  if (known !== undefined) return known;
  if (cause.code.startsWith("upstream-")) return "provider_unavailable";
  return cause.code === "unauthenticated" || cause.code === "forbidden" ? "sign_in_refused" : "internal";
}

/** Whatever a plugin throws that is no failure of the table is a fault of the way to the provider, not of ours. */
async function asked<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw RelayError.from(cause, "upstream-unavailable", "The sign-in plugin failed.");
  }
}

function unavailable(cause: unknown): RelayError {
  const code = RelayError.is(cause) && cause.code === "upstream-timeout" ? "upstream-timeout" : "upstream-unavailable";
  return new RelayError(code, "The identity provider is not available at the moment", {
    wireCode: "provider_unavailable",
    cause,
    status: code === "upstream-timeout" ? 504 : 502,
  });
}

function linkExpired(): RelayError {
  return unauthenticated("link_expired", "The session that asked for the link has ended");
}
