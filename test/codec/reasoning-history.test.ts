/** Earlier thinking when a conversation changes its upstream: whose it is, who gets it back, and what is asked for without it. */
import { describe, expect, test } from "bun:test";
import { bedrockConverse } from "../../src/codec/bedrock-converse/index.ts";
import { bedrockInvokeClaude, vertexClaude } from "../../src/codec/hosted-claude/index.ts";
import type { ChatEvent, ChatResponse, JsonObject } from "../../src/contract/chat.ts";
import type { Codec, Traits } from "../../src/contract/codec.ts";
import { CODECS, contextOf, type Dialect, dig, framesOfText, targetOf, textOfFrames, writeEvents } from "./support.ts";

const UPSTREAMS = {
  ...CODECS,
  "bedrock-converse": bedrockConverse,
  "bedrock-invoke-claude": bedrockInvokeClaude,
  "vertex-claude": vertexClaude,
};
type Upstream = keyof typeof UPSTREAMS;

function translate(body: JsonObject, from: Dialect, to: Upstream, traits: Traits = {}) {
  const target = targetOf(traits);
  const codec: Codec = UPSTREAMS[to];
  const sent = codec.egress!.encodeRequest(CODECS[from].ingress.decodeRequest(body, { model: "m" }), target);
  return { sent, lost: target.lost };
}

const answerOf = (upstream: Upstream, body: JsonObject): ChatResponse =>
  UPSTREAMS[upstream].egress.decodeResponse(body);
const contentAtMessages = (answer: ChatResponse) =>
  CODECS["anthropic-messages"].ingress.encodeResponse(answer, contextOf())["content"] as JsonObject[];
const messageAtChat = (answer: ChatResponse) =>
  dig(CODECS["openai-chat"].ingress.encodeResponse(answer, contextOf()), "choices", 0, "message") as JsonObject;

const call = { type: "tool_use", id: "toolu_1", name: "f", input: {} };
const chatCall = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } };
const chatAnswer = (message: JsonObject): JsonObject => ({
  choices: [{ message: { role: "assistant", ...message }, finish_reason: "tool_calls" }],
});
const converseAnswer: JsonObject = {
  output: {
    message: {
      role: "assistant",
      content: [
        { reasoningContent: { reasoningText: { text: "Hm.", signature: "c2ln" } } },
        { toolUse: { toolUseId: "toolu_1", name: "f", input: {} } },
      ],
    },
  },
  stopReason: "tool_use",
};

/** A round of tools at a messages client: the answer as it got it, and the result. */
function round(content: JsonObject[], extra: JsonObject = {}): JsonObject {
  const id = content.find(({ type }) => type === "tool_use")?.["id"] ?? "";
  return {
    model: "m",
    max_tokens: 8000,
    thinking: { type: "enabled", budget_tokens: 2000 },
    tools: [{ name: "f", input_schema: { type: "object", properties: {} } }],
    messages: [
      { role: "user", content: "Hi" },
      { role: "assistant", content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: id, content: "ok" }] },
    ],
    ...extra,
  };
}

describe("a round of tools that another maker's model began", () => {
  const foreign = contentAtMessages(
    answerOf("openai-chat", chatAnswer({ reasoning_content: "Hm.", tool_calls: [chatCall] })),
  );

  for (const upstream of ["anthropic-messages", "bedrock-invoke-claude", "vertex-claude"] as const) {
    test(`goes on at ${upstream} without thinking, which would have to stand before the call`, () => {
      const { sent, lost } = translate(round(foreign), "anthropic-messages", upstream, { thinking: "budget" });
      expect(sent).not.toHaveProperty("thinking");
      expect(dig(sent, "messages", 1, "content", 0, "type")).toBe("tool_use");
      expect(lost).toEqual(expect.arrayContaining(["reasoning", "thinking"]));
    });
  }

  test("thinks on where the model decides for itself", () => {
    const body = round(foreign, { thinking: { type: "adaptive" } });
    const { sent, lost } = translate(body, "anthropic-messages", "anthropic-messages", { thinking: "adaptive" });
    expect(sent["thinking"]).toEqual({ type: "adaptive" });
    expect(lost).toEqual(["reasoning"]);
  });

  test("thinks again once the round is over", () => {
    const body = round(foreign);
    const messages = [
      ...(body["messages"] as JsonObject[]),
      { role: "assistant", content: "Done." },
      { role: "user", content: "More" },
    ];
    const { sent } = translate({ ...body, messages }, "anthropic-messages", "vertex-claude", { thinking: "budget" });
    expect(sent["thinking"]).toEqual({ type: "enabled", budget_tokens: 2000 });
  });

  test("leaves signed thinking alone", () => {
    const signed = [{ type: "thinking", thinking: "Hm.", signature: "c2ln" }, call];
    const { sent, lost } = translate(round(signed), "anthropic-messages", "vertex-claude", { thinking: "budget" });
    expect(sent["thinking"]).toEqual({ type: "enabled", budget_tokens: 2000 });
    expect(dig(sent, "messages", 1, "content")).toEqual(signed);
    expect(lost).toEqual([]);
  });
});

