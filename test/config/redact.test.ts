/** What may be shown of a configuration, and the list of what may not. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { describe, expect, test } from "bun:test";
import { encodeConfig } from "../../src/config/encode.ts";
import { redactConfig, renderYaml, secretValues } from "../../src/config/redact.ts";
import { BASE_DIR, CATALOG, load, loadGood, memoryFiles } from "./support.ts";

const SECRETS = {
  accessKey: "canary-access-key-0001",
  previousKey: "canary-previous-key-0002",
  jwt: "canary-jwt-secret-0003-0123456789abcdef",
  turnstile: "canary-turnstile-0004",
  setup: "canary-setup-token-0005",
  providerKey: "canary-provider-key-0006",
  header: "canary-header-0007",
  password: "canary-proxy-password-0008",
  keyPassword: "canary-key-proxy-0009",
  option: "canary-option-0010",
  authOption: "canary-auth-option-0011",
  otlp: "canary-otlp-0012",
  client: "canary-client-0013",
  single: "canary-single-0014",
  passphrase: "canary-passphrase-0015",
  token: "canary-token-0016",
  dav: "canary-dav-0017",
  master: "canary-master-0018",
  free: "canary-free-0019",
};

const TEXT = `
server:
  access_key: ${SECRETS.accessKey}
  previous_access_key: ${SECRETS.previousKey}
  previous_access_key_until: 2030-01-01
  jwt_secret: ${SECRETS.jwt}
  turnstile_secret_key: ${SECRETS.turnstile}
auth:
  chain: [access-key, corp-proxy]
  setup_token: ${SECRETS.setup}
providers:
  a:
    provider_type: cloud
    signing_key: ${SECRETS.option}
    proxy: http://me:${SECRETS.password}@proxy.example:3128
    headers: { X-Auth-Extra: ${SECRETS.header}, X-Title: shown }
    params: { upstream_api_key: ${SECRETS.free}, max_tokens: 5 }
    keys:
      - { key: ${SECRETS.providerKey}, proxy: "socks5://me:${SECRETS.keyPassword}@proxy.example" }
      - { key: short, label: second }
telemetry: { otlp: { headers: { anything: ${SECRETS.otlp} } } }
sso:
  github_client_id: Iv1.shown
  github_client_secret: ${SECRETS.single}
  providers: [{ id: x, type: oidc, client_secret: ${SECRETS.client} }]
sync:
  passphrase: ${SECRETS.passphrase}
  remotes:
    - { name: g, type: gist, token: ${SECRETS.token} }
    - { name: d, type: webdav, url: "https://dav.example", password: ${SECRETS.dav} }
plugins: { options: { corp-proxy: { trusted_peers: [], shared_secret: ${SECRETS.authOption} } } }
secrets: { master_key: ${SECRETS.master} }
`;

const show = async (text: string, input = {}) => {
  const { config, references, sources, errors } = await load(text, input);
  expect(errors).toEqual([]);
  const document = redactConfig({ config: config!, catalog: CATALOG, references, fingerprintKey: "k1" });
  return { config: config!, document, references, sources };
};

test("no secret of any kind is shown, and everything else is", async () => {
  const { document } = await show(TEXT);
  const shown = JSON.stringify(document);
  expect(shown).not.toContain("canary");
  expect(shown).toContain("shown");
  expect(document["providers"]).toMatchObject({
    a: {
      proxy: expect.stringMatching(/^http:\/\/me:redacted:0008:[0-9a-f]{8}@proxy\.example:3128$/),
      headers: { "x-auth-extra": expect.stringMatching(/^redacted:0007:/), "x-title": "shown" },
      params: { upstream_api_key: expect.stringMatching(/^redacted:/), max_tokens: 5 },
      signing_key: expect.stringMatching(/^redacted:0010:/),
      keys: [
        { key: expect.stringMatching(/^redacted:0006:[0-9a-f]{8}$/) },
        { key: expect.stringMatching(/^redacted::[0-9a-f]{8}$/) },
      ],
    },
  });
});

test("every secret is on the list for the log, once, and nothing else is", async () => {
  const { config } = await load(TEXT);
  expect(secretValues(config!, CATALOG).toSorted()).toEqual([...Object.values(SECRETS), "short"].toSorted());
});

test("without secrets the list is empty", async () => {
  expect(secretValues(await loadGood(null), CATALOG)).toEqual([]);
  expect(secretValues(await loadGood("auth: { setup_token: auto }"), CATALOG)).toEqual([]);
});

test("the same secret has the same fingerprint, under another key another one", async () => {
  const { config, references } = await load(
    `server: { access_key: ${SECRETS.accessKey} }\nsecrets: { master_key: ${SECRETS.accessKey} }`,
  );
  const under = (fingerprintKey: string) =>
    redactConfig({ config: config!, catalog: CATALOG, references, fingerprintKey });
  const keyOf = (document: ReturnType<typeof under>) => (document["server"] as { access_key: string }).access_key;
  expect((under("k1")["secrets"] as { master_key: string }).master_key).toBe(keyOf(under("k1")));
  expect(keyOf(under("k2"))).not.toBe(keyOf(under("k1")));
});

describe("references are shown as they were written", () => {
  const env = { KEY: SECRETS.providerKey, TEAM: "canary-team" };
  const files = memoryFiles({ [`${BASE_DIR}/secret`]: SECRETS.client });

  test("instead of what they stand for, secret or not", async () => {
    const { document } = await show(
      "providers:\n  a:\n    provider_type: cloud\n    api_version: ${TEAM}\n    headers: { X-Team: 'team ${TEAM}', x-key: '${KEY}' }\n    keys: [{ key: '${KEY}' }]\nsso: { github_client_id: a, github_client_secret: '${file:secret}' }",
      { env, files },
    );
    expect(JSON.stringify(document)).not.toContain("canary");
    expect(document["providers"]).toMatchObject({
      a: {
        api_version: "${TEAM}",
        headers: { "x-team": "team ${TEAM}", "x-key": "${KEY}" },
        keys: [{ key: "${KEY}" }],
      },
    });
    expect(document["sso"]).toMatchObject({ providers: [{ client_secret: "${file:secret}" }] });
  });

  test("not for what merely stands at the same place after a change of form", async () => {
    const text =
      "sso: { github_client_id: a, github_client_secret: '${KEY}', providers: [{ id: x, type: oidc, client_secret: plain-canary-0001 }] }";
    const { document } = await show(text, { env, files });
    expect(document["sso"]).toMatchObject({
      providers: [
        { id: "x", client_secret: expect.stringMatching(/^redacted:0001:/) },
        { id: "github", client_secret: "${KEY}" },
      ],
    });
  });
});

test("what is shown without secrets can be read again and means the same", async () => {
  const text = TEXT.replace(
    "params: { upstream_api_key: canary-free-0019, max_tokens: 5 }",
    "params: { a: [1, { b: null }], 'c.d': x }",
  );
  const config = await loadGood(
    `${text}
model_routing:
  aliases: { "gpt-4.1": x, fast: y }
  provider_mapping: { "b*": a, "a*": a }
  fallbacks: { "*": [x, y] }
  groups: { g: { targets: [{ model: m, provider: a, weight: 2 }] } }
  payload_transformation: { enabled: true, rules: [{ models: [a], remove_params: [t] }] }
prices: { overrides: { "m@a": { input: 1.5, cache_read: 0.1 } } }
limits: { user: { rpm: 3, budgets: [{ usd: 1.5, window: day }] }, max_body: 1000 }
timeouts: { idle: 1500ms }
tool_calling: { unsupported_models: ["x*"] }
server: &s {}
`.replace("server: &s {}\n", ""),
  );
  const again = await loadGood(await renderYaml(encodeConfig(config, CATALOG)));
  expect(again).toEqual(config);
});

test("YAML tells where each value comes from when asked", async () => {
  const { document, sources } = await show(
    "server:\n  port: 1\n  cors_origins: [https://a.example]\nproviders:\n  a: { provider_type: echo, keys: [{ key: kkk, weight: 2 }] }",
    {
      env: { MONORELAY_LOG_LEVEL: "ERROR" },
      flags: { host: "localhost" },
    },
  );
  const lines = (await renderYaml(document, sources)).split("\n").map((line) => line.trim());
  expect(lines).toContain("port: 1 # file:2");
  expect(lines).toContain("log_level: ERROR # env MONORELAY_LOG_LEVEL");
  expect(lines).toContain("host: localhost # flag --host");
  expect(lines).toContain("- https://a.example # file:3");
  expect(lines).toContain("weight: 2 # file:5");
  expect(lines).toContain("unsupported_params: drop # default");
  expect(await renderYaml(document)).not.toContain("#");
});
