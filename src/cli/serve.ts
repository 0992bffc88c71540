/** `monorelay serve`: starts everything in order, runs until told to stop, and stops without losing anything. */
import { join } from "node:path";
import type { AuthServices } from "../auth/services.ts";
import { createSignInServices } from "../auth/sign-in-services.ts";
import { diffConfigs } from "../config/diff.ts";
import { formatProblem } from "../config/problem.ts";
import { secretValues } from "../config/redact.ts";
import type { Config } from "../config/types.ts";
import { createApi } from "../http/api.ts";
import { createEdge } from "../http/edge.ts";
import { createRefusedWrites } from "../http/refused-writes.ts";
import { apiRoutes } from "../http/routes.ts";
import { listen, outerBound, type RunningServer } from "../http/server.ts";
import { createElysiaJwtEngine } from "../http/jwt-engine.ts";
import { Limiter } from "../limits/limiter.ts";
import type { Spending } from "../limits/spending.ts";
import { ActiveCalls } from "../relay/active.ts";
import { HeldBytes } from "../relay/held-bytes.ts";
import { KeptAnswers } from "../relay/kept-answers.ts";
import { Ledger } from "../relay/ledger.ts";
import { cutRevokedCalls } from "../relay/revoked.ts";
import { createGuardedFetcher } from "../net/guarded.ts";
import type { RelayServices } from "../relay/services.ts";
import { RetryBudget, RoutingState } from "../routing/state.ts";
import { BuildError, buildSnapshot } from "../snapshot/build.ts";
import { Clients } from "../snapshot/clients.ts";
import { type Snapshot, SnapshotHolder } from "../snapshot/snapshot.ts";
import { createThreadCheckpointer } from "../store/checkpointer.ts";
import { claimMarkIn } from "../store/claim-mark.ts";
import { type DataDirectory, findServer, openDataDirectory } from "../store/data-dir.ts";
import { StoreError } from "../store/errors.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/types.ts";
import { createSync, type SyncAnswer } from "../sync/sync.ts";
import { watchFiles } from "../sync/watch.ts";
import { VERSION } from "../support/build-info.ts";
import { systemClock, systemSchedule } from "../support/clock.ts";
import { createIds } from "../support/ids.ts";
import { createLogger, type LogLevel, type ProcessLogger } from "../support/log.ts";
import { createLogSink, inspectStderr } from "../support/log-sink.ts";
import { createRedactor } from "../support/redact.ts";
import { ensureAccessKey } from "./access-key.ts";
import { openAuth } from "./auth.ts";
import { openCounting } from "./counting.ts";
import { CliError, EXIT } from "./exit.ts";
import { greet, printSetupToken, warnOfOpenSetup } from "./greet.ts";
import type { Builtins, GlobalOptions } from "./index.ts";
import { createOutside, rootsOf } from "./outside.ts";
import { prunePeriodically } from "./prune.ts";
import { requestCap } from "./runtime-settings.ts";
import { runUntilStopped } from "./shutdown.ts";
import { checkSurroundings } from "./surroundings.ts";
import { configError, locateHere, readEnvironment, readWorld, type World } from "./world.ts";

export interface ServeOptions extends GlobalOptions {
  readonly host?: string;
  readonly port?: string;
  readonly unix?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly watch: boolean;
  readonly plugins: boolean;
  readonly envFile?: string;
}

const LEVELS: Readonly<Record<Config["server"]["logLevel"], LogLevel>> = {
  DEBUG: "debug",
  INFO: "info",
  WARNING: "warn",
  ERROR: "error",
};

