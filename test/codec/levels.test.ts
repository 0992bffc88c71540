/** How hard OpenAI's and Anthropic's models are asked to think: within their levels, and without what they refuse beside it. */
import { describe, expect, test } from "bun:test";
import type { JsonObject, Traits } from "../../src/plugin/index.ts";
import { openaiTraits } from "../../plugins/shared/openai.ts";
import { claudeTraits } from "../../plugins/shared/claude.ts";
import { type Dialect, translate } from "./support.ts";

const messages = [{ role: "user", content: "Hi" }];
const CHAT: JsonObject = { model: "m", messages };
const CLAUDE: JsonObject = { model: "m", max_tokens: 64_000, messages };

const budget = (tokens: number): JsonObject => ({
  ...CLAUDE,
  thinking: { type: "enabled", budget_tokens: tokens },
});

function levelOf(body: JsonObject, from: Dialect, to: "openai-chat" | "openai-responses", traits: Traits) {
  const { sent: written, lost } = translate(body, from, to, traits);
  const settings = written["reasoning"] as JsonObject | undefined;
  return { level: written["reasoning_effort"] ?? settings?.["effort"], lost, written };
}

describe.each(["openai-chat", "openai-responses"] as const)("towards %s", (to) => {
  test.each([
    ["gpt-5", 31_999, "high"],
    ["o3", 31_999, "high"],
    ["o4-mini", 400, "low"],
    ["gpt-5", 400, "minimal"],
    ["gpt-5.2", 31_999, "xhigh"],
    ["gpt-5-pro", 2000, "high"],
    ["a-model-of-somebody-else", 31_999, "high"],
    ["gpt-4.1", 31_999, undefined],
    ["o1-mini", 2000, undefined],
  ])("%s with a budget of %i tokens is asked for %p", (model, tokens, level) => {
    expect(levelOf(budget(tokens), "anthropic-messages", to, openaiTraits(model)).level).toBe(level);
  });

  test("a budget becomes a level without being named as lost, unless the model has none", () => {
    expect(levelOf(budget(31_999), "anthropic-messages", to, openaiTraits("gpt-5")).lost).toEqual([]);
    expect(levelOf(budget(31_999), "anthropic-messages", to, openaiTraits("gpt-4o")).lost).toEqual([
      "reasoning_effort",
    ]);
  });

  test.each([
    ["gpt-5.1", "none", []],
    ["gpt-5", "minimal", ["thinking"]],
    ["o3", "low", ["thinking"]],
    ["gpt-4.1", undefined, []],
  ])("%s told not to think is asked for %p", (model, level, lost) => {
    const told = { ...CLAUDE, thinking: { type: "disabled" } };
    const result = levelOf(told, "anthropic-messages", to, openaiTraits(model));
    expect([result.level, result.lost]).toEqual([level, lost]);
  });

  const warm = { ...CLAUDE, temperature: 0.3, top_p: 0.9 };
  test.each([
    ["gpt-5", warm, true],
    ["o3-mini", warm, true],
    ["gpt-5.1", warm, false],
    ["gpt-5.1", { ...budget(2000), top_p: 0.96 }, true],
    ["gpt-4.1", warm, false],
    ["a-model-of-somebody-else", warm, false],
  ])("%s is spared sampling parameters only where it refuses them (%#)", (model, body, isSpared) => {
    const { written, lost } = levelOf(body, "anthropic-messages", to, openaiTraits(model));
    expect(written["top_p"]).toBe(isSpared ? undefined : body["top_p"]);
    expect(lost.includes("top_p")).toBe(isSpared);
    expect(written["temperature"] === undefined).toBe(isSpared);
  });

  test("what says nothing is left out without a word", () => {
    const { lost, written } = levelOf({ ...CLAUDE, temperature: 1 }, "anthropic-messages", to, openaiTraits("gpt-5"));
    expect([lost, "temperature" in written]).toEqual([[], false]);
  });
});

test("chat's penalties and probabilities are spared thinking models, too", () => {
  const contents = [{ role: "user", parts: [{ text: "Hi" }] }];
  const generationConfig = { presencePenalty: 0.5, frequencyPenalty: 0, temperature: 0.5 };
  const { sent: body, lost } = translate(
    { model: "m", contents, generationConfig },
    "gemini",
    "openai-chat",
    openaiTraits("o3"),
  );
  expect(Object.keys(body).toSorted()).toEqual(["messages", "model"]);
  expect(lost).toEqual(["temperature", "presence_penalty"]);
});

test("the same client on both sides keeps its own words", () => {
  const own = { ...CHAT, reasoning_effort: "xhigh", temperature: 0.2 };
  expect(translate(own, "openai-chat", "openai-chat", openaiTraits("gpt-5")).sent).toMatchObject({
    reasoning_effort: "xhigh",
    temperature: 0.2,
  });
});

test.each([
  ["gpt-5", true],
  ["o3", true],
  ["gpt-5.2", true],
  ["gpt-4.1", false],
  ["a-model-of-somebody-else", false],
])("thoughts of %s come back from Responses although no effort was asked: %p", (model, isIncluded) => {
  const { sent: body } = translate(CHAT, "openai-chat", "openai-responses", openaiTraits(model));
  expect(body["include"]).toEqual(isIncluded ? ["reasoning.encrypted_content"] : undefined);
});

test.each([
  ["claude-opus-4-6", "xhigh", "high", ["reasoning_effort"]],
  ["claude-sonnet-4-6", "xhigh", "high", ["reasoning_effort"]],
  ["claude-opus-4-6", "max", "max", []],
  ["claude-opus-4-6", "minimal", "low", []],
  ["claude-opus-4-7", "xhigh", "xhigh", []],
])("%s asked for %s gets %s", (model, asked, level, lost) => {
  const result = translate(
    { ...CHAT, reasoning_effort: asked },
    "openai-chat",
    "anthropic-messages",
    claudeTraits(model),
  );
  expect(result.sent["output_config"]).toEqual({ effort: level });
  expect(result.lost).toEqual(lost);
});