describe("what Bedrock's Converse has signed", () => {
  test("is Claude's, and taken by Anthropic and by other clouds", () => {
    const content = contentAtMessages(answerOf("bedrock-converse", converseAnswer));
    expect(content[0]).toMatchObject({ type: "thinking", thinking: "Hm." });
    for (const upstream of ["anthropic-messages", "bedrock-invoke-claude", "vertex-claude"] as const) {
      const { sent, lost } = translate(round(content), "anthropic-messages", upstream, { thinking: "budget" });
      expect(dig(sent, "messages", 1, "content", 0)).toEqual({ type: "thinking", thinking: "Hm.", signature: "c2ln" });
      expect(sent["thinking"]).toEqual({ type: "enabled", budget_tokens: 2000 });
      expect(lost).toEqual([]);
    }
  });

  test("comes back to Converse, which goes on thinking in the round", () => {
    const content = contentAtMessages(answerOf("bedrock-converse", converseAnswer));
    const { sent, lost } = translate(round(content), "anthropic-messages", "bedrock-converse", {
      family: "claude",
      thinking: "budget",
    });
    expect(dig(sent, "messages", 1, "content", 0)).toEqual({
      reasoningContent: { reasoningText: { text: "Hm.", signature: "c2ln" } },
    });
    expect(dig(sent, "additionalModelRequestFields", "thinking")).toEqual({ type: "enabled", budget_tokens: 2000 });
    expect(lost).toEqual([]);
  });

  test("comes back through a chat client too", () => {
    const message = messageAtChat(answerOf("bedrock-converse", converseAnswer));
    expect(message["reasoning_details"]).toMatchObject([{ format: "bedrock-converse-v1", signature: "c2ln" }]);
    const body = {
      model: "m",
      reasoning_effort: "low",
      messages: [{ role: "user", content: "Hi" }, message, { role: "tool", tool_call_id: "toolu_1", content: "ok" }],
    };
    const { sent } = translate(body, "openai-chat", "bedrock-converse", { family: "claude", thinking: "budget" });
    expect(dig(sent, "messages", 1, "content", 0)).toHaveProperty("reasoningContent.reasoningText.signature", "c2ln");
    expect(dig(sent, "additionalModelRequestFields", "thinking")).toMatchObject({ type: "enabled" });
  });

  test("but hidden is opened by Converse alone", () => {
    const hidden = {
      output: { message: { content: [{ reasoningContent: { redactedContent: "YmxvYg==" } }] } },
      stopReason: "end_turn",
    };
    const content = [...contentAtMessages(answerOf("bedrock-converse", hidden)), call];
    const back = translate(round(content), "anthropic-messages", "bedrock-converse", {
      family: "claude",
      thinking: "budget",
    });
    expect(dig(back.sent, "messages", 1, "content", 0)).toEqual({ reasoningContent: { redactedContent: "YmxvYg==" } });
    expect(dig(back.sent, "additionalModelRequestFields", "thinking")).toMatchObject({ type: "enabled" });
    const elsewhere = translate(round(content), "anthropic-messages", "vertex-claude", { thinking: "budget" });
    expect(JSON.stringify(elsewhere.sent)).not.toContain("YmxvYg==");
  });
});

