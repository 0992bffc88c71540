/** What OpenAI's two dialects say in the same words stays in those words between them, and is named where it cannot. */
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/contract/chat.ts";
import type { Traits } from "../../src/contract/codec.ts";
import { type Dialect, dig, translate } from "./support.ts";

const IMITATION: Traits = { vendorFields: false };
const OPENAI = ["openai-chat", "openai-responses"] as const;
const OTHERS = ["anthropic-messages", "gemini"] as const;

function ask(dialect: Dialect, extra: JsonObject): JsonObject {
  const first = dialect === "openai-responses" ? { input: "Hi" } : { messages: [{ role: "user", content: "Hi" }] };
  return { model: "m", ...first, ...extra };
}

const send = (from: Dialect, to: Dialect, extra: JsonObject, traits?: Traits) =>
  translate(ask(from, extra), from, to, traits);

describe("whom a call is for", () => {
  const CASES: [name: string, asked: JsonObject][] = [
    ["the user", { user: "kim" }],
    ["the one who is watched", { safety_identifier: "hash" }],
    ["both at once", { user: "kim", safety_identifier: "hash" }],
    ["both the same", { user: "kim", safety_identifier: "kim" }],
  ];
  for (const [name, asked] of CASES) {
    test.each([...OPENAI].flatMap((from) => OPENAI.map((to) => [from, to] as const)))(
      `${name}: %s to %s`,
      (from, to) => {
        const { sent, lost } = send(from, to, asked);
        expect([sent["user"], sent["safety_identifier"]]).toEqual([asked["user"], asked["safety_identifier"]]);
        expect(lost).toEqual([]);
      },
    );
  }

  test.each([
    ["openai-responses", "openai-chat", IMITATION, "user"],
    ["openai-chat", "openai-responses", IMITATION, "user"],
    ["openai-chat", "anthropic-messages", {}, "metadata"],
    ["openai-responses", "anthropic-messages", {}, "metadata"],
  ] as const)("one name is all there is: %s to %s", (from, to, traits, field) => {
    const meant = (id: string) => (field === "user" ? id : { user_id: id });
    const watched = send(from, to, { safety_identifier: "hash" }, traits);
    expect([watched.sent[field], watched.lost]).toEqual([meant("hash"), []]);
    expect(watched.sent).not.toHaveProperty("safety_identifier");
    const both = send(from, to, { user: "kim", safety_identifier: "hash" }, traits);
    expect([both.sent[field], both.lost]).toEqual([meant("kim"), ["safety_identifier"]]);
  });

  test("where there is none, each is named as it was written", () => {
    expect(send("openai-chat", "gemini", { safety_identifier: "hash" }).lost).toEqual(["safety_identifier"]);
    expect(send("openai-chat", "gemini", { user: "k", safety_identifier: "h" }).lost).toEqual([
      "user",
      "safety_identifier",
    ]);
  });

  test("an id that is too long for the other dialect is a hash of itself", () => {
    const { sent } = send("openai-chat", "openai-responses", { safety_identifier: "x".repeat(65) });
    expect(sent["safety_identifier"]).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("how the cache is kept", () => {
  const asked = { prompt_cache_key: "k", prompt_cache_options: { mode: "explicit", ttl: "30m" } };
  const older = { prompt_cache_retention: "24h" };

  test.each([...OPENAI].flatMap((from) => OPENAI.map((to) => [from, to] as const)))("%s to %s", (from, to) => {
    for (const fields of [asked, older]) {
      const { sent, lost } = send(from, to, fields);
      expect(sent).toMatchObject(fields);
      expect(lost).toEqual([]);
    }
  });

  test("servers that imitate OpenAI's are not told of it, but by clients of their own dialect", () => {
    for (const [from, to] of [OPENAI, OPENAI.toReversed()] as [Dialect, Dialect][]) {
      const foreign = send(from, to, { ...asked, ...older }, IMITATION);
      expect(foreign.lost).toEqual(["prompt_cache_retention", "prompt_cache_options"]);
      for (const field of foreign.lost) expect(foreign.sent).not.toHaveProperty(field);
    }
    const own = send("openai-chat", "openai-chat", { ...asked, ...older }, IMITATION);
    expect(own.sent).toMatchObject({ ...asked, ...older });
  });

  test.each(OTHERS)("no other dialect has words for it: %s", (to) => {
    const { lost } = send("openai-chat", to, { ...asked, ...older });
    expect(lost.toSorted()).toEqual(["prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"]);
  });
});

describe("how far the cache reaches", () => {
  const mark = { prompt_cache_breakpoint: { mode: "explicit" } };
  const URL = "https://a.example/b.png";
  const chat: JsonObject = {
    model: "m",
    messages: [
      { role: "system", content: [{ type: "text", text: "Be.", ...mark }] },
      { role: "user", content: [{ type: "image_url", image_url: { url: URL, detail: "auto" }, ...mark }] },
      { role: "assistant", tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }] },
      { role: "tool", tool_call_id: "c", content: [{ type: "text", text: "ok", ...mark }] },
    ],
  };
  const responses: JsonObject = {
    model: "m",
    input: [
      { type: "message", role: "developer", content: [{ type: "input_text", text: "Be.", ...mark }] },
      { type: "message", role: "user", content: [{ type: "input_image", image_url: URL, detail: "auto", ...mark }] },
      { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "c", output: [{ type: "input_text", text: "ok", ...mark }] },
    ],
  };

  test("marks keep their places from chat to Responses", () => {
    const { sent, lost } = translate(chat, "openai-chat", "openai-responses");
    expect(sent["input"]).toEqual(responses["input"]!);
    expect(sent).not.toHaveProperty("instructions");
    expect(lost).toEqual([]);
  });

  test("and back", () => {
    const { sent, lost } = translate(responses, "openai-responses", "openai-chat");
    expect(sent["messages"]).toMatchObject(chat["messages"] as object);
    expect(lost).toEqual([]);
  });

  test("servers that imitate chat get none, and what is plain stays plain", () => {
    const { sent, lost } = translate(responses, "openai-responses", "openai-chat", IMITATION);
    expect(JSON.stringify(sent)).not.toContain("breakpoint");
    expect(dig(sent, "messages", 0, "content")).toBe("Be.");
    expect(dig(sent, "messages", 3, "content")).toBe("ok");
    expect(lost).toEqual(["prompt_cache_breakpoint"]);
  });

  test("what the model said cannot be marked, and that is named", () => {
    const messages = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: [{ type: "text", text: "Ho", ...mark }] },
      { role: "user", content: "Hi" },
    ];
    const { sent, lost } = translate({ model: "m", messages }, "openai-chat", "openai-responses");
    expect(JSON.stringify(sent)).not.toContain("breakpoint");
    expect(lost).toEqual(["prompt_cache_breakpoint"]);
  });

  test("to Anthropic they are its own marks", () => {
    const { sent, lost } = translate(chat, "openai-chat", "anthropic-messages");
    expect(JSON.stringify(sent).split('"cache_control":{"type":"ephemeral"}')).toHaveLength(4);
    expect(lost).toEqual([]);
  });

  test.each(["gemini"] as const)("elsewhere they are named by the client's word: %s", (to) => {
    const body = { model: "m", messages: [{ role: "user", content: [{ type: "text", text: "Hi", ...mark }] }] };
    expect(translate(body, "openai-chat", to).lost).toEqual(["prompt_cache_breakpoint"]);
  });

  const claude: JsonObject = {
    model: "m",
    max_tokens: 99,
    system: [{ type: "text", text: "Be.", cache_control: { type: "ephemeral" } }],
    messages: [
      { role: "user", content: "Hi" },
      { role: "assistant", content: [{ type: "tool_use", id: "c", name: "f", input: {} }] },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "c", content: "ok", cache_control: { type: "ephemeral", ttl: "1h" } },
        ],
      },
    ],
    tools: [{ name: "f", input_schema: { type: "object" }, cache_control: { type: "ephemeral" } }],
  };

  test.each(OPENAI)("Anthropic's marks become OpenAI's where the model is known to take them: %s", (to) => {
    const { sent, lost } = translate(claude, "anthropic-messages", to, { cacheBreakpoints: true });
    const list = to === "openai-chat" ? "messages" : "input";
    const result = dig(sent, list, 3, to === "openai-chat" ? "content" : "output", 0);
    expect(dig(sent, list, 0, "content", 0)).toMatchObject({ text: "Be.", ...mark });
    expect(result).toMatchObject({ text: "ok", ...mark });
    expect(JSON.stringify(sent).split("prompt_cache_breakpoint")).toHaveLength(3);
    expect(lost.toSorted()).toEqual(["cache_control", "cache_control.ttl"]);
  });

  test.each(OPENAI)("and are named where it is not: %s", (to) => {
    const { sent, lost } = translate(claude, "anthropic-messages", to);
    expect(JSON.stringify(sent)).not.toContain("breakpoint");
    expect(lost).toEqual(["cache_control"]);
  });
});
