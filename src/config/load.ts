/** Text, variables and flags to one checked, frozen configuration — or to everything that is wrong with them. */
import { type Catalog, FALLBACK_PROVIDER, type ResolvePlugins } from "./catalog.ts";
import { Decoder } from "./decode.ts";
import { type ConfigFlags, overlay } from "./environment.ts";
import { FILE_SYSTEM, type Files, isWithin } from "./files.ts";
import { interpolate } from "./interpolate.ts";
import { warnPending } from "./pending.ts";
import { atValue, ProblemList } from "./problem.ts";
import { checkApiKeys, checkAuth } from "./rules/accounts.ts";
import { checkAddresses } from "./rules/addresses.ts";
import { checkProviders } from "./rules/providers.ts";
import { checkRouting } from "./rules/routing.ts";
import { checkServer } from "./rules/server.ts";
import { checkSso } from "./rules/sso.ts";
import { checkPlugins, checkSync } from "./rules/storage.ts";
import { checkTelemetry } from "./rules/telemetry.ts";
import { SCHEMA } from "./schema/index.ts";
import { list, type Surroundings } from "./schema/kit.ts";
import { path as pathSpec } from "./schema/paths.ts";
import { collectSources, type Source } from "./source.ts";
import { emptyMap, type MapTree, NOWHERE, nodeAt, type Place } from "./tree.ts";
import type { Config, Problem } from "./types.ts";
import { parseYaml } from "./yaml.ts";

export interface LoadInput {
  /** The file's content; `null` = there is none, and everything has its default. */
  readonly content: string | Uint8Array | null;
  /** Folder that relative paths start from: the config file's, else the data directory. Absolute. */
  readonly baseDir: string;
  /** Absolute. */
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags?: ConfigFlags;
  readonly resolvePlugins: ResolvePlugins;
  /** Text that did not come from the owner's file may name paths inside the data directory only. */
  readonly isConfined?: boolean;
  readonly files?: Files;
}

export interface LoadResult {
  /** `null` exactly when there are errors. Frozen all the way down. */
  readonly config: Config | null;
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Where each written key comes from; what is not here has its default. Paths as in problems. */
  readonly sources: ReadonlyMap<string, Source>;
  /** Where the value at a path stands in the file, for problems that are found later. */
  readonly placeOf: (path: string) => Place;
  /** Texts with `${…}` as they were written, by path. */
  readonly references: ReadonlyMap<string, string>;
  /** The plugins the configuration was checked against. */
  readonly catalog: Catalog;
}

/** Folders that `${file:…}` may read unless `secrets.file_dirs` says otherwise. */
export function defaultFileDirs(input: Pick<LoadInput, "baseDir" | "dataDir" | "env">): string[] {
  const credentials = input.env["CREDENTIALS_DIRECTORY"];
  return [input.baseDir, input.dataDir, "/run/secrets", ...(credentials ? [credentials] : [])];
}

/** Never throws for bad input. All problems come at once, in the order of the file. */
export async function loadConfig(input: LoadInput): Promise<LoadResult> {
  const { baseDir, dataDir, env, files = FILE_SYSTEM } = input;
  const surroundings: Surroundings = {
    baseDir,
    dataDir,
    ...(input.isConfined ? { allowsPath: (path: string) => isWithin(files, dataDir, path) } : {}),
  };
  const hasContent = input.content !== null && input.content.length > 0;
  const parsed = hasContent ? await parseYaml(input.content ?? "") : { tree: emptyMap(), problems: new ProblemList() };
  if (parsed.tree === null) return failed(parsed.problems);

  const overlaid = await overlay(parsed.tree, SCHEMA, env, input.flags ?? {});
  const fileDirs = readFileDirs(overlaid.tree, input, surroundings, files);
  const { tree, problems: unresolved } = interpolate(overlaid.tree, "", { env, files, fileDirs, baseDir });

  const decoder = new Decoder(surroundings, unresolved);
  const { errors, warnings } = decoder;
  errors.addAll(parsed.problems);
  errors.addAll(overlaid.errors);
  warnings.addAll(overlaid.warnings);
  const settings = decoder.decode(SCHEMA, tree);

  const { dir, list: listed, requireHash } = settings.plugins;
  // A section with a mistake in it loads nothing: what could not be read may have been a hash.
  const isTrusted = !decoder.isFaultyBelow("plugins");
  const found = await input.resolvePlugins({ dir, list: isTrusted ? listed : [], requireHash });
  place(decoder, found.problems, errors);
  place(decoder, found.warnings ?? [], warnings);
  const { catalog } = found;

  const auth = checkAuth(decoder, settings, catalog);
  const config: Config = {
    ...settings,
    server: checkServer(decoder, settings),
    auth,
    apiKeys: checkApiKeys(decoder, settings),
    providers: await checkProviders(decoder, settings, catalog),
    modelRouting: checkRouting(decoder, settings, providerNames(decoder, tree)),
    telemetry: checkTelemetry(decoder, settings, env),
    sso: await checkSso(decoder, settings, catalog),
    sync: checkSync(decoder, settings),
    plugins: await checkPlugins(decoder, settings, auth.chain, catalog),
    secrets: { ...settings.secrets, fileDirs: settings.secrets.fileDirs ?? defaultFileDirs(input) },
  };
  checkAddresses(decoder, settings);
  warnPending(decoder);
  return {
    config: errors.size === 0 ? deepFreeze(config) : null,
    errors: errors.sorted(),
    warnings: warnings.sorted(),
    sources: collectSources(decoder.nodes),
    placeOf: (path) => atValue(decoder.nodes.get(path)).place,
    references: collectReferences(decoder),
    catalog,
  };
}

function failed(problems: ProblemList): LoadResult {
  const nothing = { sources: new Map(), references: new Map(), catalog: new Map(), placeOf: () => NOWHERE };
  return { config: null, errors: problems.sorted(), warnings: [], ...nothing };
}

/** Before anything else may be read from files it has to be known which ones. Its own faults are reported later. */
function readFileDirs(tree: MapTree, input: LoadInput, surroundings: Surroundings, files: Files): readonly string[] {
  const node = nodeAt(tree, "secrets", "file_dirs");
  if (node === undefined || (node.kind === "scalar" && node.value === null)) return defaultFileDirs(input);
  const { env, baseDir } = input;
  const plain = interpolate(node, "secrets.file_dirs", { env, files, fileDirs: [], baseDir });
  return new Decoder(surroundings).decode(list(pathSpec()), plain.tree) ?? [];
}

/** Names that may be referred to, those of broken entries included; `null` = that section cannot be read. */
function providerNames(decoder: Decoder, tree: MapTree): readonly string[] | null {
  if (decoder.isFaulty("providers")) return null;
  const node = tree.entries.get("providers");
  const names = node?.kind === "map" ? [...node.entries.keys()] : [];
  return names.length === 0 ? [FALLBACK_PROVIDER] : names;
}

function place(decoder: Decoder, problems: readonly Problem[], into: ProblemList): void {
  for (const problem of problems) {
    const { line, column } = atValue(decoder.nodes.get(problem.path)).place;
    into.addProblem(problem.line > 0 ? problem : { ...problem, line, column });
  }
}

function collectReferences(decoder: Decoder): Map<string, string> {
  const references = new Map<string, string>();
  for (const [path, node] of decoder.nodes) {
    if (node.kind === "scalar" && node.reference !== undefined) references.set(path, node.reference);
  }
  return references;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
