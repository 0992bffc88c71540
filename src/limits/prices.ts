/** What a model costs at a provider, from the sources of `config.md` in their order, and what a call comes to. */
import type { Config } from "../config/types.ts";
import type { Usage } from "../contract/chat.ts";
import type { ModelCost, ModelPrice } from "../contract/prices.ts";
import { compileGlob, isGlob } from "../support/glob.ts";

/** Where a model is served. */
export interface Served {
  /** The upstream's name of the model. */
  readonly model: string;
  /** Name of the configured provider. */
  readonly provider: string;
  /** USD per million tokens; 0 = not set. */
  readonly costPerMInput: number;
  readonly costPerMOutput: number;
  /** What the provider's vendor is known to ask. */
  readonly listed: ModelPrice | undefined;
}

/** `undefined`: nobody knows. */
export type PriceBook = (served: Served) => ModelCost | undefined;

/** In a table whose names are a model, `model@provider` or a glob. */
export type PriceFinder = (model: string, provider: string) => ModelPrice | undefined;

/** Exact with provider before exact before glob. */
function ranksIn(prices: Readonly<Record<string, ModelPrice>>): readonly PriceFinder[] {
  const exact = new Map(Object.entries(prices));
  const globs = Object.entries(prices)
    .filter(([name]) => isGlob(name))
    .map(([name, price]) => ({ matches: compileGlob(name), price }));
  return [
    (model, provider) => exact.get(`${model}@${provider}`),
    (model) => exact.get(model),
    (model, provider) => globs.find(({ matches }) => matches(`${model}@${provider}`) || matches(model))?.price,
  ];
}

export function findPrice(prices: Readonly<Record<string, ModelPrice>>): PriceFinder {
  const ranks = ranksIn(prices);
  return (model, provider) => {
    for (const rank of ranks) {
      const price = rank(model, provider);
      if (price !== undefined) return price;
    }
    return undefined;
  };
}

/** `newer`: a list that goes before the built-in ones. */
export function createPriceBook({ source, overrides }: Config["prices"], newer?: PriceFinder): PriceBook {
  const ranks = ranksIn(overrides);
  return ({ model, provider, costPerMInput, costPerMOutput, listed }) => {
    const own = [...ranks.map((rank) => rank(model, provider)), ofEntry(costPerMInput, costPerMOutput)];
    const lists = [newer?.(model, provider), source === "none" ? undefined : listed];
    const sources = [...own, ...lists].filter((price) => price !== undefined);
    const [first] = sources;
    if (first === undefined) return undefined;
    return merge(sources, own.includes(first) ? "config" : versionOf(first));
  };
}

function ofEntry(input: number, output: number): ModelPrice | undefined {
  if (input === 0 && output === 0) return undefined;
  return { ...(input > 0 ? { input } : {}), ...(output > 0 ? { output } : {}) };
}

function versionOf({ asOf }: ModelPrice): string {
  return asOf === undefined ? "list" : `list ${asOf}`;
}

/** A stronger source says what it says; the rest comes from the weaker ones, but for prices that go with another. */
function merge(sources: readonly ModelPrice[], version: string): ModelCost {
  const of = (name: PriceName): number | undefined => sources.find((price) => says(price, name))?.[name];
  /** Of `name`, unless a stronger source than the one that says it says `base`. */
  const beside = (name: PriceName, base: PriceName): number | undefined => {
    const found = sources.find((price) => says(price, name) || says(price, base));
    return found !== undefined && says(found, name) ? found[name] : undefined;
  };
  const input = of("input") ?? 0;
  const output = of("output") ?? 0;
  return {
    input,
    output,
    cacheRead: beside("cacheRead", "input") ?? input,
    cacheWrite: beside("cacheWrite", "input") ?? input,
    reasoning: beside("reasoning", "output") ?? output,
    image: of("image") ?? 0,
    request: of("request") ?? 0,
    version,
  };
}

type PriceName = keyof Omit<ModelPrice, "asOf">;

/** Plugins are not ours: what is no price says nothing. */
function says(price: ModelPrice, name: PriceName): boolean {
  const value = price[name];
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

/** No call of any model comes near it. */
const TOKENS_MAX = 1_000_000_000;

/** Upstreams are not ours either: a count that is none must not unsettle what is summed up for months. */
export function countOf(tokens: number | undefined): number {
  return tokens !== undefined && tokens > 0 ? Math.min(Math.ceil(tokens), TOKENS_MAX) : 0;
}

/** Sums of doubles may lie a hair above the whole number that they stand for. */
const HAIR = 1e-6;

/** Whole micro-USD, rounded up: many small calls must not come to nothing. `images`: made by the call. */
export function costOf(price: ModelCost, usage: Usage, images = 0): number {
  const input = countOf(usage.inputTokens);
  const cacheRead = Math.min(countOf(usage.cacheReadTokens), input);
  const cacheWrite = Math.min(countOf(usage.cacheWriteTokens), input - cacheRead);
  const output = countOf(usage.outputTokens);
  const reasoning = Math.min(countOf(usage.reasoningTokens), output);
  const microUsd =
    (input - cacheRead - cacheWrite) * price.input +
    cacheRead * price.cacheRead +
    cacheWrite * price.cacheWrite +
    (output - reasoning) * price.output +
    reasoning * price.reasoning +
    (images * price.image + price.request) * 1_000_000;
  return Math.max(0, Math.ceil(microUsd - HAIR));
}
