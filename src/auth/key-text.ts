/** The text of API keys: prefix, 32 random characters, and a checksum that tells a typing error without a look-up. */
import { BASE62, type FillRandom, randomBase62 } from "./randomness.ts";

const RANDOM_LENGTH = 32;
/** 62^6 is more than 2^32. */
const CHECKSUM_LENGTH = 6;
const SHOWN_FIRST = 8;
const SHOWN_LAST = 4;
const BODY = /^[0-9A-Za-z]{38}$/;

/** 190 bits: `<prefix>` + 32 base62 + 6 base62 of the CRC-32 of those 32. */
export function mintKey(prefix: string, fill: FillRandom): string {
  const random = randomBase62(RANDOM_LENGTH, fill);
  return prefix + random + checksum(random);
}

/** Whether what follows the prefix could be of our making. */
export function hasChecksum(key: string, prefix: string): boolean {
  const body = key.slice(prefix.length);
  return BODY.test(body) && checksum(body.slice(0, RANDOM_LENGTH)) === body.slice(RANDOM_LENGTH);
}

/** For secret scanners: finds every key of this prefix in a text. */
export function keyPattern(prefix: string): RegExp {
  return new RegExp(`\\b${prefix}[0-9A-Za-z]{${RANDOM_LENGTH + CHECKSUM_LENGTH}}\\b`, "g");
}

/** What may be shown of a key for good. */
export function shownParts(key: string): { readonly prefix: string; readonly last4: string } {
  return { prefix: key.slice(0, SHOWN_FIRST), last4: key.slice(-SHOWN_LAST) };
}

function checksum(random: string): string {
  let text = "";
  for (let rest = Bun.hash.crc32(random), at = 0; at < CHECKSUM_LENGTH; at += 1) {
    text = BASE62[rest % 62] + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}
