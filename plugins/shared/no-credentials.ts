/** What a call gets when nobody has lent credentials: one answer, and the reasons in the log. */
import { type ProviderHost, RelayError } from "monorelay/plugin";

/** `tried`: where was looked, in order; no secrets. */
export function noCredentials(host: ProviderHost, tried: readonly string[]): RelayError {
  host.log.warn("a provider has no credentials", { provider: host.entry, tried: tried.join("; ") });
  return new RelayError("unavailable", "The provider has no credentials.", { wireCode: "no_keys" });
}
