/** A relay in this process, made of the real parts: configuration text in, HTTP out, records and log lines at hand. */
import { builtinAuth, builtinProviders } from "../../plugins/index.ts";
import { type AccountDirectory, NO_ACCOUNTS } from "../../src/auth/directory.ts";
import type { AuthServices } from "../../src/auth/services.ts";
import { createSignInServices, type SignInServices } from "../../src/auth/sign-in-services.ts";
import type { CatalogEntry } from "../../src/config/catalog.ts";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/config/problem.ts";
import { secretValues } from "../../src/config/redact.ts";
import { createApi } from "../../src/http/api.ts";
import { createEdge } from "../../src/http/edge.ts";
import { createRefusedWrites } from "../../src/http/refused-writes.ts";
import { apiRoutes } from "../../src/http/routes.ts";
import type { HttpServices } from "../../src/http/services.ts";
import { listen, outerBound } from "../../src/http/server.ts";
import type { Lookup } from "../../src/net/dial.ts";
import { createGuardedFetcher } from "../../src/net/guarded.ts";
import { Limiter } from "../../src/limits/limiter.ts";
import { Spending } from "../../src/limits/spending.ts";
import { ActiveCalls } from "../../src/relay/active.ts";
import { HeldBytes } from "../../src/relay/held-bytes.ts";
import { KeptAnswers } from "../../src/relay/kept-answers.ts";
import { Ledger } from "../../src/relay/ledger.ts";
import type { RelayServices } from "../../src/relay/services.ts";
import { RetryBudget, RoutingState } from "../../src/routing/state.ts";
import type { AnyProviderPlugin } from "../../src/plugin/index.ts";
import { buildSnapshot } from "../../src/snapshot/build.ts";
import { Clients } from "../../src/snapshot/clients.ts";
import { SnapshotHolder } from "../../src/snapshot/snapshot.ts";
import type { CallRecord, ObjectRepository, SpendingRepository, Store, UpstreamObject } from "../../src/store/types.ts";
import { createManualClock, type ManualClock, systemClock } from "../../src/support/clock.ts";
import { createIds } from "../../src/support/ids.ts";
import { createLogger } from "../../src/support/log.ts";
import { createRedactor } from "../../src/support/redact.ts";

export const KEY = "test-access-key-0123456789";

export interface TestRelay {
  readonly url: string;
  readonly records: CallRecord[];
  readonly logLines: string[];
  readonly clock: ManualClock;
  readonly services: RelayServices;
  readonly holder: SnapshotHolder;
  /** A request with the access key and a JSON body. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Resolves once so many calls have ended. */
  recorded(count: number): Promise<CallRecord[]>;
  /** Moves the clock and lets the watch look. */
  tick(ms: number): void;
  stop(): Promise<void>;
}

/** The map of upstream objects, without a database. */
function createMemoryObjects(): ObjectRepository {
  const known = new Map<string, UpstreamObject>();
  return {
    async add(objects) {
      for (const object of objects) if (!known.has(object.id)) known.set(object.id, object);
    },
    find: async (id) => known.get(id),
    findAll: async (ids) => ids.flatMap((id) => known.get(id) ?? []),
    get isEmpty() {
      return known.size === 0;
    },
    list: async (kind, { orgId, userId, principal }, max) =>
      [...known.values()]
        .filter((object) => object.kind === kind && object.orgId === orgId)
        .filter((object) => userId === undefined || object.userId === userId)
        .filter((object) => principal === undefined || object.principal === principal)
        .toReversed()
        .slice(0, max),
    remove: async (id) => void known.delete(id),
    prune: async () => 0,
  };
}

/** What is spent is kept in memory only. */
const NOWHERE: SpendingRepository = { load: async () => [], save: async () => {} };

/** What tests of the account routes bring along; the others never get as far as asking for it. */
export interface AccountParts {
  readonly auth: AuthServices;
  readonly store: Store;
  readonly clock: ManualClock;
  readonly backupDir: string;
  readonly setupTokens: string[];
  /** What answers requests to services outside. */
  readonly fetchOutside?: HttpServices["fetchOutside"];
}