export async function serve(options: ServeOptions, builtins: Builtins): Promise<number> {
  const env = readEnvironment(options.envFile);
  const concerns = checkSurroundings(env);
  const sink = createLogSink();
  const redactor = createRedactor();
  const stderr = inspectStderr(env);
  const log = createLogger({
    format: "auto",
    level: "info",
    write: (line, isRoutine) => sink.write(line, isRoutine),
    now: Date.now,
    stderr,
    redactor,
  });
  const flags = flagsOf(options);
  const located = locateHere(options, env);
  const read = (known: World["known"]) =>
    readWorld({ located, builtins, env, flags, log, withoutExternal: !options.plugins, known });

  let world = await read(new Map());
  if (world.config === null) throw configError(world.errors, located.configFile);
  const { config } = world;
  applyLogging(log, config, world);
  for (const concern of concerns) log.warn(concern);
  for (const problem of world.warnings) log.warn(formatProblem(problem, located.configFile));
  warnOfCap(log, config);

  const directory = takeDirectory(located.dataDir, log);
  let store: Store | undefined;
  let auth: AuthServices | undefined;
  let server: RunningServer | undefined;
  try {
    store = await openStore({
      accountsPath: config.database.path,
      recordsPath: config.logging.enabled ? config.logging.dbPath : ":memory:",
      busyTimeoutMs: config.database.busyTimeoutMs,
      synchronous: config.database.synchronous,
      claimMark: claimMarkIn(located.dataDir),
      log,
      redact: (text) => redactor.redact(text),
      checkpointer: createThreadCheckpointer,
    });
    const key = await ensureAccessKey(store, config);
    let current = config;
    const configNow = (): Config => current;
    const accounts = await openAuth({
      store,
      dataDir: located.dataDir,
      config: configNow,
      log,
      createJwtEngine: createElysiaJwtEngine,
    });
    auth = accounts;

    const state = new RoutingState();
    const clients = new Clients(systemClock, env);
    const fetchOutside = createOutside(configNow, clients);
    const counting = await openCounting(store, log, config, fetchOutside);
    const services = createRelayServices(store, log, (text) => redactor.redact(text), counting.spending);
    const build = (from: World, checked: Config, generation: number): Promise<Snapshot> =>
      buildSnapshot({
        generation,
        config: checked,
        plugins: from.plugins,
        clock: systemClock,
        random: Math.random,
        log,
        state,
        clients,
        accounts: accounts.directory,
        accessKeyDigest: key.digest,
        version: VERSION,
        extraRoots: rootsOf(checked),
        prices: counting.prices,
      });
    const first = await build(world, config, 1);
    const disposeFailed = (error: unknown) => log.warn("an old generation could not be disposed of", { error });
    const holder = new SnapshotHolder(first, disposeFailed);
    const { active } = services;
    const { revocations, renew } = accounts;
    cutRevokedCalls({ active, revocations, renew, isOn: () => configNow().auth.cutStreams, log });
    printSetupToken(await accounts.start());

    let isDraining = false;
    const startedAt = Date.now();
    const announce = (): void => {
      directory.announce({
        pid: process.pid,
        version: VERSION,
        url: server?.url ?? null,
        socket: config.server.unixSocket,
        generation: holder.current.generation,
        startedAt,
      });
    };
    const watcher = options.watch
      ? watchFiles(
          () => void sync({ trigger: "file" }).catch((error) => log.error("the reload failed", { error })),
          (path, error) => log.warn("a directory cannot be watched; reload by hand", { path, error }),
        )
      : undefined;
    const sync = createSync(
      {
        holder,
        log,
        read: async () => {
          const next = await read(world.known);
          pending = next;
          return next;
        },
        build: (result, generation) => build(pending, result.config, generation),
        differ: (before, after) => {
          const { changed, restartRequired } = diffConfigs(before, after);
          return { changed, restart: restartRequired };
        },
        applied: (snapshot) => {
          world = pending;
          current = snapshot.config;
          applyLogging(log, snapshot.config, world);
          counting.prices.follow(snapshot.config.prices);
          log.setFields({ gen: snapshot.generation });
          watcher?.setFiles(world.watched);
          void server?.reloadTls(snapshot.config.server.tls);
          accounts.setup
            .prepare()
            .then(printSetupToken, (error) => log.error("auth.setup_token has no effect", { error }));
          announce();
        },
        finished: (_answer: SyncAnswer) => {},
      },
      world.identity,
    );
    let pending = world;

    const http = {
      relay: services,
      auth: accounts,
      signIn: createSignInServices(accounts, store.settings),
      store,
      backupDir: join(located.dataDir, "backups"),
      showSetupToken: printSetupToken,
      fetchOutside,
      holder,
      ids: createIds(),
      version: VERSION,
      startedAt,
      boundPort: () => server?.port ?? 0,
      notReady: () => (isDraining ? "draining" : undefined),
      sync,
    };
    const api = createApi(apiRoutes(http, located.dataDir), createRefusedWrites(accounts.audit, systemClock));
    server = await startListening(config, createEdge(http, api));
    log.setFields({ gen: 1 });
    announce();
    watcher?.setFiles(world.watched);
    await store.initialised.set(startedAt);
    const stopPruning = prunePeriodically(store, accounts, holder, log);
    const { initialized, setupTokenRequired } = await accounts.setup.status();
    const isFirstRun = !initialized;
    warnOfOpenSetup(log, { isFirstRun, hasSetupToken: setupTokenRequired, host: config.server.host });
    greet(log, {
      isQuiet: options.quiet === true,
      url: server.url,
      dataDir: located.dataDir,
      configPath: world.watched[0] ?? null,
      configText: world.text,
      snapshot: holder.current,
      accessKey: key.fresh,
      isFirstRun,
      env,
    });

    const code = await runUntilStopped({
      server,
      active: services.active,
      log,
      graceMs: () => holder.current.config.server.shutdownGraceMs,
      draining: () => {
        isDraining = true;
      },
      reload: () => sync({ trigger: "signal" }),
    });
    stopPruning();
    watcher?.close();
    services.active.stop();
    services.ledger.flush();
    await counting.stop();
    return code;
  } catch (error) {
    throw toCliError(error, located.configFile);
  } finally {
    await server?.close();
    await auth?.stop().catch((error) => log.warn("when keys and sessions were last used is lost", { error }));
    await store?.close();
    directory.release();
    await sink.flush(1000);
  }
}

