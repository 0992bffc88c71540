/** Reads the configuration with its plugins: the one path that `serve`, a reload and `config validate` share. */
import { readFileSync } from "node:fs";
import { API_ALIAS, type Catalog, type CatalogEntry } from "../config/catalog.ts";
import type { ConfigFlags } from "../config/environment.ts";
import { FILE_SYSTEM } from "../config/files.ts";
import { type LoadResult, loadConfig } from "../config/load.ts";
import { type Located, locate } from "../config/locate.ts";
import { formatProblem } from "../config/problem.ts";
import type { Problem } from "../config/types.ts";
import type { Logger } from "../contract/host.ts";
import type { PluginSet } from "../snapshot/build.ts";
import { type KnownPlugins, loadExternal } from "../snapshot/load-external.ts";
import { digestOf } from "../sync/sync.ts";
import { CliError, EXIT } from "./exit.ts";
import type { Builtins } from "./index.ts";

export interface WorldInput {
  readonly located: Located;
  readonly builtins: Builtins;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: ConfigFlags;
  readonly log: Logger;
  /** `--no-plugins`: external ones are left out, whatever the configuration lists. */
  readonly withoutExternal: boolean;
  /** What was loaded before: an unchanged plugin keeps its instance. */
  readonly known: KnownPlugins;
  /** Instead of the file's content: a text from standard input. */
  readonly content?: Uint8Array;
}

export interface World extends LoadResult {
  readonly plugins: PluginSet;
  /** For the next reading. */
  readonly known: KnownPlugins;
  /** Files whose change should be noticed. */
  readonly watched: readonly string[];
  /** Changes whenever anything that was read did. */
  readonly identity: string;
  readonly text: string;
}

/** Never throws for bad input: everything wrong is in `errors`. */
export async function readWorld(input: WorldInput): Promise<World> {
  const { located, builtins } = input;
  let content: Uint8Array | null = input.content ?? null;
  const unreadable: Problem[] = [];
  if (content === null && located.configFile !== null) {
    try {
      content = readFileSync(located.configFile);
    } catch (error) {
      const message = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
      unreadable.push({ path: "", line: 0, column: 0, code: "missing", message, suggestion: null });
    }
  }

  let external: Awaited<ReturnType<typeof loadExternal>> | undefined;
  const result = await loadConfig({
    content,
    baseDir: located.baseDir,
    dataDir: located.dataDir,
    env: input.env,
    flags: input.flags,
    async resolvePlugins({ dir, list, requireHash }) {
      external = await loadExternal({
        dir,
        list: input.withoutExternal ? [] : list,
        requireHash,
        builtinIds: new Set([API_ALIAS.written, ...[...builtins.providers, ...builtins.auth].map(({ id }) => id)]),
        log: input.log,
        knownBefore: input.known,
      });
      return { catalog: catalogOf(builtins, external), problems: external.problems, warnings: external.warnings };
    },
  });
  const plugins: PluginSet = {
    providers: new Map([...builtins.providers, ...(external?.providers ?? [])].map((plugin) => [plugin.id, plugin])),
    auth: new Map([...builtins.auth, ...(external?.auth ?? [])].map((plugin) => [plugin.id, plugin])),
  };
  const text = content === null ? "" : new TextDecoder().decode(content);
  const relevant = Object.entries(input.env)
    .filter(([name]) => name.startsWith("MONORELAY_"))
    .sort()
    .map(([name, value]) => `${name}=${value}`);
  const errors = [...unreadable, ...located.errors, ...result.errors];
  return {
    ...result,
    config: errors.length === 0 ? result.config : null,
    errors,
    warnings: [...located.warnings, ...result.warnings],
    plugins,
    known: external?.known ?? new Map(),
    watched: [...(located.configFile === null ? [] : [located.configFile]), ...(external?.files ?? [])],
    identity: digestOf([text, relevant.join("\n"), external?.digests ?? ""]),
    text,
  };
}

function catalogOf(
  builtins: Builtins,
  external: { providers: Builtins["providers"]; auth: Builtins["auth"] },
): Catalog {
  const catalog = new Map<string, CatalogEntry>();
  for (const plugin of [...builtins.providers, ...external.providers]) {
    catalog.set(plugin.id, {
      kind: "provider",
      options: plugin.options,
      ...(plugin.baseUrl === undefined ? {} : { baseUrl: plugin.baseUrl }),
      ...(plugin.keys === undefined ? {} : { keys: plugin.keys }),
      ...(plugin.dialects === undefined ? {} : { codecs: plugin.dialects }),
      ...(plugin.local === undefined ? {} : { local: plugin.local }),
    });
  }
  for (const plugin of [...builtins.auth, ...external.auth])
    catalog.set(plugin.id, { kind: "auth", options: plugin.options });
  return catalog;
}

export function locateHere(
  options: { config?: string | undefined; dataDir?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Located {
  return locate({
    env,
    ...(options.config === undefined ? {} : { config: options.config }),
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
    cwd: process.cwd(),
    userId: process.geteuid?.() ?? 0,
    processId: process.pid,
    files: FILE_SYSTEM,
  });
}

/** Ends the command with every problem on a line of its own. */
export function configError(problems: readonly Problem[], file: string | null): CliError {
  const lines = problems.map((problem) => formatProblem(problem, file));
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return new CliError(
    EXIT.config,
    "config_invalid",
    lines.join("\n"),
    `${count} in the configuration; nothing was started.`,
  );
}

/** `NAME=value` lines of `--env-file`, laid under the process's own variables. */
export function readEnvironment(path: string | undefined): Readonly<Record<string, string | undefined>> {
  if (path === undefined) return process.env;
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new CliError(
      EXIT.usage,
      "env_file",
      `--env-file cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const values: Record<string, string> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(?:"([^"]*)"|'([^']*)'|(.*?))\s*$/.exec(line);
    if (match === null) throw new CliError(EXIT.usage, "env_file", `${path}:${index + 1}: expected NAME=value`);
    values[match[1]!] = match[2] ?? match[3] ?? match[4] ?? "";
  }
  return { ...values, ...process.env };
}
