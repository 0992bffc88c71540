/** Everything that must be refused: each mistake with its code, its path, its place and what was probably meant. */
import { describe, expect, test } from "bun:test";
import { brief, load, placeOf, unmark } from "./support.ts";

/** `▲` marks where each problem must point, in the order of the file; then the problems in that order. */
type Row = readonly [name: string, marked: string, ...problems: string[]];

const SYNTAX: readonly Row[] = [
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
  ["prototype as a key, quoted", 'model_routing:\n  aliases: { ▲"prototype": x }', "yaml_syntax model_routing.aliases.prototype"],
  ["a list as a key", "? ▲[a]\n: 1", "yaml_syntax "],
  ["an empty key", "server:\n  ▲~: 1", "yaml_syntax server"],
  ["a list as the whole file", "▲- server", "wrong_type "],
  ["a word as the whole file", "▲server", "wrong_type "],
  ["the same section twice", "server: {}\nversion: 1\n▲server: {}", "duplicate_key server"],
  ["the same key twice", "server:\n  port: 1\n  host: localhost\n  ▲port: 2", "duplicate_key server.port"],
  ["the same provider twice", "providers:\n  a: { provider_type: echo }\n  ▲a: { provider_type: echo }", "duplicate_key providers.a"],
  ["the same key twice in braces", "server: { port: 1, ▲port: 2 }", "duplicate_key server.port"],
];

const UNKNOWN: readonly Row[] = [
  ["a section misspelt", "▲provders: {}", "unknown_key provders ? providers"],
  ["a key misspelt", "server:\n  ▲prot: 1", "unknown_key server.prot ? port"],
  ["two letters swapped", "server:\n  ▲hsot: a", "unknown_key server.hsot ? host"],
  ["a dash for a line", "server:\n  ▲log-level: INFO", "unknown_key server.log-level ? log_level"],
  ["camelCase", "server:\n  ▲accessKey: x", "unknown_key server.accessKey ? access_key"],
  ["a word that is like no other", "server:\n  ▲zzzzzz: 1", "unknown_key server.zzzzzz"],
  ["a merge key, which YAML 1.2 does not have", "▲<<: {}", 'unknown_key ["<<"]'],
  ["inside a list", "providers:\n  a:\n    provider_type: echo\n    keys:\n      - { key: k, ▲wieght: 2 }", "unknown_key providers.a.keys[0].wieght ? weight"],
  ["inside a budget", "limits:\n  user:\n    budgets:\n      - { usd: 1, window: day, ▲per: day }", "unknown_key limits.user.budgets[0].per"],
  ["inside a price", "prices:\n  overrides:\n    gpt-4o: { ▲inputs: 1 }", "unknown_key prices.overrides.gpt-4o.inputs ? input"],
  ["an option the plugin does not have", "providers:\n  a:\n    provider_type: echo\n    ▲dealy: 1", "unknown_key providers.a.dealy ? delay"],
  ["an option in code's spelling", "providers:\n  a:\n    provider_type: cloud\n    ▲apiVersion: '1'", "unknown_key providers.a.apiVersion ? api_version"],
  ["an option inside an option", "providers:\n  a:\n    provider_type: cloud\n    pool: { ▲size: 1 }", "unknown_key providers.a.pool.size ? size_max"],
  ["a house key misspelt in a provider", "providers:\n  a:\n    provider_type: echo\n    ▲priorty: 1", "unknown_key providers.a.priorty ? priority"],
  ["options for a plugin that is not there", "plugins:\n  options:\n    ▲corp-prox: {}", "unknown_key plugins.options.corp-prox ? corp-proxy"],
  ["an option of an sso entry", "sso:\n  providers:\n    - { id: a, type: oidc, ▲isuer: x }", "unknown_key sso.providers[0].isuer ? issuer"],
  ["a name with dots in it", 'model_routing:\n  groups:\n    gpt-4.1:\n      targets: [{ model: a, provider: echo }]\n      ▲stratgy: priority', 'unknown_key model_routing.groups["gpt-4.1"].stratgy ? strategy'],
];

