/** Schema of `server`. */

import { cidr, host, hostWithPort, origin, publicHost, scope } from "./formats.ts";
import { field, list, object, optional, section } from "./kit.ts";
import { path } from "./paths.ts";
import { bool, choice, duration, int, secret, str, TIMER_MAX, time } from "./scalars.ts";

/** RFC 6750 §2.1: what can stand behind `Bearer`. */
const accessKey = secret({
  max: 4096,
  pattern: /^[A-Za-z0-9._~+/=-]+$/,
  wanted: "made of letters, digits and ._~+/=- only",
});

const JWT_SECRET_BYTES_MIN = 32;

const jwtSecret = secret({
  check: (text) =>
    Buffer.byteLength(text) >= JWT_SECRET_BYTES_MIN
      ? { value: text }
      : { fault: { code: "out_of_range", message: `must have at least ${JWT_SECRET_BYTES_MIN} bytes` } },
});

export const server = object({
  host: field(host(), "127.0.0.1", "Address to listen on; 0.0.0.0 is every interface.", { restart: true }),
  port: field(int(0, 65_535), 8787, "Port to listen on; 0 takes any free one.", { restart: true }),
  unix_socket: optional(path("socket"), "Further listener on a Unix socket, mode 0660.", { restart: true }),
  access_key: optional(
    accessKey,
    "Static key for scripts; while unset, one is made at the first start and printed once.",
  ),
  access_key_enabled: field(bool(), true, "Whether the access key, and keys that it made, are accepted at all."),
  access_key_scopes: field(
    list(scope(), { itemsMin: 1, isUnique: true }),
    ["inference"],
    "What the access key may do; management scopes act as admin.",
  ),
  previous_access_key: optional(accessKey, "The key before this one, valid until `previous_access_key_until`."),
  previous_access_key_until: optional(time(), "When the previous access key stops working."),
  log_level: field(choice(["DEBUG", "INFO", "WARNING", "ERROR"]), "INFO", "What the process log shows."),
  cors_origins: field(
    list(origin(), { isUnique: true }),
    ["*"],
    "Browser origins that may call `/v1`, without credentials.",
  ),
  public_host: optional(publicHost(), "Host or URL under which clients reach the relay."),
  turnstile_enabled: field(bool(), false, "Captcha on registration and sign-in; needs both keys."),
  turnstile_site_key: optional(str(), "Public key of the captcha."),
  turnstile_secret_key: optional(secret(), "Secret key of the captcha."),
  jwt_secret: optional(jwtSecret, "Signs sessions, at least 32 bytes; while unset, one is made in the data directory."),
  allowed_hosts: field(list(hostWithPort(false), { isUnique: true }), [], "Host names served; empty is any."),
  trusted_proxies: field(list(cidr(), { isUnique: true }), [], "Networks whose X-Forwarded-* headers count."),
  public_models: field(bool(), true, "Whether the model list is shown without a credential."),
  public_pricing: field(bool(), false, "Whether the price list is shown without a credential."),
  detect_public_ip: field(bool(), false, "Whether an outside service is asked for the public address."),
  health_detail: field(choice(["full", "basic", "minimal"]), "full", "How much `/health` tells."),
  info_detail: field(choice(["full", "minimal"]), "full", "How much `/api/info` tells."),
  docs: field(choice(["admin", "public", "off"]), "admin", "Who sees the API documentation."),
  relay_headers: field(bool(), true, "Whether answers carry `x-relay-*` headers."),
  legacy_headers: field(bool(), false, "Whether answers carry `X-Prisma-*` headers too."),
  legacy_error_status: field(bool(), false, "Whether upstream failures are answered as 503."),
  path_aliases: field(bool(), true, "Whether base URLs with a doubled or vendor's prefix are forgiven."),
  tls: section(
    object({
      cert: optional(path(), "Certificate chain in PEM; renewed files are re-read."),
      key: optional(path(), "Private key in PEM."),
    }),
    "HTTPS by the relay itself; both or none.",
    { restart: "presence" },
  ),
  shutdown_grace: field(duration(0, TIMER_MAX), 30, "How long running calls may finish after SIGTERM."),
});
