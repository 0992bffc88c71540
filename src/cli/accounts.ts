/** Opens the accounts that a command acts on: of the relay at `--url`, else of the data directory, served or not. */
import { type Caller, NOWHERE, OPERATOR } from "../auth/caller.ts";
import type { Config } from "../config/types.ts";
import type { Logger } from "../contract/host.ts";
import { claimMarkIn } from "../store/claim-mark.ts";
import { findServer } from "../store/data-dir.ts";
import { StoreError } from "../store/errors.ts";
import { openStore } from "../store/open.ts";
import { systemClock } from "../support/clock.ts";
import { originsIn } from "../net/destinations.ts";
import { chooseProxy } from "../net/proxy.ts";
import { createPluginFetch } from "../snapshot/plugin-fetch.ts";
import { openAuth } from "./auth.ts";
import type { Desk } from "./desk.ts";
import { CliError, EXIT } from "./exit.ts";
import type { Builtins, GlobalOptions } from "./index.ts";
import { createLocalDesk } from "./local-desk.ts";
import { createRemoteDesk, TOKEN_VARIABLE } from "./remote-desk.ts";
import { configError, locateHere, readEnvironment, readWorld } from "./world.ts";

/** Whoever may open the data directory is the administrator. */
export const operator: Caller = { identity: OPERATOR, origin: NOWHERE };

/** Runs the work and closes everything again. A server on the same directory notices within two seconds. */
export async function withDesk<T>(
  options: GlobalOptions,
  builtins: Builtins,
  work: (desk: Desk) => Promise<T>,
): Promise<T> {
  if (options.url !== undefined) {
    const send = createPluginFetch({
      way: { proxyFor: chooseProxy(null, process.env), roots: null },
      allowed: [],
      trusted: originsIn(options.url),
    });
    return work(createRemoteDesk({ url: options.url, token: process.env[TOKEN_VARIABLE], send }));
  }
  const env = readEnvironment(undefined);
  const located = locateHere(options, env);
  const world = await readWorld({
    located,
    builtins,
    env,
    flags: {},
    log: quiet,
    withoutExternal: false,
    known: new Map(),
  });
  const { config } = world;
  if (config === null) throw configError(world.errors, located.configFile);
  const log = options.quiet === true ? quiet : onStderr;
  try {
    const store = await openStore({
      accountsPath: config.database.path,
      // Calls are the server's own business; two processes need not meet in that file.
      recordsPath: ":memory:",
      busyTimeoutMs: config.database.busyTimeoutMs,
      claimMark: claimMarkIn(located.dataDir),
      synchronous: config.database.synchronous,
      log,
      redact: (text) => text,
    });
    try {
      const services = await openAuth({ store, dataDir: located.dataDir, config: () => config, log });
      return await work(createLocalDesk(services, urlOf(config, located.dataDir), systemClock.now));
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new CliError(EXIT.failed, `store_${error.code}`, `${error.message}.`);
  }
}

function urlOf({ server }: Config, dataDir: string): string {
  const { publicHost } = server;
  if (publicHost !== null && publicHost !== "") {
    const bare = publicHost.replace(/\/+$/, "").replace(/\/v1$/, "");
    return /^https?:\/\//i.test(bare) ? bare : `https://${bare}`;
  }
  return findServer(dataDir)?.url ?? `http://127.0.0.1:${server.port}`;
}

const ignore = () => {};
const quiet: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const say = (message: string) => void process.stderr.write(`${message}\n`);
/** A command says what went wrong, not what it does. */
const onStderr: Logger = { debug: ignore, info: ignore, warn: say, error: say };
