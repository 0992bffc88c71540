/** By which prefixes API keys are told from other credentials. */
import type { ApiKeysConfig } from "../config/types.ts";
import type { KeyStyle } from "../store/types.ts";

export interface KeyPrefixes {
  /** Keys with one of these have been made here, and carry a checksum. */
  readonly own: readonly string[];
  /** Whether it can be nothing but an API key, made here or brought along. */
  isKey(secret: string): boolean;
  /** The prefix of ours that it begins with. */
  ownPrefixOf(secret: string): string | undefined;
}

export function createKeyPrefixes(config: ApiKeysConfig): KeyPrefixes {
  const own = [config.prefix, config.relayPrefix, config.openrelayPrefix];
  const all = [...own, ...config.acceptedPrefixes];
  return {
    own,
    isKey: (secret) => prefixOf(all, secret) !== undefined,
    ownPrefixOf: (secret) => prefixOf(own, secret),
  };
}

/** Asked for every call, so without a closure for each prefix. */
function prefixOf(prefixes: readonly string[], secret: string): string | undefined {
  for (let index = 0; index < prefixes.length; index += 1) {
    if (secret.startsWith(prefixes[index]!)) return prefixes[index];
  }
  return undefined;
}

/** What a new key of this style begins with. */
export function prefixFor(style: KeyStyle, { prefix, relayPrefix, openrelayPrefix }: ApiKeysConfig): string {
  return style === "relay" ? relayPrefix : style === "openrelay" ? openrelayPrefix : prefix;
}
