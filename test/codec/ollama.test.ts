/** What an Ollama upstream is told, and what of its answers is more than the laws say. */
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/contract/chat.ts";
import type { Traits } from "../../src/contract/codec.ts";
import { caught } from "./support.ts";
import { readEvents, translateTo, UPSTREAM_CODECS } from "./upstream-support.ts";

const user = (content: unknown = "Hi"): JsonObject => ({ role: "user", content }) as JsonObject;
const chat = (extra: JsonObject = {}, traits: Traits = {}) =>
  translateTo("ollama", { model: "m", messages: [user()], ...extra }, "openai-chat", traits);
const messagesOf = ({ sent }: { sent: JsonObject }) => sent["messages"] as JsonObject[];
const weather: JsonObject = { type: "function", function: { name: "weather", parameters: { type: "object" } } };

describe("the request", () => {
  test("says whether to stream, because silence means yes", () => {
    expect(chat().sent).toEqual({ model: "upstream-model", messages: [user()], stream: false });
    expect(chat({ stream: true }).sent).toMatchObject({ stream: true });
  });

  test("puts limits and sampling into options", () => {
    const { sent, lost } = chat({
      ...{
        max_tokens: 7,
        temperature: 0.5,
        top_p: 0.9,
        seed: 3,
        stop: "END",
        frequency_penalty: 1,
        presence_penalty: 0,
      },
      ...{ logit_bias: { 1: 2 }, user: "u" },
    });
    expect(sent["options"]).toEqual({
      num_predict: 7,
      temperature: 0.5,
      top_p: 0.9,
      seed: 3,
      frequency_penalty: 1,
      stop: ["END"],
    });
    expect(lost).toEqual(["logit_bias", "user"]);
  });

  test("says how the model is to be loaded, where the operator does", () => {
    const { sent } = chat({ temperature: 0 }, { contextTokens: 16_384, keepLoaded: "30m" });
    expect(sent).toMatchObject({ options: { num_ctx: 16_384, temperature: 0 }, keep_alive: "30m" });
  });

  test.each([
    [{ type: "text" }, undefined],
    [{ type: "json_object" }, "json"],
    [{ type: "json_schema", json_schema: { name: "a", schema: { type: "object" } } }, { type: "object" }],
  ])("the form of the answer %j", (format, written) => {
    expect(chat({ response_format: format as JsonObject }).sent["format"]).toEqual(written as never);
  });

  test.each([
    ["high", {}, true],
    ["none", {}, false],
    ["minimal", { thinking: "adaptive" }, "low"],
    ["medium", { thinking: "adaptive" }, "medium"],
    ["high", { thinking: "adaptive" }, "high"],
    ["none", { thinking: "adaptive" }, "low"],
    ["none", { thinking: "none" }, undefined],
  ] as const)("effort %s with %j is think: %p", (effort, traits, think) => {
    expect(chat({ reasoning_effort: effort }, traits).sent["think"]).toBe(think as never);
  });

  test("thinking is not mentioned unasked: most models refuse to hear of it", () => {
    expect(chat().sent).not.toHaveProperty("think");
    expect(chat({ reasoning_effort: "high" }, { thinking: "none" }).lost).toEqual(["reasoning_effort"]);
  });

  test("several answers are refused", () => {
    expect(caught(() => chat({ n: 2 }))).toMatchObject({ code: "bad-request", param: "n" });
  });
});

