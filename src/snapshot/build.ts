/** Builds a snapshot from a checked configuration: sets every plugin up, completely, before anybody uses it. */
import { createAccessKeyLookup } from "../auth/access-key.ts";
import type { ChainLink } from "../auth/chain.ts";
import { type AccountDirectory, createDirectory } from "../auth/directory.ts";
import type { SignInEntry } from "../auth/sign-in.ts";
import { signInOptions } from "../config/sso-options.ts";
import type { Config, Problem, ProviderConfig } from "../config/types.ts";
import { generalLimits } from "../limits/plan.ts";
import type { PriceFeed } from "../limits/price-feed.ts";
import { createPriceBook, type PriceBook } from "../limits/prices.ts";
import { originsIn } from "../net/destinations.ts";
import type {
  AnyAuthPlugin,
  AnyProviderPlugin,
  Codec,
  Host,
  Logger,
  ModelCost,
  ModelPrice,
  Provider,
  Traits,
} from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import { KeyPool } from "../routing/key-pool.ts";
import { createLayers } from "../routing/layers.ts";
import { Router } from "../routing/resolve.ts";
import type { RoutingState } from "../routing/state.ts";
import type { Clock } from "../support/clock.ts";
import type { OpenWay, WayOut } from "../net/way-out.ts";
import type { Clients } from "./clients.ts";
import { fetchMetadata, refuseMetadata } from "./metadata-fetch.ts";
import { createPluginFetch } from "./plugin-fetch.ts";
import type { ProviderStatus, Snapshot } from "./snapshot.ts";

/** A plugin's `setup` must be done by then; its `dispose` too. */
export const SETUP_MAX_MS = 5000;

export interface PluginSet {
  readonly providers: ReadonlyMap<string, AnyProviderPlugin>;
  readonly auth: ReadonlyMap<string, AnyAuthPlugin>;
}

export interface BuildInput {
  readonly generation: number;
  readonly config: Config;
  readonly plugins: PluginSet;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Lives as long as the process: cooldowns survive the build. */
  readonly state: RoutingState;
  /** Lives as long as the process: sessions and API keys belong to no generation. */
  readonly accounts: AccountDirectory;
  /** Hex SHA-256 of the access key made at the first start; `null` = none was made. */
  readonly accessKeyDigest: string | null;
  readonly version: string;
  /** Lives as long as the process: connections survive the build. */
  readonly clients: Clients;
  /** The text of `network.ca_file`; `null` = not set. */
  readonly extraRoots: string | null;
  /** Lives as long as the process: a newer price list, if the configuration names one. */
  readonly prices?: PriceFeed;
}

interface Disposable {
  readonly name: string;
  readonly dispose: () => unknown;
}

/** What went wrong while plugins were set up; nothing has been kept. */
export class BuildError extends Error {
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(({ path, message }) => `${path} ${message}`).join("; "));
    this.name = "BuildError";
  }
}