/** `config`: YAML; an access key is added unless it sets one. `plugins`: providers beside the built-in ones. */
export async function startRelay(
  config: string,
  accounts: AccountDirectory = NO_ACCOUNTS,
  parts?: AccountParts,
  names?: Lookup,
  plugins: readonly AnyProviderPlugin[] = [],
): Promise<TestRelay> {
  const clock = parts?.clock ?? createManualClock();
  const logLines: string[] = [];
  const redactor = createRedactor([KEY]);
  const log = createLogger({
    format: "json",
    level: "debug",
    write: (line) => logLines.push(line),
    now: clock.now,
    redactor,
  });
  const providers: readonly AnyProviderPlugin[] = [...builtinProviders, ...plugins];
  const catalog = new Map<string, CatalogEntry>([
    ...providers.map((plugin) => [plugin.id, plugin] as const),
    ...builtinAuth.map((plugin) => [plugin.id, plugin] as const),
  ]);
  const text = /^server:.*access_key|^ {2}access_key/m.test(config) ? config : `${config}\n`;
  const loaded = await loadConfig({
    content: text,
    baseDir: "/nonexistent",
    dataDir: "/nonexistent",
    env: text === config ? {} : { MONORELAY_SERVER__ACCESS_KEY: KEY },
    resolvePlugins: async () => ({ catalog, problems: [] }),
  });
  if (loaded.config === null)
    throw new Error(loaded.errors.map((problem) => formatProblem(problem, "test")).join("\n"));

  redactor.setSecrets([KEY, ...secretValues(loaded.config, catalog)]);

  const spending = new Spending({ clock, schedule: clock.schedule, repository: parts?.store.spending ?? NOWHERE, log });
  await spending.start();
  const records: CallRecord[] = [];
  let waiting: { count: number; resolve: () => void }[] = [];
  const services: RelayServices = {
    clock,
    log,
    records: {
      push(record) {
        records.push(record);
        for (const wait of waiting.filter(({ count }) => records.length >= count)) wait.resolve();
        waiting = waiting.filter(({ count }) => records.length < count);
      },
    },
    objects: parts?.store.objects ?? createMemoryObjects(),
    media: createGuardedFetcher(systemClock, names),
    ledger: new Ledger(),
    active: new ActiveCalls(clock),
    held: new HeldBytes(),
    kept: new KeptAnswers(clock),
    budget: new RetryBudget(),
    limiter: new Limiter(clock, spending),
    redact: (value) => redactor.redact(value),
    random: () => 0.5,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const cancel = clock.schedule(ms, resolve);
        signal.addEventListener("abort", () => {
          cancel();
          reject(signal.reason);
        });
      }),
  };
  const clients = new Clients(systemClock);
  const snapshot = await buildSnapshot({
    generation: 1,
    config: loaded.config,
    plugins: {
      providers: new Map(providers.map((plugin) => [plugin.id, plugin])),
      auth: new Map(builtinAuth.map((plugin) => [plugin.id, plugin])),
    },
    clock,
    random: () => 0.5,
    log,
    state: new RoutingState(),
    clients,
    accounts,
    accessKeyDigest: null,
    version: "test",
    extraRoots: null,
  });
  const holder = new SnapshotHolder(snapshot, (error) => log.error("dispose", { error }));
  let port = 0;
  const refused = parts === undefined ? undefined : createRefusedWrites(parts.auth.audit, clock);
  const http = {
    relay: services,
    auth: parts?.auth as AuthServices,
    signIn: (parts === undefined
      ? undefined
      : createSignInServices(parts.auth, parts.store.settings)) as SignInServices,
    store: parts?.store as Store,
    backupDir: parts?.backupDir ?? "/nonexistent",
    fetchOutside: parts?.fetchOutside ?? (() => Promise.reject(new Error("nothing outside is reached in tests"))),
    showSetupToken: (token: string) => void parts?.setupTokens.push(token),
    holder,
    ids: createIds({
      now: clock.now,
      fillRandom: (bytes) => {
        for (const index of bytes.keys()) bytes[index] = (index * 7 + records.length) & 255;
      },
    }),
    version: "test",
    startedAt: clock.now(),
    boundPort: () => port,
    notReady: () => undefined,
    sync: async () => ({ type: "applied" as const, generation: 1, changed: [], warnings: [] }),
  };
  const server = await listen({
    host: "127.0.0.1",
    port: 0,
    unixSocket: null,
    tls: null,
    bodyBytesMax: outerBound(loaded.config.limits.maxUpload),
    handler: createEdge(http, createApi(apiRoutes(http, "/nonexistent"), refused)),
  });
  port = server.port;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    records,
    logLines,
    clock,
    services,
    holder,
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${KEY}`, ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    recorded(count) {
      if (records.length >= count) return Promise.resolve(records);
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ count, resolve });
      return promise.then(() => records);
    },
    tick(ms) {
      clock.advance(ms);
      services.active.tick();
    },
    async stop() {
      services.active.stop();
      clients.close();
      await server.close();
    },
  };
}
