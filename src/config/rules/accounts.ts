/** Rules of `auth` and `api_keys`: the chain against the plugins at hand, times that enclose each other, prefixes. */
import type { Catalog } from "../catalog.ts";
import type { Decoder } from "../decode.ts";
import type { Settings } from "../schema/index.ts";
import { suggest } from "../suggest.ts";
import { itemPath } from "../tree.ts";
import type { ApiKeysConfig, AuthConfig } from "../types.ts";

export function checkAuth(decoder: Decoder, settings: Settings, catalog: Catalog): AuthConfig {
  const { auth } = settings;
  const { jwt, password } = auth;
  if (jwt.refreshTtlMs < jwt.accessTtlMs) outOfOrder(decoder, "auth.jwt.refresh_ttl", "auth.jwt.access_ttl");
  if (jwt.sessionTtlMs < jwt.refreshTtlMs) outOfOrder(decoder, "auth.jwt.session_ttl", "auth.jwt.refresh_ttl");
  if (password.maxLength < password.minLength)
    outOfOrder(decoder, "auth.password.max_length", "auth.password.min_length");
  return { ...auth, chain: checkChain(decoder, auth.chain, catalog) };
}

function outOfOrder(decoder: Decoder, path: string, lower: string): void {
  // Whichever of the two was written is the one to point at.
  const written = decoder.nodes.has(path) ? path : lower;
  const message = written === path ? `must not be below ${lower}` : `must not be above ${path}`;
  if (!decoder.isFaulty(path) && !decoder.isFaulty(lower)) decoder.error(written, { code: "out_of_range", message });
}

function checkChain(decoder: Decoder, chain: readonly string[], catalog: Catalog): string[] {
  // A file that repeats the default says nothing of its own.
  const isOwn = decoder.changed.has("auth.chain");
  const known = [...catalog].filter(([, entry]) => entry.kind === "auth").map(([id]) => id);
  return chain.filter((id, index) => {
    if (known.includes(id)) return true;
    const path = itemPath("auth.chain", index);
    if (!isOwn) return false;
    if (!decoder.isFaultyBelow("plugins")) {
      const suggestion = suggest(id, known);
      decoder.error(path, { code: "bad_reference", message: "is not an auth plugin of this relay", suggestion });
    }
    return false;
  });
}

export function checkApiKeys(decoder: Decoder, settings: Settings): ApiKeysConfig {
  const { apiKeys } = settings;
  const prefixes: [path: string, prefix: string][] = [
    ["api_keys.prefix", apiKeys.prefix],
    ["api_keys.relay_prefix", apiKeys.relayPrefix],
    ["api_keys.openrelay_prefix", apiKeys.openrelayPrefix],
    ...apiKeys.acceptedPrefixes.map((prefix, index): [string, string] => [
      itemPath("api_keys.accepted_prefixes", index),
      prefix,
    ]),
  ];
  for (const [index, [path, prefix]] of prefixes.entries()) {
    const clash = prefixes.slice(0, index).find(([, other]) => prefix.startsWith(other) || other.startsWith(prefix));
    if (clash === undefined) continue;
    const [written, other] = decoder.nodes.has(path) ? [path, clash[0]] : [clash[0], path];
    decoder.error(written, { code: "conflict", message: `one prefix must not be the start of another: see ${other}` });
  }
  const { defaultExpiryMs, maxExpiryMs } = apiKeys;
  if (maxExpiryMs > 0 && defaultExpiryMs > maxExpiryMs) {
    decoder.error("api_keys.default_expiry", {
      code: "out_of_range",
      message: "must not be above api_keys.max_expiry",
    });
  }
  return apiKeys;
}
