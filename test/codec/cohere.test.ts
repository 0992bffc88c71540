/** What Cohere is told, whoever asked; and what of its answers is more than the laws say. */
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/contract/chat.ts";
import type { Traits } from "../../src/contract/codec.ts";
import { caught, dig } from "./support.ts";
import { readEvents, translateTo, UPSTREAM_CODECS } from "./upstream-support.ts";

const { egress } = UPSTREAM_CODECS.cohere;
const user = (content: unknown = "Hi"): JsonObject => ({ role: "user", content }) as JsonObject;
const chat = (extra: JsonObject = {}, traits: Traits = {}) =>
  translateTo("cohere", { model: "m", messages: [user()], ...extra }, "openai-chat", traits);
const messagesOf = ({ sent }: { sent: JsonObject }) => sent["messages"] as JsonObject[];
const tool = (name: string, extra: JsonObject = {}): JsonObject => ({
  type: "function",
  function: { name, parameters: { type: "object", properties: {} }, ...extra },
});

describe("the request", () => {
  test("is small when little was said", () => {
    expect(chat().sent).toEqual({ model: "upstream-model", messages: [user()], stream: false });
    expect(chat({ stream: true }).sent).toMatchObject({ stream: true });
  });

  test("has its own words for limits and sampling, and its own bounds", () => {
    const { sent, lost } = chat({
      ...{ max_tokens: 9, temperature: 0.3, top_p: 1, seed: 4, stop: ["a", "b", "c", "d"] },
      ...{ frequency_penalty: -1, presence_penalty: 1.5, logprobs: true, user: "u" },
    });
    expect(sent).toMatchObject({
      max_tokens: 9,
      temperature: 0.3,
      p: 0.99,
      seed: 4,
      stop_sequences: ["a", "b", "c", "d"],
    });
    expect(sent).toMatchObject({ presence_penalty: 1 });
    expect(sent).not.toHaveProperty("frequency_penalty");
    expect(lost.toSorted()).toEqual(["frequency_penalty", "presence_penalty", "user"]);
    expect(sent).toMatchObject({ logprobs: true });
  });

  test.each([
    ["top_p", 0.995, "p", 0.99, ["top_p"]],
    ["top_p", 0, "p", 0.01, ["top_p"]],
    ["top_p", 1, "p", 0.99, []],
    ["top_p", 0.5, "p", 0.5, []],
    ["top_k", 501, "k", 500, ["top_k"]],
    ["top_k", 500, "k", 500, []],
  ])("takes %s %p as %s %p", (field, value, name, written, lost) => {
    const result = chat({ [field]: value });
    expect([result.sent[name], result.lost]).toEqual([written, lost]);
  });

  test("takes a temperature up to 1", () => {
    expect(chat({ temperature: 1.4 })).toMatchObject({ sent: { temperature: 1 }, lost: ["temperature"] });
    expect(chat({ temperature: 1 })).toMatchObject({ sent: { temperature: 1 }, lost: [] });
  });

  test("several answers are refused", () => {
    expect(caught(() => chat({ n: 2 }))).toMatchObject({ code: "bad-request", param: "n" });
  });

  test.each([
    ["high", {}, { type: "enabled", token_budget: 24_576 }, []],
    ["none", {}, { type: "disabled" }, []],
    ["high", { thinking: "none" }, undefined, ["reasoning_effort"]],
    ["none", { thinking: "none" }, undefined, []],
  ] as const)("effort %s with %j", (effort, traits, thinking, lost) => {
    const result = chat({ reasoning_effort: effort }, traits);
    expect(result.sent["thinking"]).toEqual(thinking as never);
    expect(result.lost).toEqual([...lost]);
  });

  test("instructions are one message, and alone they get a silent user", () => {
    expect(
      messagesOf(
        chat({
          messages: [
            { role: "system", content: "One." },
            { role: "developer", content: "Two." },
          ],
        }),
      ),
    ).toEqual([
      { role: "system", content: "One.\n\nTwo." },
      { role: "user", content: "." },
    ]);
  });
});

describe("tools", () => {
  test.each([
    ["auto", 2, undefined],
    ["none", 2, "NONE"],
    ["required", 2, "REQUIRED"],
    [{ type: "function", function: { name: "g" } }, 1, "REQUIRED"],
  ])("the choice %j", (choice, count, written) => {
    const { sent, lost } = chat({ tools: [tool("f"), tool("g")], tool_choice: choice as never });
    expect(sent["tools"]).toHaveLength(count);
    expect(sent["tool_choice"]).toBe(written as never);
    expect(lost).toEqual([]);
  });

  test("E34: no tools, no list and no choice", () => {
    const { sent } = chat({ tools: [], tool_choice: "auto" });
    expect(sent).not.toHaveProperty("tools");
    expect(sent).not.toHaveProperty("tool_choice");
  });

  test("strict is a switch for all or none", () => {
    expect(chat({ tools: [tool("f", { strict: true })] })).toMatchObject({ sent: { strict_tools: true }, lost: [] });
    expect(chat({ tools: [tool("f", { strict: true }), tool("g")] })).toMatchObject({ lost: ["strict"] });
  });

  test("what was said before calls is their plan; results follow in the order of the calls; E07: no arguments are {}", () => {
    const sent = messagesOf(
      chat({
        messages: [
          user(),
          {
            role: "assistant",
            content: "I look.",
            tool_calls: [
              { id: "a", type: "function", function: { name: "f", arguments: "" } },
              { id: "b", type: "function", function: { name: "g", arguments: '{"x":1}' } },
            ],
          },
          { role: "tool", tool_call_id: "b", content: "two" },
          { role: "tool", tool_call_id: "a", content: "one" },
          { role: "assistant", content: "Done." },
        ],
      }),
    );
    expect(sent.slice(1)).toEqual([
      {
        role: "assistant",
        tool_plan: "I look.",
        tool_calls: [
          { id: "a", type: "function", function: { name: "f", arguments: "{}" } },
          { id: "b", type: "function", function: { name: "g", arguments: '{"x":1}' } },
        ],
      },
      { role: "tool", tool_call_id: "a", content: "one" },
      { role: "tool", tool_call_id: "b", content: "two" },
      { role: "assistant", content: "Done." },
    ]);
  });
});