describe("thinking that a budget model is asked for instead of what was written", () => {
  test("takes no sampling parameters beside it", () => {
    const body = {
      ...round([]),
      messages: [{ role: "user", content: "Hi" }],
      thinking: { type: "adaptive" },
      temperature: 0.3,
    };
    const { sent, lost } = translate(body, "anthropic-messages", "vertex-claude", {
      thinking: "budget",
      sampling: "all",
    });
    expect(sent["thinking"]).toMatchObject({ type: "enabled" });
    expect(sent).not.toHaveProperty("temperature");
    expect(lost).toEqual(["temperature"]);
  });

  test("gives way to a forced tool", () => {
    const body = {
      ...round([]),
      messages: [{ role: "user", content: "Hi" }],
      thinking: { type: "adaptive" },
      tool_choice: { type: "any" },
    };
    const { sent, lost } = translate(body, "anthropic-messages", "vertex-claude", { thinking: "budget" });
    expect(sent).not.toHaveProperty("thinking");
    expect(sent["tool_choice"]).toEqual({ type: "any" });
    expect(lost).toEqual(["thinking"]);
  });
});

describe("several signed thoughts of one answer", () => {
  const events: ChatEvent[] = [
    { type: "response-start", id: "1", model: "m" },
    ...["First.", "Second."].flatMap((text, index): ChatEvent[] => [
      { type: "part-start", index, head: { type: "reasoning" } },
      { type: "part-delta", index, delta: text },
      { type: "part-end", index, tail: { signature: { origin: "anthropic-messages", value: `sig${index}` } } },
    ]),
    { type: "part-start", index: 2, head: { type: "text" } },
    { type: "part-delta", index: 2, delta: "Hi" },
    { type: "part-end", index: 2 },
    { type: "response-end", finish: { reason: "stop" }, usage: {} },
  ];
  /** As clients put a stream together: texts joined, details in a row. */
  const collected = (given: readonly ChatEvent[]): JsonObject => {
    const deltas = framesOfText(textOfFrames(writeEvents("openai-chat", given)))
      .filter(({ data }) => data !== "[DONE]")
      .map(({ data }) => dig(JSON.parse(data), "choices", 0, "delta") as JsonObject | undefined);
    const join = (field: string) => deltas.map((delta) => delta?.[field] ?? "").join("");
    return {
      role: "assistant",
      content: join("content"),
      reasoning_content: join("reasoning_content"),
      reasoning_details: deltas.flatMap((delta) => (delta?.["reasoning_details"] ?? []) as JsonObject[]),
    };
  };
  const backAtAnthropic = (message: JsonObject) => {
    const messages = [{ role: "user", content: "Hi" }, message, { role: "user", content: "More" }];
    const { sent, lost } = translate({ model: "m", messages }, "openai-chat", "anthropic-messages");
    return { content: dig(sent, "messages", 1, "content"), lost };
  };
  const thoughts = [
    { type: "thinking", thinking: "First.", signature: "sig0" },
    { type: "thinking", thinking: "Second.", signature: "sig1" },
    { type: "text", text: "Hi" },
  ];

  test("each keep their own words when a chat client returns a streamed answer", () => {
    expect(backAtAnthropic(collected(events))).toEqual({ content: thoughts, lost: [] });
  });

  test("are left out where it cannot be told which words were whose", () => {
    const message = collected(events);
    const bare = (message["reasoning_details"] as JsonObject[]).map(({ text_length: _length, ...detail }) => detail);
    const changed = { ...message, reasoning_content: "First. Second." };
    for (const told of [{ ...message, reasoning_details: bare }, changed]) {
      expect(backAtAnthropic(told)).toEqual({ content: "Hi", lost: ["reasoning"] });
    }
  });

  test("one alone gets its words, whoever wrote the detail", () => {
    const detail = { type: "reasoning.text", signature: "sig0", format: "anthropic-claude-v1", index: 0 };
    const { content } = backAtAnthropic({
      role: "assistant",
      content: "Hi",
      reasoning_content: "First.",
      reasoning_details: [detail],
    });
    expect(content).toEqual([thoughts[0], thoughts[2]]);
  });

  test("go to a server of many vendors' models whole, without our mark", () => {
    const messages = [{ role: "user", content: "Hi" }, collected(events), { role: "user", content: "More" }];
    const { sent } = translate({ model: "m", messages }, "openai-chat", "openai-chat", {
      reasoningHistory: "reasoning_details",
    });
    expect(dig(sent, "messages", 1, "reasoning_details")).toEqual(
      ["First.", "Second."].map((text, index) => ({
        type: "reasoning.text",
        text,
        signature: `sig${index}`,
        format: "anthropic-claude-v1",
        index,
      })),
    );
  });
});

