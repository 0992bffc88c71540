/** Rules of `sync` and `plugins`: what a remote needs, what encryption needs, and options for plugins that exist. */
import type { Catalog } from "../catalog.ts";
import type { Decoder } from "../decode.ts";
import { type Options, propertiesOf, readOptions, toSnakeCase } from "../options.ts";
import { NOWHERE_POINTER } from "../problem.ts";
import type { Settings } from "../schema/index.ts";
import { PROVIDER_FIELDS } from "../schema/providers.ts";
import { itemPath, keyPath } from "../tree.ts";
import type { Config } from "../types.ts";

const PULL_INTERVAL_MIN_MS = 60_000;

/** `sync.gist_id` stands for a remote of this name. */
const GIST_REMOTE = "gist";

const NEEDED_BY_TYPE = { gist: null, webdav: "url", http: "url", file: "path" } as const;

export function checkSync(decoder: Decoder, settings: Settings): Config["sync"] {
  const { sync } = settings;
  if (sync.intervalMs > 0 && sync.intervalMs < PULL_INTERVAL_MIN_MS) {
    decoder.error("sync.interval", { code: "out_of_range", message: "must be 0 or at least 60 (seconds)" });
  }
  if (sync.secrets === "encrypt" && sync.passphrase === null && !decoder.isFaulty("sync.passphrase")) {
    decoder.missing("sync", "passphrase", "must be set while sync.secrets is encrypt");
  }
  const names = new Map<string, string>(sync.gistId === null ? [] : [[GIST_REMOTE, "sync.gist_id"]]);
  for (const [index, remote] of sync.remotes.entries()) {
    const path = itemPath("sync.remotes", index);
    const earlier = names.get(remote.name);
    if (earlier !== undefined)
      decoder.error(`${path}.name`, { code: "conflict", message: `is the name of ${earlier} too` });
    if (remote.name !== undefined) names.set(remote.name, path);
    const needed = NEEDED_BY_TYPE[remote.type] ?? null;
    if (needed !== null && remote[needed] === null && !decoder.isFaulty(`${path}.${needed}`)) {
      decoder.missing(path, needed, `must be set for ${remote.type}`);
    }
  }
  return sync;
}

/** Reads the options of auth plugins: those in the chain, and those somebody wrote options for. */
export async function checkPlugins(
  decoder: Decoder,
  settings: Settings,
  chain: readonly string[],
  catalog: Catalog,
): Promise<Config["plugins"]> {
  const { plugins } = settings;
  const names = new Map<string, string>();
  for (const [index, { name }] of plugins.list.entries()) {
    const path = itemPath("plugins.list", index);
    const earlier = names.get(name);
    if (name !== undefined && earlier !== undefined) {
      decoder.error(path, { code: "conflict", message: `is listed twice; see ${earlier}` });
    } else names.set(name, path);
  }
  refuseReservedOptions(decoder, catalog);

  const base = "plugins.options";
  const written = decoder.leftovers.get(base) ?? new Map();
  const options: Record<string, Options> = {};
  for (const id of new Set([...chain, ...written.keys()])) {
    const path = keyPath(base, id);
    const node = written.get(id);
    const plugin = catalog.get(id);
    if (node !== undefined) decoder.nodes.set(path, node);
    if (plugin?.kind === "provider") {
      decoder.error(path, {
        code: "conflict",
        message: "is a provider plugin: its options stand in the provider's block",
      });
    } else if (plugin === undefined) {
      decoder.unknownKey(
        base,
        id,
        node!,
        [...catalog].filter(([, each]) => each.kind === "auth").map(([each]) => each),
      );
    } else if (node === undefined || node.kind === "map" || (node.kind === "scalar" && node.value === null)) {
      const entries = node?.kind === "map" ? node.entries : new Map();
      options[id] = await readOptions(decoder, { path, entries, otherKeys: [] }, plugin.options);
    } else {
      decoder.error(path, { code: "wrong_type", message: "must be a mapping of options" });
    }
  }
  return { ...plugins, options };
}

/** A mistake of the plugin's author: its option could never be set. */
function refuseReservedOptions(decoder: Decoder, catalog: Catalog): void {
  for (const [id, plugin] of catalog) {
    if (plugin.kind !== "provider") continue;
    const clash = Object.keys(propertiesOf(plugin.options)).find((name) => PROVIDER_FIELDS.includes(toSnakeCase(name)));
    if (clash === undefined) continue;
    const message = `plugin ${id}: its option ${clash} has the name of a key that every provider has; rename it in the plugin`;
    decoder.errors.add("plugins", NOWHERE_POINTER, { code: "plugin", message });
  }
}