function flagsOf({ host, port, unix, logLevel, logFormat }: ServeOptions) {
  return {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(unix === undefined ? {} : { unix }),
    ...(logLevel === undefined ? {} : { logLevel }),
    ...(logFormat === undefined ? {} : { logFormat }),
  };
}

function applyLogging(log: ProcessLogger, config: Config, world: World): void {
  log.setLevel(LEVELS[config.server.logLevel]);
  log.setFormat(config.logging.format);
  log.setSecrets(secretValues(config, world.catalog));
}

function warnOfCap(log: ProcessLogger, config: Config): void {
  const cap = requestCap();
  if (cap >= config.limits.maxConcurrency) return;
  log.warn(
    "fewer upstream requests can run at once than limits.max_concurrency allows; set BUN_CONFIG_MAX_HTTP_REQUESTS",
    {
      cap,
      max_concurrency: config.limits.maxConcurrency,
    },
  );
}

function takeDirectory(path: string, log: ProcessLogger): DataDirectory {
  try {
    return openDataDirectory(path, log);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "busy") throw toCliError(error, null);
    const running = findServer(path);
    const where = running?.url == null ? "" : ` It answers at ${running.url}.`;
    throw new CliError(EXIT.conflict, "already_running", `${error.message}.${where}`);
  }
}

function createRelayServices(
  store: Store,
  log: ProcessLogger,
  redact: (text: string) => string,
  spending: Spending,
): RelayServices {
  return {
    clock: systemClock,
    log,
    ledger: new Ledger(systemSchedule),
    records: { push: (record) => store.calls.append(record) },
    objects: store.objects,
    media: createGuardedFetcher(systemClock),
    active: new ActiveCalls(systemClock),
    held: new HeldBytes(),
    kept: new KeptAnswers(systemClock),
    budget: new RetryBudget(),
    limiter: new Limiter(systemClock, spending),
    redact,
    random: Math.random,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener(
          "abort",
          () => {
            clearTimeout(timer);
            reject(signal.reason);
          },
          { once: true },
        );
      }),
  };
}

async function startListening(config: Config, handler: ReturnType<typeof createEdge>): Promise<RunningServer> {
  const { host, port, unixSocket, tls } = config.server;
  const { maxBody, maxUpload, maxAdminBody } = config.limits;
  try {
    return await listen({
      host,
      port,
      unixSocket,
      tls,
      bodyBytesMax: outerBound(Math.max(maxBody, maxUpload, maxAdminBody)),
      handler,
    });
  } catch (error) {
    if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
    throw new CliError(
      EXIT.failed,
      "port_taken",
      `${host}:${port} is in use by another process.`,
      `Use another port: monorelay --port ${port + 1}`,
    );
  }
}

function toCliError(error: unknown, file: string | null): unknown {
  if (error instanceof BuildError) return configError(error.problems, file);
  if (error instanceof StoreError)
    return new CliError(
      error.code === "busy" ? EXIT.conflict : EXIT.failed,
      `store_${error.code}`,
      `${error.message}.`,
    );
  return error;
}
