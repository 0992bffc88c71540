/** Loads the plugin files that the configuration lists: find, pin, try out, import, check; a bad one is a problem, never a throw. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { PluginListEntry, Problem } from "../config/types.ts";
import type { AnyAuthPlugin, AnyProviderPlugin, Logger } from "../plugin/index.ts";
import { type AnyPlugin, checkExport } from "./load-external-check.ts";
import { type Fault, toProblem } from "./load-external-fault.ts";
import {
  type Entry,
  type Folder,
  findEntry,
  folderNotFound,
  labelOf,
  openFolder,
  placesOf,
} from "./load-external-find.ts";
import { importPlugin } from "./load-external-import.ts";
import { readSource, type Source } from "./load-external-source.ts";
import { describeThrown } from "./load-external-thrown.ts";
import { serveDoor } from "./virtual-door.ts";

/** The top level of a plugin file must be done by then. */
export const IMPORT_MAX_MS = 1000;

export interface LoadRequest {
  /** Absolute. */
  readonly dir: string;
  readonly list: readonly PluginListEntry[];
  /** Each plugin must be pinned. */
  readonly requireHash: boolean;
  /** Ids that are taken. */
  readonly builtinIds: Iterable<string>;
  readonly log: Logger;
  /** What the load before this one returned: an unchanged plugin keeps its module instance. */
  readonly knownBefore?: KnownPlugins;
  /** Default `IMPORT_MAX_MS`. */
  readonly importMaxMs?: number;
}

export interface LoadedExternal {
  readonly providers: readonly AnyProviderPlugin[];
  readonly auth: readonly AnyAuthPlugin[];
  /** In the order of the list; any of them means that the configuration must not be taken. */
  readonly problems: readonly Problem[];
  /** No reason to refuse. */
  readonly warnings: readonly Problem[];
  /** Absolute paths to watch: entries and local imports; for a missing one what has to appear first. Their folders exist. */
  readonly files: readonly string[];
  /** Changes whenever any of the files does. */
  readonly digests: string;
  readonly loaded: readonly LoadedPlugin[];
  /** For the next load. */
  readonly known: KnownPlugins;
}

export interface LoadedPlugin {
  /** As listed. */
  readonly name: string;
  /** As the plugin calls itself: what `provider_type` and `auth.chain` say. */
  readonly id: string;
  readonly kind: "provider" | "auth";
  /** Absolute, links resolved. */
  readonly file: string;
  /** Hex, over entry and local imports. */
  readonly sha256: string;
  readonly pinned: boolean;
}

/** By listed name. */
export type KnownPlugins = ReadonlyMap<string, KnownPlugin>;

interface KnownPlugin {
  readonly file: string;
  readonly sha256: string;
  readonly plugin: AnyPlugin;
  readonly remarks: readonly string[];
}

export async function loadExternal(request: LoadRequest): Promise<LoadedExternal> {
  const loader = new Loader(request);
  for (const [index, listed] of request.list.entries()) {
    // One after the other: the first of two with the same id is the one that is meant, on every start.
    if (listed.enabled) await loader.load(listed, `plugins.list[${index}]`);
  }
  return loader.result();
}

class Loader {
  readonly #folder: Folder | undefined;
  /** Id → file that took it. */
  readonly #taken: Map<string, string>;
  readonly #plugins: AnyPlugin[] = [];
  readonly #problems: Problem[] = [];
  readonly #warnings: Problem[] = [];
  readonly #files = new Set<string>();
  readonly #digests: string[] = [];
  readonly #loaded: LoadedPlugin[] = [];
  readonly #known = new Map<string, KnownPlugin>();

  constructor(readonly request: LoadRequest) {
    this.#folder = openFolder(request.dir);
    this.#taken = new Map(Array.from(request.builtinIds, (id) => [id, "a built-in plugin"]));
  }

