/** Files that must be refused for their form or their meaning, each mistake with its code, path, place and suggestion. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { expect, test } from "bun:test";
import { brief, describeRefused, load, placeOf, type RefusedRow, unmark } from "./support.ts";

const SYNTAX: readonly RefusedRow[] = [
  ["a tab as indentation", "server:\n▲\tport: 1", "yaml_syntax "],
  ["a tab behind a colon", "server:\n  port:▲\t8787", "yaml_syntax "],
  ["a tab behind a dash", "server:\n  cors_origins:\n    -▲\t'*'", "yaml_syntax "],
  ["a standard tag", "server:\n  port: ▲!!int 8787", "yaml_syntax "],
  ["a tag of its own", "server:\n  host: ▲!env HOST", "yaml_syntax "],
  ["a tag on a mapping", "server: ▲!!map\n  port: 1", "yaml_syntax "],
  ["a tag on a key", "▲!!str server: {}", "yaml_syntax "],
  ["a second document", "version: 1\n---\n▲version: 1", "yaml_syntax "],
  ["another version of YAML", "▲%YAML 1.1\n---\nversion: 1", "yaml_syntax "],
  ["a bracket that stays open", "server:\n  cors_origins: [a\n▲version: 1", "yaml_syntax "],
  ["two values on one line", "server:\n  host: ▲a: b", "yaml_syntax "],
  ["a reserved character at the start", "server:\n  host: ▲@me", "yaml_syntax "],
  ["an alias without an anchor", "server:\n  host: ▲*nobody", "yaml_syntax server.host"],
  ["an alias to what contains it", "providers: &all\n  a: ▲*all", "yaml_syntax providers.a"],
  ["__proto__ as a key", "▲__proto__: {}", "yaml_syntax __proto__"],
  ["constructor as a key", "providers:\n  ▲constructor: {}", "yaml_syntax providers.constructor"],
  [
    "prototype as a key, quoted",
    'model_routing:\n  aliases: { ▲"prototype": x }',
    "yaml_syntax model_routing.aliases.prototype",
  ],
  ["a list as a key", "? ▲[a]\n: 1", "yaml_syntax "],
  ["an empty key", "server:\n  ▲~: 1", "yaml_syntax server"],
  ["a list as the whole file", "▲- server", "wrong_type "],
  ["a word as the whole file", "▲server", "wrong_type "],
  ["the same section twice", "server: {}\nversion: 1\n▲server: {}", "duplicate_key server"],
  ["the same key twice", "server:\n  port: 1\n  host: localhost\n  ▲port: 2", "duplicate_key server.port"],
  [
    "the same provider twice",
    "providers:\n  a: { provider_type: echo }\n  ▲a: { provider_type: echo }",
    "duplicate_key providers.a",
  ],
  ["the same key twice in braces", "server: { port: 1, ▲port: 2 }", "duplicate_key server.port"],
];

const UNKNOWN: readonly RefusedRow[] = [
  ["a section misspelt", "▲provders: {}", "unknown_key provders ? providers"],
  ["a key misspelt", "server:\n  ▲prot: 1", "unknown_key server.prot ? port"],
  ["two letters swapped", "server:\n  ▲hsot: a", "unknown_key server.hsot ? host"],
  ["a dash for a line", "server:\n  ▲log-level: INFO", "unknown_key server.log-level ? log_level"],
  ["camelCase", "server:\n  ▲accessKey: x", "unknown_key server.accessKey ? access_key"],
  ["a word that is like no other", "server:\n  ▲zzzzzz: 1", "unknown_key server.zzzzzz"],
  ["a merge key, which YAML 1.2 does not have", "▲<<: {}", 'unknown_key ["<<"]'],
  [
    "inside a list",
    "providers:\n  a:\n    provider_type: echo\n    keys:\n      - { key: k, ▲wieght: 2 }",
    "unknown_key providers.a.keys[0].wieght ? weight",
  ],
  [
    "inside a budget",
    "limits:\n  user:\n    budgets:\n      - { usd: 1, window: day, ▲per: day }",
    "unknown_key limits.user.budgets[0].per",
  ],
  [
    "inside a price",
    "prices:\n  overrides:\n    gpt-4o: { ▲inputs: 1 }",
    "unknown_key prices.overrides.gpt-4o.inputs ? input",
  ],
  [
    "an option the plugin does not have",
    "providers:\n  a:\n    provider_type: echo\n    ▲dealy: 1",
    "unknown_key providers.a.dealy ? delay",
  ],
  [
    "an option in code's spelling",
    "providers:\n  a:\n    provider_type: cloud\n    ▲apiVersion: '1'",
    "unknown_key providers.a.apiVersion ? api_version",
  ],
  [
    "an option inside an option",
    "providers:\n  a:\n    provider_type: cloud\n    pool: { ▲size: 1 }",
    "unknown_key providers.a.pool.size ? size_max",
  ],
  [
    "a house key misspelt in a provider",
    "providers:\n  a:\n    provider_type: echo\n    ▲priorty: 1",
    "unknown_key providers.a.priorty ? priority",
  ],
  [
    "options for a plugin that is not there",
    "plugins:\n  options:\n    ▲corp-prox: {}",
    "unknown_key plugins.options.corp-prox ? corp-proxy",
  ],
  [
    "an option of an sso entry",
    "sso:\n  providers:\n    - { id: a, type: oidc, ▲isuer: x }",
    "unknown_key sso.providers[0].isuer ? issuer",
  ],
  [
    "a name with dots in it",
    "model_routing:\n  groups:\n    gpt-4.1:\n      targets: [{ model: a, provider: echo }]\n      ▲stratgy: priority",
    'unknown_key model_routing.groups["gpt-4.1"].stratgy ? strategy',
  ],
];

const MEANING: readonly RefusedRow[] = [
  ["a provider without a URL", "providers:\n  ▲a:\n    enabled: true", "missing providers.a.base_url"],
  ["a provider without a key", "providers:\n  ▲a: { provider_type: anthropic }", "missing providers.a.keys"],
  [
    "a provider with disabled keys only",
    "providers:\n  ▲a: { provider_type: anthropic, keys: [{ key: k, enabled: false }] }",
    "missing providers.a.keys",
  ],
  [
    "a key without a key",
    "providers:\n  a: { provider_type: echo, keys: [▲{ label: main }] }",
    "missing providers.a.keys[0].key",
  ],
  [
    "a blank key",
    "providers:\n  a:\n    provider_type: echo\n    keys:\n      - ▲key: '  '\n        label: main",
    "missing providers.a.keys[0].key",
  ],
  ["an option that must be set", "providers:\n  ▲a: { provider_type: strict-cloud }", "missing providers.a.project_id"],
  [
    "an option that must be set, beside one that is unknown",
    "providers:\n  ▲a: { provider_type: strict-cloud, ▲project: x }",
    "missing providers.a.project_id",
    "unknown_key providers.a.project ? project_id",
  ],
  [
    "a captcha with half its keys",
    "▲server:\n  turnstile_enabled: true\n  turnstile_site_key: x",
    "missing server.turnstile_secret_key",
  ],
  [
    "an old key without its end",
    "▲server:\n  previous_access_key: 0123456789abcdef0123",
    "missing server.previous_access_key_until",
  ],
  [
    "an end without its old key",
    "▲server:\n  previous_access_key_until: 2027-01-01",
    "missing server.previous_access_key",
  ],
  ["a certificate without its key", "server:\n  ▲tls: { cert: a.pem }", "missing server.tls.key"],
  ["a cascade without models", "model_routing:\n  ▲cascade: { enabled: true }", "missing model_routing.cascade.models"],
  ["a group without targets", "model_routing:\n  groups:\n    ▲g: {}", "missing model_routing.groups.g.targets"],
  ["a budget without a window", "limits:\n  user: { budgets: [▲{ usd: 5 }] }", "missing limits.user.budgets[0].window"],
  ["a remote without its address", "sync:\n  remotes: [▲{ name: a, type: webdav }]", "missing sync.remotes[0].url"],
  ["encryption without a passphrase", "▲sync:\n  secrets: encrypt", "missing sync.passphrase"],
  ["sso without providers", "▲sso:\n  enabled: true", "missing sso.providers"],
  [
    "R63 sso on a public address without a name to come back to",
    "▲server: { host: 0.0.0.0 }\nsso:\n  enabled: true\n  providers: [{ id: a, type: github, client_id: a, client_secret: b }]",
    "missing server.public_host",
  ],
  [
    "an sso entry that is not complete",
    "sso:\n  enabled: true\n  providers: [▲{ id: a, type: oidc, client_id: a, client_secret: b }]",
    "missing sso.providers[0].issuer",
  ],
  [
    "half of the single form",
    "▲sso:\n  enabled: true\n  github_client_id: a\n  providers: [{ id: a, type: github, client_id: a, client_secret: b }]",
    "missing sso.github_client_secret",
  ],
  [
    "a type of provider that is not there",
    "providers:\n  a: { provider_type: ▲antropic, keys: [{ key: k }] }",
    "bad_reference providers.a.provider_type ? anthropic",
  ],
  [
    "an auth plugin as a provider",
    "providers:\n  a: { provider_type: ▲access-key }",
    "bad_reference providers.a.provider_type",
  ],
  [
    "a mapping to nobody",
    "providers:\n  main: { provider_type: echo }\nmodel_routing:\n  provider_mapping: { 'gpt-*': ▲mian }",
    'bad_reference model_routing.provider_mapping["gpt-*"] ? main',
  ],
  [
    "a group's target at nobody",
    "model_routing:\n  groups:\n    g: { targets: [{ model: m, provider: ▲nobody }] }",
    "bad_reference model_routing.groups.g.targets[0].provider",
  ],
  [
    "state kept by nobody",
    "model_routing:\n  stateful: { provider: ▲nobody }",
    "bad_reference model_routing.stateful.provider",
  ],
  [
    "an auth plugin that is not there",
    "auth:\n  chain: [access-key, ▲acess-key]",
    "bad_reference auth.chain[1] ? access-key",
  ],
  [
    "an sso type that is not there",
    "sso:\n  providers: [{ id: a, type: ▲okta }]",
    "bad_reference sso.providers[0].type",
  ],
  ["an alias of itself", "model_routing:\n  aliases: { gpt4o: ▲gpt-4o }", "cycle model_routing.aliases.gpt4o"],
  ["aliases in a circle", "model_routing:\n  aliases: { x: a, a: ▲B, b: c, c: A }", "cycle model_routing.aliases.a"],
  [
    "two circles",
    "model_routing:\n  aliases: { a: ▲b, b: a, c: ▲d, d: c }",
    "cycle model_routing.aliases.a",
    "cycle model_routing.aliases.c",
  ],
  [
    "aliases that differ in spelling only",
    "model_routing:\n  aliases: { my-model: a, ▲My_Model: b }",
    "conflict model_routing.aliases.My_Model",
  ],
  [
    "providers that differ in spelling only",
    "providers:\n  my-ai: { provider_type: echo }\n  ▲my_ai: { provider_type: echo }",
    "conflict providers.my_ai",
  ],
  [
    "headers that differ in case only",
    "providers:\n  a:\n    provider_type: echo\n    headers: { X-A: b, ▲x-a: c }",
    "conflict providers.a.headers.x-a",
  ],
  [
    "a credential among the headers",
    "providers:\n  a:\n    provider_type: echo\n    headers: { ▲Authorization: Bearer x }",
    "conflict providers.a.headers.Authorization",
  ],
  [
    "the same id for two keys",
    "providers:\n  a:\n    provider_type: echo\n    keys: [{ key: k1, id: x, label: a }, { key: k2, id: ▲x, label: b }]",
    "conflict providers.a.keys[1].id",
  ],
  ["an auth plugin listed twice", "auth:\n  chain: [access-key, ▲access-key]", "conflict auth.chain[1]"],
  ["an empty chain", "auth:\n  chain: ▲[]", "bad_value auth.chain"],
  [
    "a prefix that begins another",
    "api_keys:\n  prefix: rl_\n  relay_prefix: ▲rl_live_",
    "conflict api_keys.relay_prefix",
  ],
  [
    "a further prefix that begins a default one",
    "api_keys:\n  accepted_prefixes: [sk_, ▲rl_]",
    "conflict api_keys.accepted_prefixes[1]",
  ],
  [
    "an access key that looks like an API key",
    "server:\n  access_key: ▲mr_0123456789abcdef",
    "conflict server.access_key",
  ],
  [
    "an access key that looks like a session",
    "server:\n  access_key: ▲aaaaaaaaaa.bbbbbbbbbb.cccccccccc",
    "conflict server.access_key",
  ],
  [
    "R14 R120 a published access key on a public address",
    "server:\n  host: 0.0.0.0\n  access_key: ▲prisma-relay-change-me",
    "bad_value server.access_key",
  ],
  [
    "R14 R120 a short access key on a public address",
    "server:\n  host: '::'\n  access_key: ▲abc",
    "bad_value server.access_key",
  ],
  [
    "R14 R120 a weak previous key on a public address",
    "server:\n  host: 0.0.0.0\n  previous_access_key: ▲change-me\n  previous_access_key_until: 2027-01-01",
    "bad_value server.previous_access_key",
  ],
  ["a plugin listed twice", "plugins:\n  list: [a, ▲a]", "conflict plugins.list[1]"],
  [
    "a remote with the name of the gist",
    "sync:\n  gist_id: abc\n  remotes: [{ name: ▲gist, type: gist }]",
    "conflict sync.remotes[0].name",
  ],
  [
    "two sso entries of one id",
    "sso:\n  providers: [{ id: a, type: github }, { id: ▲a, type: google }]",
    "conflict sso.providers[1].id",
  ],
  [
    "two sso entries that share a callback",
    "sso:\n  providers: [{ id: a, type: github, callback: shared }, { id: b, type: google, callback: ▲shared }]",
    "conflict sso.providers[1].callback",
  ],
  [
    "an issuer where it is fixed",
    "sso:\n  providers: [{ id: a, type: google, issuer: ▲https://id.example.com }]",
    "conflict sso.providers[0].issuer",
  ],
  [
    "organisations where there are none",
    "sso:\n  providers: [{ id: a, type: oidc, allowed_orgs: ▲[example] }]",
    "conflict sso.providers[0].allowed_orgs",
  ],
  [
    "organisations for a plugin that knows none",
    "sso:\n  providers: [{ id: a, type: corp-proxy, trusted_peers: [], allowed_orgs: ▲[example] }]",
    "conflict sso.providers[0].allowed_orgs",
  ],
  [
    "a client id for a plugin that has none",
    "sso:\n  providers: [{ id: a, type: corp-proxy, trusted_peers: [], client_id: ▲x }]",
    "conflict sso.providers[0].client_id",
  ],
  [
    "both forms of one sso provider",
    "sso:\n  github_client_id: ▲a\n  github_client_secret: b\n  providers: [{ id: github, type: github }]",
    "conflict sso.github_client_id",
  ],
  [
    "options of a provider plugin in the wrong place",
    "plugins:\n  options:\n    echo: ▲{ delay: 1 }",
    "conflict plugins.options.echo",
  ],
  [
    "web_reverse as a type",
    "providers:\n  a: { provider_type: ▲web_reverse }",
    "unsupported providers.a.provider_type",
  ],
  [
    "a web_reverse block",
    "providers:\n  a:\n    provider_type: echo\n    ▲web_reverse: { url: x }",
    "unsupported providers.a.web_reverse",
  ],
  ["PostgreSQL", "database:\n  url: ▲postgres://me:secret@db/relay", "unsupported database.url"],
  ["plugins in a worker", "plugins:\n  isolate: ▲worker", "unsupported plugins.isolate"],
  [
    "one plugin in a process",
    "plugins:\n  list: [{ name: a, isolate: ▲process }]",
    "unsupported plugins.list[0].isolate",
  ],
  ["a later version of the file", "version: ▲2", "bad_value version"],
];

describeRefused("syntax", SYNTAX);
describeRefused("unknown keys", UNKNOWN);
describeRefused("meaning", MEANING);

test("all problems come at once, in the order of the file", async () => {
  const { text, places } = unmark(
    `version: ▲2
server:
  port: ▲"8787"
  ▲hsot: localhost
  log_level: ▲debug
providers:
  ▲Main:
    provider_type: ▲opnai
  backup:
    provider_type: echo
    priority: ▲1001
    ▲dealy: 3
    keys:
      - ▲label: a
      - key: \${▲NOBODY}
model_routing:
  aliases: { a: ▲a }
  provider_mapping: { "*": ▲bakcup }
▲sevrer: {}
`.replace("${▲", "▲${"),
  );
  const { config, errors } = await load(text);
  expect(errors.map((problem) => `${placeOf(problem)} ${brief(problem)}`)).toEqual([
    `${places[0]} bad_value version`,
    `${places[1]} wrong_type server.port`,
    `${places[2]} unknown_key server.hsot ? host`,
    `${places[3]} bad_value server.log_level ? DEBUG`,
    `${places[4]} bad_value providers.Main ? main`,
    `${places[6]} out_of_range providers.backup.priority`,
    `${places[7]} unknown_key providers.backup.dealy ? delay`,
    `${places[8]} missing providers.backup.keys[0].key`,
    `${places[9]} unresolved_variable providers.backup.keys[1].key`,
    `${places[10]} cycle model_routing.aliases.a`,
    `${places[11]} bad_reference model_routing.provider_mapping["*"] ? backup`,
    `${places[12]} unknown_key sevrer ? server`,
  ]);
  expect(config).toBeNull();
});

test("the refusal of web_reverse says what to do", async () => {
  const { errors } = await load("providers:\n  old: { provider_type: web_reverse }");
  expect(errors[0]?.message).toBe(
    'provider type "web_reverse" is not part of MonoRelay; remove providers.old or serve it from a plugin',
  );
});

test("no problem repeats a value that may be a secret", async () => {
  const canary = "canary-0123456789";
  const texts = [
    `server:\n  access_key: mr_${canary}`,
    `server:\n  access_key: [${canary}]`,
    `server:\n  port: ${canary}`,
    `server:\n  log_level: ${canary}`,
    `server: ${canary}`,
    `server:\n  access_key: "${canary}\\q"`,
    `server:\n  access_key: ${canary}: ${canary}`,
    `server:\n  access_key: '${canary}`,
    `database:\n  url: postgres://me:${canary}@db`,
    `providers:\n  a: { base_url: "https://me:${canary}@a.example" }`,
    `providers:\n  a: { provider_type: ${canary}, proxy: "ftp://me:${canary}@b" }`,
    `providers:\n  a: { provider_type: cloud, signing_key: [${canary}], region: ${canary} }`,
    `${canary}`,
    `- ${canary}`,
  ];
  for (const text of texts) {
    const { errors, warnings } = await load(text);
    expect(errors.length).toBeGreaterThan(0);
    expect(JSON.stringify([errors, warnings])).not.toContain(canary);
  }
});
