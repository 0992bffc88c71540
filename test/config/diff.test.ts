/** What a sync says has changed, and what of it waits for a restart. */
import { expect, test } from "bun:test";
import { diffConfigs, restartPaths } from "../../src/config/diff.ts";
import { loadGood } from "./support.ts";

const BASE = `
providers:
  a: { provider_type: echo, keys: [{ key: k1, label: x }], params: { p: 1, q: 2 } }
  b.c: { provider_type: cloud }
model_routing:
  aliases: { fast: x, slow: y }
  provider_mapping: { "m*": a, "n*": a }
`;

const ROWS: readonly (readonly [
  name: string,
  change: readonly [from: string, to: string],
  changed: string[],
  restart: string[],
])[] = [
  ["nothing", ["", ""], [], []],
  ["a comment", ["\nproviders", "\n# hello\nproviders"], [], []],
  ["the same in other words", ["fast: x, slow: y", "slow: 'y', fast: \"x\""], [], []],
  ["a default, written", ["\nproviders", "\nserver: { port: 8787 }\nproviders"], [], []],
  ["a single key", ["\nproviders", "\ntimeouts: { idle: 5 }\nproviders"], ["timeouts.idle"], []],
  ["a key of a provider", ["provider_type: echo", "provider_type: echo, priority: 1"], ["providers.a.priority"], []],
  [
    "keys of a provider, as one",
    ["{ key: k1, label: x }", "{ key: k2, label: x }, { key: k3, label: z }"],
    ["providers.a.keys"],
    [],
  ],
  ["free parameters, as one", ["p: 1, q: 2", "p: 1, q: 3"], ["providers.a.params"], []],
  ["the order of free parameters, which means nothing", ["p: 1, q: 2", "q: 2, p: 1"], [], []],
  ["an option", ["provider_type: cloud", "provider_type: cloud, region: us"], ['providers["b.c"].region'], []],
  ["a new provider", ["\nmodel_routing", "\n  d: { provider_type: echo }\nmodel_routing"], ["providers.d"], []],
  ["a provider gone", ["  b.c: { provider_type: cloud }\n", ""], ['providers["b.c"]'], []],
  [
    "another type, whose options differ",
    ["provider_type: cloud", "provider_type: echo"],
    ['providers["b.c"].provider_type', 'providers["b.c"].delay', 'providers["b.c"].region'],
    [],
  ],
  ["an alias", ["fast: x", "fast: z"], ["model_routing.aliases.fast"], []],
  ["a mapping's target", ['"n*": a', '"n*": b.c'], ['model_routing.provider_mapping["n*"]'], []],
  ["the order of mappings", ['"m*": a, "n*": a', '"n*": a, "m*": a'], ["model_routing.provider_mapping"], []],
  [
    "the listener",
    ["\nproviders", "\nserver: { port: 1, host: localhost, log_level: ERROR }\nproviders"],
    ["server.host", "server.port", "server.log_level"],
    ["server.host", "server.port"],
  ],
  [
    "databases",
    ["\nproviders", "\ndatabase: { synchronous: normal, busy_timeout: 1 }\nlogging: { db_path: ./x.db }\nproviders"],
    ["logging.db_path", "database.busy_timeout", "database.synchronous"],
    ["logging.db_path", "database.synchronous"],
  ],
  [
    "TLS switched on",
    ["\nproviders", "\nserver: { tls: { cert: a, key: b } }\nproviders"],
    ["server.tls"],
    ["server.tls"],
  ],
  [
    "plugin options",
    ["\nproviders", "\nplugins: { options: { corp-proxy: { trusted_peers: [] } } }\nproviders"],
    ["plugins.options.corp-proxy"],
    [],
  ],
];

test.each(ROWS)("%s", async (_name, [from, to], changed, restart) => {
  expect(BASE).toContain(from);
  const before = await loadGood(BASE);
  const after = await loadGood(BASE.replace(from, to));
  const found = diffConfigs(before, after);
  expect(found.changed.toSorted()).toEqual(changed.toSorted());
  expect(found.restartRequired.toSorted()).toEqual(restart.toSorted());
  // Back again names the same paths.
  expect(diffConfigs(after, before).changed.toSorted()).toEqual(changed.toSorted());
});

test("other certificate files need no restart, because files are re-read", async () => {
  const tls = (cert: string) => loadGood(`server: { tls: { cert: ${cert}, key: k } }`);
  expect(diffConfigs(await tls("a"), await tls("b"))).toEqual({ changed: ["server.tls.cert"], restartRequired: [] });
});

test("the order of providers is a change of all of them", async () => {
  const ordered = (names: string[]) =>
    loadGood(`providers: { ${names.map((name) => `${name}: { provider_type: echo }`).join(", ")} }`);
  expect(diffConfigs(await ordered(["a", "b"]), await ordered(["b", "a"])).changed).toEqual(["providers"]);
});

test("the difference names paths and no values", async () => {
  const before = await loadGood("server: { access_key: canary-0123456789abcdef }");
  const found = diffConfigs(before, await loadGood(null));
  expect(found).toEqual({ changed: ["server.access_key"], restartRequired: [] });
});

test("paths that need a restart can be listed", () => {
  expect(restartPaths()).toContain("server.port");
  expect(restartPaths()).not.toContain("server.log_level");
});