/** Sets all plugins up in parallel. Throws `BuildError` with every problem, after undoing what had been set up. */
export async function buildSnapshot(input: BuildInput): Promise<Snapshot> {
  const { config, plugins } = input;
  const end = new AbortController();
  const disposables: Disposable[] = [];
  const problems: Problem[] = [];
  const { accessKeyDigest, accounts, clock } = input;
  const findByAccessKey = createAccessKeyLookup(
    config.server,
    accessKeyDigest,
    clock.now,
    accounts.defaultOrgId,
    accounts.defaultOrgLimits,
  );
  const directory = createDirectory(accounts, findByAccessKey);

  const setUp = async <T extends object>(path: string, run: () => T | Promise<T>): Promise<T | undefined> => {
    let isGivenUp = false;
    const disposing = (made: T): Disposable[] => {
      const { dispose } = made as { dispose?: () => unknown };
      return dispose === undefined ? [] : [{ name: path, dispose: () => dispose.call(made) }];
    };
    try {
      return await within(SETUP_MAX_MS, async () => {
        const made = await run();
        // Too late: nobody will use it, and nobody else knows of it.
        if (isGivenUp) for (const each of disposing(made)) void disposeOf(each, input.log);
        else disposables.push(...disposing(made));
        return made;
      });
    } catch (cause) {
      isGivenUp = true;
      problems.push(problemOf(path, cause));
      return undefined;
    }
  };

  const commonWay = input.clients.get(config.network.proxy, input.extraRoots);
  const hostOf = (pluginId: string, entry: string, way: WayOut, ...written: readonly unknown[]): Host => {
    const trusted = originsIn(written);
    return {
      pluginId,
      entry,
      log: tagged(input.log, pluginId),
      fetch: createPluginFetch({ way, allowed: config.network.allowPrivateNetworks, trusted }),
      allowOrigin: (url) => void trusted.add(new URL(url).origin),
      now: input.clock.now,
      directory,
      signal: end.signal,
    };
  };

  const links = await Promise.all(
    config.auth.chain.map(async (id): Promise<ChainLink | undefined> => {
      const plugin = plugins.auth.get(id);
      if (plugin === undefined) return undefined;
      const options = (config.plugins.options[id] ?? {}) as never;
      const auth = await setUp(`auth.chain.${id}`, () =>
        plugin.setup(options, hostOf(plugin.id, id, commonWay, options)),
      );
      return auth === undefined ? undefined : { id, auth };
    }),
  );

  const signIns = await Promise.all(
    usableSso(config).map(async (entry): Promise<SignInEntry | undefined> => {
      const plugin = plugins.auth.get(entry.type);
      if (plugin === undefined) return undefined;
      const path = `sso.providers.${entry.id}`;
      const options = signInOptions(entry, plugin.options) as never;
      const auth = await setUp(path, () => plugin.setup(options, hostOf(plugin.id, entry.id, commonWay, options)));
      if (auth === undefined) return undefined;
      if (auth.signIn !== undefined) return { config: entry, signIn: auth.signIn };
      problems.push(problemOf(path, new Error(`the plugin "${entry.type}" recognises callers, but signs nobody in`)));
      return undefined;
    }),
  );

  const prices = createPriceBook(config.prices, input.prices?.find);
  const statuses = await Promise.all(
    config.providers.map(async (entryConfig): Promise<ProviderStatus> => {
      const plugin = plugins.providers.get(entryConfig.type);
      const baseUrl = entryConfig.baseUrl ?? plugin?.baseUrl ?? "";
      const status = {
        name: entryConfig.name,
        enabled: entryConfig.enabled,
        keys: entryConfig.keys.length,
        baseUrl,
        type: entryConfig.type,
      };
      if (!entryConfig.enabled || plugin === undefined) return status;
      const wayBy = (proxy: string | null): OpenWay =>
        input.clients.get(proxy, input.extraRoots, {
          isPrivateAllowed: entryConfig.allowPrivate !== false,
          listed: config.network.allowPrivateNetworks,
        });
      const way = wayBy(entryConfig.proxy ?? config.network.proxy);
      const { allowMetadata } = entryConfig.options as { allowMetadata?: unknown };
      const metadata = allowMetadata === true ? fetchMetadata : refuseMetadata;
      const host = { ...hostOf(plugin.id, entryConfig.name, way, baseUrl, entryConfig.options), baseUrl, metadata };
      const provider = await setUp(`providers.${entryConfig.name}`, () =>
        plugin.setup(entryConfig.options as never, host),
      );
      if (provider === undefined) return status;
      const lack = lackOf(provider);
      if (lack !== undefined) {
        problems.push(problemOf(`providers.${entryConfig.name}`, new Error(`the plugin "${plugin.id}" ${lack}`)));
        return status;
      }
      const codecs = chooseCodecs(entryConfig, provider, problems);
      return { ...status, entry: createEntry(input, entryConfig, plugin, provider, codecs, baseUrl, prices, wayBy) };
    }),
  );

  let disposed: Promise<unknown> | undefined;
  const dispose = async (): Promise<void> => {
    end.abort();
    disposed ??= Promise.all(disposables.map((each) => disposeOf(each, input.log)));
    await disposed;
  };
  if (problems.length > 0) {
    await dispose();
    throw new BuildError(problems);
  }
  const entries = statuses.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
  return {
    generation: input.generation,
    config,
    chain: links.flatMap((link) => (link === undefined ? [] : [link])),
    signIns: new Map(signIns.flatMap((each) => (each === undefined ? [] : [[each.config.id, each] as const]))),
    providers: statuses,
    router: new Router(entries, config.modelRouting),
    generalLimits: generalLimits(config.limits),
    way: commonWay,
    dispose,
  };
}

function createEntry(
  input: BuildInput,
  config: ProviderConfig,
  plugin: AnyProviderPlugin,
  provider: Provider,
  codecs: readonly Codec[],
  baseUrl: string,
  prices: PriceBook,
  wayBy: (proxy: string | null) => OpenWay,
): ProviderEntry {
  const way = wayBy(config.proxy ?? input.config.network.proxy);
  const { timeouts, keySelection } = input.config;
  const remembered = new Map<string, Traits>();
  const extra = { ...config.cloaking, ...config.headers };
  const isLocal = provider.answer !== undefined;
  return {
    name: config.name,
    config,
    provider,
    codecs,
    codecsOf: byModel(provider, codecs),
    include: config.models.include.length > 0 ? config.models.include : (provider.models ?? []),
    keys: new KeyPool(config.keys, {
      strategy: keySelection.strategy,
      keyless: (plugin.keys ?? "required") !== "required",
      cooldownMs: config.rateLimitCooldownMs,
      clock: input.clock,
      random: input.random,
      stateOf: (keyId) => input.state.key(config.name, keyId),
      wayOf: wayBy,
    }),
    layers: createLayers(input.config, config),
    baseUrl: isLocal ? "" : baseUrl,
    userAgent: `monorelay/${input.version}`,
    extraHeaders: Object.keys(extra).length === 0 ? undefined : extra,
    timeouts: {
      connectMs: config.timeouts.connectMs ?? timeouts.connectMs,
      firstTokenMs: config.timeouts.firstTokenMs ?? timeouts.firstTokenMs,
      idleMs: config.timeouts.idleMs ?? timeouts.idleMs,
      totalMs: config.timeouts.totalMs ?? timeouts.totalMs,
    },
    client: way.client,
    way,
    price: byPrice(config, plugin, prices, input),
    traits(model) {
      let traits = remembered.get(model);
      if (traits === undefined) {
        traits = provider.traits?.(model) ?? {};
        if (remembered.size < 4096) remembered.set(model, traits);
      }
      return traits;
    },
  };
}

