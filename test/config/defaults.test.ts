/** The defaults, key by key, as the reference of the configuration gives them; and the schema's own soundness. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { describe, expect, test } from "bun:test";
import { defaultsOf } from "../../src/config/defaults.ts";
import { encodeConfig } from "../../src/config/encode.ts";
import { SCHEMA } from "../../src/config/schema/index.ts";
import type { Field, ObjectSpec, ScalarSpec, Spec } from "../../src/config/schema/kit.ts";
import { type PlainValue, plant, type ScalarTree } from "../../src/config/tree.ts";
import { BASE_DIR, CATALOG, DATA_DIR, load, loadGood } from "./support.ts";

const NO_LIMITS = { rpm: 0, tpm: 0, concurrency: 0, budgets: [] };

const DEFAULTS = {
  version: 1,
  server: {
    host: "127.0.0.1",
    port: 8787,
    unix_socket: null,
    access_key: null,
    access_key_enabled: true,
    access_key_scopes: ["inference"],
    previous_access_key: null,
    previous_access_key_until: null,
    log_level: "INFO",
    cors_origins: ["*"],
    public_host: null,
    turnstile_enabled: false,
    turnstile_site_key: null,
    turnstile_secret_key: null,
    jwt_secret: null,
    allowed_hosts: [],
    trusted_proxies: [],
    public_models: true,
    public_pricing: false,
    detect_public_ip: false,
    health_detail: "full",
    info_detail: "full",
    docs: "admin",
    relay_headers: true,
    legacy_headers: false,
    legacy_error_status: false,
    path_aliases: true,
    shutdown_grace: "30s",
  },
  auth: {
    // The default names plugins of later releases; they are skipped.
    chain: ["jwt", "api-key", "access-key"],
    registration: "open",
    setup_token: null,
    jwt: {
      access_ttl: "1d",
      refresh_ttl: "7d",
      session_ttl: "30d",
      algorithm: "HS256",
      issuer: "monorelay",
      audience: "monorelay",
    },
    password: { min_length: 8, max_length: 128, blocklist: true, hash: { memory_kib: 65_536, iterations: 2 } },
    throttle: { account: 10, network: 50, window: "15m" },
    cut_streams: true,
    reauth_ttl: "5m",
    cookie_secure: "auto",
  },
  api_keys: {
    prefix: "mr_",
    relay_prefix: "rl_live_",
    openrelay_prefix: "vl_",
    accepted_prefixes: [],
    default_scopes: ["inference"],
    default_limits: NO_LIMITS,
    default_models: { allow: [], deny: [] },
    default_expiry: 0,
    max_expiry: 0,
    max_per_user: 100,
    user_created: true,
  },
  model_routing: {
    enabled: true,
    mode: "passthrough",
    aliases: {},
    provider_mapping: {},
    model_overrides: {},
    complexity: {
      enabled: false,
      simple: "openai/gpt-4o-mini",
      moderate: "openai/gpt-4o",
      complex: "anthropic/claude-sonnet-4-20250514",
      applies_to: ["*"],
    },
    cascade: { enabled: false, models: [], max_retries: 2 },
    payload_transformation: { enabled: false, rules: [] },
    global_params: { enabled: false, mode: "default", params: {}, system_prompt: null },
    model_params: [],
    groups: {},
    fallbacks: {},
    failover: { enabled: true, max_attempts: 3, budget: 0.2 },
    default_model: null,
    unsupported_params: "drop",
    count_tokens: "upstream",
    list_aliases: true,
    list_provider_suffix: false,
    stateful: { provider: null, unknown_ids: "deny" },
  },
  key_selection: { strategy: "round-robin", stickiness: "none" },
  tool_calling: { auto_downgrade: true, unsupported_models: [], emulate: false },
  timeouts: { connect: "10s", first_token: "10m", idle: "2m", total: 0, sse_keepalive: "10s", early_headers: 0 },
  limits: {
    max_body: "32MiB",
    max_upload: "512MiB",
    max_admin_body: "1MiB",
    request_encodings: ["gzip", "zstd"],
    max_concurrency: 4000,
    per_ip: { connections: 0, rpm: 0 },
    user: NO_LIMITS,
    org: NO_LIMITS,
    access_key: NO_LIMITS,
    reserve_output_tokens: 4096,
    stream_max_duration: "1h",
    stream_max_size: "256MiB",
    pre_commit_buffer: "1MiB",
  },
  network: { proxy: null, ca_file: null, allow_private_networks: [] },
  cache: {
    enabled: false,
    ttl: "5m",
    max_size: 1000,
    max_bytes: "64MiB",
    scope: "key",
    models: [],
    max_temperature: 0,
    single_flight: true,
  },
  prices: { source: "builtin", refresh_url: null, refresh_interval: "1d", on_unknown: "allow", overrides: {} },
  logging: {
    enabled: true,
    db_path: "/var/lib/monorelay/requests.db",
    max_age_days: 30,
    content_preview_length: 200,
    bodies: "preview",
    body_limit: "256KiB",
    max_db_size: "2GiB",
    redact: [],
    client_ip: "full",
    user_agent: true,
    format: "auto",
  },
  telemetry: {
    prometheus: { enabled: false, access: "scope", listen: null, per_key: false },
    otlp: { endpoint: null, headers: {}, sample_ratio: 1, capture_content: false },
    update_check: false,
  },
  sso: { enabled: false, sso_only: false, providers: [], admin_usernames: [] },
  sync: {
    enabled: false,
    gist_id: null,
    auto_push: true,
    interval: 0,
    secrets: "strip",
    passphrase: null,
    remotes: [],
  },
  plugins: {
    dir: "/etc/monorelay/plugins",
    list: [],
    options: { jwt: {}, "api-key": {}, "access-key": {} },
    isolate: "none",
    require_hash: false,
  },
  database: {
    url: "sqlite:/var/lib/monorelay/monorelay.db",
    busy_timeout: "5s",
    synchronous: "full",
    backup: { schedule: null, dir: "/var/lib/monorelay/backups", keep: 7 },
  },
  secrets: { master_key: null, file_dirs: ["/etc/monorelay", "/var/lib/monorelay", "/run/secrets"] },
};

const PROVIDER_DEFAULTS = {
  enabled: true,
  provider_type: "openai",
  base_url: "https://a.example",
  keys: [],
  rate_limit_cooldown: "1m",
  timeouts: { connect: null, first_token: null, idle: null, total: null },
  models: { include: [], exclude: [] },
  headers: {},
  headers_override_auth: false,
  cloaking: {},
  params: {},
  system_prompt: null,
  model_params: [],
  test_model: null,
  console_url: null,
  cost_per_m_input: 0,
  cost_per_m_output: 0,
  retry: {
    enabled: false,
    max_retries: 3,
    retry_on_status: [429, 500, 502, 503, 504],
    retry_on_errors: ["rate_limit_error", "timeout_error", "upstream_error", "service_unavailable"],
    backoff_factor: 1.5,
    backoff_max: "1m",
  },
  ignore: {
    enabled: false,
    ignore_errors: ["content_filter", "content_moderation", "policy_violation"],
    action: "finish",
  },
  dialects: null,
  priority: 100,
  weight: 1,
  proxy: null,
  allow_private: "auto",
  breaker: { enabled: true, failures: 5, window: "30s", open: "30s", probes: 1 },
  limits: NO_LIMITS,
};

test("nothing written gives the documented defaults, without a word", async () => {
  const { config, warnings } = await load(null);
  const { providers: _, ...encoded } = encodeConfig(config!, CATALOG);
  expect(encoded).toEqual(DEFAULTS);
  expect(warnings).toEqual([]);
});

test("a provider of which only the address is known has the documented defaults", async () => {
  const config = await loadGood("providers: { a: { base_url: https://a.example } }");
  expect(encodeConfig(config, CATALOG)["providers"]).toEqual({ a: PROVIDER_DEFAULTS });
});

test("a key of which only the key is known has the documented defaults", async () => {
  const config = await loadGood("providers: { a: { provider_type: echo, keys: [{ key: abc }] } }");
  expect(config.providers[0]?.keys).toEqual([
    {
      key: "abc",
      id: expect.stringMatching(/^key_[0-9a-f]{12}$/),
      label: "default",
      weight: 1,
      enabled: true,
      quotaLimit: 0,
      quotaUsed: 0,
      rateLimitRps: 0,
      usageWindowLimits: { window5h: 0, window1d: 0, window7d: 0 },
      expiresAt: null,
      metadata: {},
      proxy: null,
      rpm: 0,
      tpm: 0,
      concurrency: 0,
    },
  ]);
});

test("while no provider is configured, echo answers", async () => {
  for (const text of [null, "", "providers:", "providers: {}"]) {
    expect((await loadGood(text)).providers).toMatchObject([{ name: "echo", type: "echo", options: { delay: 0 } }]);
  }
  const one = await loadGood("providers: { a: { provider_type: echo, enabled: false } }");
  expect(one.providers.map((provider) => provider.name)).toEqual(["a"]);
});

describe("schema", () => {
  const surroundings = { baseDir: BASE_DIR, dataDir: DATA_DIR };

  function* fieldsOf(spec: Spec, path: string): Generator<readonly [path: string, field: Field]> {
    if (spec.kind === "list") yield* fieldsOf(spec.item, `${path}[]`);
    if (spec.kind === "map") yield* fieldsOf(spec.value, `${path}.*`);
    if (spec.kind !== "object") return;
    for (const [key, field] of Object.entries(spec.fields)) {
      yield [path === "" ? key : `${path}.${key}`, field];
      yield* fieldsOf(field.spec, path === "" ? key : `${path}.${key}`);
    }
  }
  const fields = [...fieldsOf(SCHEMA, "")];

  test("every default is a value that its own key accepts, and means the same written as left out", () => {
    for (const [path, { spec, preset }] of fields) {
      if (spec.kind !== "scalar" || preset === undefined || preset === null) continue;
      const parsed = (spec as ScalarSpec).parse(plant(preset as PlainValue) as ScalarTree, surroundings);
      expect([path, parsed]).toEqual([path, { value: expect.anything() }]);
      if (!spec.isConverted) expect(parsed).toEqual({ value: preset });
    }
  });

  test("every key says in one sentence what it is for", () => {
    for (const [path, { description }] of fields)
      expect([path, description]).toEqual([path, expect.stringMatching(/^\S.{8,}\.$/)]);
  });

  test("keys are snake_case, names in code unique", () => {
    for (const [path] of fields) expect(path).toMatch(/^[a-z][a-z0-9_]*(?:(?:\[\]|\.\*)?\.[a-z][a-z0-9_]*)*$/);
    const objects = fields.flatMap(([, { spec }]) => (spec.kind === "object" ? [spec] : []));
    for (const spec of [SCHEMA as ObjectSpec, ...objects]) {
      const shown = Object.values(spec.fields).filter(({ mode }) => mode !== "ignored" && mode !== "special");
      if (!spec.isSparse) expect(Object.keys(defaultsOf(spec, surroundings))).toHaveLength(shown.length);
    }
  });

  test("sections, which exist without being written, need nothing", () => {
    const visit = (spec: ObjectSpec, path: string): void => {
      for (const [key, field] of Object.entries(spec.fields)) {
        expect([path, key, field.mode]).not.toEqual([path, key, "required"]);
        if (field.spec.kind === "object") visit(field.spec, `${path}.${key}`);
      }
    };
    visit(SCHEMA, "");
  });

  test("the keys that wait for a restart are the documented ones", () => {
    expect(fields.flatMap(([path, { restart }]) => (restart === false ? [] : [path]))).toEqual([
      "server.host",
      "server.port",
      "server.unix_socket",
      "server.tls",
      "logging.db_path",
      "telemetry.prometheus.listen",
      "database.url",
      "database.synchronous",
      "secrets.master_key",
    ]);
  });

  test("the secrets are the documented ones", () => {
    expect(fields.flatMap(([path, { spec }]) => (spec.kind === "scalar" && spec.isSecret ? [path] : []))).toEqual([
      "server.access_key",
      "server.previous_access_key",
      "server.turnstile_secret_key",
      "server.jwt_secret",
      "auth.setup_token",
      "providers.*.keys[].key",
      "sso.github_client_secret",
      "sso.google_client_secret",
      "sso.client_secret",
      "sso.providers[].client_secret",
      "sync.passphrase",
      "sync.remotes[].token",
      "sync.remotes[].password",
      "secrets.master_key",
    ]);
  });
});
