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

export function createPriceBook({ source, overrides }: Config["prices"]): PriceBook {
  const exact = new Map(Object.entries(overrides));
  const globs = Object.entries(overrides)
    .filter(([name]) => isGlob(name))
    .map(([name, price]) => ({ matches: compileGlob(name), price }));
  return ({ model, provider, costPerMInput, costPerMOutput, listed }) => {
    const own: readonly (ModelPrice | undefined)[] = [
      exact.get(`${model}@${provider}`),
      exact.get(model),
      globs.find(({ matches }) => matches(`${model}@${provider}`) || matches(model))?.price,
      ofEntry(costPerMInput, costPerMOutput),
    ];
    const sources = [...own, source === "none" ? undefined : listed].filter((price) => price !== undefined);
    const [first] = sources;
    if (first === undefined) return undefined;
    return merge(sources, first === listed ? versionOf(first) : "config");
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

/** Sums of doubles may lie a hair above the whole number that they stand for. */
const HAIR = 1e-6;

/** Whole micro-USD, rounded up: many small calls must not come to nothing. `images`: made by the call. */
export function costOf(price: ModelCost, usage: Usage, images = 0): number {
  const input = usage.inputTokens ?? 0;
  const cacheRead = Math.min(usage.cacheReadTokens ?? 0, input);
  const cacheWrite = Math.min(usage.cacheWriteTokens ?? 0, input - cacheRead);
  const output = usage.outputTokens ?? 0;
  const reasoning = Math.min(usage.reasoningTokens ?? 0, output);
  const microUsd =
    (input - cacheRead - cacheWrite) * price.input +
    cacheRead * price.cacheRead +
    cacheWrite * price.cacheWrite +
    (output - reasoning) * price.output +
    reasoning * price.reasoning +
    (images * price.image + price.request) * 1_000_000;
  return Math.max(0, Math.ceil(microUsd - HAIR));
}
