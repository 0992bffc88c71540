/** Access tokens that a vendor lends for a while: fetched once for all callers, renewed before they run out. */
import { RelayError } from "../contract/errors.ts";

export interface LentToken<Value = string> {
  readonly value: Value;
  /** How long it is good from now on, ms; `Infinity` = until it is refused. */
  readonly lifetimeMs: number;
}

export interface TokenSourceOptions<Value = string> {
  /** Asks the vendor; the signal ends with the plugin's generation, not with a call. */
  readonly issue: () => Promise<LentToken<Value>>;
  /** ms since epoch. */
  readonly now: () => number;
  /** A token that has less left is renewed while it still serves. Default five minutes, at most half its life. */
  readonly earlyMs?: number;
}

const EARLY_MS = 5 * 60_000;
/** Whoever refuses a token as young as this means something else than its age. */
const YOUNG_MS = 30_000;
const REMEMBERED_MAX = 4;

interface Held<Value> {
  readonly value: Value;
  /** All three in ms since epoch. */
  readonly lentAt: number;
  readonly renewAt: number;
  readonly endsAt: number;
}

/** Whoever waits: a call that ends does not wait on. */
interface Waiter {
  readonly signal: AbortSignal;
}

export interface TokenSource<Value = string> {
  (waiter: Waiter): Value | Promise<Value>;
  /**
   * A request with a token was refused. `true` = it came from here, and a request with the next one is worth a try: it
   * is forgotten, or has been replaced already. `false` for a token of the last half minute: that one is not too old.
   */
  refused(isIt: (value: Value) => boolean): boolean;
}

/**
 * Makes a function that gives the current token: at once while there is one, else as soon as it has come. However many
 * ask, the vendor is asked once. What `issue` throws, those who wait get; the next who asks tries anew.
 *
 * @example
 * const token = createTokenSource({ issue: () => exchange(host), now: host.now });
 * const headers = { authorization: `Bearer ${await token(call)}` };
 */
export function createTokenSource<Value = string>(options: TokenSourceOptions<Value>): TokenSource<Value> {
  const { issue, now, earlyMs = EARLY_MS } = options;
  let current: Held<Value> | undefined;
  /** The latest last; late refusals of a token that has been replaced are still told from those of others. */
  const lent: Held<Value>[] = [];
  let pending: Promise<Value> | undefined;

  const renew = (): Promise<Value> => {
    pending ??= issue()
      .then(({ value, lifetimeMs }) => {
        const at = now();
        const endsAt = at + lifetimeMs;
        current = { value, lentAt: at, endsAt, renewAt: endsAt - Math.min(earlyMs, lifetimeMs / 2) };
        if (lent.push(current) > REMEMBERED_MAX) lent.shift();
        return value;
      })
      .finally(() => {
        pending = undefined;
      });
    return pending;
  };

  const give = (waiter: Waiter): Value | Promise<Value> => {
    const at = now();
    if (current === undefined || at >= current.endsAt) return unlessGone(renew(), waiter);
    // A failure here is nobody's yet: the token still serves, and is asked for again.
    if (at >= current.renewAt && pending === undefined) renew().catch(() => {});
    return current.value;
  };
  const refused = (isIt: (value: Value) => boolean): boolean => {
    const found = lent.findLast(({ value }) => isIt(value));
    if (found === undefined || (found === current && now() - found.lentAt < YOUNG_MS)) return false;
    if (found === current) current = undefined;
    return true;
  };
  return Object.assign(give, { refused });
}

function unlessGone<Value>(token: Promise<Value>, { signal }: Waiter): Promise<Value> {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  const leave = (): void => reject(new RelayError("client-closed", "The call ended before its token came."));
  if (signal.aborted) leave();
  signal.addEventListener("abort", leave, { once: true });
  token.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  return promise;
}

/** Where a token is fetched: a form in, `{access_token, expires_in}` out, as OAuth has it (RFC 6749 §5.1). */
export interface TokenRequest {
  readonly url: string;
  readonly form: Readonly<Record<string, string>>;
  /** `host.fetch`. */
  readonly send: (input: string, init: RequestInit) => Promise<Response>;
  /** `host.signal`. */
  readonly signal: AbortSignal;
}

/** A server that does not say how long is taken at its word for this long. */
const LIFETIME_DEFAULT_S = 300;

/**
 * Exchanges credentials for an access token.
 *
 * @example
 * const form = { grant_type: "client_credentials", client_id: id, client_secret: secret, scope };
 * const token = await fetchToken({ url, form, send: host.fetch, signal: host.signal });
 *
 * @throws RelayError `upstream-credential` when they are refused, `upstream-unavailable` when nobody answers,
 * `upstream-malformed` when the answer holds no token; nothing of the credentials or of the answer is in its message
 */
export async function fetchToken({ url, form, send, signal }: TokenRequest): Promise<LentToken> {
  let response: Response;
  let body: unknown;
  try {
    response = await send(url, { method: "POST", body: new URLSearchParams(form), signal });
    body = await response.json().catch(() => undefined);
  } catch (cause) {
    throw new RelayError("upstream-unavailable", "The upstream's token service could not be reached.", { cause });
  }
  if (response.status >= 400 && response.status < 500 && response.status !== 429) {
    throw new RelayError("upstream-credential", "The upstream refused the relay's credentials.");
  }
  if (!response.ok) throw new RelayError("upstream-unavailable", "The upstream's token service failed.");
  const { access_token: value, expires_in: lifetime } = (body ?? {}) as Record<string, unknown>;
  if (typeof value !== "string" || value === "") {
    throw new RelayError("upstream-malformed", "The upstream's token service gave no token.");
  }
  const seconds = Number(lifetime ?? LIFETIME_DEFAULT_S);
  return { value, lifetimeMs: (seconds > 0 ? seconds : LIFETIME_DEFAULT_S) * 1000 };
}

export interface JwtClaims {
  readonly issuer: string;
  readonly audience: string;
  readonly scope: string;
  /** Names the key among several of its owner. */
  readonly keyId?: string;
  /** PKCS #8 in PEM. */
  readonly privateKey: string;
  /** ms since epoch. */
  readonly now: number;
}

/** How long an assertion is good; vendors take an hour at most. */
const ASSERTION_SECONDS = 3600;

/**
 * A statement signed with a service account's key (RS256), to be exchanged for a token (RFC 7523 §2.1).
 *
 * @example
 * const assertion = await signAssertion({ issuer: email, audience: url, scope, privateKey, now: host.now() });
 * const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion };
 *
 * @throws RelayError `upstream-credential` when the key cannot be read
 */
export async function signAssertion({ issuer, audience, scope, keyId, privateKey, now }: JwtClaims): Promise<string> {
  // Loaded here, because most configurations have no service account.
  const { importPKCS8, SignJWT } = await import("jose");
  const issuedAt = Math.floor(now / 1000);
  try {
    const key = await importPKCS8(privateKey, "RS256");
    return await new SignJWT({ scope })
      .setProtectedHeader({ alg: "RS256", typ: "JWT", ...(keyId === undefined ? {} : { kid: keyId }) })
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + ASSERTION_SECONDS)
      .sign(key);
  } catch (cause) {
    throw new RelayError("upstream-credential", "The service account's private key cannot be used.", { cause });
  }
}