const TYPES: readonly Row[] = [
  ["a quoted number for an integer", 'server:\n  port: ▲"8787"', "wrong_type server.port"],
  ["a fraction for an integer", "server:\n  port: ▲80.5", "wrong_type server.port"],
  ["a number with a leading zero", "server:\n  port: ▲08080", "bad_value server.port"],
  ["a list for an integer", "server:\n  port: ▲[1]", "wrong_type server.port"],
  ["yes for true", "server:\n  public_models: ▲yes", "wrong_type server.public_models ? true"],
  ["off for false", "server:\n  public_models: ▲off", "wrong_type server.public_models ? false"],
  ["1 for true", "server:\n  public_models: ▲1", "wrong_type server.public_models"],
  ["a quoted boolean", "server:\n  public_models: ▲'true'", "wrong_type server.public_models"],
  ["a number for a text", "server:\n  public_host: ▲5", "wrong_type server.public_host"],
  ["a number for a secret", "server:\n  access_key: ▲1234567890123456", "wrong_type server.access_key"],
  ["a text for a list", "server:\n  cors_origins: ▲https://a.example", "wrong_type server.cors_origins"],
  ["a list for a section", "server: ▲[]", "wrong_type server"],
  ["a text for a section", "server: ▲on", "wrong_type server"],
  ["a list for a mapping", "providers: ▲[]", "wrong_type providers"],
  ["a text for a provider", "providers:\n  a: ▲echo", "wrong_type providers.a"],
  ["a number for a header", "providers:\n  a:\n    provider_type: echo\n    headers: { X-N: ▲1 }", "wrong_type providers.a.headers.X-N"],
  ["a list for parameters", "providers:\n  a:\n    provider_type: echo\n    params: ▲[1]", "wrong_type providers.a.params"],
  ["nothing for a key with a default", "server:\n  ▲port:", "wrong_type server.port"],
  ["nothing for a list with a default", "server:\n  ▲cors_origins:", "wrong_type server.cors_origins"],
  ["a boolean for a duration", "timeouts:\n  idle: ▲true", "wrong_type timeouts.idle"],
  ["a list for a size", "limits:\n  max_body: ▲[]", "wrong_type limits.max_body"],
  ["a number for a word", "server:\n  log_level: ▲1", "wrong_type server.log_level"],
  ["a date without quotes is a text, a year is not", "providers:\n  a:\n    provider_type: echo\n    keys: [{ key: k, expires_at: ▲2027 }]", "wrong_type providers.a.keys[0].expires_at"],
  ["a wrong type in an option", "providers:\n  a: { provider_type: echo, delay: ▲'1' }", "wrong_type providers.a.delay"],
  ["a wrong type deep in an option", "providers:\n  a:\n    provider_type: cloud\n    pool: { size_max: ▲many }", "wrong_type providers.a.pool.size_max"],
  ["not a number", "providers:\n  a:\n    cost_per_m_input: ▲.nan\n    base_url: https://a.example", "wrong_type providers.a.cost_per_m_input"],
  ["infinity in free parameters", "providers:\n  a:\n    provider_type: echo\n    params: { x: ▲.inf }", "bad_value providers.a.params.x"],
];