describe("another vendor's thoughts", () => {
  test("are not shown to Gemini, whoever returns them", () => {
    const answer = answerOf("anthropic-messages", {
      content: [
        { type: "thinking", thinking: "Secret.", signature: "c2ln" },
        { type: "text", text: "Hi" },
      ],
    });
    const written = CODECS.gemini.ingress.encodeResponse(answer, contextOf());
    const contents = [
      { role: "user", parts: [{ text: "Hi" }] },
      dig(written, "candidates", 0, "content"),
      { role: "user", parts: [{ text: "More" }] },
    ] as JsonObject[];
    const { sent, lost } = translate({ contents }, "gemini", "gemini", { thinking: "adaptive" });
    expect(dig(sent, "contents", 1, "parts")).toEqual([{ text: "Hi" }]);
    expect(lost).toEqual(["reasoning"]);
  });

  test("go through OpenRouter only if it can return them to their maker", () => {
    const hidden = {
      output: { message: { content: [{ reasoningContent: { redactedContent: "YmxvYg==" } }, { text: "Hi" }] } },
      stopReason: "end_turn",
    };
    const message = messageAtChat(answerOf("bedrock-converse", hidden));
    const messages = [{ role: "user", content: "Hi" }, message, { role: "user", content: "More" }];
    const { sent, lost } = translate({ model: "m", messages }, "openai-chat", "openai-chat", {
      reasoningHistory: "reasoning_details",
    });
    expect(JSON.stringify(sent)).not.toContain("YmxvYg==");
    expect(lost).toEqual(["reasoning"]);
  });

  test("that nobody signed go there as plain text, and under no made-up format", () => {
    const content = contentAtMessages(
      answerOf("openai-chat", chatAnswer({ reasoning_content: "Hm.", tool_calls: [chatCall] })),
    );
    const { sent } = translate(round(content), "anthropic-messages", "openai-chat", {
      reasoningHistory: "reasoning_details",
    });
    expect(dig(sent, "messages", 1)).toMatchObject({ reasoning: "Hm." });
    expect(JSON.stringify(sent)).not.toContain("unknown");
  });
});

describe("thinking that nobody signed", () => {
  const { mustRewrite } = CODECS["anthropic-messages"].egress;
  const strict = (): Traits => ({});
  const lax = (): Traits => ({ unsignedThinking: true });
  const bytes = (value: unknown, space?: number) =>
    new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value, null, space));
  const history = (...content: JsonObject[]) => ({
    thinking: { type: "enabled" },
    messages: [{ role: "assistant", content }],
  });
  const thought = { type: "thinking", thinking: "Hm.", signature: "c2ln" };
  const { signature: _signature, ...unsigned } = thought;

  const cases: [name: string, body: unknown, isFound: boolean][] = [
    ["a signature", history(thought, thought), false],
    [
      "no thinking at all",
      { messages: [{ role: "user", content: "thinking" }], thinking: { type: "adaptive" } },
      false,
    ],
    ["an empty signature", history(thought, { ...thought, signature: "" }), true],
    ["a blank signature", history({ ...thought, signature: "  " }), true],
    ["null for a signature", history({ ...thought, signature: null }), true],
    ["no signature", history(thought, unsigned), true],
    ["words that look like thinking", history({ type: "text", text: '{"type":"thinking","signature":""}' }), false],
    [
      "a tool's input that looks like a signature",
      history({ type: "tool_use", id: "1", name: "f", input: { signature: "" } }),
      false,
    ],
  ];
  for (const [name, body, isFound] of cases) {
    test(`is found in a body by its bytes, however they are spaced: ${name}`, () => {
      for (const space of [0, 2]) {
        expect(mustRewrite(bytes(body, space), strict, "claude")).toBe(isFound);
        expect(mustRewrite(bytes(body, space), lax, "glm")).toBe(false);
      }
    });
  }

  test("is not sent to Anthropic, and stays as it was for servers that sign none", () => {
    const content = [
      { ...thought, signature: "" },
      { type: "text", text: "Hi" },
    ];
    const body = {
      model: "m",
      max_tokens: 9,
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content },
      ],
    };
    const strictly = translate(body, "anthropic-messages", "anthropic-messages");
    expect(dig(strictly.sent, "messages", 1, "content")).toEqual([content[1]]);
    expect(strictly.lost).toEqual(["reasoning"]);
    const laxly = translate(body, "anthropic-messages", "anthropic-messages", { unsignedThinking: true });
    expect(dig(laxly.sent, "messages", 1, "content")).toEqual(content);
    expect(laxly.lost).toEqual([]);
  });
});
