/** A directory of API keys for relays in this process: by the text of the key, whoever is to show it. */
import { type AccountDirectory, NO_ACCOUNTS } from "../../src/auth/directory.ts";
import { expandScopes } from "../../src/config/scopes.ts";
import type { Identity } from "../../src/contract/host.ts";

/** A key of user 7 that may call models, but for what is said otherwise. */
export function keyHolder(name: string, own: Partial<Identity> = {}): Identity {
  return {
    kind: "api-key",
    id: `key_${name}`,
    name,
    userId: 7,
    orgId: "org_home",
    apiKeyId: `uuid-${name}`,
    role: "user",
    scopes: expandScopes(["inference"]),
    via: "api-key",
    ...own,
  };
}

/** Keys begin with `mr_`. */
export function directoryOf(keys: Readonly<Record<string, Identity>>): AccountDirectory {
  return {
    ...NO_ACCOUNTS,
    isApiKey: (secret) => secret.startsWith("mr_"),
    findByApiKey: (secret) => (Object.hasOwn(keys, secret) ? keys[secret] : undefined),
  };
}
