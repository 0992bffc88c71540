/** Judges ID tokens: signed by a key of the provider, for us, now, in answer to this very sign-in. */
import { createLocalJWKSet, type JSONWebKeySet, errors as joseErrors, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { JsonObject } from "../contract/chat.ts";
import { RelayError } from "../contract/errors.ts";
import { sharing } from "../support/sharing.ts";

/** Signatures that only the holder of a private key can make: a shared secret or none is never enough. */
export const ID_TOKEN_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

/** Clocks of two machines may differ by so much. */
export const ID_TOKEN_TOLERANCE_S = 60;
/** OpenID Connect Core section 2. */
const SUBJECT_LENGTH_MAX = 255;

export interface IdTokenRules {
  /** Exactly as the provider's metadata names it. */
  readonly issuer: string;
  readonly clientId: string;
  readonly nonce: string;
  /** A subset of `ID_TOKEN_ALGORITHMS`. */
  readonly algorithms: readonly string[];
  /** ms since epoch. */
  readonly now: number;
}

export type IdTokenClaims = JsonObject & { readonly sub: string };

/** OpenID Connect Core section 3.1.3.7. Throws `unauthenticated` (`id_token_invalid`); the cause names the rule. */
export async function verifyIdToken(token: string, key: JWTVerifyGetKey, rules: IdTokenRules): Promise<IdTokenClaims> {
  const { issuer, clientId, nonce, algorithms, now } = rules;
  let claims: JsonObject;
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [...algorithms],
      issuer,
      audience: clientId,
      requiredClaims: ["sub", "iat", "exp", "nonce"],
      clockTolerance: ID_TOKEN_TOLERANCE_S,
      currentDate: new Date(now),
    });
    claims = payload as JsonObject;
  } catch (cause) {
    if (RelayError.is(cause)) throw cause;
    // Messages of the library name claims and rules; a token's content is in other fields, which are not kept.
    throw refuse(cause instanceof joseErrors.JOSEError ? `${cause.code}: ${cause.message}` : "the key is not usable");
  }
  const { aud, azp, iat, sub } = claims;
  // The library takes a list with us in it; a token that somebody else may use as well is not for us.
  const isOnlyForUs = aud === clientId || (Array.isArray(aud) && aud.length === 1 && aud[0] === clientId);
  if (!isOnlyForUs) throw refuse("aud names others too");
  if (azp !== undefined && azp !== clientId) throw refuse("azp is another client");
  if (typeof iat !== "number" || iat > now / 1000 + ID_TOKEN_TOLERANCE_S) throw refuse("iat lies in the future");
  if (claims["nonce"] !== nonce) throw refuse("nonce is another");
  if (typeof sub !== "string" || sub === "" || sub.length > SUBJECT_LENGTH_MAX) throw refuse("sub is no subject");
  return claims as IdTokenClaims;
}

function refuse(reason: string): RelayError {
  return new RelayError("unauthenticated", "The ID token is not valid.", {
    wireCode: "id_token_invalid",
    cause: new Error(reason),
  });
}

/** Keys are read anew after so long, so that one the provider has withdrawn stops counting. */
const KEYS_MAX_AGE_MS = 3_600_000;
/** A key nobody knows is looked for once in so long: names of keys are free to invent. */
const UNKNOWN_KEY_PAUSE_MS = 5 * 60_000;

/** The provider's signing keys: kept for an hour, read again at once when a new one appears. `now`: ms since epoch. */
export function createKeySource(now: () => number, load: () => Promise<JSONWebKeySet>): JWTVerifyGetKey {
  let known: { readonly find: ReturnType<typeof createLocalJWKSet>; readonly at: number } | undefined;
  let lastUnknownAt = Number.NEGATIVE_INFINITY;
  let lookedFor: Promise<{ readonly find: ReturnType<typeof createLocalJWKSet> }> | undefined;

  const read = sharing(async () => {
    const keys = await load();
    try {
      known = { find: createLocalJWKSet(keys), at: now() };
    } catch {
      throw new RelayError("upstream-malformed", "The identity provider's keys are no key set.");
    }
    return known;
  });
  const lookAnew = () => {
    lastUnknownAt = now();
    lookedFor = read();
    lookedFor.catch(() => {
      lastUnknownAt = Number.NEGATIVE_INFINITY;
    });
  };

  return async (header, token) => {
    const isFresh = known !== undefined && Math.abs(now() - known.at) < KEYS_MAX_AGE_MS;
    const current = known !== undefined && isFresh ? known : await read();
    try {
      return await current.find(header, token);
    } catch (error) {
      if (!(error instanceof joseErrors.JWKSNoMatchingKey) || !isFresh) throw error;
      if (Math.abs(now() - lastUnknownAt) >= UNKNOWN_KEY_PAUSE_MS) lookAnew();
      // Those who come while others look wait with them: all of them may be right.
      const latest = await lookedFor;
      if (latest === undefined) throw error;
      return await latest.find(header, token);
    }
  };
}
