/** What a model costs: whose word counts, what follows from what is missing, and how a call is reckoned. */
import { describe, expect, test } from "bun:test";
import type { ModelCost, ModelPrice } from "../../src/contract/prices.ts";
import { costOf, createPriceBook, type Served } from "../../src/limits/prices.ts";

const LISTED: ModelPrice = { input: 1, output: 2, cacheRead: 0.1, cacheWrite: 1.25, asOf: "2026-01" };
const served = (own: Partial<Served> = {}): Served => ({
  model: "m-large",
  provider: "here",
  costPerMInput: 0,
  costPerMOutput: 0,
  listed: LISTED,
  ...own,
});
type Overrides = Readonly<Record<string, Readonly<Record<string, number>>>>;
const book = (overrides: Overrides = {}, source: "builtin" | "none" = "builtin") =>
  createPriceBook({ source, refreshUrl: null, refreshIntervalMs: 0, onUnknown: "allow", overrides });

const ALL: Overrides = {
  "m-*": { input: 7 },
  "m-large": { input: 8 },
  "m-large@here": { input: 9 },
};
const without = (...names: string[]): Overrides =>
  Object.fromEntries(Object.entries(ALL).filter(([name]) => !names.includes(name)));
const entry = served({ costPerMInput: 6 });

/** `config.md` §3.7: exact with provider, exact, glob, the provider's own, the built-in list. */
const ORDER: readonly (readonly [string, Overrides, Served, number, string])[] = [
  ["the name with its provider goes before all", ALL, entry, 9, "config"],
  ["then the name alone", without("m-large@here"), entry, 8, "config"],
  ["then a glob", without("m-large@here", "m-large"), entry, 7, "config"],
  ["then what the provider's entry says", {}, entry, 6, "config"],
  ["then the vendor's list", {}, served(), 1, "list 2026-01"],
  ["another provider's price is not this one's", { "m-large@there": { input: 5 } }, served(), 1, "list 2026-01"],
];

describe("R29 prices", () => {
  for (const [name, overrides, at, input, version] of ORDER) {
    test(name, () => {
      expect(book(overrides)(at)).toMatchObject({ input, version });
    });
  }

  test("nobody's price is unknown, not nothing", () => {
    expect(book()(served({ listed: undefined }))).toBeUndefined();
    expect(book({}, "none")(served())).toBeUndefined();
  });

  test("nothing is a price too", () => {
    expect(book({ "m-large": { input: 0, output: 0 } })(served({ listed: undefined }))).toMatchObject({
      input: 0,
      output: 0,
      version: "config",
    });
  });

  test("what a stronger source leaves open a weaker one says, but for prices that go with another", () => {
    expect(book({ "m-large": { input: 10 } })(served())).toEqual({
      input: 10,
      output: 2,
      // The list's price of cached input belongs to its price of input.
      cacheRead: 10,
      cacheWrite: 10,
      reasoning: 2,
      image: 0,
      request: 0,
      version: "config",
    });
    expect(book({ "m-large": { cacheRead: 0.5 } })(served())).toMatchObject({
      input: 1,
      cacheRead: 0.5,
      cacheWrite: 1.25,
    });
  });

  const PRICE: ModelCost = {
    input: 3,
    output: 15,
    cacheRead: 0.3,
    cacheWrite: 3.75,
    reasoning: 20,
    image: 0.04,
    request: 0.001,
    version: "config",
  };
  const free: ModelCost = { ...PRICE, request: 0 };

  test("cached input and reasoning are parts of input and output, each at its own price", () => {
    const usage = {
      inputTokens: 1000,
      cacheReadTokens: 600,
      cacheWriteTokens: 100,
      outputTokens: 200,
      reasoningTokens: 50,
    };
    expect(costOf(free, usage)).toBe(300 * 3 + 600 * 0.3 + 100 * 3.75 + 150 * 15 + 50 * 20);
  });

  test("pictures and requests cost by the piece", () => {
    expect(costOf(PRICE, {}, 3)).toBe(3 * 40_000 + 1000);
  });

  test("the sum is whole micro-USD, rounded up: a thousand small calls are not free", () => {
    expect(costOf({ ...free, input: 0.02 }, { inputTokens: 1 })).toBe(1);
    expect(costOf({ ...free, input: 0.1 }, { inputTokens: 30 })).toBe(3);
    expect(costOf({ ...free, input: 0.07 }, { inputTokens: 100 })).toBe(7);
    expect(costOf(free, {})).toBe(0);
  });

  test("an upstream that tells nonsense is not paid for it", () => {
    expect(costOf(free, { inputTokens: 10, cacheReadTokens: 1000 })).toBe(3);
    expect(costOf(free, { outputTokens: 10, reasoningTokens: 1000 })).toBe(200);
    expect(costOf(free, { inputTokens: -5 })).toBe(0);
    expect(costOf(free, { inputTokens: Number.NaN, outputTokens: 1 })).toBe(15);
    expect(costOf(free, { inputTokens: 1e300 })).toBe(3_000_000_000);
  });
});
