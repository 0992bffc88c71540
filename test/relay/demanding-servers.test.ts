/** Chat servers that refuse what others take: passed through while they would take it, else written as they want it. */
import { afterEach, describe, expect, test } from "bun:test";
import { startRelay } from "../support/relay.ts";
import { startUpstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const ANSWER = {
  id: "c",
  model: "m",
  choices: [{ message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
};

/** What arrives at a server of this type, and by which lane. */
async function arrived(type: string, path: string, body: object) {
  const up = await startUpstream({ json: ANSWER });
  open.push(up);
  const under = await startRelay(
    `providers: { it: { provider_type: ${type}, base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }] } }`,
  );
  open.push(under);
  const answer = await under.post(path, { model: "m", ...body });
  expect([answer.status, up.received.length]).toEqual([200, 1]);
  return {
    text: up.received[0]!.text,
    lane: answer.headers.get("x-relay-lane"),
    dropped: answer.headers.get("x-relay-dropped-params"),
  };
}

const user = (content: string) => ({ role: "user", content });
const call = (id: string) => ({ id, type: "function", function: { name: "now", arguments: "{}" } });
const round = (id: string, more: object = {}) => [
  user("What time is it?"),
  { role: "assistant", content: null, ...more, tool_calls: [call(id)] },
  { role: "tool", tool_call_id: id, content: "noon" },
];
const CHAT = "/v1/chat/completions";

describe("chat clients", () => {
  const TAKEN: readonly (readonly [type: string, body: object])[] = [
    ["mistral", { messages: round("abcDEF123"), max_tokens: 5, x_new: [1.0] }],
    ["deepseek", { messages: round("call_1", { reasoning_content: "Look." }), max_tokens: 5 }],
    ["moonshot", { messages: [user('say "max_completion_tokens" and "tool_calls"')] }],
    [
      "openai",
      { messages: [{ role: "developer", content: "Be kind." }, ...round("call_1")], max_completion_tokens: 5 },
    ],
    ["vllm", { messages: [user("a"), user("b")], max_completion_tokens: 5 }],
  ];
  test.each(TAKEN)("of %s arrive byte for byte with what it takes", async (type, body) => {
    const { text, lane } = await arrived(type, CHAT, body);
    expect([text, lane]).toEqual([JSON.stringify({ model: "m", ...body }), "pass-through"]);
  });

  test("of Mistral have ids of nine letters or digits, the same for call and result (E26)", async () => {
    const { text, lane } = await arrived("mistral", CHAT, { messages: round("call_abcdefghij"), x_new: 1 });
    const { messages, x_new } = JSON.parse(text);
    const { id } = messages[1].tool_calls[0];
    expect(id).toMatch(/^[A-Za-z0-9]{9}$/);
    expect(messages[2].tool_call_id).toBe(id);
    expect([x_new, lane]).toEqual([1, "translate"]);
  });

  test.each(["mistral", "deepseek", "moonshot", "zai", "perplexity"])("of %s use the older names", async (type) => {
    const messages = [{ role: "developer", content: "Be kind." }, user("Hi")];
    const { text } = await arrived(type, CHAT, { messages, max_completion_tokens: 5, x_new: 1 });
    expect(JSON.parse(text)).toEqual({
      model: "m",
      messages: [{ role: "system", content: "Be kind." }, user("Hi")],
      max_tokens: 5,
      x_new: 1,
      stream: false,
    });
  });

  test.each([
    ["deepseek", {}],
    ["deepseek", { reasoning_content: "" }],
    ["moonshot", { reasoning_content: null }],
    ["zai", {}],
  ])("of %s send a word where the thoughts behind a call were dropped: %o (E39)", async (type, more) => {
    const { text } = await arrived(type, CHAT, { messages: round("call_1", more) });
    const [, assistant] = JSON.parse(text).messages;
    expect(assistant).toMatchObject({ reasoning_content: expect.stringMatching(/\S/), tool_calls: [call("call_1")] });
  });

  test("keep the thoughts that they sent, beside turns that have none (E39)", async () => {
    const messages = [...round("call_1", { reasoning_content: "Look." }), ...round("call_2")];
    const { text } = await arrived("deepseek", CHAT, { messages });
    const thoughts = JSON.parse(text).messages.map(
      (message: { reasoning_content?: string }) => message.reasoning_content,
    );
    expect(thoughts[1]).toBe("Look.");
    expect(thoughts[4]).toMatch(/\S/);
    expect([thoughts[0], thoughts[2], thoughts[3]]).toEqual([undefined, undefined, undefined]);
  });
});

describe("clients of another dialect", () => {
  const history = [
    user("What time is it?"),
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Look.", signature: "made-elsewhere" },
        { type: "tool_use", id: "toolu_1", name: "now", input: {} },
      ],
    },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "noon" }] },
  ];

  test("that come from another provider get a word for thoughts that cannot be sent on (E39)", async () => {
    const { text } = await arrived("deepseek", "/v1/messages", { max_tokens: 9, messages: history });
    expect(JSON.parse(text).messages[1].reasoning_content).toMatch(/\S/);
  });

  const MIXED = {
    messages: [
      { role: "system", content: "First." },
      user("a"),
      user("b"),
      { role: "assistant", content: "c" },
      { role: "system", content: "Later." },
      user("d"),
    ],
  };
  const input = MIXED.messages;

  test.each(["vllm", "llama-cpp", "lm-studio", "ollama-openai", "perplexity"])(
    "of %s have instructions at the start and speak in turn",
    async (type) => {
      const { text } = await arrived(type, "/v1/responses", { input });
      const { messages } = JSON.parse(text);
      expect(messages.map(({ role }: { role: string }) => role)).toEqual(["system", "user", "assistant", "user"]);
      expect(messages[0].content).toBe("First.\n\nLater.");
      expect(JSON.stringify(messages[1].content)).toMatch(/a.*b/);
      expect(messages[3].content).toBe("d");
    },
  );

  test("of servers that take every order keep theirs", async () => {
    const { text } = await arrived("openai", "/v1/responses", { input });
    const roles = JSON.parse(text).messages.map(({ role }: { role: string }) => role);
    expect(roles).toEqual(["system", "user", "user", "assistant", "system", "user"]);
  });

  test("of strict servers keep results behind their calls", async () => {
    const { text } = await arrived("vllm", "/v1/messages", {
      max_tokens: 9,
      messages: [...history, user("thanks"), user("really")],
    });
    const { messages } = JSON.parse(text);
    expect(messages.map(({ role }: { role: string }) => role)).toEqual(["user", "assistant", "tool", "user"]);
    expect(messages[2].tool_call_id).toBe(messages[1].tool_calls[0].id);
  });
});
