/** Schema of `timeouts`, `limits` and `network`. */
import { cidr, proxy } from "./formats.ts";
import { field, list, object, optional, section } from "./kit.ts";
import { limits as limitSet } from "./limits.ts";
import { path } from "./paths.ts";
import { choice, duration, int, size, TIMER_MAX } from "./scalars.ts";

export const timeouts = object({
  connect: field(duration("1ms", TIMER_MAX), 10, "Until the connection to the upstream stands."),
  first_token: field(duration("1ms", TIMER_MAX), 600, "Until the first byte of the answer."),
  idle: field(duration("1ms", TIMER_MAX), 120, "Longest silence inside an answer."),
  total: field(duration(0, TIMER_MAX), 0, "Whole call; 0 is no limit."),
  sse_keepalive: field(duration("5s", "60s"), 10, "Silence after which a stream's client gets a keep-alive."),
  early_headers: field(duration(0, TIMER_MAX), 0, "Send headers before the first event after this time; 0 is off."),
});

export const limits = object({
  max_body: field(size(1), "32MiB", "Largest request body."),
  max_upload: field(size(1), "512MiB", "Largest upload of a file or audio."),
  max_admin_body: field(size(1), "1MiB", "Largest request body of the management API."),
  request_encodings: field(
    list(choice(["gzip", "deflate", "br", "zstd"]), { isUnique: true }),
    ["gzip", "zstd"],
    "Compression accepted in requests; the decoded size counts.",
  ),
  max_concurrency: field(int(1), 4000, "Calls at the same time in the whole relay."),
  per_ip: section(
    object({
      connections: field(int(0), 0, "Connections at the same time; 0 is no limit."),
      rpm: field(int(0), 0, "Requests per minute; 0 is no limit."),
    }),
    "Per client address.",
  ),
  user: section(limitSet(), "Per user, beside the limits of keys; the tightest rules."),
  org: section(limitSet(), "Per organisation."),
  access_key: section(limitSet(), "For the access key."),
  reserve_output_tokens: field(int(0), 4096, "Output tokens reserved when a call names no maximum."),
  stream_max_duration: field(duration("1ms", TIMER_MAX), "60m", "A longer stream is ended with an error."),
  stream_max_size: field(size(1), "256MiB", "A larger stream is ended with an error."),
  pre_commit_buffer: field(size(1), "1MiB", "Bytes held before the first event."),
});

export const network = object({
  proxy: optional(proxy(), "Default proxy for outgoing calls: http, https or socks5."),
  ca_file: optional(path(), "Further root certificates in PEM."),
  allow_private_networks: field(
    list(cidr(), { isUnique: true }),
    [],
    "Private networks that URLs not written in this file may lead to.",
  ),
});
