/** What a call gets when nobody has lent credentials: one answer, and the reasons in the log. */
import { RelayError } from "monorelay/plugin";

/** `tried`: where was looked, in order; no secrets. */
export function noCredentials(tried: readonly string[]): RelayError {
  const cause = new Error(`looked in vain: ${tried.join("; ")}`);
  return new RelayError("unavailable", "The provider has no credentials.", { wireCode: "no_keys", cause });
}
