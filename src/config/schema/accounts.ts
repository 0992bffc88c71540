/** Schema of `auth` and `api_keys`. */
import { glob, scope } from "./formats.ts";
import { field, list, object, optional, section } from "./kit.ts";
import { limits } from "./limits.ts";
import { PLUGIN_ID } from "./names.ts";
import { bool, choice, duration, int, secret, str } from "./scalars.ts";

export const pluginId = str({ pattern: PLUGIN_ID, wanted: "the id of a plugin: a-z, 0-9 and -" });

const SETUP_TOKEN_LENGTH_MIN = 16;

const setupToken = {
  ...secret({
    check: (text) =>
      text === "auto" || text.length >= SETUP_TOKEN_LENGTH_MIN
        ? { value: text }
        : {
            fault: {
              code: "out_of_range",
              message: `must be auto or have at least ${SETUP_TOKEN_LENGTH_MIN} characters`,
            },
          },
  }),
  secretsIn: (value: string) => (value === "auto" ? [] : [value]),
};

const jwt = object({
  access_ttl: field(duration("1m", "7d"), "24h", "How long an access token is valid."),
  refresh_ttl: field(duration("1m"), "7d", "How long an unused refresh token is valid; not below `access_ttl`."),
  session_ttl: field(duration("1m", "90d"), "30d", "How long a session may last in all; not below `refresh_ttl`."),
  algorithm: field(choice(["HS256", "EdDSA"]), "HS256", "The only signature algorithm accepted."),
  issuer: field(str(), "monorelay", "Claim `iss` of tokens."),
  audience: field(str(), "monorelay", "Claim `aud` of tokens."),
});

const PASSWORD_BYTES_MAX = 1024;

const password = object({
  min_length: field(int(8, PASSWORD_BYTES_MAX), 8, "Shortest password, in characters."),
  max_length: field(int(8, PASSWORD_BYTES_MAX), 128, "Longest password, in characters; never more than 1,024 bytes."),
  blocklist: field(bool(), true, "Whether common passwords, the user's and the host's name are refused."),
  hash: section(
    object({
      memory_kib: field(int(19_456, 262_144), 65_536, "Memory of one argon2id hash, in KiB."),
      iterations: field(int(1, 10), 2, "Passes of one argon2id hash."),
    }),
    "Cost of password hashes; weaker stored ones are renewed at sign-in.",
  ),
});

export const auth = object({
  chain: field(
    list(pluginId, { itemsMin: 1, isUnique: true }),
    ["jwt", "api-key", "access-key"],
    "Auth plugins in the order they are asked; one left out is off.",
  ),
  registration: field(choice(["open", "invite", "closed"]), "open", "Who may register; the first account always can."),
  setup_token: optional(setupToken, "Asked of the first registration; `auto` is made and printed at start."),
  jwt: section(jwt, "Tokens of signed-in users."),
  password: section(password, "Rules for passwords."),
  throttle: section(
    object({
      account: field(int(1), 10, "Failed sign-ins per account and window before delays begin."),
      network: field(int(1), 50, "Failed sign-ins per client address and window; IPv6 counts by /64."),
      window: field(duration("1s", "7d"), "15m", "Time over which failures are counted."),
    }),
    "Slows down guessing.",
  ),
  cut_streams: field(bool(), true, "Whether revoking a credential ends its running streams."),
  reauth_ttl: field(duration("1m", "60m"), "5m", "How long a fresh sign-in counts for protected settings."),
  cookie_secure: field(choice(["auto", true, false]), "auto", "`Secure` flag of the session cookie."),
});

export const keyPrefix = str({ pattern: /^[a-z][a-z0-9_]{0,14}_$/, wanted: "2 to 16 of a-z, 0-9 and _, ending in _" });

export const apiKeys = object({
  prefix: field(keyPrefix, "mr_", "How native keys begin."),
  relay_prefix: field(keyPrefix, "rl_live_", "How keys made in Relay style begin."),
  openrelay_prefix: field(keyPrefix, "vl_", "How keys made in OpenRelay style begin."),
  accepted_prefixes: field(list(keyPrefix, { isUnique: true }), [], "Further prefixes, for imported keys."),
  default_scopes: field(
    list(scope(), { itemsMin: 1, isUnique: true }),
    ["inference"],
    "Scopes of native keys that are made without any.",
  ),
  default_limits: section(limits(), "Limits of native keys that are made without any."),
  default_models: section(
    object({
      allow: field(list(glob()), [], "Models a key may call; empty is all."),
      deny: field(list(glob()), [], "Models a key may not call."),
    }),
    "Models of native keys that are made without a list.",
  ),
  default_expiry: field(duration(), 0, "Lifetime of keys made without one; 0 is for ever."),
  max_expiry: field(duration(), 0, "Longest lifetime of any key; 0 is no bound."),
  max_per_user: field(int(0), 100, "Live keys one user may have, replaced ones in their grace too."),
  user_created: field(bool(), true, "Whether ordinary users may make keys."),
});
