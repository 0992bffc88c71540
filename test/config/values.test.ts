/** What each type of value accepts and what it becomes: strict for what was written, by the key's type for references. */
import { describe, expect, test } from "bun:test";
import { readCoreScalar } from "../../src/config/core-scalar.ts";
import type { Config } from "../../src/config/types.ts";
import {
  formatDuration,
  formatSize,
  guessDuration,
  guessSize,
  parseDuration,
  parseSize,
  parseTime,
} from "../../src/config/units.ts";
import { load, loadGood } from "./support.ts";

type Read = (config: Config) => unknown;

const firstKey: Read = (config) => config.providers[0]?.keys[0];
const key = (fields: string) => `providers:\n  a: { provider_type: echo, keys: [{ key: k, ${fields} }] }`;

const ACCEPTED: readonly (readonly [name: string, text: string, read: Read, value: unknown])[] = [
  ["an integer", "server: { port: 0 }", (config) => config.server.port, 0],
  ["an integer written in hexadecimal", "server: { port: 0x50 }", (config) => config.server.port, 80],
  ["an integer written with an exponent", "server: { port: 8e3 }", (config) => config.server.port, 8000],
  ["true in YAML's three spellings", "server: { public_pricing: TRUE }", (config) => config.server.publicPricing, true],
  [
    "an integer where a fraction may stand",
    "model_routing: { failover: { budget: 1 } }",
    (config) => config.modelRouting.failover.budget,
    1,
  ],
  [
    "a quoted text",
    "server: { public_host: 'relay.example.com' }",
    (config) => config.server.publicHost,
    "relay.example.com",
  ],
  ["seconds", "timeouts: { idle: 90 }", (config) => config.timeouts.idleMs, 90_000],
  ["fractions of seconds", "timeouts: { idle: 0.25 }", (config) => config.timeouts.idleMs, 250],
  ["milliseconds", "timeouts: { idle: 500ms }", (config) => config.timeouts.idleMs, 500],
  ["minutes", "timeouts: { idle: 5m }", (config) => config.timeouts.idleMs, 300_000],
  ["half an hour", "timeouts: { idle: 0.5h }", (config) => config.timeouts.idleMs, 1_800_000],
  ["days", "api_keys: { default_expiry: 90d }", (config) => config.apiKeys.defaultExpiryMs, 7_776_000_000],
  ["bytes", "limits: { max_body: 1000 }", (config) => config.limits.maxBody, 1000],
  ["KiB", "limits: { max_body: 256KiB }", (config) => config.limits.maxBody, 262_144],
  ["GiB", "limits: { max_body: 2GiB }", (config) => config.limits.maxBody, 2_147_483_648],
  [
    "a time in UTC",
    key("expires_at: 2027-01-01T00:00:00Z"),
    (config) => config.providers[0]?.keys[0]?.expiresAt,
    1_798_761_600_000,
  ],
  [
    "a time with an offset",
    key("expires_at: '2027-01-01T01:00:00+01:00'"),
    (config) => config.providers[0]?.keys[0]?.expiresAt,
    1_798_761_600_000,
  ],
  [
    "a time without an offset, which is UTC",
    key("expires_at: 2027-01-01T00:00:00"),
    (config) => config.providers[0]?.keys[0]?.expiresAt,
    1_798_761_600_000,
  ],
  ["a day", key("expires_at: 2027-01-01"), (config) => config.providers[0]?.keys[0]?.expiresAt, 1_798_761_600_000],
  ["no time", key("expires_at: ''"), (config) => config.providers[0]?.keys[0]?.expiresAt, null],
  ["a word beside true and false", "auth: { cookie_secure: auto }", (config) => config.auth.cookieSecure, "auto"],
  ["true beside a word", "auth: { cookie_secure: true }", (config) => config.auth.cookieSecure, true],
  [
    "a network",
    "server: { trusted_proxies: [10.0.0.0/8, 'fd00::/8'] }",
    (config) => config.server.trustedProxies,
    ["10.0.0.0/8", "fd00::/8"],
  ],
  [
    "an address as a network of one",
    "server: { trusted_proxies: [10.0.0.7, '::1'] }",
    (config) => config.server.trustedProxies,
    ["10.0.0.7/32", "::1/128"],
  ],
  [
    "hosts with and without ports",
    "server: { allowed_hosts: [A.example, 'b.example:8443', '[::1]:80'] }",
    (config) => config.server.allowedHosts,
    ["a.example", "b.example:8443", "[::1]:80"],
  ],
  [
    "origins of browsers and of apps",
    "server: { cors_origins: ['http://localhost:3000', 'app://obsidian.md'] }",
    (config) => config.server.corsOrigins,
    ["http://localhost:3000", "app://obsidian.md"],
  ],
  [
    "a public URL whose /v1 is dropped",
    "server: { public_host: https://relay.example.com/v1/ }",
    (config) => config.server.publicHost,
    "https://relay.example.com",
  ],
  ["an IPv6 address in brackets", "server: { host: '[::1]' }", (config) => config.server.host, "::1"],
  [
    "a URL, its trailing slash cut",
    "providers: { a: { base_url: https://a.example/v1/ } }",
    (config) => config.providers[0]?.baseUrl,
    "https://a.example/v1",
  ],
  [
    "a URL of this machine",
    "providers: { a: { base_url: 'http://localhost:11434' } }",
    (config) => config.providers[0]?.baseUrl,
    "http://localhost:11434",
  ],
  [
    "a proxy with a password",
    "network: { proxy: 'socks5://me:secret@proxy.example:1080' }",
    (config) => config.network.proxy,
    "socks5://me:secret@proxy.example:1080",
  ],
  ["a path beside the file", "plugins: { dir: ./mine }", (config) => config.plugins.dir, "/etc/monorelay/mine"],
  [
    "a path in the data directory",
    "logging: { db_path: ./data/log/r.db }",
    (config) => config.logging.dbPath,
    "/var/lib/monorelay/log/r.db",
  ],
  ["an absolute path", "logging: { db_path: /srv/r.db }", (config) => config.logging.dbPath, "/srv/r.db"],
  [
    "a folder named data without the dot",
    "logging: { db_path: data/r.db }",
    (config) => config.logging.dbPath,
    "/etc/monorelay/data/r.db",
  ],
  [
    "a database",
    "database: { url: 'sqlite:./data/a.db' }",
    (config) => config.database.path,
    "/var/lib/monorelay/a.db",
  ],
  [
    "a schedule",
    "database: { backup: { schedule: '*/15 0-6 * * 1,5' } }",
    (config) => config.database.backup.schedule,
    "*/15 0-6 * * 1,5",
  ],
  [
    "a plugin by its name",
    "plugins: { list: [mine] }",
    (config) => config.plugins.list,
    [{ name: "mine", sha256: null, enabled: true, isolate: "none" }],
  ],
  [
    "globs in the order of the file",
    "model_routing: { fallbacks: { 'b*': [x], 'a*': [y, z] } }",
    (config) => config.modelRouting.fallbacks,
    [
      { pattern: "b*", models: ["x"] },
      { pattern: "a*", models: ["y", "z"] },
    ],
  ],
  [
    "free values as they are",
    "model_routing: { global_params: { params: { a: 1, b: [x, { c: null }], d: 1.50 } } }",
    (config) => config.modelRouting.globalParams.params,
    { a: 1, b: ["x", { c: null }], d: 1.5 },
  ],
  [
    "names that YAML reads as numbers",
    "providers: { 302: { provider_type: echo } }",
    (config) => config.providers[0]?.name,
    "302",
  ],
  [
    "an anchored block used again",
    "limits: { user: &l { rpm: 5 }, org: *l }",
    (config) => [config.limits.user.rpm, config.limits.org.rpm],
    [5, 5],
  ],
];

