/** What Google asks for Gemini, for prompts of up to 200,000 tokens. Source: https://ai.google.dev/gemini-api/docs/pricing */
import { priceList } from "./price-list.ts";

const list = priceList("2026-06", [
  ["gemini-3.1-pro", 2, 12, 0.2],
  ["gemini-3-pro", 2, 12, 0.2],
  ["gemini-3-flash", 0.5, 3, 0.05],
  ["gemini-2.5-pro", 1.25, 10, 0.125],
  ["gemini-2.5-flash", 0.3, 2.5, 0.03],
  ["gemini-2.5-flash-lite", 0.1, 0.4, 0.01],
  ["gemini-2.0-flash", 0.1, 0.4, 0.025],
  ["gemini-2.0-flash-lite", 0.075, 0.3],
  ["gemini-embedding", 0.15],
]);

export function geminiPrice(model: string): ReturnType<typeof list> {
  return list(model.replace(/^(?:publishers\/google\/)?models\//, ""));
}
