/** `monorelay config`: check and show the configuration with the very code that `serve` uses. */
import { NO_ACCOUNTS } from "../auth/directory.ts";
import { formatProblem } from "../config/problem.ts";
import { redactConfig, renderYaml } from "../config/redact.ts";
import type { Problem } from "../config/types.ts";
import type { Logger } from "../contract/host.ts";
import { BuildError, buildSnapshot } from "../snapshot/build.ts";
import { Clients } from "../snapshot/clients.ts";
import { RoutingState } from "../routing/state.ts";
import { VERSION } from "../support/build-info.ts";
import { systemClock } from "../support/clock.ts";
import { EXIT } from "./exit.ts";
import type { Builtins, GlobalOptions } from "./index.ts";
import { configError, locateHere, readEnvironment, readWorld, type World } from "./world.ts";

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

interface ValidateOptions extends GlobalOptions {
  readonly warningsAsErrors?: boolean;
}

export async function configValidate(
  file: string | undefined,
  options: ValidateOptions,
  builtins: Builtins,
): Promise<number> {
  const env = readEnvironment(undefined);
  const fromInput = file === "-";
  const located = locateHere({ ...options, ...(file === undefined || fromInput ? {} : { config: file }) }, env);
  const content = fromInput ? new Uint8Array(await Bun.stdin.arrayBuffer()) : undefined;
  const shown = fromInput ? "-" : located.configFile;
  const world = await readWorld({
    located: fromInput ? { ...located, configFile: null, errors: [] } : located,
    builtins,
    env,
    flags: {},
    log: SILENT,
    withoutExternal: false,
    known: new Map(),
    ...(content === undefined ? {} : { content }),
  });
  const errors = [...world.errors, ...(await setUpOnce(world))];
  const isBad = errors.length > 0 || (options.warningsAsErrors === true && world.warnings.length > 0);
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ valid: !isBad, errors, warnings: world.warnings })}\n`);
    return isBad ? EXIT.config : EXIT.done;
  }
  for (const problem of errors) process.stderr.write(`error   ${formatProblem(problem, shown)}\n`);
  for (const problem of world.warnings) process.stderr.write(`warning ${formatProblem(problem, shown)}\n`);
  if (options.quiet !== true && !isBad) process.stderr.write(`${shown ?? "defaults"}: valid\n`);
  return isBad ? EXIT.config : EXIT.done;
}

/** The plugins' own `setup` may object; it builds and does not act. */
async function setUpOnce(world: World): Promise<readonly Problem[]> {
  if (world.config === null) return [];
  try {
    const snapshot = await buildSnapshot({
      generation: 0,
      config: world.config,
      plugins: world.plugins,
      clock: systemClock,
      random: Math.random,
      log: SILENT,
      state: new RoutingState(),
      clients: new Clients(systemClock),
      accounts: NO_ACCOUNTS,
      accessKeyDigest: null,
      version: VERSION,
      extraRoots: null,
    });
    await snapshot.dispose();
    return [];
  } catch (error) {
    if (error instanceof BuildError) return error.problems;
    throw error;
  }
}

interface ShowOptions extends GlobalOptions {
  readonly origin?: boolean;
}

export async function configShow(options: ShowOptions, builtins: Builtins): Promise<number> {
  const env = readEnvironment(undefined);
  const located = locateHere(options, env);
  const world = await readWorld({
    located,
    builtins,
    env,
    flags: {},
    log: SILENT,
    withoutExternal: false,
    known: new Map(),
  });
  if (world.config === null) throw configError(world.errors, located.configFile);
  const { config, catalog, references } = world;
  // A key of this run only: fingerprints tell secrets apart here and now, and cannot be looked up anywhere.
  const fingerprintKey = crypto.getRandomValues(new Uint8Array(32));
  const document = redactConfig({ config, catalog, references, fingerprintKey });
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(document)}\n`
      : await renderYaml(document, options.origin === true ? world.sources : undefined),
  );
  return EXIT.done;
}

export async function configSchema(builtins: Builtins): Promise<number> {
  const { toJsonSchema } = await import("../config/json-schema.ts");
  const located = locateHere({}, process.env);
  const world = await readWorld({
    located: { ...located, configFile: null, errors: [] },
    builtins,
    env: {},
    flags: {},
    log: SILENT,
    withoutExternal: true,
    known: new Map(),
  });
  process.stdout.write(`${JSON.stringify(toJsonSchema(world.catalog), null, 2)}\n`);
  return EXIT.done;
}
