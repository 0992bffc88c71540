/** Flag over variable over file over default; and what variables can and cannot say. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { describe, expect, test } from "bun:test";
import { formatSource, sourceOf } from "../../src/config/source.ts";
import type { Config } from "../../src/config/types.ts";
import { brief, load, loadGood } from "./support.ts";

const FILE = "server: { port: 2, log_level: ERROR }";

test.each([
  ["nothing", null, {}, {}, 8787, "default"],
  ["a file", FILE, {}, {}, 2, "file:1"],
  ["a variable without a file", null, { MONORELAY_SERVER__PORT: "3" }, {}, 3, "env MONORELAY_SERVER__PORT"],
  ["a variable over a file", FILE, { MONORELAY_SERVER__PORT: "3" }, {}, 3, "env MONORELAY_SERVER__PORT"],
  ["a short variable over a file", FILE, { MONORELAY_PORT: "4" }, {}, 4, "env MONORELAY_PORT"],
  [
    "a full variable over a short one",
    FILE,
    { MONORELAY_PORT: "4", MONORELAY_SERVER__PORT: "3" },
    {},
    3,
    "env MONORELAY_SERVER__PORT",
  ],
  ["a flag over a file", FILE, {}, { port: "5" }, 5, "flag --port"],
  [
    "a flag over everything",
    FILE,
    { MONORELAY_PORT: "4", MONORELAY_SERVER__PORT: "3" },
    { port: "5" },
    5,
    "flag --port",
  ],
] as const)("%s", async (_name, content, env, flags, port, source) => {
  const { config, sources, warnings } = await load(content, { env, flags });
  expect(config?.server.port).toBe(port);
  expect(formatSource(sourceOf(sources, "server.port"))).toBe(source);
  expect(warnings).toEqual([]);
});

test("a problem that is found later can be given its place", async () => {
  const { placeOf } = await load("version: 1\nserver:\n  port: 1");
  expect(placeOf("server.port")).toEqual({ line: 3, column: 9 });
  expect(placeOf("server.host")).toEqual({ line: 0, column: 0 });
});

test("every flag has its key, and leaves the others alone", async () => {
  const flags = { host: "0.0.0.0", port: "1", unix: "/run/x.sock", logLevel: "debug", logFormat: "json" };
  const config = await loadGood("auth: { registration: closed }", { flags });
  expect(config.server).toMatchObject({ host: "0.0.0.0", port: 1, unixSocket: "/run/x.sock", logLevel: "DEBUG" });
  expect(config.logging.format).toBe("json");
  const plain = await loadGood("auth: { registration: closed }");
  expect({ ...config, server: plain.server, logging: plain.logging }).toEqual(plain);
});

test("a flag that cannot be is refused by its name, with no place in the file", async () => {
  const { errors } = await load(FILE, { flags: { port: "many" } });
  expect(errors).toMatchObject([{ path: "server.port", line: 0, column: 0, code: "wrong_type" }]);
  expect(errors[0]?.message).toEndWith("(set by --port)");
});

const VARIABLES: readonly (readonly [
  name: string,
  variable: string,
  text: string,
  read: (config: Config) => unknown,
  value: unknown,
])[] = [
  ["an integer", "LIMITS__MAX_CONCURRENCY", "5", (config) => config.limits.maxConcurrency, 5],
  ["a boolean", "SERVER__PUBLIC_MODELS", "false", (config) => config.server.publicModels, false],
  ["a word, whatever its case", "LOG_LEVEL", "warning", (config) => config.server.logLevel, "WARNING"],
  ["a text of digits", "SECRETS__MASTER_KEY", "1234567890", (config) => config.secrets.masterKey, "1234567890"],
  ["the short form of the master key", "MASTER_KEY", "abc", (config) => config.secrets.masterKey, "abc"],
  ["a secret that begins with a bracket", "SECRETS__MASTER_KEY", "[x", (config) => config.secrets.masterKey, "[x"],
  ["a secret that begins with a quote", "SECRETS__MASTER_KEY", '"x', (config) => config.secrets.masterKey, '"x'],
  ["a quoted text", "SERVER__PUBLIC_HOST", '"relay.example"', (config) => config.server.publicHost, "relay.example"],
  ["a duration", "TIMEOUTS__IDLE", "5m", (config) => config.timeouts.idleMs, 300_000],
  ["an empty text for what may be unset", "SERVER__ACCESS_KEY", "", (config) => config.server.accessKey, null],
  [
    "a list",
    "SERVER__CORS_ORIGINS",
    "[https://a.example, 'https://b.example']",
    (config) => config.server.corsOrigins,
    ["https://a.example", "https://b.example"],
  ],
  ["an empty list", "SERVER__CORS_ORIGINS", "[]", (config) => config.server.corsOrigins, []],
  [
    "a list over several lines",
    "SERVER__ACCESS_KEY_SCOPES",
    "[inference,\nkeys:read]",
    (config) => config.server.accessKeyScopes,
    ["inference", "keys:read"],
  ],
  [
    "a list of mappings",
    "PROVIDERS__MAIN__KEYS",
    "[{ key: abc, weight: 3 }]",
    (config) => config.providers[0]?.keys[0]?.weight,
    3,
  ],
  [
    "a key of a section inside a section",
    "AUTH__PASSWORD__HASH__ITERATIONS",
    "3",
    (config) => config.auth.password.hash.iterations,
    3,
  ],
  ["a key of a provider in the file", "PROVIDERS__MAIN__PRIORITY", "7", (config) => config.providers[0]?.priority, 7],
  [
    "a provider with dashes and dots, as lines",
    "PROVIDERS__MY_AI_2__PRIORITY",
    "7",
    (config) => config.providers[1]?.priority,
    7,
  ],
  ["an option of a plugin", "PROVIDERS__MAIN__DELAY", "250", (config) => config.providers[0]?.options["delay"], 250],
  ["a free value", "PROVIDERS__MAIN__PARAMS__TOP_K", "5", (config) => config.providers[0]?.params, { top_k: 5 }],
  [
    "a new entry of a mapping",
    "MODEL_ROUTING__ALIASES__FAST",
    "small",
    (config) => ({ ...config.modelRouting.aliases }),
    { fast: "small" },
  ],
  [
    "an option of an auth plugin",
    "PLUGINS__OPTIONS__CORP_PROXY__TRUSTED_PEERS",
    "[10.0.0.1]",
    (config) => config.plugins.options["corp-proxy"],
    { header: "x-corp-user", trustedPeers: ["10.0.0.1"] },
  ],
  ["a reference", "SERVER__PUBLIC_HOST", "${HOSTNAME_OF_RELAY}", (config) => config.server.publicHost, "relay.example"],
];

const WITH_PROVIDERS = `plugins: { options: { corp-proxy: {} } }
providers:
  main: { provider_type: echo }
  my-ai.2: { provider_type: echo }
`;

describe("a variable may hold", () => {
  test.each(VARIABLES)("%s", async (_name, variable, text, read, value) => {
    const env = { [`MONORELAY_${variable}`]: text, HOSTNAME_OF_RELAY: "relay.example" };
    const file = variable.startsWith("PLUGINS") || variable.startsWith("PROVIDERS") ? WITH_PROVIDERS : null;
    const content = variable.startsWith("PLUGINS") ? file : (file?.replace(/^plugins.*\n/, "") ?? null);
    const { config, errors } = await load(content, { env });
    expect(errors).toEqual([]);
    expect(read(config!)).toEqual(value as never);
  });
});

test("a whole provider may be made of variables", async () => {
  const env = {
    MONORELAY_PROVIDERS__MAIN__BASE_URL: "https://api.example.com/v1",
    MONORELAY_PROVIDERS__MAIN__KEYS: "[{ key: '${MAIN_KEY}', label: first }]",
    MAIN_KEY: "sk-0123456789abcdef",
  };
  const { config, warnings } = await load(null, { env });
  expect(config?.providers).toMatchObject([
    {
      name: "main",
      type: "openai",
      baseUrl: "https://api.example.com/v1",
      keys: [{ key: "sk-0123456789abcdef", label: "first" }],
    },
  ]);
  expect(warnings).toEqual([]);
});

describe("a variable that cannot be is an error that names it", () => {
  test.each([
    ["MONORELAY_SERVER__PORT", '"8787"', "wrong_type server.port"],
    ["MONORELAY_SERVER__PORT", "many", "wrong_type server.port"],
    ["MONORELAY_PORT", "", "wrong_type server.port"],
    ["MONORELAY_SERVER__CORS_ORIGINS", "https://a.example", "wrong_type server.cors_origins"],
    ["MONORELAY_SERVER__CORS_ORIGINS", "[a", "yaml_syntax server.cors_origins"],
    ["MONORELAY_SERVER__TLS", "x", "wrong_type server.tls"],
    ["MONORELAY_LIMITS__USER", "{ rpm: 3 }", "wrong_type limits.user"],
    ["MONORELAY_LOG_LEVEL", "loud", "bad_value server.log_level"],
    ["MONORELAY_SERVER__PUBLIC_HOST", "${NOBODY}", "unresolved_variable server.public_host"],
  ])("%s=%s", async (name, text, problem) => {
    const { config, errors } = await load(null, { env: { [name]: text } });
    expect(errors.map(brief)).toEqual([problem]);
    expect(errors[0]).toMatchObject({ line: 0, column: 0 });
    expect(errors[0]?.message).toContain(name);
    expect(config).toBeNull();
  });
});

describe("a variable that means nothing is a warning with the nearest name", () => {
  test.each([
    ["MONORELAY_PROT", "MONORELAY_PORT"],
    ["MONORELAY_SERVER_PORT", "MONORELAY_SERVER__PORT"],
    ["MONORELAY_SERVER__PROT", "MONORELAY_SERVER__PORT"],
    ["MONORELAY_SEVRER__PORT", "MONORELAY_SERVER__PORT"],
    ["MONORELAY_SERVER__TLS__CRET", "MONORELAY_SERVER__TLS__CERT"],
    ["MONORELAY_SERVER__PORT__X", "MONORELAY_SERVER__PORT"],
    ["MONORELAY_SERVER____PORT", "MONORELAY_SERVER__PORT"],
    ["MONORELAY_SOMETHING_ELSE", null],
    ["MONORELAY_PROVIDERS__CONSTRUCTOR__ENABLED", null],
    ["MONORELAY___PROTO____X", null],
  ])("%s", async (name, suggestion) => {
    const { config, errors, warnings } = await load(null, { env: { [name]: "1" } });
    expect(errors).toEqual([]);
    expect(warnings).toMatchObject([{ code: "unknown_key", line: 0, suggestion }]);
    expect(warnings[0]?.message).toContain(name);
    expect(config).toEqual(await loadGood(null));
  });

  test("an option that the plugin does not have", async () => {
    const env = { MONORELAY_PROVIDERS__MAIN__DEALY: "1" };
    const { config, warnings } = await load("providers: { main: { provider_type: echo } }", { env });
    expect(warnings).toMatchObject([
      { code: "unknown_key", path: "providers.main.dealy", suggestion: "MONORELAY_PROVIDERS__MAIN__DELAY" },
    ]);
    expect(config?.providers[0]?.options).toEqual({ delay: 0 });
  });
});

test("variables of the command-line client and of other programs are left alone", async () => {
  const env = {
    MONORELAY_CONFIG: "x",
    MONORELAY_DATA_DIR: "x",
    MONORELAY_URL: "x",
    MONORELAY_TOKEN: "x",
    MONORELAY_API_KEY: "x",
    MONORELAYS: "x",
    monorelay_server__port: "1",
    PORT: "1",
    OPENAI_API_KEY: "x",
  };
  const { config, warnings } = await load(null, { env });
  expect(warnings).toEqual([]);
  expect(config).toEqual(await loadGood(null));
});

test("OpenTelemetry's own variables rule where the file says nothing", async () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318/", OTEL_EXPORTER_OTLP_HEADERS: "a=1,b=x%20y, ,c" };
  const silent = await load(null, { env });
  expect(silent.config?.telemetry.otlp).toMatchObject({ endpoint: "http://127.0.0.1:4318" });
  expect({ ...silent.config?.telemetry.otlp.headers }).toEqual({ a: "1", b: "x y" });
  expect(formatSource(sourceOf(silent.sources, "telemetry.otlp.endpoint"))).toBe("env OTEL_EXPORTER_OTLP_ENDPOINT");
  const written = await loadGood("telemetry: { otlp: { endpoint: 'http://b.example', headers: { k: v } } }", { env });
  expect(written.telemetry.otlp).toMatchObject({ endpoint: "http://b.example" });
  expect({ ...written.telemetry.otlp.headers }).toEqual({ k: "v" });
  const broken = await load(null, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: "collector" } });
  expect(broken.config?.telemetry.otlp.endpoint).toBeNull();
  expect(broken.warnings.map(brief)).toEqual(["bad_value telemetry.otlp.endpoint"]);
});
