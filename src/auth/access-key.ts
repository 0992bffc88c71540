/** The static access key: made at the first start, kept as a digest, compared in constant time. */
import { timingSafeEqual } from "node:crypto";
import type { CallerLimits, Identity } from "../contract/host.ts";
import { digestSecret } from "../support/secret.ts";
import { expandScopes } from "../config/scopes.ts";
import { limitsOf } from "./identity.ts";
import { type FillRandom, randomToken, systemRandom } from "./randomness.ts";

/** What the configuration says about the access key. */
export interface AccessKeySettings {
  readonly accessKey: string | null;
  readonly accessKeyEnabled: boolean;
  readonly accessKeyScopes: readonly string[];
  readonly previousAccessKey: string | null;
  /** ms since epoch, exclusive. */
  readonly previousAccessKeyUntil: number | null;
}

/** What any prefix of API keys looks like (`api_keys.prefix`). */
const LIKE_A_PREFIX = /^[a-z][a-z0-9_]{0,14}_/;

/** 256 bits, URL-safe; never one that begins as API keys do, and would be taken for one. */
export function generateAccessKey(fill: FillRandom = systemRandom): string {
  for (;;) {
    const key = randomToken(fill);
    if (!LIKE_A_PREFIX.test(key)) return key;
  }
}

/**
 * Makes the look-up for one generation of the configuration. `storedDigest` (hex SHA-256) is that of the generated
 * key and counts only while the configuration names none. It belongs to the default organisation, as soon as there is one.
 */
export function createAccessKeyLookup(
  settings: AccessKeySettings,
  storedDigest: string | null,
  now: () => number,
  defaultOrgId: () => string | null = () => null,
  defaultOrgLimits: () => CallerLimits | null = () => null,
): (secret: string) => Identity | undefined {
  if (!settings.accessKeyEnabled) return () => undefined;
  const current =
    settings.accessKey !== null
      ? digestSecret(settings.accessKey)
      : storedDigest === null
        ? null
        : Uint8Array.from(Buffer.from(storedDigest, "hex"));
  const previous = settings.previousAccessKey === null ? null : digestSecret(settings.previousAccessKey);
  const until = settings.previousAccessKeyUntil ?? 0;
  const scopes = expandScopes(settings.accessKeyScopes);
  const holderIn = (orgId: string | null, orgLimits: CallerLimits | null): Identity =>
    Object.freeze({
      kind: "service",
      id: "access-key",
      name: "access key",
      userId: null,
      orgId,
      apiKeyId: null,
      role: "service",
      scopes,
      via: "access-key",
      ...limitsOf("orgLimits", orgLimits),
    });
  let limits = defaultOrgLimits();
  let holder = holderIn(defaultOrgId(), limits);
  const holderNow = (): Identity => {
    const orgId = defaultOrgId();
    const limitsNow = defaultOrgLimits();
    if (orgId === holder.orgId && limitsNow === limits) return holder;
    limits = limitsNow;
    holder = holderIn(orgId, limits);
    return holder;
  };

  /** The key that was last found right: the same again need not be hashed. */
  let known = "";

  return (secret) => {
    if (known !== "" && isSameText(secret, known)) return holderNow();
    const digest = digestSecret(secret);
    // Both comparisons always run, so that time does not tell which one a guess came close to.
    const isCurrent = current !== null && current.length === digest.length && timingSafeEqual(digest, current);
    const isPrevious = previous !== null && timingSafeEqual(digest, previous) && now() < until;
    if (!isCurrent && !isPrevious) return undefined;
    // The previous key ends some day, so it is looked at each time.
    if (isCurrent) known = secret;
    return holderNow();
  };
}

/** Takes as long for every text of the same length, wherever it differs. */
function isSameText(text: string, other: string): boolean {
  if (text.length !== other.length) return false;
  let difference = 0;
  for (let at = 0; at < text.length; at += 1) difference |= text.charCodeAt(at) ^ other.charCodeAt(at);
  return difference === 0;
}
