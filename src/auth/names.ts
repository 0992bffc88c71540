/** User names and addresses in the one form that makes them unique. */
import { problem } from "./refusals.ts";

const NAME = /^[a-z0-9_-](?:[a-z0-9._-]{1,48})[a-z0-9_-]$/;
const NAME_AS_WRITTEN = /^[A-Za-z0-9._-]+$/;
const NAME_LENGTH_MAX = 50;

/** RFC 5321 section 4.5.3.1.3. */
const EMAIL_LENGTH_MAX = 254;
/** Asked before anything is lower-cased: the Kelvin sign would become a plain "k". */
const ASCII = /^[\x21-\x7e]+$/;
/** ASCII only: look-alikes of an address must not become a second account of it. */
const EMAIL =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/** Names of principals that are not people. */
const RESERVED: ReadonlySet<string> = new Set(["access-key", "system", "anonymous", "null", "me"]);
/** Taken for whoever is in charge. */
const RESERVED_LATER: ReadonlySet<string> = new Set(["admin", "root"]);

/** `undefined`: it can be nobody's name. Idempotent. */
export function canonicalName(name: string): string | undefined {
  if (name.length > NAME_LENGTH_MAX * 4) return undefined;
  const folded = name.normalize("NFKC").toLowerCase();
  return NAME.test(folded) ? folded : undefined;
}

/** `undefined`: it can be nobody's address. Idempotent. */
export function canonicalEmail(email: string): string | undefined {
  if (!ASCII.test(email)) return undefined;
  const folded = email.toLowerCase();
  return folded.length <= EMAIL_LENGTH_MAX && EMAIL.test(folded) ? folded : undefined;
}

/** The account with this name already acts in lists and logs: as no person. */
export function isReservedName(usernameKey: string): boolean {
  return RESERVED.has(usernameKey);
}

/** Free to the first account only. */
export function isReservedLater(usernameKey: string): boolean {
  return RESERVED_LATER.has(usernameKey);
}

type Checked<T> = { readonly value: T } | { readonly problem: ReturnType<typeof problem> };

/** A name that somebody wants to have: what is only equal to a name in canonical form is refused, not corrected. */
export function checkNewName(username: string): Checked<string> {
  const key = NAME_AS_WRITTEN.test(username) ? canonicalName(username) : undefined;
  if (key === undefined) {
    const msg = "must be 3 to 50 of A-Z, a-z, 0-9, '.', '_' and '-', not beginning or ending with '.'";
    return { problem: problem("username", msg) };
  }
  if (isReservedName(key)) return { problem: problem("username", "is reserved") };
  return { value: key };
}

export function checkNewEmail(email: string): Checked<string> {
  const canonical = canonicalEmail(email);
  if (canonical !== undefined) return { value: canonical };
  return { problem: problem("email", `must be an e-mail address of at most ${EMAIL_LENGTH_MAX} ASCII characters`) };
}
