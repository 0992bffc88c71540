/** Secrets and ids that nobody can guess, from a source that tests replace. */

/** Fills the array with random bytes. */
export type FillRandom = (bytes: Uint8Array<ArrayBuffer>) => void;

export const systemRandom: FillRandom = (bytes) => {
  crypto.getRandomValues(bytes);
};

/** In ASCII order: the digits of base 62 as GitHub's tokens use them too. */
export const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** The largest multiple of 62 in a byte: values from there on would favour the first characters. */
const BYTE_END = 248;

/** Each character comes up as often as any other: 5.95 bits each. */
export function randomBase62(length: number, fill: FillRandom): string {
  const bytes = new Uint8Array(length * 2);
  let text = "";
  while (text.length < length) {
    fill(bytes);
    for (const byte of bytes) {
      if (byte < BYTE_END && text.length < length) text += BASE62[byte % BASE62.length];
    }
  }
  return text;
}

/** 256 bits, URL-safe. */
export function randomToken(fill: FillRandom): string {
  const bytes = new Uint8Array(32);
  fill(bytes);
  return Buffer.from(bytes).toString("base64url");
}
