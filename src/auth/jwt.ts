/** Access tokens: one algorithm, one type, every claim required, and a ring of keys so that a new one logs nobody out. */
import type { AuthConfig } from "../config/types.ts";
import type { Clock } from "../support/clock.ts";
import { digestSecretHex } from "../support/secret.ts";
import { type AccessClaims, createJoseEngine, type JwtEngine, type JwtKey, TOKEN_TYPE } from "./jwt-engine.ts";

export interface AccessTokensOptions {
  readonly clock: Clock;
  /** Asked each time: both may change while the relay runs. */
  readonly settings: () => AuthConfig["jwt"];
  readonly secret: () => string;
  /** Names one token. */
  readonly newId: () => string;
  /** Default: jose. */
  readonly createEngine?: (key: JwtKey) => JwtEngine;
}

export interface VerifiedToken {
  readonly userId: number;
  readonly sessionId: string;
  /** ms since epoch, exclusive. */
  readonly expiresAt: number;
}

export interface AccessTokens {
  /** `expiresAt` in ms since epoch is cut to whole seconds. */
  issue(of: { readonly userId: number; readonly sessionId: string; readonly expiresAt: number }): Promise<string>;
  /** `undefined` for anything that is not a valid token of ours. Without a promise for one seen before. */
  verify(token: string): VerifiedToken | undefined | Promise<VerifiedToken | undefined>;
}

interface RingKey {
  readonly key: JwtKey;
  readonly engine: JwtEngine;
  /** ms since epoch: its last token has ended by then. `null`: it signs. */
  readonly until: number | null;
}

/** A clock of another machine may be this much ahead; ours, set back by its administrator, too. */
const CLOCK_TOLERANCE_S = 30;
const SEEN_MAX = 10_000;
const HEADER_FIELDS: ReadonlySet<string> = new Set(["alg", "typ", "kid"]);

export function createAccessTokens(options: AccessTokensOptions): AccessTokens {
  const { clock, settings, secret, newId, createEngine = createJoseEngine } = options;
  let ring: readonly RingKey[] = [];
  let ringOf = "";
  /** By digest, so that no token lies in memory; emptied with every change of keys or settings. */
  const seen = new Map<string, VerifiedToken>();
  let seenUnder: AuthConfig["jwt"] | undefined;

  const currentRing = (): readonly RingKey[] => {
    const { algorithm, accessTtlMs } = settings();
    const key = secret();
    const identity = `${algorithm} ${key}`;
    if (identity === ringOf) return ring;
    ringOf = identity;
    const id = digestSecretHex(`kid ${identity}`).slice(0, 16);
    const now = clock.now();
    // The last token of the key that has signed until now ends with the longest life a token may have.
    const older = ring
      .filter((each) => each.key.id !== id)
      .map((each) => (each.until === null ? { ...each, until: now + accessTtlMs } : each))
      .filter(({ until }) => until !== null && until > now);
    const made: JwtKey = { id, algorithm, secret: key };
    ring = [{ key: made, engine: createEngine(made), until: null }, ...older];
    seen.clear();
    return ring;
  };

  const verifyAnew = async (token: string, digest: string): Promise<VerifiedToken | undefined> => {
    const header = readHeader(token);
    if (header === undefined) return undefined;
    const keys = currentRing();
    const { algorithm, issuer, audience, accessTtlMs } = settings();
    const found = header.kid === undefined ? keys[0] : keys.find(({ key }) => key.id === header.kid);
    if (found === undefined || found.key.algorithm !== algorithm || header.alg !== algorithm) return undefined;
    if (found.until !== null && clock.now() >= found.until) return undefined;
    let payload: object | false;
    try {
      payload = await found.engine.verify(token, {
        algorithms: [algorithm],
        issuer,
        audience,
        typ: TOKEN_TYPE,
        requiredClaims: ["iss", "aud", "sub", "iat", "exp", "jti", "sid"],
        currentDate: new Date(clock.now()),
      });
    } catch {
      // Whatever is wrong with it, it is not a token of ours.
      return undefined;
    }
    if (payload === false) return undefined;
    const verified = readClaims(payload as Partial<Record<keyof AccessClaims, unknown>>, audience, accessTtlMs);
    if (verified === undefined || keys !== ring) return verified;
    if (seen.size >= SEEN_MAX) seen.clear();
    seen.set(digest, verified);
    return verified;
  };

  const readClaims = (
    claims: Partial<Record<keyof AccessClaims, unknown>>,
    audience: string,
    accessTtlMs: number,
  ): VerifiedToken | undefined => {
    const { aud, sub, iat, exp, jti, sid } = claims;
    // The library takes a list of audiences that has ours in it; we never make one.
    if (aud !== audience || typeof sub !== "string" || !/^[1-9]\d{0,14}$/.test(sub)) return undefined;
    if (typeof jti !== "string" || jti === "" || typeof sid !== "string" || sid === "") return undefined;
    if (typeof iat !== "number" || typeof exp !== "number") return undefined;
    if (iat > clock.now() / 1000 + CLOCK_TOLERANCE_S || exp <= iat) return undefined;
    if ((exp - iat) * 1000 > accessTtlMs) return undefined;
    return { userId: Number(sub), sessionId: sid, expiresAt: exp * 1000 };
  };

  return {
    async issue({ userId, sessionId, expiresAt }) {
      const [signing] = currentRing();
      const { issuer, audience } = settings();
      const iat = Math.floor(clock.now() / 1000);
      return signing!.engine.sign({
        iss: issuer,
        aud: audience,
        sub: String(userId),
        iat,
        exp: Math.max(iat + 1, Math.floor(expiresAt / 1000)),
        jti: newId(),
        sid: sessionId,
      });
    },
    verify(token) {
      const current = settings();
      if (current !== seenUnder) {
        seenUnder = current;
        seen.clear();
      }
      currentRing();
      const digest = digestSecretHex(token);
      const known = seen.get(digest);
      if (known === undefined) return verifyAnew(token, digest);
      return clock.now() < known.expiresAt ? known : undefined;
    },
  };
}

/** Only headers as we write them: keys from elsewhere (`jku`, `jwk`, `x5u` …) and extensions (`crit`) are no part. */
function readHeader(token: string): { readonly alg: string; readonly kid?: string } | undefined {
  const parts = token.split(".");
  if (parts.length !== 3 || parts.some((part) => !/^[A-Za-z0-9_-]+$/.test(part))) return undefined;
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(parts[0]!, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof header !== "object" || header === null) return undefined;
  if (!Object.keys(header).every((name) => HEADER_FIELDS.has(name))) return undefined;
  const { alg, typ, kid } = header as { alg?: unknown; typ?: unknown; kid?: unknown };
  if (typeof alg !== "string" || typ !== TOKEN_TYPE) return undefined;
  if (kid === undefined) return { alg };
  return typeof kid === "string" ? { alg, kid } : undefined;
}
