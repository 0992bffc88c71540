/** Values that must be refused: wrong types, out of range, or not what the key wants. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { describeRefused, type RefusedRow } from "./support.ts";

const TYPES: readonly RefusedRow[] = [
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
  [
    "a number for a header",
    "providers:\n  a:\n    provider_type: echo\n    headers: { X-N: ▲1 }",
    "wrong_type providers.a.headers.X-N",
  ],
  [
    "a list for parameters",
    "providers:\n  a:\n    provider_type: echo\n    params: ▲[1]",
    "wrong_type providers.a.params",
  ],
  ["nothing for a key with a default", "server:\n  ▲port:", "wrong_type server.port"],
  ["nothing for a list with a default", "server:\n  ▲cors_origins:", "wrong_type server.cors_origins"],
  ["a boolean for a duration", "timeouts:\n  idle: ▲true", "wrong_type timeouts.idle"],
  ["a list for a size", "limits:\n  max_body: ▲[]", "wrong_type limits.max_body"],
  ["a number for a word", "server:\n  log_level: ▲1", "wrong_type server.log_level"],
  [
    "a date without quotes is a text, a year is not",
    "providers:\n  a:\n    provider_type: echo\n    keys: [{ key: k, expires_at: ▲2027 }]",
    "wrong_type providers.a.keys[0].expires_at",
  ],
  [
    "a wrong type in an option",
    "providers:\n  a: { provider_type: echo, delay: ▲'1' }",
    "wrong_type providers.a.delay",
  ],
  [
    "a wrong type deep in an option",
    "providers:\n  a:\n    provider_type: cloud\n    pool: { size_max: ▲many }",
    "wrong_type providers.a.pool.size_max",
  ],
  [
    "not a number",
    "providers:\n  a:\n    cost_per_m_input: ▲.nan\n    base_url: https://a.example",
    "wrong_type providers.a.cost_per_m_input",
  ],
  [
    "infinity in free parameters",
    "providers:\n  a:\n    provider_type: echo\n    params: { x: ▲.inf }",
    "bad_value providers.a.params.x",
  ],
];

const RANGES: readonly RefusedRow[] = [
  ["a port too high", "server:\n  port: ▲65536", "out_of_range server.port"],
  ["a port below zero", "server:\n  port: ▲-1", "out_of_range server.port"],
  ["a short token secret", `server:\n  jwt_secret: ▲${"x".repeat(31)}`, "out_of_range server.jwt_secret"],
  ["a short set-up token", "auth:\n  setup_token: ▲short", "out_of_range auth.setup_token"],
  ["a token that lives too shortly", "auth:\n  jwt:\n    access_ttl: ▲59", "out_of_range auth.jwt.access_ttl"],
  [
    "a refresh token shorter than the access token",
    "auth:\n  jwt: { access_ttl: 2d, refresh_ttl: ▲1d }",
    "out_of_range auth.jwt.refresh_ttl",
  ],
  [
    "a session shorter than the refresh token",
    "auth:\n  jwt: { refresh_ttl: ▲60d }",
    "out_of_range auth.jwt.refresh_ttl",
  ],
  [
    "a longest password below the shortest",
    "auth:\n  password: { min_length: 20, max_length: ▲10 }",
    "out_of_range auth.password.max_length",
  ],
  [
    "too little memory for a hash",
    "auth:\n  password:\n    hash: { memory_kib: ▲1024 }",
    "out_of_range auth.password.hash.memory_kib",
  ],
  [
    "a key that lives longer than the longest",
    "api_keys: { max_expiry: 1d, default_expiry: ▲2d }",
    "out_of_range api_keys.default_expiry",
  ],
  ["a weight of zero", "providers:\n  a: { provider_type: echo, weight: ▲0 }", "out_of_range providers.a.weight"],
  [
    "too many retries",
    "providers:\n  a:\n    provider_type: echo\n    retry: { max_retries: ▲11 }",
    "out_of_range providers.a.retry.max_retries",
  ],
  [
    "a status that is none",
    "providers:\n  a:\n    provider_type: echo\n    retry: { retry_on_status: [429, ▲42] }",
    "out_of_range providers.a.retry.retry_on_status[1]",
  ],
  [
    "a budget of nothing",
    "limits:\n  user: { budgets: [{ usd: ▲0, window: day }] }",
    "out_of_range limits.user.budgets[0].usd",
  ],
  ["a share above one", "model_routing:\n  failover: { budget: ▲1.1 }", "out_of_range model_routing.failover.budget"],
  ["no time to connect", "timeouts:\n  connect: ▲0", "out_of_range timeouts.connect"],
  ["a keep-alive too often", "timeouts:\n  sse_keepalive: ▲4", "out_of_range timeouts.sse_keepalive"],
  ["a negative duration", "timeouts:\n  total: ▲-1", "out_of_range timeouts.total"],
  ["a timer beyond what timers can", "timeouts:\n  idle: ▲25d", "out_of_range timeouts.idle"],
  ["a pull too often", "sync:\n  interval: ▲30", "out_of_range sync.interval"],
  [
    "an option out of its range",
    "providers:\n  a: { provider_type: cloud, retries_max: ▲10 }",
    "out_of_range providers.a.retries_max",
  ],
  ["a number no integer can hold", "limits:\n  user: { tpm: ▲99999999999999999999 }", "out_of_range limits.user.tpm"],
];

const VALUES: readonly RefusedRow[] = [
  ["a word in the wrong case", "server:\n  log_level: ▲info", "bad_value server.log_level ? INFO"],
  [
    "a strategy that is none",
    "key_selection:\n  strategy: ▲roundrobin",
    "bad_value key_selection.strategy ? round-robin",
  ],
  ["another mode of routing", "model_routing:\n  mode: ▲smart", "bad_value model_routing.mode"],
  ["a blank host", "server:\n  host: ▲''", "bad_value server.host"],
  ["a host with a scheme", "server:\n  host: ▲http://localhost", "bad_value server.host"],
  ["an address that is none", "server:\n  host: ▲256.0.0.1", "bad_value server.host"],
  ["a short form of an address", "server:\n  host: ▲'127.1'", "bad_value server.host"],
  ["an access key with a space", "server:\n  access_key: ▲0123456789 0123456789", "bad_value server.access_key"],
  ["a duration in words", "timeouts:\n  idle: ▲10 minutes", "bad_value timeouts.idle ? 10m"],
  ["a duration in quotes", "timeouts:\n  idle: ▲'30'", "bad_value timeouts.idle ? 30s"],
  ["a size in decimal units", "limits:\n  max_body: ▲32MB", "bad_value limits.max_body ? 32MiB"],
  [
    "a scope that is none",
    "server:\n  access_key_scopes: [▲chat:wirte]",
    "bad_value server.access_key_scopes[0] ? chat:write",
  ],
  ["no scopes at all", "server:\n  access_key_scopes: ▲[]", "bad_value server.access_key_scopes"],
  [
    "an origin with a path",
    "server:\n  cors_origins: [▲https://app.example/x]",
    "bad_value server.cors_origins[0] ? https://app.example",
  ],
  [
    "an origin with a slash",
    "server:\n  cors_origins: [▲https://App.example]",
    "bad_value server.cors_origins[0] ? https://app.example",
  ],
  ["a public host with a path", "server:\n  public_host: ▲relay.example.com/api", "bad_value server.public_host"],
  ["a network that is none", "server:\n  trusted_proxies: [▲10.0.0.0/33]", "bad_value server.trusted_proxies[0]"],
  [
    "a name where a network belongs",
    "network:\n  allow_private_networks: [▲intranet]",
    "bad_value network.allow_private_networks[0]",
  ],
  [
    "a name of a provider in capitals",
    "providers:\n  ▲Local: { provider_type: echo }",
    "bad_value providers.Local ? local",
  ],
  ...[
    "http://169.254.169.254/v1",
    "http://0.0.0.0:11434/v1",
    "http://[fe80::1]/v1",
    "http://[::ffff:169.254.169.254]/v1",
  ].map(
    (url): RefusedRow => [
      `an address that needs a listing: ${url}`,
      `providers:\n  a: { base_url: ▲"${url}", keys: [{ key: k }] }`,
      "address_not_allowed providers.a.base_url",
    ],
  ),
  ...[
    "http://127.0.0.1/v1",
    "http://localhost/v1",
    "http://localhost./v1",
    "http://10.0.0.7/v1",
    "http://[::1]/v1",
  ].map(
    (url): RefusedRow => [
      `a private address where none may be: ${url}`,
      `providers:\n  a: { allow_private: false, base_url: ▲"${url}", keys: [{ key: k }] }`,
      "address_not_allowed providers.a.base_url",
    ],
  ),
  ["a URL without a scheme", "providers:\n  a: { base_url: ▲api.example.com }", "bad_value providers.a.base_url"],
  ["a file for a URL", "providers:\n  a: { base_url: ▲file:///etc/passwd }", "bad_value providers.a.base_url"],
  [
    "a user in a URL",
    "providers:\n  a: { base_url: ▲'https://me:secret@api.example.com' }",
    "bad_value providers.a.base_url",
  ],
  [
    "a host hidden behind a user",
    "providers:\n  a: { base_url: ▲'https://good.example@evil.example' }",
    "bad_value providers.a.base_url",
  ],
  [
    "a query in a URL",
    "providers:\n  a: { base_url: ▲'https://api.example.com?x=1' }",
    "bad_value providers.a.base_url",
  ],
  [
    "a fragment in a URL",
    "providers:\n  a: { base_url: ▲'https://api.example.com/#x' }",
    "bad_value providers.a.base_url",
  ],
  [
    "a backslash in a URL",
    "providers:\n  a: { base_url: ▲'https:\\\\api.example.com' }",
    "bad_value providers.a.base_url",
  ],
  [
    "a line break in a header",
    'providers:\n  a:\n    provider_type: echo\n    headers: { X-A: ▲"a\\r\\nb: c" }',
    "bad_value providers.a.headers.X-A",
  ],
  [
    "a header name with a space",
    "providers:\n  a:\n    provider_type: echo\n    headers: { ▲'X A': b }",
    'bad_value providers.a.headers["X A"]',
  ],
  [
    "the host header",
    "providers:\n  a:\n    provider_type: echo\n    headers: { ▲Host: b }",
    "bad_value providers.a.headers.Host",
  ],
  [
    "a header of the connection",
    "providers:\n  a:\n    provider_type: echo\n    headers: { ▲Transfer-Encoding: chunked }",
    "bad_value providers.a.headers.Transfer-Encoding",
  ],
  ["a proxy of another kind", "network:\n  proxy: ▲ftp://proxy.example", "bad_value network.proxy"],
  [
    "a glob with an open bracket",
    "providers:\n  a:\n    provider_type: echo\n    models: { include: [▲'gpt-[4'] }",
    "bad_value providers.a.models.include[0]",
  ],
  [
    "a key id of digits only",
    "providers:\n  a:\n    provider_type: echo\n    keys: [{ key: k, id: ▲'1' }]",
    "bad_value providers.a.keys[0].id",
  ],
  [
    "a day that does not exist",
    "providers:\n  a:\n    provider_type: echo\n    keys: [{ key: k, expires_at: ▲2027-02-30 }]",
    "bad_value providers.a.keys[0].expires_at",
  ],
  ["a broken regular expression", "logging:\n  redact: [▲'(']", "bad_value logging.redact[0]"],
  ["a schedule of four fields", "database:\n  backup: { schedule: ▲'0 3 * *' }", "bad_value database.backup.schedule"],
  ["a schedule with hour 24", "database:\n  backup: { schedule: ▲'0 24 * * *' }", "bad_value database.backup.schedule"],
  ["a prefix without its line", "api_keys:\n  prefix: ▲mr", "bad_value api_keys.prefix"],
  ["a path from home", "logging:\n  db_path: ▲~/requests.db", "bad_value logging.db_path"],
  ["a path out of the data directory", "logging:\n  db_path: ▲./data/../../etc/x", "bad_value logging.db_path"],
  ["a path of another system", "plugins:\n  dir: ▲'C:\\plugins'", "bad_value plugins.dir"],
  ["a path with a NUL", 'plugins:\n  dir: ▲"./a\\0b"', "bad_value plugins.dir"],
  ["a hash that is none", "plugins:\n  list: [{ name: a, sha256: ▲abc }]", "bad_value plugins.list[0].sha256"],
  [
    "a database of another kind",
    "database:\n  url: ▲mysql://db",
    "bad_value database.url ? sqlite:./data/monorelay.db",
  ],
  [
    "an option that is none of its words",
    "providers:\n  a: { provider_type: cloud, region: ▲asia }",
    "bad_value providers.a.region",
  ],
  [
    "an issuer over plain http",
    "sso:\n  providers: [{ id: a, type: oidc, issuer: ▲http://id.example.com }]",
    "bad_value sso.providers[0].issuer",
  ],
  [
    "a listener without a port",
    "telemetry:\n  prometheus: { listen: ▲localhost }",
    "bad_value telemetry.prometheus.listen",
  ],
  [
    "a socket path that is too long",
    `server:\n  unix_socket: ▲/run/${"x".repeat(110)}`,
    "out_of_range server.unix_socket",
  ],
];

describeRefused("types", TYPES);
describeRefused("ranges", RANGES);
describeRefused("values", VALUES);