const RANGES: readonly Row[] = [
  ["a port too high", "server:\n  port: ▲65536", "out_of_range server.port"],
  ["a port below zero", "server:\n  port: ▲-1", "out_of_range server.port"],
  ["a short token secret", `server:\n  jwt_secret: ▲${"x".repeat(31)}`, "out_of_range server.jwt_secret"],
  ["a short set-up token", "auth:\n  setup_token: ▲short", "out_of_range auth.setup_token"],
  ["a token that lives too shortly", "auth:\n  jwt:\n    access_ttl: ▲59", "out_of_range auth.jwt.access_ttl"],
  ["a refresh token shorter than the access token", "auth:\n  jwt: { access_ttl: 2d, refresh_ttl: ▲1d }", "out_of_range auth.jwt.refresh_ttl"],
  ["a session shorter than the refresh token", "auth:\n  jwt: { refresh_ttl: ▲60d }", "out_of_range auth.jwt.refresh_ttl"],
  ["a longest password below the shortest", "auth:\n  password: { min_length: 20, max_length: ▲10 }", "out_of_range auth.password.max_length"],
  ["too little memory for a hash", "auth:\n  password:\n    hash: { memory_kib: ▲1024 }", "out_of_range auth.password.hash.memory_kib"],
  ["a key that lives longer than the longest", "api_keys: { max_expiry: 1d, default_expiry: ▲2d }", "out_of_range api_keys.default_expiry"],
  ["a weight of zero", "providers:\n  a: { provider_type: echo, weight: ▲0 }", "out_of_range providers.a.weight"],
  ["too many retries", "providers:\n  a:\n    provider_type: echo\n    retry: { max_retries: ▲11 }", "out_of_range providers.a.retry.max_retries"],
  ["a status that is none", "providers:\n  a:\n    provider_type: echo\n    retry: { retry_on_status: [429, ▲42] }", "out_of_range providers.a.retry.retry_on_status[1]"],
  ["a budget of nothing", "limits:\n  user: { budgets: [{ usd: ▲0, window: day }] }", "out_of_range limits.user.budgets[0].usd"],
  ["a share above one", "model_routing:\n  failover: { budget: ▲1.1 }", "out_of_range model_routing.failover.budget"],
  ["no time to connect", "timeouts:\n  connect: ▲0", "out_of_range timeouts.connect"],
  ["a keep-alive too often", "timeouts:\n  sse_keepalive: ▲4", "out_of_range timeouts.sse_keepalive"],
  ["a negative duration", "timeouts:\n  total: ▲-1", "out_of_range timeouts.total"],
  ["a timer beyond what timers can", "timeouts:\n  idle: ▲25d", "out_of_range timeouts.idle"],
  ["a pull too often", "sync:\n  interval: ▲30", "out_of_range sync.interval"],
  ["an option out of its range", "providers:\n  a: { provider_type: cloud, retries_max: ▲10 }", "out_of_range providers.a.retries_max"],
  ["a number no integer can hold", "limits:\n  user: { tpm: ▲99999999999999999999 }", "out_of_range limits.user.tpm"],
];