describe("tools", () => {
  test("E34: no tools is no list, not an empty one, which would switch to JSON", () => {
    expect(chat({ tools: [] }).sent).not.toHaveProperty("tools");
    expect(chat({ tools: [weather], tool_choice: "none" })).toMatchObject({ lost: [] });
    expect(chat({ tools: [weather], tool_choice: "none" }).sent).not.toHaveProperty("tools");
  });

  test.each(["required", { type: "function", function: { name: "weather" } }])(
    "a forced call (%j) is a wish",
    (choice) => {
      const { sent, lost } = chat({ tools: [weather], tool_choice: choice as never });
      expect(sent["tools"]).toEqual([
        { type: "function", function: { name: "weather", parameters: { type: "object" } } },
      ]);
      expect(lost).toEqual(["tool_choice"]);
    },
  );

  test("one tool by name is the only one offered", () => {
    const other = { type: "function", function: { name: "other" } };
    const choice = { type: "function", function: { name: "weather" } };
    const { sent, lost } = chat({ tools: [other, weather], tool_choice: choice } as never);
    expect(sent["tools"]).toMatchObject([{ function: { name: "weather" } }]);
    expect(sent["tools"]).toHaveLength(1);
    expect(lost).toEqual(["tool_choice"]);
  });

  test("arguments are an object; a result says which tool it is from; E32: broken arguments survive", () => {
    const calls = [
      { id: "a", type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } },
      { id: "b", type: "function", function: { name: "weather", arguments: '{"ci' } },
    ];
    const sent = messagesOf(
      chat({
        messages: [
          user(),
          { role: "assistant", content: null, tool_calls: calls },
          { role: "tool", tool_call_id: "b", content: "rain" },
          { role: "tool", tool_call_id: "a", content: "sun" },
          user("And?"),
        ],
      }),
    );
    expect(sent.slice(1)).toEqual([
      {
        role: "assistant",
        content: "",
        tool_calls: [
          { function: { name: "weather", arguments: { city: "Oslo" } } },
          { function: { name: "weather", arguments: { _raw: '{"ci' } } },
        ],
      },
      { role: "tool", content: "sun", tool_name: "weather" },
      { role: "tool", content: "rain", tool_name: "weather" },
      { role: "user", content: "And?" },
    ]);
  });

  test("an image a tool returned is shown by the user", () => {
    const { sent } = translateTo(
      "ollama",
      {
        ...{ model: "m", max_tokens: 5 },
        messages: [
          user(),
          { role: "assistant", content: [{ type: "tool_use", id: "a", name: "look", input: {} }] },
          {
            role: "user",
            content: [
              {
                ...{ type: "tool_result", tool_use_id: "a", is_error: true },
                content: [
                  { type: "text", text: "blurred" },
                  { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } },
                ],
              },
            ],
          },
        ],
      },
      "anthropic-messages",
    );
    expect(messagesOf({ sent }).slice(2)).toEqual([
      { role: "tool", content: "Error: blurred", tool_name: "look" },
      { role: "user", content: "Attached by the tool look:", images: ["AAAA"] },
    ]);
  });
});

describe("media", () => {
  const image = (url: string): JsonObject => ({ type: "image_url", image_url: { url } });

  test("images stand beside the text, as bytes without a type", () => {
    const sent = chat({ messages: [user([{ type: "text", text: "What?" }, image("data:image/png;base64,AAAA")])] });
    expect(messagesOf(sent)).toEqual([{ role: "user", content: "What?", images: ["AAAA"] }]);
  });

  test("text files are text", () => {
    const file = { type: "file", file: { filename: "a.txt", file_data: "data:text/plain;base64,SGVsbG8=" } };
    expect(messagesOf(chat({ messages: [user([file])] }))).toEqual([{ role: "user", content: "Hello" }]);
  });

  test.each([
    ["an address", image("https://example.com/a.png")],
    ["a document", { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" } }],
    ["a file kept elsewhere", { type: "file", file: { file_id: "file-1" } }],
    ["sound", { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } }],
  ])("%s is refused", (_name, part) => {
    expect(caught(() => chat({ messages: [user([part])] }))).toMatchObject({ code: "bad-request", param: "messages" });
  });
});

describe("the answer", () => {
  test("E10: stop although tools were called is a call for tools", () => {
    const { egress } = UPSTREAM_CODECS.ollama;
    const call = { function: { name: "f", arguments: {} } };
    const body = { message: { content: "", tool_calls: [call] }, done: true, done_reason: "stop" };
    expect(egress.decodeResponse(body).finish).toEqual({ reason: "tool-calls", raw: "stop" });
    expect(egress.decodeResponse({ ...body, done_reason: "custom" }).finish.reason).toBe("tool-calls");
    expect(egress.decodeResponse({ done: true, done_reason: "load" }).finish.reason).toBe("other");
  });

  test("a prompt from the cache is not counted, which is not zero", () => {
    const { usage } = UPSTREAM_CODECS.ollama.egress.decodeResponse({
      message: { content: "x" },
      done: true,
      eval_count: 3,
    });
    expect(usage).toEqual({ outputTokens: 3 });
  });

  test("E16: an error inside a stream is an error, before the first word and after it", () => {
    const error = { data: '{"error":"the runner has crashed"}' };
    const first = readEvents("ollama", [error]);
    expect(first.map(({ type }) => type)).toEqual(["error"]);
    const later = readEvents("ollama", [{ data: '{"model":"m","message":{"content":"x"},"done":false}' }, error]);
    expect(later.at(-1)).toMatchObject({ type: "error", error: { code: "upstream-unavailable" } });
  });
});
