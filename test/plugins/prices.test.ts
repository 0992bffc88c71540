/** What the built-in lists say, and what they leave open. */
import { describe, expect, test } from "bun:test";
import { builtinProviders } from "../../plugins/index.ts";
import { priceList } from "../../plugins/shared/price-list.ts";

const priceOf = (type: string, model: string) => builtinProviders.find(({ id }) => id === type)?.price?.(model);

const SAME: readonly (readonly [type: string, model: string, as: string])[] = [
  ["openai", "gpt-4o-2024-08-06", "gpt-4o"],
  ["openai", "gpt-3.5-turbo-0125", "gpt-3.5-turbo"],
  ["anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"],
  ["anthropic", "claude-3-5-haiku-latest", "claude-3-5-haiku"],
  ["anthropic", "claude-opus-4-20250514", "claude-opus-4"],
  ["bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"],
  ["vertex", "claude-opus-4-1@20250805", "claude-opus-4-1"],
  ["vertex", "gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash"],
  ["gemini", "models/gemini-2.0-flash-001", "gemini-2.0-flash"],
  ["azure", "gpt-4.1-mini", "gpt-4.1-mini"],
];

describe("built-in prices", () => {
  for (const [type, model, as] of SAME) {
    test(`${model} at ${type} costs what ${as} does`, () => {
      const price = priceOf(type, model);
      expect(price?.input).toBeGreaterThan(0);
      expect(price).toEqual(priceOf(type, as)!);
    });
  }

  test("some prices as their vendors publish them", () => {
    expect(priceOf("openai", "gpt-4o-mini")).toEqual({ input: 0.15, output: 0.6, cacheRead: 0.075, asOf: "2026-06" });
    const { input, output, cacheRead, cacheWrite } = priceOf("anthropic", "claude-opus-4-5")!;
    expect([input, output, cacheRead, cacheWrite]).toEqual([5, 25, 0.5, 6.25]);
  });

  test("a similar name is another model: its price is unknown", () => {
    for (const [type, model] of [
      ["openai", "gpt-4o-audio-preview"],
      ["openai", "gpt-4o-transcribe"],
      ["openai", "whisper-1"],
      ["openai", "gpt-4o-mini-of-mine"],
      ["anthropic", "claude-next"],
      ["bedrock", "amazon.nova-pro-v1:0"],
    ] as const) {
      expect([model, priceOf(type, model)]).toEqual([model, undefined]);
    }
  });

  test("who has no upstream asks nothing, who serves others' models says nothing", () => {
    expect(priceOf("echo", "echo")).toEqual({ input: 0, output: 0 });
    expect(priceOf("openrouter", "openai/gpt-4o")).toBeUndefined();
    expect(priceOf("vllm", "llama-3")).toBeUndefined();
  });

  test("a list carries its date, and finds releases but not relatives", () => {
    const list = priceList("2026-01", [["a", 1, 2]]);
    expect(list("a-2026-01-01")).toEqual({ input: 1, output: 2, asOf: "2026-01" });
    expect(list("ab")).toBeUndefined();
  });
});
