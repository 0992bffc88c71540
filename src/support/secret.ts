/** Secrets at rest and on show: digests compared in constant time, fingerprints, masks. */
import { createHmac, timingSafeEqual } from "node:crypto";

/** Below this length the last four characters would give too much away. */
const TAIL_SHOWN_FROM = 16;

/** SHA-256, 32 bytes. Only for secrets of full strength (keys, tokens); passwords need a slow hash. */
export function digestSecret(secret: string): Uint8Array {
  return Bun.SHA256.hash(secret) as Uint8Array;
}

/** The same as 64 lower-case hex digits, for maps and columns. */
export function digestSecretHex(secret: string): string {
  return Bun.SHA256.hash(secret, "hex");
}

/** Takes as long for a near miss as for a far one. A digest of another length never matches. */
export function matchesDigest(secret: string, digest: Uint8Array): boolean {
  const given = digestSecret(secret);
  return given.length === digest.length && timingSafeEqual(given, digest);
}

/** Compares two secrets without telling where they differ, nor how long either is. */
export function sameSecret(left: string, right: string): boolean {
  return timingSafeEqual(digestSecret(left), digestSecret(right));
}

/** 8 hex digits that tell two secrets apart and, without `key`, cannot be searched for by guessing. */
export function fingerprint(secret: string, key: string | Uint8Array): string {
  return createHmac("sha256", key).update(secret).digest("hex").slice(0, 8);
}

/** `redacted:<last4>:<fingerprint>`; the middle is empty for secrets under 16 characters. */
export function mask(secret: string, key: string | Uint8Array): string {
  const tail = secret.length < TAIL_SHOWN_FROM ? "" : secret.slice(-4);
  return `redacted:${tail}:${fingerprint(secret, key)}`;
}
