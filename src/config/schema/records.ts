/** Schema of `cache`, `prices`, `logging` and `telemetry`. */
import { glob, hostWithPort, regex, url } from "./formats.ts";
import { field, list, object, optional, record, section, sparse } from "./kit.ts";
import { EXACT_KEY, GLOB_KEY } from "./names.ts";
import { path } from "./paths.ts";
import { bool, choice, duration, float, int, secret, size } from "./scalars.ts";

export const cache = object({
  enabled: field(bool(), false, "Whether whole answers are kept and given again."),
  ttl: field(duration(), 300, "How long an answer is kept."),
  max_size: field(int(0), 1000, "Most answers kept."),
  max_bytes: field(size(0), "64MiB", "Most bytes kept."),
  scope: field(choice(["key", "user", "org"]), "key", "Who shares answers."),
  models: field(list(glob()), [], "Models whose answers are kept; empty is all."),
  max_temperature: field(float({ min: 0, max: 2 }), 0, "Calls with a higher temperature are not answered from it."),
  single_flight: field(bool(), true, "Whether equal calls at the same time share one upstream call."),
});

const amount = (description: string) => optional(float({ min: 0 }), description);

export const prices = object({
  source: field(choice(["builtin", "none"]), "builtin", "Price list to begin with."),
  refresh_url: optional(url({ hasQuery: true }), "Where to fetch a newer list; nothing is fetched while unset."),
  refresh_interval: field(duration("1m"), "24h", "How often it is fetched."),
  on_unknown: field(
    choice(["allow", "block"]),
    "allow",
    "What happens to models without a price for keys with a budget.",
  ),
  overrides: field(
    record(
      GLOB_KEY,
      sparse({
        input: amount("Input tokens."),
        output: amount("Output tokens."),
        cache_read: amount("Input tokens read from the upstream's cache."),
        cache_write: amount("Input tokens written to it."),
        reasoning: amount("Reasoning tokens."),
        image: amount("One image."),
        audio_input: amount("Audio input tokens."),
        audio_output: amount("Audio output tokens."),
        request: amount("One request."),
      }),
    ),
    {},
    "USD per million tokens, by model, `model@provider` or glob.",
  ),
});

export const logging = object({
  enabled: field(bool(), true, "Whether each call leaves a row; statistics stay without."),
  db_path: field(path(), "./data/requests.db", "File of those rows.", { restart: true }),
  max_age_days: field(int(0, 36_500), 30, "Rows older than this are deleted; 0 keeps them."),
  content_preview_length: field(int(0, 10_000), 200, "Characters of a preview."),
  bodies: field(choice(["off", "preview", "full"]), "preview", "How much of requests and answers is kept."),
  body_limit: field(size(0), "256KiB", "Most bytes kept of one body."),
  max_db_size: field(size(0), "2GiB", "The oldest rows go when the file grows beyond this."),
  redact: field(list(regex()), [], "What is blanked in kept bodies, beside known secrets."),
  client_ip: field(choice(["full", "network", "hash", "off"]), "full", "How client addresses are kept."),
  user_agent: field(bool(), true, "Whether client names are kept."),
  format: field(choice(["auto", "pretty", "logfmt", "json"]), "auto", "Form of the process log."),
});

export const telemetry = object({
  prometheus: section(
    object({
      enabled: field(bool(), false, "Whether there is `/metrics`."),
      access: field(choice(["scope", "loopback", "public"]), "scope", "Who may read it."),
      listen: optional(hostWithPort(true), "Listener of its own, without credential.", { restart: true }),
      per_key: field(bool(), false, "Whether metrics name the API key."),
    }),
    "Metrics for Prometheus.",
  ),
  otlp: section(
    object({
      endpoint: optional(url({ hasQuery: true }), "Collector for traces; OTEL_EXPORTER_OTLP_ENDPOINT while unset."),
      headers: field(record(EXACT_KEY, secret(), /(?:)/), {}, "Headers for the collector."),
      sample_ratio: field(float({ min: 0, max: 1 }), 1, "Share of calls that are traced."),
      capture_content: field(bool(), false, "Whether traces hold prompts and answers."),
    }),
    "Traces over OTLP.",
  ),
  update_check: field(bool(), false, "Whether the relay looks for newer versions."),
});
