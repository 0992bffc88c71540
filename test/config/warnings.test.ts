/** What is allowed and still worth a word: weak keys on loopback, keys of old files, features that are still to come. */
import { describe, expect, test } from "bun:test";
import { PENDING } from "../../src/config/pending.ts";
import { SCHEMA } from "../../src/config/schema/index.ts";
import type { Spec } from "../../src/config/schema/kit.ts";
import { brief, load, loadGood, placeOf, unmark } from "./support.ts";

/** As in the table of bad configurations: `▲` marks each warning's place. */
type Row = readonly [name: string, marked: string, ...warnings: string[]];

const STRONG = "q7Hq2cXv9aPz4LmN8sRtW1yBk6Ed3GfU";

const GITHUB_ENTRY = `providers: [{ id: github, type: github, client_id: relay, client_secret: ${STRONG} }]`;

const ROWS: readonly Row[] = [
  ["a published access key on loopback", "server:\n  access_key: ▲change-me", "bad_value server.access_key"],
  ["a short access key on loopback", "server:\n  host: localhost\n  access_key: ▲abc", "bad_value server.access_key"],
  [
    "a weak previous key on loopback",
    "server:\n  previous_access_key: ▲sk-1234\n  previous_access_key_until: 2027-01-01",
    "bad_value server.previous_access_key",
  ],
  [
    "a long but simple access key on a public address",
    "server:\n  host: 0.0.0.0\n  access_key: ▲aaaaaaaaaaaaaaaa\nauth: { registration: closed }",
    "bad_value server.access_key",
  ],
  ["open registration on a public address", "server:\n  host: ▲0.0.0.0", "conflict server.host"],
  ["a bare name among the sso admins", "sso:\n  admin_usernames: [▲octocat]", "bad_value sso.admin_usernames[0]"],
  [
    "a setup token that no sign-in can show",
    `auth: { setup_token: ▲${STRONG} }\nsso: { enabled: true, sso_only: true, ${GITHUB_ENTRY} }`,
    "conflict auth.setup_token",
  ],
  [
    "a remote cache of models",
    "providers:\n  a:\n    provider_type: echo\n    ▲remote_models_cache: [x]",
    "unsupported providers.a.remote_models_cache",
  ],
  [
    "local sso",
    "sso: { ▲local_sso_enabled: true, ▲local_sso_secret: x }",
    "unsupported sso.local_sso_enabled",
    "unsupported sso.local_sso_secret",
  ],
  ["a gist for statistics", "sync: { ▲gist_id_stats: x }", "unsupported sync.gist_id_stats"],
  [
    "a group behind an alias of its name",
    "model_routing:\n  aliases: { chat: x }\n  groups:\n    ▲Chat: { targets: [{ model: m, provider: echo }] }",
    "unsupported model_routing.groups",
    "conflict model_routing.groups.Chat",
  ],
];

test.each(ROWS.map((row) => [row[0], row] as const))("%s", async (_name, [, marked, ...expected]) => {
  const { text, places } = unmark(marked);
  const { config, errors, warnings } = await load(text);
  expect(errors).toEqual([]);
  expect(config).not.toBeNull();
  expect(warnings.map(brief).toSorted()).toEqual(expected.toSorted());
  const found = warnings.map(placeOf);
  for (const place of places) expect(found).toContain(place);
});

describe("without a word", () => {
  test.each([
    [
      "a strong access key on a public address",
      `server: { host: 0.0.0.0, access_key: ${STRONG} }\nauth: { setup_token: auto }`,
      [],
    ],
    [
      "a UUID as access key on a public address",
      "server: { host: 0.0.0.0, access_key: 3f2b8c1e-9d4a-4e6f-8b7c-1a2d3e4f5a6b }\nauth: { setup_token: auto }",
      [],
    ],
    ["a setup token beside sso", `auth: { setup_token: ${STRONG} }\nsso: { enabled: true, ${GITHUB_ENTRY} }`, []],
    ["sso alone, without a token", `sso: { enabled: true, sso_only: true, ${GITHUB_ENTRY} }`, []],
    ["a weak key that is switched off", "server: { access_key: abc, access_key_enabled: false }", []],
    ["web_reverse that is null", "providers: { a: { provider_type: echo, web_reverse: null } }", []],
    ["the default chain, written out", "auth: { chain: [jwt, api-key, access-key] }", []],
    ["an IPv6 loopback", "server: { host: '::1', access_key: abc }", ["bad_value server.access_key"]],
  ])("%s", async (_name, text, expected) => {
    const { config, warnings } = await load(text);
    expect(warnings.map(brief)).toEqual(expected);
    expect(config).not.toBeNull();
  });
});

test("the chain is as it is written, and by default all three", async () => {
  expect((await loadGood(null)).auth.chain).toEqual(["jwt", "api-key", "access-key"]);
  expect((await loadGood("auth: { chain: [access-key, jwt] }")).auth.chain).toEqual(["access-key", "jwt"]);
});

describe("keys whose feature is still to come", () => {
  test("are kept and named, once for each row and place", async () => {
    const { text, places } = unmark(`providers:
  a:
    provider_type: echo
    ▲limits: { rpm: 5, tpm: 6 }
    keys:
      - { key: x, label: x, ▲rpm: 1, ▲quota_limit: 2 }
      - { key: y, label: y, ▲rpm: 1 }
  b.c:
    provider_type: echo
    ▲breaker: { failures: 9 }
▲cache:
  enabled: true
  ttl: 60
key_selection:
  ▲strategy: lowest_latency
`);
    const { config, warnings } = await load(text);
    expect(warnings.map((problem) => `${placeOf(problem)} ${brief(problem)}`)).toEqual(
      [
        "providers.a.limits",
        "providers.a.keys[0].rpm",
        "providers.a.keys[0].quota_limit",
        "providers.a.keys[1].rpm",
        'providers["b.c"].breaker',
        "cache",
        "key_selection.strategy",
      ].map((path, index) => `${places[index]} unsupported ${path}`),
    );
    expect(config?.cache).toMatchObject({ enabled: true, ttlMs: 60_000 });
  });

  test("are no news while they repeat their default", async () => {
    const { warnings } = await load(
      "cache: { enabled: false, ttl: 5m }\nsync:\nlimits: { user: { rpm: 0 } }\nauth: { registration: open }",
    );
    expect(warnings).toEqual([]);
  });

  test("are named when a variable sets them", async () => {
    const { warnings } = await load(null, { env: { MONORELAY_CACHE__ENABLED: "true" } });
    expect(warnings.map(brief)).toEqual(["unsupported cache"]);
    expect(warnings[0]?.message).toContain("MONORELAY_CACHE__ENABLED");
  });

  test("work for other values where only some are to come", async () => {
    expect((await load("key_selection: { strategy: weighted }")).warnings).toEqual([]);
  });

  test("exist, each of them", () => {
    for (const { path } of PENDING) {
      let spec: Spec | undefined = SCHEMA;
      for (const step of path.replaceAll("[]", ".[]").split(".")) {
        if (step === "*") spec = spec?.kind === "map" ? spec.value : undefined;
        else if (step === "[]") spec = spec?.kind === "list" ? spec.item : undefined;
        else spec = spec?.kind === "object" ? spec.fields[step]?.spec : undefined;
        expect([path, step, spec]).toEqual([path, step, expect.anything()]);
      }
    }
  });
});