test.each(ACCEPTED)("accepts %s", async (_name, text, read, value) => {
  expect(read(await loadGood(text))).toEqual(value as never);
});

const UNSET: readonly (readonly [name: string, text: string, read: Read])[] = [
  ["an empty secret", 'server: { access_key: "" }', (config) => config.server.accessKey],
  ["a secret without a value", "server:\n  access_key:", (config) => config.server.accessKey],
  ["a secret of white space", 'server: { access_key: "   " }', (config) => config.server.accessKey],
  ["a secret that is null", "server: { access_key: ~ }", (config) => config.server.accessKey],
  ["no file", "", (config) => config.server.accessKey],
  ["a comment", "# nothing", (config) => config.server.accessKey],
  ["an empty mapping", "{}", (config) => config.server.accessKey],
  ["a blank token secret", "server: { jwt_secret: ' ' }", (config) => config.server.jwtSecret],
  ["a blank host", "server: { public_host: '' }", (config) => config.server.publicHost],
  [
    "a blank prompt",
    "model_routing: { global_params: { system_prompt: '' } }",
    (config) => config.modelRouting.globalParams.systemPrompt,
  ],
  ["an empty file list", "secrets:\n  master_key:", (config) => config.secrets.masterKey],
];

test.each(UNSET)("takes %s for not set", async (_name, text, read) => {
  const config = await loadGood(text);
  expect(read(config)).toBeNull();
  expect(config.server.accessKeyEnabled).toBe(true);
});

test("a heading with nothing under it is an empty section", async () => {
  const config = await loadGood(
    "server:\nproviders:\nlimits:\n  user:\n  org:\n    budgets:\nmodel_routing:\n  aliases:\n  groups:",
  );
  expect(config).toEqual(await loadGood(null));
});

