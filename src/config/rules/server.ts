/** Rules of `server` that look at more than one key: access keys and their strength, pairs, the bind address. */
import { countBits, isPublishedSample } from "../../support/secret-strength.ts";
import { isLoopback } from "../addresses.ts";
import type { Decoder } from "../decode.ts";
import type { Settings } from "../schema/index.ts";
import type { ServerConfig } from "../types.ts";

const KEY_LENGTH_MIN = 16;
const KEY_BITS_MIN = 128;
const JWT_SHAPE = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

export function checkServer(decoder: Decoder, settings: Settings): ServerConfig {
  const { server } = settings;
  const isPublic = !isLoopback(server.host);
  checkAccessKey(decoder, "server.access_key", server.accessKey, settings);
  checkAccessKey(decoder, "server.previous_access_key", server.previousAccessKey, settings);
  checkPair(decoder, "server", "previous_access_key", "previous_access_key_until");
  checkPair(decoder, "server.tls", "cert", "key");
  if (server.turnstileEnabled) {
    for (const key of ["turnstile_site_key", "turnstile_secret_key"] as const) {
      const value = key === "turnstile_site_key" ? server.turnstileSiteKey : server.turnstileSecretKey;
      if (value === null) decoder.missing("server", key, "must be set while server.turnstile_enabled is true");
    }
  }
  if (isPublic && settings.auth.registration === "open" && settings.auth.setupToken === null) {
    decoder.warn("server.host", {
      code: "conflict",
      message: "registration is open to everybody who reaches this address; set auth.registration or auth.setup_token",
    });
  }
  const { cert, key } = server.tls;
  return { ...server, tls: cert !== null && key !== null ? { cert, key } : null };
}

function checkAccessKey(decoder: Decoder, path: string, key: string | null, settings: Settings): void {
  if (key === null || decoder.isFaulty(path)) return;
  const { server, apiKeys } = settings;
  if (JWT_SHAPE.test(key)) {
    decoder.error(path, {
      code: "conflict",
      message: "looks like a session token (three parts with dots) and would be taken for one",
    });
  }
  const prefixes = [apiKeys.prefix, apiKeys.relayPrefix, apiKeys.openrelayPrefix, ...apiKeys.acceptedPrefixes];
  const prefix = prefixes.find((each) => key.startsWith(each));
  if (prefix !== undefined) {
    const message = `begins with ${JSON.stringify(prefix)}, the prefix of API keys, and would be taken for one`;
    decoder.error(path, { code: "conflict", message });
  }
  if (!server.accessKeyEnabled) return;

  const isPublic = !isLoopback(server.host);
  const advice = "remove it to have a strong one made, or set a random value of 32 characters";
  const weakness = isPublishedSample(key)
    ? "is a value from published examples"
    : key.length < KEY_LENGTH_MIN
      ? `has fewer than ${KEY_LENGTH_MIN} characters`
      : null;
  if (weakness !== null) {
    const fault = { code: "bad_value", message: `${weakness}; ${advice}` } as const;
    if (isPublic) decoder.error(path, fault);
    else decoder.warn(path, fault);
  } else if (isPublic && countBits(key) < KEY_BITS_MIN) {
    decoder.warn(path, {
      code: "bad_value",
      message: `may be guessed: it has less than ${KEY_BITS_MIN} bits; ${advice}`,
    });
  }
}

/** Two keys that make sense only together. */
export function checkPair(decoder: Decoder, block: string, left: string, right: string): void {
  const isSet = (key: string): boolean => {
    const node = decoder.nodes.get(`${block}.${key}`);
    return node !== undefined && !(node.kind === "scalar" && node.text.trim() === "");
  };
  if (isSet(left) === isSet(right)) return;
  const [present, absent] = isSet(left) ? [left, right] : [right, left];
  decoder.missing(block, absent, `must be set together with ${block}.${present}`);
}