const VALUES: readonly Row[] = [
  ["a word in the wrong case", "server:\n  log_level: ▲info", "bad_value server.log_level ? INFO"],
  ["a strategy that is none", "key_selection:\n  strategy: ▲roundrobin", "bad_value key_selection.strategy ? round-robin"],
  ["another mode of routing", "model_routing:\n  mode: ▲smart", "bad_value model_routing.mode"],
  ["a blank host", "server:\n  host: ▲''", "bad_value server.host"],
  ["a host with a scheme", "server:\n  host: ▲http://localhost", "bad_value server.host"],
  ["an access key with a space", "server:\n  access_key: ▲0123456789 0123456789", "bad_value server.access_key"],
  ["a duration in words", "timeouts:\n  idle: ▲10 minutes", "bad_value timeouts.idle ? 10m"],
  ["a duration in quotes", "timeouts:\n  idle: ▲'30'", "bad_value timeouts.idle ? 30s"],
  ["a size in decimal units", "limits:\n  max_body: ▲32MB", "bad_value limits.max_body ? 32MiB"],
  ["a scope that is none", "server:\n  access_key_scopes: [▲chat:wirte]", "bad_value server.access_key_scopes[0] ? chat:write"],
  ["no scopes at all", "server:\n  access_key_scopes: ▲[]", "bad_value server.access_key_scopes"],
  ["an origin with a path", "server:\n  cors_origins: [▲https://app.example/x]", "bad_value server.cors_origins[0] ? https://app.example"],
  ["an origin with a slash", "server:\n  cors_origins: [▲https://App.example]", "bad_value server.cors_origins[0] ? https://app.example"],
  ["a public host with a path", "server:\n  public_host: ▲relay.example.com/api", "bad_value server.public_host"],
  ["a network that is none", "server:\n  trusted_proxies: [▲10.0.0.0/33]", "bad_value server.trusted_proxies[0]"],
  ["a name where a network belongs", "network:\n  allow_private_networks: [▲intranet]", "bad_value network.allow_private_networks[0]"],
  ["a name of a provider in capitals", "providers:\n  ▲Local: { provider_type: echo }", "bad_value providers.Local ? local"],
  ["a URL without a scheme", "providers:\n  a: { base_url: ▲api.example.com }", "bad_value providers.a.base_url"],
  ["a file for a URL", "providers:\n  a: { base_url: ▲file:///etc/passwd }", "bad_value providers.a.base_url"],
  ["a user in a URL", "providers:\n  a: { base_url: ▲'https://me:secret@api.example.com' }", "bad_value providers.a.base_url"],
  ["a host hidden behind a user", "providers:\n  a: { base_url: ▲'https://good.example@evil.example' }", "bad_value providers.a.base_url"],
  ["a query in a URL", "providers:\n  a: { base_url: ▲'https://api.example.com?x=1' }", "bad_value providers.a.base_url"],
  ["a fragment in a URL", "providers:\n  a: { base_url: ▲'https://api.example.com/#x' }", "bad_value providers.a.base_url"],
  ["a backslash in a URL", "providers:\n  a: { base_url: ▲'https:\\\\api.example.com' }", "bad_value providers.a.base_url"],
  ["a line break in a header", 'providers:\n  a:\n    provider_type: echo\n    headers: { X-A: ▲"a\\r\\nb: c" }', "bad_value providers.a.headers.X-A"],
  ["a header name with a space", "providers:\n  a:\n    provider_type: echo\n    headers: { ▲'X A': b }", 'bad_value providers.a.headers["X A"]'],
  ["the host header", "providers:\n  a:\n    provider_type: echo\n    headers: { ▲Host: b }", "bad_value providers.a.headers.Host"],
  ["a header of the connection", "providers:\n  a:\n    provider_type: echo\n    headers: { ▲Transfer-Encoding: chunked }", "bad_value providers.a.headers.Transfer-Encoding"],
  ["a proxy of another kind", "network:\n  proxy: ▲ftp://proxy.example", "bad_value network.proxy"],
  ["a glob with an open bracket", "providers:\n  a:\n    provider_type: echo\n    models: { include: [▲'gpt-[4'] }", "bad_value providers.a.models.include[0]"],
  ["a key id of digits only", "providers:\n  a:\n    provider_type: echo\n    keys: [{ key: k, id: ▲'1' }]", "bad_value providers.a.keys[0].id"],
  ["a day that does not exist", "providers:\n  a:\n    provider_type: echo\n    keys: [{ key: k, expires_at: ▲2027-02-30 }]", "bad_value providers.a.keys[0].expires_at"],
  ["a broken regular expression", "logging:\n  redact: [▲'(']", "bad_value logging.redact[0]"],
  ["a schedule of four fields", "database:\n  backup: { schedule: ▲'0 3 * *' }", "bad_value database.backup.schedule"],
  ["a schedule with hour 24", "database:\n  backup: { schedule: ▲'0 24 * * *' }", "bad_value database.backup.schedule"],
  ["a prefix without its line", "api_keys:\n  prefix: ▲mr", "bad_value api_keys.prefix"],
  ["a path from home", "logging:\n  db_path: ▲~/requests.db", "bad_value logging.db_path"],
  ["a path out of the data directory", "logging:\n  db_path: ▲./data/../../etc/x", "bad_value logging.db_path"],
  ["a path of another system", "plugins:\n  dir: ▲'C:\\plugins'", "bad_value plugins.dir"],
  ["a path with a NUL", 'plugins:\n  dir: ▲"./a\\0b"', "bad_value plugins.dir"],
  ["a hash that is none", "plugins:\n  list: [{ name: a, sha256: ▲abc }]", "bad_value plugins.list[0].sha256"],
  ["a database of another kind", "database:\n  url: ▲mysql://db", "bad_value database.url ? sqlite:./data/monorelay.db"],
  ["an option that is none of its words", "providers:\n  a: { provider_type: cloud, region: ▲asia }", "bad_value providers.a.region"],
  ["an issuer over plain http", "sso:\n  providers: [{ id: a, type: oidc, issuer: ▲http://id.example.com }]", "bad_value sso.providers[0].issuer"],
  ["a listener without a port", "telemetry:\n  prometheus: { listen: ▲localhost }", "bad_value telemetry.prometheus.listen"],
  ["a socket path that is too long", `server:\n  unix_socket: ▲/run/${"x".repeat(110)}`, "out_of_range server.unix_socket"],
];

