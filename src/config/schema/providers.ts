/** Schema of `providers` and their keys. */
import { glob, headerValue, name, proxy, url } from "./formats.ts";
import {
  field,
  ignored,
  json,
  list,
  named,
  object,
  optional,
  record,
  required,
  section,
  sparse,
  special,
} from "./kit.ts";
import { limits } from "./limits.ts";
import { HEADER_KEY, PROVIDER_KEY } from "./names.ts";
import { bool, choice, duration, float, int, secret, str, TIMER_MAX, time } from "./scalars.ts";

/** Those of clients, then those of upstreams that speak several. */
const DIALECTS = [
  "openai-chat",
  "openai-responses",
  "anthropic-messages",
  "gemini",
  "bedrock-converse",
  "bedrock-invoke-claude",
  "vertex-claude",
] as const;

/** Digits alone would be taken for an index in the key's address. */
const keyId = str({
  pattern: /^(?!\d+$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
  wanted: "1 to 64 letters, digits, ., _ and -, not only digits",
});

const providerKey = object({
  key: required(secret({ max: 16_384 }), "The key, best as a reference to a variable or a secret file."),
  id: optional(keyId, "Stable address of the key; made from its fingerprint while unset."),
  label: field(name(64), "default", "Name of the key in logs."),
  weight: field(int(1, 1000), 1, "Share among the keys, for the strategy weighted."),
  enabled: field(bool(), true, "A disabled key is never used, not even as the last."),
  quota_limit: field(int(0), 0, "Requests in the key's life; 0 is no limit."),
  quota_used: field(int(0), 0, "Requests already made; read once, then kept in the database."),
  rate_limit_rps: field(float({ min: 0, max: 1_000_000 }), 0, "Requests per second; 0 is no limit."),
  usage_window_limits: section(
    object({
      window_5h: field(int(0), 0, "Requests in five hours; 0 is no limit."),
      window_1d: field(int(0), 0, "Requests in a day; 0 is no limit."),
      window_7d: field(int(0), 0, "Requests in seven days; 0 is no limit."),
    }),
    "Requests per rolling window.",
  ),
  expires_at: optional(time(), "When the key stops being used; without offset it is UTC."),
  metadata: field(json(), {}, "Anything you want to note about the key."),
  proxy: optional(proxy(), "Proxy for this key only."),
  rpm: field(int(0), 0, "Requests per minute with this key; 0 is no limit."),
  tpm: field(int(0), 0, "Tokens per minute with this key; 0 is no limit."),
  concurrency: field(int(0), 0, "Calls at the same time with this key; 0 is no limit."),
});

export const modelParams = object({
  model_pattern: required(glob(), "Models this entry is for."),
  params: field(json(), {}, "Body fields to set."),
  system_prompt: optional(str(), "System prompt to put first."),
});

const timeouts = object({
  connect: optional(duration("1ms", TIMER_MAX), "Until the connection stands."),
  first_token: optional(duration("1ms", TIMER_MAX), "Until the first byte of the answer."),
  idle: optional(duration("1ms", TIMER_MAX), "Longest silence inside an answer."),
  total: optional(duration(0, TIMER_MAX), "Whole call; 0 is no limit."),
});

const retry = object({
  enabled: field(bool(), false, "Whether failed calls are repeated at this provider."),
  max_retries: field(int(0, 10), 3, "Further tries after the first."),
  retry_on_status: field(list(int(100, 599)), [429, 500, 502, 503, 504], "Upstream statuses that are worth a retry."),
  retry_on_errors: field(
    list(name()),
    ["rate_limit_error", "timeout_error", "upstream_error", "service_unavailable"],
    "Error types that are worth a retry.",
  ),
  backoff_factor: field(float({ min: 0, max: 100 }), 1.5, "The n-th wait is this to the power of n, in seconds."),
  backoff_max: field(duration(0, TIMER_MAX), 60, "Longest wait between tries."),
});

const ignore = object({
  enabled: field(bool(), false, "Whether the errors below cost the provider nothing."),
  ignore_errors: field(
    list(name()),
    ["content_filter", "content_moderation", "policy_violation"],
    "Upstream errors without cooldown, retry or breaker count.",
  ),
  action: field(choice(["finish", "error"]), "finish", "Answer them as an empty, filtered answer, or as the error."),
});

const breaker = object({
  enabled: field(bool(), true, "Whether a failing model of this provider is paused."),
  failures: field(int(1, 1000), 5, "Failures within the window that open the breaker."),
  window: field(duration("1s", "7d"), "30s", "Time over which failures are counted."),
  open: field(duration("1s", "7d"), "30s", "How long it stays open before a probe."),
  probes: field(int(1, 100), 1, "Calls let through to probe."),
});

/** One entry; the keys that only its plugin knows are left over. */
export const provider = object(
  {
    enabled: field(bool(), true, "A disabled provider is not routed to, not listed and not probed."),
    provider_type: field(str({ max: 64 }), "api", "Plugin that speaks to it; `api` is any OpenAI-compatible service.", {
      as: "type",
    }),
    base_url: optional(url(), "Where the API is; the plugin's own while unset."),
    keys: field(list(providerKey), [], "Keys to choose from."),
    rate_limit_cooldown: field(duration(0, TIMER_MAX), 60, "Pause of a key after a 429 without Retry-After."),
    timeout: optional(duration("1ms", TIMER_MAX), "Longest silence: sets `timeouts.first_token` and `timeouts.idle`."),
    timeouts: section(timeouts, "Limits for this provider; the global ones while unset."),
    models: section(
      object({
        include: field(list(glob()), [], "Models it serves; empty is any, and then none is listed."),
        exclude: field(list(glob()), [], "Models it does not serve; always wins."),
      }),
      "Which models are routed here.",
    ),
    headers: field(
      record(HEADER_KEY, headerValue(), /auth|key|token|secret|cookie/i),
      {},
      "Headers added to upstream requests.",
    ),
    headers_override_auth: field(bool(), false, "Whether `headers` may replace the credential."),
    cloaking: section(
      sparse({
        user_agent: optional(headerValue(), "Header User-Agent.", { as: "user-agent" }),
        referer: optional(headerValue(), "Header Referer.", { as: "referer" }),
        origin: optional(headerValue(), "Header Origin.", { as: "origin" }),
        accept: optional(headerValue(), "Header Accept.", { as: "accept" }),
        accept_language: optional(headerValue(), "Header Accept-Language.", { as: "accept-language" }),
        tls_fingerprint_profile: ignored("Not part of MonoRelay."),
      }),
      "Headers that say who calls.",
    ),
    params: field(json(), {}, "Body fields to overwrite in every call."),
    system_prompt: optional(str(), "System prompt to put first in every call."),
    model_params: field(list(modelParams), [], "The same for some models; the first match rules."),
    test_model: optional(name(), "Model that probes use."),
    console_url: optional(url({ hasQuery: true }), "Link shown beside the provider."),
    cost_per_m_input: field(float({ min: 0 }), 0, "USD per million input tokens; 0 uses `prices`."),
    cost_per_m_output: field(float({ min: 0 }), 0, "USD per million output tokens; 0 uses `prices`."),
    retry: section(retry, "Repeats at this provider, before the first byte only."),
    ignore: section(ignore, "Errors that are the caller's matter."),
    dialects: optional(
      list(choice(DIALECTS), { itemsMin: 1, isUnique: true }),
      "Dialects it speaks, in order of preference; the plugin's own while unset.",
    ),
    priority: field(int(0, 1000), 100, "The lowest is tried first."),
    weight: field(int(1, 1000), 1, "Share among providers of equal priority."),
    proxy: optional(proxy(), "Proxy for this provider, or none; `network.proxy` while unset."),
    allow_private: field(
      choice(["auto", true, false]),
      "auto",
      "Whether the URL may lead to loopback or private addresses.",
    ),
    breaker: section(breaker, "Pauses a failing model of this provider."),
    limits: section(limits(), "Towards the upstream, over all keys."),
    web_reverse: special("Not part of MonoRelay."),
    remote_models_cache: ignored("Not part of MonoRelay."),
  },
  { isOpen: true },
);

export const providers = named(PROVIDER_KEY, provider);

/** The house's own keys of a provider's block; a plugin's option must not be named like one. */
export const PROVIDER_FIELDS: readonly string[] = Object.keys(provider.fields);
