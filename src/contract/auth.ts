/** What an auth plugin promises: to recognise a caller, to run a sign-in, or both. */
import type { Static, TObject, TSchema } from "@sinclair/typebox";
import type { Host, Identity } from "./host.ts";

/** What the edge found on the request, parsed once, so no plugin reads credentials its own way. */
export interface Credentials {
  /**
   * The one credential of the request, whatever header carried it: `Authorization: Bearer`, `x-access-key`,
   * `x-api-key`, `x-goog-api-key`, or `?key=` on Gemini routes. Already checked: ≤ 4096 of `[A-Za-z0-9._~+/=-]`.
   */
  readonly bearer?: string;
  /** The session cookie; present only on same-origin requests without any other credential. */
  readonly session?: string;
  /** Address of the peer, or of the client behind a trusted proxy. */
  readonly remoteAddress: string;
  readonly headers: Headers;
}

export type AuthOutcome =
  /** Not my kind of credential: ask the next plugin. */
  | { readonly type: "skip" }
  | { readonly type: "accept"; readonly identity: Identity }
  /** My kind, but bad: stop here with 401. `reason` is for the log. */
  | { readonly type: "reject"; readonly reason: string };

/** Who somebody is at an identity provider, as that provider vouches for it at this moment. */
export interface Profile {
  /** The provider's immutable id, 1 to 255 characters; never the e-mail. */
  readonly subject: string;
  /** Absent unless the provider vouches for it. */
  readonly verifiedEmail?: string;
  /** What a new account is named after; need not be unique. */
  readonly displayName?: string;
  /** Unique at the provider today, but its holder may give it away: for the first look at somebody only. */
  readonly login?: string;
  readonly groups?: readonly string[];
}

/**
 * The two halves of a sign-in (OAuth 2.0 authorization code with PKCE). State, PKCE, browser, linking and sessions are
 * the house's; a plugin builds a URL and turns a code into a profile.
 *
 * Throws of either: `RelayError` with `unauthenticated` or `forbidden` is a refusal of the person; everything else is a
 * failure of the provider. Messages and causes may be logged: no secret, code or token in them.
 */
export interface SignIn {
  readonly label: string;
  /** Where to send the browser. The answer must come back to `redirectUri`, with `state`; the challenge is S256. */
  begin(login: {
    redirectUri: string;
    state: string;
    codeChallenge: string;
    nonce: string;
    signal: AbortSignal;
  }): URL | Promise<URL>;
  /** `issuer`: the `iss` that came with the code (RFC 9207), unchecked. */
  finish(login: {
    code: string;
    redirectUri: string;
    codeVerifier: string;
    nonce: string;
    issuer?: string;
    signal: AbortSignal;
  }): Promise<Profile>;
  /** Where the person ends the session at the provider too; `undefined` = the provider has no such place. */
  logoutUrl?(logout: {
    redirectUri: string;
    idToken?: string;
    signal: AbortSignal;
  }): URL | undefined | Promise<URL | undefined>;
}

export interface Auth {
  /** Called once per request, also when it shows neither `bearer` nor `session`. A throw is a technical failure: 503, never 401. ≤ 5 s. */
  authenticate?(credentials: Credentials): AuthOutcome | Promise<AuthOutcome>;
  readonly signIn?: SignIn;
  dispose?(): void | Promise<void>;
}

export interface AuthPlugin<Options extends TObject = TObject> {
  readonly kind: "auth";
  /** `[a-z0-9][a-z0-9-]{0,31}`; the name in `auth.chain`. */
  readonly id: string;
  readonly apiVersion?: number;
  readonly version?: string;
  readonly homepage?: string;
  readonly options: Options;
  setup(options: Static<Options>, host: Host): Auth | Promise<Auth>;
}

export type AnyAuthPlugin = Omit<AuthPlugin, "options" | "setup"> & {
  readonly options: TSchema;
  setup(options: never, host: Host): Auth | Promise<Auth>;
};