/** Callers choose names of models, so only so many are remembered. */
function byPrice(
  { name: provider, costPerMInput, costPerMOutput }: ProviderConfig,
  plugin: AnyProviderPlugin,
  prices: PriceBook,
  { log, prices: feed }: BuildInput,
): ProviderEntry["price"] {
  const listedAt = (model: string): ModelPrice | undefined => {
    try {
      return plugin.price?.(model);
    } catch (error) {
      log.warn("a plugin could not say what a model costs", { plugin: plugin.id, error });
      return undefined;
    }
  };
  const remembered = new Map<string, ModelCost | undefined>();
  let version = feed?.version;
  return (model) => {
    if (feed?.version !== version) {
      version = feed?.version;
      remembered.clear();
    }
    const known = remembered.get(model);
    if (known !== undefined || remembered.has(model)) return known;
    const price = prices({ model, provider, costPerMInput, costPerMOutput, listed: listedAt(model) });
    if (remembered.size < 4096) remembered.set(model, price);
    return price;
  };
}

/** What the plugin says of single models, as far as the entry's `dialects` leave it; remembered for this generation. */
function byModel({ codecsFor }: Provider, codecs: readonly Codec[]): ProviderEntry["codecsOf"] {
  if (codecsFor === undefined) return undefined;
  const remembered = new Map<string, readonly Codec[]>();
  return (model) => {
    let chosen = remembered.get(model);
    if (chosen === undefined) {
      const fitting = codecsFor(model).filter((codec) => codecs.includes(codec));
      chosen = fitting.length > 0 ? fitting : codecs;
      if (remembered.size < 4096) remembered.set(model, chosen);
    }
    return chosen;
  };
}

function usableSso({ sso }: Config): Config["sso"]["providers"] {
  return sso.enabled ? sso.providers.filter(({ enabled }) => enabled) : [];
}

/** What a provider written without types may lack to be asked anything. */
function lackOf({ codecs, request }: Provider): string | undefined {
  if (!Array.isArray(codecs) || codecs.length === 0) return "names no dialect";
  if (codecs.some((codec) => typeof codec?.id !== "string")) return "names a dialect that is none";
  return typeof request === "function" ? undefined : "has no request";
}

/** The entry's `dialects` choose and order what the plugin knows. */
function chooseCodecs(config: ProviderConfig, provider: Provider, problems: Problem[]): readonly Codec[] {
  if (config.dialects === null) return provider.codecs;
  const known = [...provider.codecs, ...(provider.optionalCodecs ?? [])];
  return config.dialects.flatMap((id) => {
    const codec = known.find((candidate) => candidate.id === id);
    if (codec !== undefined) return [codec];
    const names = [...new Set(known.map((candidate) => candidate.id))].join(", ");
    problems.push({
      path: `providers.${config.name}.dialects`,
      line: 0,
      column: 0,
      code: "bad_reference",
      message: `the plugin "${config.type}" does not speak "${id}"; it speaks ${names}`,
      suggestion: null,
    });
    return [];
  });
}

async function within<T>(ms: number, run: () => T | Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`it did not finish within ${ms} ms`)), ms);
  try {
    return await Promise.race([run(), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function disposeOf({ name, dispose }: Disposable, log: Logger): Promise<void> {
  try {
    await within(SETUP_MAX_MS, async () => dispose());
  } catch (error) {
    log.warn("a plugin could not be disposed of cleanly", { plugin: name, error });
  }
}

function problemOf(path: string, cause: unknown): Problem {
  const message = cause instanceof Error ? cause.message : String(cause);
  return { path, line: 0, column: 0, code: "plugin", message: `could not be set up: ${message}`, suggestion: null };
}

function tagged(log: Logger, plugin: string): Logger {
  return {
    debug: (message, fields) => log.debug(message, { plugin, ...fields }),
    info: (message, fields) => log.info(message, { plugin, ...fields }),
    warn: (message, fields) => log.warn(message, { plugin, ...fields }),
    error: (message, fields) => log.error(message, { plugin, ...fields }),
  };
}
