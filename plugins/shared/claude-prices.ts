/** What Claude costs, at its maker and in the clouds that ask the same. Source: https://docs.anthropic.com/en/docs/about-claude/pricing */
import { type PriceRow, priceList } from "./price-list.ts";

/** Cached input is read for a tenth of the price of input, and written for a quarter more. */
const cached = (name: string, input: number, output: number): PriceRow => [
  name,
  input,
  output,
  input / 10,
  input * 1.25,
];

const list = priceList("2026-06", [
  ...["claude-opus-4-5", "claude-opus-4-6", "claude-opus-4-7", "claude-opus-4-8"].map((name) => cached(name, 5, 25)),
  ...["claude-opus-4", "claude-opus-4-0", "claude-opus-4-1", "claude-3-opus"].map((name) => cached(name, 15, 75)),
  ...[
    "claude-sonnet-4-6",
    "claude-sonnet-4-5",
    "claude-sonnet-4",
    "claude-sonnet-4-0",
    "claude-3-7-sonnet",
    "claude-3-5-sonnet",
  ].map((name) => cached(name, 3, 15)),
  cached("claude-haiku-4-5", 1, 5),
  cached("claude-3-5-haiku", 0.8, 4),
  ["claude-3-haiku", 0.25, 1.25, 0.03, 0.3],
]);

/** Clouds put a region and the maker before the name. */
const MAKER = /^(?:[a-z-]+\.)?anthropic\./;

export function claudePrice(model: string): ReturnType<typeof list> {
  return list(model.replace(MAKER, ""));
}