describe("structured output", () => {
  const schema = { type: "object", properties: {} };
  const format: JsonObject = { type: "json_schema", json_schema: { name: "a", schema } };

  test("is promised where there are no tools", () => {
    expect(chat({ response_format: format }).sent["response_format"]).toEqual({ type: "json_object", schema });
    expect(chat({ response_format: { type: "json_object" } }).sent["response_format"]).toEqual({ type: "json_object" });
  });

  test("is asked for in words beside tools, and that is said", () => {
    const { sent, lost } = chat({ response_format: format, tools: [tool("f")] });
    expect(sent).not.toHaveProperty("response_format");
    expect(String(dig(messagesOf({ sent })[0], "content"))).toContain(JSON.stringify(schema));
    expect(lost).toEqual(["response_format"]);
  });
});

describe("media", () => {
  const image = (url: string): JsonObject => ({ type: "image_url", image_url: { url } });

  test("images are addresses, of data or of pages", () => {
    const data = "data:image/png;base64,AAAA";
    const sent = chat({
      messages: [user([{ type: "text", text: "?" }, image(data), image("https://example.com/a.png")])],
    });
    expect(messagesOf(sent)[0]?.["content"]).toEqual([
      { type: "text", text: "?" },
      image(data),
      image("https://example.com/a.png"),
    ]);
  });

  test.each([
    ["a document", { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" } }],
    ["sound", { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } }],
    ["a file kept elsewhere", { type: "file", file: { file_id: "file-1" } }],
  ])("%s is refused", (_name, part) => {
    expect(caught(() => chat({ messages: [user([part])] }))).toMatchObject({ code: "bad-request", param: "messages" });
  });
});

describe("the answer", () => {
  const body = (finish: string, message: JsonObject = { content: [{ type: "text", text: "x" }] }): JsonObject => ({
    id: "i",
    finish_reason: finish,
    message,
  });

  test.each([
    ["COMPLETE", "stop"],
    ["STOP_SEQUENCE", "stop"],
    ["MAX_TOKENS", "length"],
    ["ERROR_TOXIC", "content-filter"],
    ["ERROR", "error"],
    ["SOMETHING_NEW", "other"],
  ])("%s is %s", (raw, reason) => {
    expect(egress.decodeResponse(body(raw)).finish).toEqual({ reason: reason as never, raw });
  });

  test("E09, E10: calls are calls, whatever the end is called", () => {
    const call = { id: "a", type: "function", function: { name: "f", arguments: '{"x":1}' } };
    const answer = egress.decodeResponse(body("COMPLETE", { tool_calls: [call] }));
    expect(answer.parts).toEqual([{ type: "tool-call", id: "a", name: "f", inputJson: '{"x":1}' }]);
    expect(answer.finish.reason).toBe("tool-calls");
  });

  test("what the vendor added to the prompt is counted, and cached tokens within it", () => {
    const usage = {
      billed_units: { input_tokens: 5, output_tokens: 2 },
      tokens: { input_tokens: 500, output_tokens: 3 },
      cached_tokens: 448,
    };
    expect(egress.decodeResponse({ ...body("COMPLETE"), usage }).usage).toEqual({
      inputTokens: 500,
      outputTokens: 3,
      cacheReadTokens: 448,
    });
    const billed = { billed_units: { input_tokens: 5, output_tokens: 2 } };
    expect(egress.decodeResponse({ ...body("COMPLETE"), usage: billed }).usage).toEqual({
      inputTokens: 5,
      outputTokens: 2,
    });
    expect(egress.decodeResponse(body("COMPLETE")).usage).toEqual({});
  });

  test("E16: a stream that fails without a word is a failure another upstream may mend", () => {
    const start = { data: '{"type":"message-start","id":"i","delta":{"message":{}}}' };
    const end = { data: '{"type":"message-end","delta":{"finish_reason":"ERROR","error":"out of memory"}}' };
    const events = readEvents("cohere", [start, end]);
    expect(events.at(-1)).toMatchObject({
      type: "error",
      error: { code: "upstream-malformed", message: "out of memory" },
    });
    const bare = readEvents("cohere", [{ data: '{"message":"too many tokens: total number of tokens exceeds"}' }]);
    expect(bare.map(({ type }) => type)).toEqual(["error"]);
  });

  test("E59: arguments under a nameless call are nobody's", () => {
    const nameless = { type: "tool-call-start", index: 0, delta: { message: { tool_calls: { function: {} } } } };
    const input = {
      type: "tool-call-delta",
      index: 0,
      delta: { message: { tool_calls: { function: { arguments: "{}" } } } },
    };
    const end = { type: "message-end", delta: { finish_reason: "COMPLETE" } };
    const events = readEvents(
      "cohere",
      [nameless, input, end].map((value) => ({ data: JSON.stringify(value) })),
    );
    expect(events.map(({ type }) => type)).toEqual(["response-start", "response-end"]);
  });

  test.each([
    [401, "upstream-credential"],
    [404, "upstream-rejected"],
    [422, "upstream-rejected"],
    [429, "upstream-rate-limited"],
    [500, "upstream-unavailable"],
  ])("%d", (status, code) => {
    expect(egress.decodeError(status, '{"message":"told so"}').code).toBe(code as never);
  });
});
