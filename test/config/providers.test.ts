/** What becomes of a provider's block: its type, address, keys, time limits, headers, and the options of its plugin. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { describe, expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import type { Catalog, PluginSelection } from "../../src/config/catalog.ts";
import { deriveKeyId } from "../../src/config/rules/providers.ts";
import { brief, CATALOG, load, loadGood, placeOf, unmark } from "./support.ts";

const provider = async (fields: string) => (await loadGood(`providers:\n  a: { ${fields} }`)).providers[0]!;

test("providers keep the order of the file", async () => {
  const config = await loadGood(
    "providers: { z: { provider_type: echo }, a: { provider_type: echo }, m: { provider_type: echo } }",
  );
  expect(config.providers.map(({ name }) => name)).toEqual(["z", "a", "m"]);
});

test("api stands for the plugin of OpenAI-compatible services", async () => {
  expect((await provider("base_url: https://a.example")).type).toBe("openai");
  expect((await provider("base_url: https://a.example, provider_type: api")).type).toBe("openai");
  // Named by itself, the plugin's own address is good enough.
  expect(await provider("provider_type: openai")).toMatchObject({ type: "openai", baseUrl: null });
});

describe("the part of an address that the plugin adds is cut, with a warning", () => {
  test.each([
    ["api", "https://a.example/v1/chat/completions", "https://a.example/v1", 1],
    ["api", "https://a.example/v1/chat/completions/", "https://a.example/v1", 1],
    ["api", "https://a.example/v1", "https://a.example/v1", 0],
    ["api", "https://a.example/chat/completions/v1", "https://a.example/chat/completions/v1", 0],
    ["anthropic", "https://a.example/v1", "https://a.example", 1],
    ["anthropic", "https://a.example/v1/messages", "https://a.example", 1],
    ["anthropic", "https://a.example/proxy/v1/", "https://a.example/proxy", 1],
    ["anthropic", "https://a.example/v1beta", "https://a.example/v1beta", 0],
    ["cloud", "https://a.example/v1", "https://a.example/v1", 0],
    ["cloud", "https://a.example/v1/chat/completions", "https://a.example/v1", 1],
  ])("%s %s", async (type, written, kept, count) => {
    const { text, places } = unmark(
      `providers:\n  a:\n    provider_type: ${type}\n    base_url: ▲${written}\n    keys: [{ key: k }]`,
    );
    const { config, warnings } = await load(text);
    expect(config?.providers[0]?.baseUrl).toBe(kept);
    expect(warnings.map((problem) => `${placeOf(problem)} ${brief(problem)}`)).toEqual(
      count === 0 ? [] : [`${places[0]} bad_value providers.a.base_url`],
    );
  });
});

test("timeout sets both silences unless they are set themselves", async () => {
  const limits = async (fields: string) => (await provider(`provider_type: echo, ${fields}`)).timeouts;
  const none = { connectMs: null, firstTokenMs: null, idleMs: null, totalMs: null };
  expect(await limits("timeout: 120")).toEqual({ ...none, firstTokenMs: 120_000, idleMs: 120_000 });
  expect(await limits("timeout: 120, timeouts: { idle: 5 }")).toEqual({ ...none, firstTokenMs: 120_000, idleMs: 5000 });
  expect(await limits("timeouts: { first_token: 15m, total: 0 }")).toEqual({
    ...none,
    firstTokenMs: 900_000,
    totalMs: 0,
  });
  expect(await limits("weight: 1")).toEqual(none);
});

test("headers have lower-case names; a credential needs the switch", async () => {
  const { headers } = await provider(
    "provider_type: echo, headers_override_auth: true, headers: { Authorization: Basic x, X-Title: y }",
  );
  expect({ ...headers }).toEqual({ authorization: "Basic x", "x-title": "y" });
});

test("cloaking becomes the headers it stands for, old fingerprints nothing", async () => {
  const { config, warnings } = await load(
    "providers: { a: { provider_type: echo, cloaking: { user_agent: x/1, accept_language: en, referer: '', tls_fingerprint_profile: chrome } } }",
  );
  expect({ ...config?.providers[0]?.cloaking }).toEqual({ "user-agent": "x/1", "accept-language": "en" });
  expect(warnings.map(brief)).toEqual(["unsupported providers.a.cloaking.tls_fingerprint_profile"]);
});

describe("keys", () => {
  test("have ids that stay the same, tell nothing, and differ between keys", async () => {
    const key = "sk-canary-0123456789";
    expect(deriveKeyId(key)).toBe(deriveKeyId(key));
    expect(deriveKeyId(key)).not.toBe(deriveKeyId(`${key}x`));
    expect(deriveKeyId(key)).not.toContain("canary");
    const { keys } = await provider(
      `provider_type: echo, keys: [{ key: ${key}, label: a }, { key: other, id: mine, label: b }]`,
    );
    expect(keys.map(({ id }) => id)).toEqual([deriveKeyId(key), "mine"]);
  });

  test("the same key twice is a warning, and still has two ids", async () => {
    const { text, places } = unmark(
      "providers:\n  a: { provider_type: echo, keys: [{ key: k, label: a }, { key: ▲k, label: b }] }",
    );
    const { config, warnings } = await load(text);
    expect(warnings.map((problem) => `${placeOf(problem)} ${brief(problem)}`)).toEqual([
      `${places[0]} conflict providers.a.keys[1].key`,
    ]);
    expect(new Set(config?.providers[0]?.keys.map(({ id }) => id)).size).toBe(2);
  });

  test("equal labels are a warning, written or not", async () => {
    const written = unmark(
      "providers:\n  a: { provider_type: echo, keys: [{ key: x, label: a }, { key: y, label: ▲a }] }",
    );
    const left = unmark("providers:\n  a: { provider_type: echo, keys: [{ key: x }, ▲{ key: y }] }");
    for (const { text, places } of [written, left]) {
      const { warnings } = await load(text);
      expect(warnings.map((problem) => `${placeOf(problem)} ${brief(problem)}`)).toEqual([
        `${places[0]} conflict providers.a.keys[1].label`,
      ]);
    }
  });

  test("a disabled provider may wait for its key", async () => {
    expect((await provider("provider_type: anthropic, enabled: false")).keys).toEqual([]);
  });

  test("a plugin may do without", async () => {
    expect((await provider("provider_type: openai")).keys).toEqual([]);
    expect((await provider("provider_type: cloud")).keys).toEqual([]);
  });

  test("a key that cannot be resolved is one problem, not two", async () => {
    const { errors } = await load("providers: { a: { provider_type: anthropic, keys: [{ key: '${NOBODY}' }] } }");
    expect(errors.map(brief)).toEqual(["unresolved_variable providers.a.keys[0].key"]);
  });
});

describe("options of a plugin", () => {
  test("are spelled as in the file, also inside each other, except for names the operator chose", async () => {
    const { options } = await provider(
      "provider_type: cloud, api_version: '2025-04-01', deployments: { gpt_4o: my_deployment }, pool: { is_shared: true }",
    );
    expect(options).toEqual({
      region: "eu",
      apiVersion: "2025-04-01",
      deployments: { gpt_4o: "my_deployment" },
      pool: { sizeMax: 4, isShared: true },
    });
  });

  test("have their defaults where nothing is written", async () => {
    expect((await provider("provider_type: cloud")).options).toEqual({ region: "eu" });
    expect((await provider("provider_type: echo")).options).toEqual({ delay: 0 });
  });

  test("that are blank secrets are not set", async () => {
    expect((await provider("provider_type: cloud, signing_key: ' '")).options).toEqual({ region: "eu" });
  });

  test("of one entry do not reach another", async () => {
    const config = await loadGood(
      "providers: { a: { provider_type: cloud, region: us }, b: { provider_type: cloud } }",
    );
    expect(config.providers.map(({ options }) => options["region"])).toEqual(["us", "eu"]);
  });

  test("named like a key that every provider has are a mistake of the plugin", async () => {
    const clash = { kind: "provider", options: Type.Object({ testModel: Type.String() }) } as const;
    const catalog: Catalog = new Map([...CATALOG, ["clash", clash]]);
    const { errors } = await load(null, { resolvePlugins: async () => ({ catalog, problems: [] }) });
    expect(errors.map(brief)).toEqual(["plugin plugins"]);
    expect(errors[0]?.message).toContain("plugin clash: its option testModel");
  });

  test("whose schema is none are a mistake of the plugin, not a crash", async () => {
    const broken = {
      kind: "provider",
      keys: "none",
      options: { type: "object", properties: { x: {} } } as never,
    } as const;
    const catalog: Catalog = new Map([...CATALOG, ["broken", broken]]);
    const { errors } = await load("providers: { a: { provider_type: broken, x: 1 } }", {
      resolvePlugins: async () => ({ catalog, problems: [] }),
    });
    expect(errors.map(brief)).toEqual(["plugin providers.a"]);
  });

  test("are not judged while their plugin is not known", async () => {
    const { errors } = await load("providers: { a: { provider_type: nobody, whatever: 1 } }");
    expect(errors.map(brief)).toEqual(["bad_reference providers.a.provider_type"]);
  });
});

describe("plugins of the configuration", () => {
  test("are looked for once, with what the section says, before anything is checked against them", async () => {
    const asked: PluginSelection[] = [];
    const catalog: Catalog = new Map([
      ...CATALOG,
      ["mine", { kind: "provider", keys: "none", options: Type.Object({ x: Type.Integer() }) }],
    ]);
    const config = await loadGood(
      "plugins: { dir: ./p, list: [mine, { name: off, enabled: false }], require_hash: true }\nproviders: { a: { provider_type: mine, x: 1 } }",
      {
        resolvePlugins: async (selection) => {
          asked.push(selection);
          return { catalog, problems: [] };
        },
      },
    );
    expect(asked).toMatchObject([
      {
        dir: "/etc/monorelay/p",
        requireHash: true,
        list: [
          { name: "mine", enabled: true },
          { name: "off", enabled: false },
        ],
      },
    ]);
    expect(config.providers[0]?.options).toEqual({ x: 1 });
  });

  test("that cannot be loaded are errors at their line", async () => {
    const { text, places } = unmark("plugins:\n  list:\n    - fine\n    - ▲broken");
    const problem = {
      path: "plugins.list[1]",
      line: 0,
      column: 0,
      code: "plugin",
      message: "no such file",
      suggestion: null,
    } as const;
    const { config, errors } = await load(text, {
      resolvePlugins: async () => ({ catalog: CATALOG, problems: [problem] }),
    });
    expect(errors.map((each) => `${placeOf(each)} ${brief(each)}`)).toEqual([`${places[0]} plugin plugins.list[1]`]);
    expect(config).toBeNull();
  });

  test("do not make their providers look unknown when they are the ones that fail", async () => {
    const problem = {
      path: "plugins.list[0]",
      line: 0,
      column: 0,
      code: "plugin",
      message: "no such file",
      suggestion: null,
    } as const;
    const { errors } = await load(
      "plugins: { list: [mine] }\nproviders: { a: { provider_type: mine } }\nauth: { chain: [mine] }",
      {
        resolvePlugins: async () => ({ catalog: CATALOG, problems: [problem] }),
      },
    );
    expect(errors.map(brief)).toEqual(["plugin plugins.list[0]"]);
  });

  test.each([
    ["a hash that is none", "plugins: { list: [mine, { name: pinned, sha256: abc }] }"],
    ["a hash that cannot be found", "plugins: { list: [{ name: pinned, sha256: '${NOBODY}' }] }"],
    ["a name that is missing", "plugins: { list: [mine, {}] }"],
    ["a switch that is none", "plugins: { list: [mine], require_hash: yes }"],
    ["a folder that is none", "plugins: { list: [mine], dir: '~/plugins' }"],
  ])("are not loaded while their section has a mistake: %s", async (_name, text) => {
    const asked: PluginSelection[] = [];
    const { config, errors } = await load(
      `${text}\nproviders: { a: { provider_type: mine } }\nauth: { chain: [mine] }`,
      {
        resolvePlugins: async (selection) => {
          asked.push(selection);
          return { catalog: CATALOG, problems: [] };
        },
      },
    );
    expect(asked.map(({ list }) => list)).toEqual([[]]);
    expect(errors).toHaveLength(1);
    expect(errors[0]?.path).toStartWith("plugins.");
    expect(config).toBeNull();
  });

  test("may warn", async () => {
    const warning = {
      path: "plugins.list[0]",
      line: 0,
      column: 0,
      code: "plugin",
      message: "old",
      suggestion: null,
    } as const;
    const { config, warnings } = await load("plugins: { list: [mine] }", {
      resolvePlugins: async () => ({ catalog: CATALOG, problems: [], warnings: [warning] }),
    });
    expect(warnings).toMatchObject([{ path: "plugins.list[0]", line: 1, column: 19 }]);
    expect(config).not.toBeNull();
  });

  test("that authenticate have their options, when they are asked or written about", async () => {
    const asked = await load(
      "auth: { chain: [access-key, corp-proxy] }\nplugins: { options: { corp-proxy: { trusted_peers: [10.0.0.1] } } }",
    );
    expect(asked.config?.plugins.options).toEqual({
      "access-key": {},
      "corp-proxy": { header: "x-corp-user", trustedPeers: ["10.0.0.1"] },
    });
    const lacking = await load("auth: { chain: [access-key, corp-proxy] }");
    expect(lacking.errors.map(brief)).toEqual(["missing plugins.options.corp-proxy.trusted_peers"]);
    const off = await load("auth: { chain: [access-key] }");
    expect(off.config?.plugins.options).toEqual({ "access-key": {} });
  });
});

test("sso: the single form becomes an entry behind the others", async () => {
  const config = await loadGood(
    "sso: { provider: prismaauth, client_id: a, client_secret: b, providers: [{ id: x, type: corp-proxy, trusted_peers: [] }] }",
  );
  expect(config.sso.providers).toMatchObject([
    { id: "x", type: "corp-proxy", label: "x", clientId: "", options: { header: "x-corp-user", trustedPeers: [] } },
    {
      id: "prismaauth",
      type: "prismaauth",
      clientId: "a",
      clientSecret: "b",
      issuer: "http://localhost:8080",
      scopes: ["openid", "profile", "email"],
    },
  ]);
  const github = await loadGood("sso: { github_client_id: a, github_client_secret: b, google_client_id: c }");
  expect(github.sso.providers).toMatchObject([{ id: "github", type: "github", issuer: null, scopes: null }]);
});