  result(): LoadedExternal {
    return {
      providers: this.#plugins.filter((plugin): plugin is AnyProviderPlugin => plugin.kind === "provider"),
      auth: this.#plugins.filter((plugin): plugin is AnyAuthPlugin => plugin.kind === "auth"),
      problems: this.#problems,
      warnings: this.#warnings,
      files: [...new Set(Array.from(this.#files, nearestWatchable))],
      digests: createHash("sha256").update(this.#digests.join("\n")).digest("hex"),
      loaded: this.#loaded,
      known: this.#known,
    };
  }

  async load(listed: PluginListEntry, path: string): Promise<void> {
    try {
      await this.#load(listed, path);
    } catch (error) {
      // A folder that cannot be read, a thread that cannot be had: not the plugin's fault, and still no reason to stop.
      const what = `could not be loaded: ${describeThrown(error).message}`;
      const advice = "Mend that and reload.";
      this.#problems.push(toProblem(path, { code: "PLUGIN_IMPORT", file: listed.name, what, advice }));
    }
  }

  async #load(listed: PluginListEntry, path: string): Promise<void> {
    const refuse = (faults: readonly Fault[]): void => {
      this.#problems.push(...faults.map((fault) => toProblem(path, fault)));
    };
    const entry = this.#find(listed.name, refuse);
    if (entry === undefined) return;
    const folder = this.#folder!;
    const file = labelOf(folder, entry.path);
    const source = readSource(folder, entry);
    for (const each of source.watch) this.#files.add(each);
    this.#digests.push(`${listed.name} ${source.sha256}`);
    if (source.faults.length > 0) return refuse(source.faults);
    const unpinned = this.#checkPin(listed, file, source.sha256);
    if (unpinned !== undefined) return refuse([unpinned]);

    const before = this.request.knownBefore?.get(listed.name);
    const isUnchanged = before !== undefined && before.file === entry.real && before.sha256 === source.sha256;
    const made = isUnchanged ? before : await this.#import(folder, entry, source, refuse);
    if (made === undefined) return;
    this.#known.set(listed.name, made);
    for (const remark of made.remarks) this.#warnings.push(warning(path, remark));
    const { id, kind } = made.plugin;
    const holder = this.#taken.get(id);
    if (holder !== undefined) {
      const advice = "Choose another id, or list only one of them.";
      return refuse([
        { code: "PLUGIN_DUPLICATE_ID", file, what: `has the id "${id}", which belongs to ${holder}`, advice },
      ]);
    }
    this.#taken.set(id, file);
    this.#plugins.push(made.plugin);
    const loaded = {
      name: listed.name,
      id,
      kind,
      file: entry.real,
      sha256: source.sha256,
      pinned: listed.sha256 !== null,
    };
    this.#loaded.push(loaded);
    if (!isUnchanged)
      this.request.log.info("plugin loaded", { ...loaded, ...(before ? { before: before.sha256 } : {}) });
  }

  #find(name: string, refuse: (faults: readonly Fault[]) => void): Entry | undefined {
    const finding =
      this.#folder === undefined ? { fault: folderNotFound(this.request.dir, name) } : findEntry(this.#folder, name);
    const found = "entry" in finding ? finding.entry : undefined;
    for (const place of placesOf(this.request.dir, name)) {
      this.#files.add(place);
      // What stands further down the list would not take its place.
      if (place === found?.path) break;
    }
    if ("entry" in finding) return finding.entry;
    this.#digests.push(`${name} -`);
    refuse([finding.fault]);
    return undefined;
  }

  #checkPin({ name, sha256: pin }: PluginListEntry, file: string, sha256: string): Fault | undefined {
    if (pin === sha256) return undefined;
    if (pin !== null) {
      const advice = "If that change is yours, pin the new hash; if it is not, find out whose it is.";
      return {
        code: "PLUGIN_HASH",
        file,
        what: `has changed: plugins.list pins ${pin}, its SHA-256 is ${sha256}`,
        advice,
      };
    }
    if (!this.request.requireHash) return undefined;
    const advice = `Read the file, then list it as { name: ${name}, sha256: ${sha256} }.`;
    return { code: "PLUGIN_HASH", file, what: "is not pinned, and plugins.require_hash is on", advice };
  }

  async #import(
    folder: Folder,
    entry: Entry,
    source: Source,
    refuse: (faults: readonly Fault[]) => void,
  ): Promise<KnownPlugin | undefined> {
    serveDoor();
    const imported = await importPlugin(folder, entry, source, this.request.importMaxMs ?? IMPORT_MAX_MS);
    if ("fault" in imported) {
      refuse([imported.fault]);
      return undefined;
    }
    const { plugin, faults, remarks } = await checkExport(imported.exported, labelOf(folder, entry.path));
    refuse(faults);
    return plugin && { file: entry.real, sha256: source.sha256, plugin, remarks };
  }
}

/** A file is watched through its folder, so that one has to be there. */
function nearestWatchable(path: string): string {
  const folder = dirname(path);
  return folder === path || existsSync(folder) ? path : nearestWatchable(folder);
}

function warning(path: string, message: string): Problem {
  return { path, line: 0, column: 0, code: "plugin", message, suggestion: null };
}
