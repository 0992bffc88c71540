/** What a key that people have already must be like to be taken in: nobody here has drawn it, so it is looked at closely. */
import { countBits, isPublishedSample } from "../support/secret-strength.ts";
import { sameSecret } from "../support/secret.ts";
import type { AccountsConfig } from "./caller.ts";
import { invalid, problem } from "./refusals.ts";

const TEXT = /^[A-Za-z0-9._~+/=-]{16,4096}$/;
const BITS_MIN = 128;
/** Fewer than of our own keys, which are longer for certain. */
const SHOWN = 4;

/** `isOwn`: it begins as keys do that are made here. Throws 422; the text is in no message. */
export function checkImportedKey(
  text: string | undefined,
  isOwn: (text: string) => boolean,
  { accessKey, previousAccessKey }: AccountsConfig["server"],
): string {
  if (text === undefined || !TEXT.test(text) || text.split(".").length === 3) {
    throw invalid(problem("key", "must be 16 to 4096 characters of A-Z, a-z, 0-9 and ._~+/=-, and not a token"));
  }
  if (isOwn(text)) throw invalid(problem("key", "must not begin like the keys that are made here"));
  if (isPublishedSample(text) || countBits(text) < BITS_MIN) {
    throw invalid(problem("key", `may be guessed: it must have at least ${BITS_MIN} bits`));
  }
  if ([accessKey, previousAccessKey].some((known) => known !== null && sameSecret(known, text))) {
    throw invalid(problem("key", "must not be the access key"));
  }
  return text;
}

/** What lists show of it. */
export function shownPartsOfImported(text: string): { readonly prefix: string; readonly last4: string } {
  return { prefix: text.slice(0, SHOWN), last4: text.slice(-SHOWN) };
}
