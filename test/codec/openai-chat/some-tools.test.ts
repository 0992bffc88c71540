/** A choice among some of the tools, for servers that know of none. */
import { describe, expect, test } from "bun:test";
import { builtinProviders } from "../../../plugins/index.ts";
import type { JsonObject } from "../../../src/plugin/index.ts";
import { createFakeHost } from "../../plugins/fake-host.ts";
import { translate } from "../support.ts";

const tool = (name: string): JsonObject => ({ type: "function", name, parameters: { type: "object" }, strict: false });
const asked = (mode: string): JsonObject => ({
  model: "m",
  input: "Hi",
  tools: [tool("a"), tool("b"), tool("c")],
  tool_choice: {
    type: "allowed_tools",
    mode,
    tools: [tool("a"), tool("c")].map(({ type, name }) => ({ type, name })) as never,
  },
});

const namesIn = ({ tools }: JsonObject) =>
  (tools as { function: { name: string } }[]).map(({ function: { name } }) => name);

describe("some of the tools", () => {
  test("are named to OpenAI, which is shown them all", () => {
    const { sent, lost } = translate(asked("auto"), "openai-responses", "openai-chat");
    expect([namesIn(sent), lost]).toEqual([["a", "b", "c"], []]);
    expect(sent["tool_choice"]).toMatchObject({ type: "allowed_tools" });
  });

  test.each(["auto", "required"])("are all that other servers are shown, and the choice is %s", (mode) => {
    const { sent, lost } = translate(asked(mode), "openai-responses", "openai-chat", { allowedTools: false });
    expect([namesIn(sent), sent["tool_choice"], lost]).toEqual([["a", "c"], mode, ["tool_choice.allowed_tools"]]);
  });
});

test.each([
  ["openai", "https://api.openai.com/v1", true],
  ["openai", "http://127.0.0.1:9/v1", false],
  ["groq", "https://api.groq.com/openai/v1", false],
  ["mistral", "https://api.mistral.ai/v1", false],
])("%s at %s knows such a choice: %p", async (id, baseUrl, isKnown) => {
  const plugin = builtinProviders.find((each) => each.id === id)!;
  const provider = await plugin.setup({} as never, createFakeHost({ baseUrl }));
  expect(provider.traits?.("some-model").allowedTools).toBe(isKnown);
});