test("names from the configuration inherit nothing", async () => {
  const config = await loadGood(
    "model_routing: { aliases: { a: b } }\nproviders: { a: { provider_type: echo, headers: { X-A: b } } }",
  );
  for (const table of [
    config.modelRouting.aliases,
    config.modelRouting.groups,
    config.prices.overrides,
    config.providers[0]?.headers,
  ]) {
    expect(Object.getPrototypeOf(table)).toBeNull();
  }
  expect(config.modelRouting.aliases["toString"]).toBeUndefined();
});

test("everything is frozen, all the way down", async () => {
  const config = await loadGood(
    "providers: { a: { provider_type: cloud, pool: { is_shared: true }, params: { x: [{ y: 1 }] }, keys: [{ key: k }] } }",
  );
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    expect(Object.isFrozen(value)).toBe(true);
    Object.values(value).forEach(visit);
  };
  visit(config);
  expect(firstKey(config)).toMatchObject({ key: "k", label: "default" });
});

test("a file in bytes may begin with a mark of its encoding and must be UTF-8", async () => {
  const marked = new Uint8Array([0xef, 0xbb, 0xbf, ...new TextEncoder().encode("server: { port: 1 }")]);
  expect((await loadGood(marked)).server.port).toBe(1);
  const { config, errors } = await load(new Uint8Array([0x61, 0x3a, 0xff]));
  expect(config).toBeNull();
  expect(errors).toMatchObject([{ code: "yaml_syntax", line: 1, column: 1 }]);
});

describe("units", () => {
  test.each([
    ["90s", 90_000],
    ["1.5h", 5_400_000],
    ["7d", 604_800_000],
    ["30", null],
    ["5 m", null],
    ["-5m", null],
    ["5M", null],
    ["", null],
    ["1w", null],
  ])("the duration %p is %p ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each([
    ["1KiB", 1024],
    ["0.5MiB", 524_288],
    ["1TiB", 1_099_511_627_776],
    ["1KB", null],
    ["1kib", null],
    ["10", null],
  ])("the size %p is %p bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each([
    ["2027-01-01T00:00:00Z", 1_798_761_600_000],
    ["2027-01-01 00:00", 1_798_761_600_000],
    ["2027-01-01T00:00:00.250Z", 1_798_761_600_250],
    ["2026-12-31T19:00:00-05:00", 1_798_761_600_000],
    ["2028-02-29", 1_835_395_200_000],
    ["2027-02-29", null],
    ["2027-13-01", null],
    ["2027-01-01T24:00:00Z", null],
    ["2027-01-01T00:00:00+25:00", null],
    ["01/02/2027", null],
    ["tomorrow", null],
  ])("the time %p is %p", (text, ms) => {
    expect(parseTime(text)).toBe(ms);
  });

  test.each([
    ["10 min", "10m"],
    ["30", "30s"],
    ["2 hours", "2h"],
    ["3 days", "3d"],
    ["250 millis", "250ms"],
    ["soon", null],
    ["5 weeks", null],
  ])("by %p somebody means %p", (text, meant) => {
    expect(guessDuration(text)).toBe(meant);
  });

  test.each([
    ["32MB", "32MiB"],
    ["32 mb", "32MiB"],
    ["1g", "1GiB"],
    ["lots", null],
  ])("by %p somebody means %p", (text, meant) => {
    expect(guessSize(text)).toBe(meant);
  });

  test("what is shown is what would be read", () => {
    for (const ms of [0, 1, 999, 1000, 1500, 90_000, 3_600_000, 86_400_000, 31_536_000_000]) {
      const shown = formatDuration(ms);
      expect(typeof shown === "number" ? shown * 1000 : parseDuration(shown)).toBe(ms);
    }
    for (const bytes of [0, 1, 1023, 1024, 1_048_576, 5_000_000, 2_147_483_648]) {
      const shown = formatSize(bytes);
      expect(typeof shown === "number" ? shown : parseSize(shown)).toBe(bytes);
    }
  });
});

test.each([
  ["", null],
  ["null", null],
  ["~", null],
  ["true", true],
  ["False", false],
  ["yes", "yes"],
  ["42", 42],
  ["+42", 42],
  ["0x1F", 31],
  ["0o17", 15],
  ["017", 17],
  ["1.5e3", 1500],
  [".5", 0.5],
  ["-.inf", -Infinity],
  ["1_000", "1_000"],
  ["1.2.3", "1.2.3"],
  ["2027-01-01", "2027-01-01"],
  ["tRuE", "tRuE"],
] as const)("the core schema reads %p as %p", (text, value) => {
  expect(readCoreScalar(text)).toBe(value);
});