const MEANING: readonly Row[] = [
  ["a provider without a URL", "providers:\n  ▲a:\n    enabled: true", "missing providers.a.base_url"],
  ["a provider without a key", "providers:\n  ▲a: { provider_type: anthropic }", "missing providers.a.keys"],
  ["a provider with disabled keys only", "providers:\n  ▲a: { provider_type: anthropic, keys: [{ key: k, enabled: false }] }", "missing providers.a.keys"],
  ["a key without a key", "providers:\n  a: { provider_type: echo, keys: [▲{ label: main }] }", "missing providers.a.keys[0].key"],
  ["a blank key", "providers:\n  a:\n    provider_type: echo\n    keys:\n      - ▲key: '  '\n        label: main", "missing providers.a.keys[0].key"],
  ["an option that must be set", "providers:\n  ▲a: { provider_type: strict-cloud }", "missing providers.a.project_id"],
  ["an option that must be set, beside one that is unknown", "providers:\n  ▲a: { provider_type: strict-cloud, ▲project: x }", "missing providers.a.project_id", "unknown_key providers.a.project ? project_id"],
  ["a captcha with half its keys", "▲server:\n  turnstile_enabled: true\n  turnstile_site_key: x", "missing server.turnstile_secret_key"],
  ["an old key without its end", "▲server:\n  previous_access_key: 0123456789abcdef0123", "missing server.previous_access_key_until"],
  ["an end without its old key", "▲server:\n  previous_access_key_until: 2027-01-01", "missing server.previous_access_key"],
  ["a certificate without its key", "server:\n  ▲tls: { cert: a.pem }", "missing server.tls.key"],
  ["a cascade without models", "model_routing:\n  ▲cascade: { enabled: true }", "missing model_routing.cascade.models"],
  ["a group without targets", "model_routing:\n  groups:\n    ▲g: {}", "missing model_routing.groups.g.targets"],
  ["a budget without a window", "limits:\n  user: { budgets: [▲{ usd: 5 }] }", "missing limits.user.budgets[0].window"],
  ["a remote without its address", "sync:\n  remotes: [▲{ name: a, type: webdav }]", "missing sync.remotes[0].url"],
  ["encryption without a passphrase", "▲sync:\n  secrets: encrypt", "missing sync.passphrase"],
  ["sso without providers", "▲sso:\n  enabled: true", "missing sso.providers"],
  ["sso on a public address without a name", "▲server: { host: 0.0.0.0 }\nsso:\n  enabled: true\n  providers: [{ id: a, type: github, client_id: a, client_secret: b }]", "missing server.public_host"],
  ["an sso entry that is not complete", "sso:\n  enabled: true\n  providers: [▲{ id: a, type: oidc, client_id: a, client_secret: b }]", "missing sso.providers[0].issuer"],
  ["half of the single form", "▲sso:\n  enabled: true\n  github_client_id: a\n  providers: [{ id: a, type: github, client_id: a, client_secret: b }]", "missing sso.github_client_secret"],
  ["a type of provider that is not there", "providers:\n  a: { provider_type: ▲antropic, keys: [{ key: k }] }", "bad_reference providers.a.provider_type ? anthropic"],
  ["an auth plugin as a provider", "providers:\n  a: { provider_type: ▲access-key }", "bad_reference providers.a.provider_type"],
  ["a mapping to nobody", "providers:\n  main: { provider_type: echo }\nmodel_routing:\n  provider_mapping: { 'gpt-*': ▲mian }", 'bad_reference model_routing.provider_mapping["gpt-*"] ? main'],
  ["a group's target at nobody", "model_routing:\n  groups:\n    g: { targets: [{ model: m, provider: ▲nobody }] }", "bad_reference model_routing.groups.g.targets[0].provider"],
  ["state kept by nobody", "model_routing:\n  stateful: { provider: ▲nobody }", "bad_reference model_routing.stateful.provider"],
  ["an auth plugin that is not there", "auth:\n  chain: [access-key, ▲acess-key]", "bad_reference auth.chain[1] ? access-key"],
  ["an sso type that is not there", "sso:\n  providers: [{ id: a, type: ▲okta }]", "bad_reference sso.providers[0].type"],
  ["an alias of itself", "model_routing:\n  aliases: { gpt4o: ▲gpt-4o }", "cycle model_routing.aliases.gpt4o"],
  ["aliases in a circle", "model_routing:\n  aliases: { x: a, a: ▲B, b: c, c: A }", "cycle model_routing.aliases.a"],
  ["two circles", "model_routing:\n  aliases: { a: ▲b, b: a, c: ▲d, d: c }", "cycle model_routing.aliases.a", "cycle model_routing.aliases.c"],
  ["aliases that differ in spelling only", "model_routing:\n  aliases: { my-model: a, ▲My_Model: b }", "conflict model_routing.aliases.My_Model"],
  ["providers that differ in spelling only", "providers:\n  my-ai: { provider_type: echo }\n  ▲my_ai: { provider_type: echo }", "conflict providers.my_ai"],
  ["headers that differ in case only", "providers:\n  a:\n    provider_type: echo\n    headers: { X-A: b, ▲x-a: c }", "conflict providers.a.headers.x-a"],
  ["a credential among the headers", "providers:\n  a:\n    provider_type: echo\n    headers: { ▲Authorization: Bearer x }", "conflict providers.a.headers.Authorization"],
  ["the same id for two keys", "providers:\n  a:\n    provider_type: echo\n    keys: [{ key: k1, id: x, label: a }, { key: k2, id: ▲x, label: b }]", "conflict providers.a.keys[1].id"],
  ["an auth plugin listed twice", "auth:\n  chain: [access-key, ▲access-key]", "conflict auth.chain[1]"],
  ["an empty chain", "auth:\n  chain: ▲[]", "bad_value auth.chain"],
  ["a prefix that begins another", "api_keys:\n  prefix: rl_\n  relay_prefix: ▲rl_live_", "conflict api_keys.relay_prefix"],
  ["a further prefix that begins a default one", "api_keys:\n  accepted_prefixes: [sk_, ▲rl_]", "conflict api_keys.accepted_prefixes[1]"],
  ["an access key that looks like an API key", "server:\n  access_key: ▲mr_0123456789abcdef", "conflict server.access_key"],
  ["an access key that looks like a session", "server:\n  access_key: ▲aaaaaaaaaa.bbbbbbbbbb.cccccccccc", "conflict server.access_key"],
  ["a published access key on a public address", "server:\n  host: 0.0.0.0\n  access_key: ▲prisma-relay-change-me", "bad_value server.access_key"],
  ["a short access key on a public address", "server:\n  host: '::'\n  access_key: ▲abc", "bad_value server.access_key"],
  ["a weak previous key on a public address", "server:\n  host: 0.0.0.0\n  previous_access_key: ▲change-me\n  previous_access_key_until: 2027-01-01", "bad_value server.previous_access_key"],
  ["a plugin listed twice", "plugins:\n  list: [a, ▲a]", "conflict plugins.list[1]"],
  ["a remote with the name of the gist", "sync:\n  gist_id: abc\n  remotes: [{ name: ▲gist, type: gist }]", "conflict sync.remotes[0].name"],
  ["two sso entries of one id", "sso:\n  providers: [{ id: a, type: github }, { id: ▲a, type: google }]", "conflict sso.providers[1].id"],
  ["both forms of one sso provider", "sso:\n  github_client_id: ▲a\n  github_client_secret: b\n  providers: [{ id: github, type: github }]", "conflict sso.github_client_id"],
  ["options of a provider plugin in the wrong place", "plugins:\n  options:\n    echo: ▲{ delay: 1 }", "conflict plugins.options.echo"],
  ["web_reverse as a type", "providers:\n  a: { provider_type: ▲web_reverse }", "unsupported providers.a.provider_type"],
  ["a web_reverse block", "providers:\n  a:\n    provider_type: echo\n    ▲web_reverse: { url: x }", "unsupported providers.a.web_reverse"],
  ["PostgreSQL", "database:\n  url: ▲postgres://me:secret@db/relay", "unsupported database.url"],
  ["plugins in a worker", "plugins:\n  isolate: ▲worker", "unsupported plugins.isolate"],
  ["one plugin in a process", "plugins:\n  list: [{ name: a, isolate: ▲process }]", "unsupported plugins.list[0].isolate"],
  ["a later version of the file", "version: ▲2", "bad_value version"],
];

const TABLES = { SYNTAX, UNKNOWN, TYPES, RANGES, VALUES, MEANING };

for (const [table, rows] of Object.entries(TABLES)) {
  describe(`refused: ${table.toLowerCase()}`, () => {
    test.each(rows.map((row) => [row[0], row] as const))("%s", async (_name, [, marked, ...problems]) => {
      const { text, places } = unmark(marked);
      const { config, errors } = await load(text);
      expect(errors.map((problem) => `${placeOf(problem)} ${brief(problem)}`)).toEqual(
        problems.map((problem, index) => `${places[index]} ${problem}`),
      );
      expect(config).toBeNull();
    });
  });
}

test("all problems come at once, in the order of the file", async () => {
  const { text, places } = unmark(`version: ▲2
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
`.replace("${▲", "▲${"));
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
