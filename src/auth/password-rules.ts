/** Which passwords may be set: long enough, not everybody's, and not the name of the account or the house. */
import type { AuthConfig } from "../config/types.ts";
import type { RelayErrorOptions } from "../contract/errors.ts";
import { isCommonPassword, withoutSigns } from "./common-passwords.ts";
import { problem } from "./refusals.ts";

type Problem = NonNullable<RelayErrorOptions["details"]>[number];

/** Longer ones are refused before anything is done with them, also when they are only compared. */
export const PASSWORD_BYTES_MAX = 1024;
/** Shorter words are part of too many others. */
const CONTEXT_LENGTH_MIN = 3;

/** `password` composed in one way (NFC), so that it is the same from every keyboard. */
export function normalisePassword(password: string): string {
  return password.normalize("NFC");
}

/** For signing in: only what must not reach the hash is refused. */
export function checkGivenPassword(field: string, password: string): Problem | undefined {
  const isTooLong = Buffer.byteLength(password) > PASSWORD_BYTES_MAX;
  return isTooLong ? problem(field, `must be at most ${PASSWORD_BYTES_MAX} bytes`) : undefined;
}

/** For setting one. `context`: the account's name and address, the host's name: words an attacker knows. */
export function checkNewPassword(
  field: string,
  password: string,
  rules: AuthConfig["password"],
  context: readonly (string | null)[],
): Problem | undefined {
  const tooLong = checkGivenPassword(field, password);
  if (tooLong !== undefined) return tooLong;
  const text = normalisePassword(password);
  const { minLength, maxLength } = rules;
  const length = [...text].length;
  if (length < minLength) return problem(field, `must have at least ${minLength} characters`);
  if (length > maxLength) return problem(field, `must have at most ${maxLength} characters`);
  if (!rules.blocklist) return undefined;
  if (isCommonPassword(text)) return problem(field, "is one of the most common passwords; choose another");
  if (leansOn(text, wordsOf(context), minLength)) {
    return problem(field, "is mostly the name of the account or of this host; choose another");
  }
  return undefined;
}

/** Words that can be guessed do not count towards the length. */
function leansOn(text: string, words: readonly string[], minLength: number): boolean {
  return [text.toLowerCase(), ...withoutSigns(text)].some((form) => {
    const rest = words.reduce((left, word) => left.replaceAll(word, ""), form);
    return rest.length < form.length && [...rest].length < minLength;
  });
}

/** The longest first: what is left of a longer word must not hide it. */
function wordsOf(context: readonly (string | null)[]): string[] {
  const all = context.flatMap((name) => {
    if (name === null) return [];
    const whole = name.toLowerCase().replace(/^[a-z]+:\/\//, "");
    return [whole, whole.split("@")[0]!, ...whole.split(/[.@:/]+/)];
  });
  return [...new Set(all)]
    .filter((word) => word.length >= CONTEXT_LENGTH_MIN && word !== "com" && word !== "www")
    .sort((left, right) => right.length - left.length);
}
