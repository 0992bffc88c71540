/** What the pass-through lane learns over the client's shoulder, and what it does not bother to parse. */
import { describe, expect, spyOn, test } from "bun:test";
import type { JsonObject } from "../../src/contract/chat.ts";
import type { Frame } from "../../src/contract/codec.ts";
import { CODECS, type Dialect, delta } from "./support.ts";

function watch(dialect: Dialect, frames: readonly Frame[]) {
  const watcher = CODECS[dialect].egress.watcher();
  for (const frame of frames) watcher.see(frame);
  return watcher;
}

const chat = (...values: (JsonObject | string)[]): Frame[] =>
  values.map((value) => ({ data: typeof value === "string" ? value : JSON.stringify(value) }));
const named = (...values: (JsonObject & { type: string })[]): Frame[] =>
  values.map((value) => ({ event: value.type, data: JSON.stringify(value) }));

describe("over a chat stream", () => {
  test("knows nothing at first, and is not started by nothing", () => {
    const watcher = watch("openai-chat", [{ data: "" }, { data: "", comment: "hello" }]);
    expect(watcher).toMatchObject({
      started: false,
      ended: false,
      marked: false,
      model: undefined,
      usage: undefined,
      finish: undefined,
      error: undefined,
    });
  });

  test("is complete with a finish reason even without the mark, and knows which of the two it saw", () => {
    const some = watch("openai-chat", chat(delta({ content: "x" }), delta({}, "stop")));
    expect(some).toMatchObject({
      started: true,
      ended: true,
      marked: false,
      model: "m",
      finish: { reason: "stop", raw: "stop" },
    });
    expect(watch("openai-chat", chat(delta({ content: "x" }), "[DONE]"))).toMatchObject({ ended: true, marked: true });
    expect(watch("openai-chat", chat(delta({ content: "x" })))).toMatchObject({ started: true, ended: false });
  });

  test("sees the end alone, when what lay between was not shown to it", () => {
    const first = chat(delta({ role: "assistant", content: "" }));
    const tail = chat(
      delta({}, "length"),
      { choices: [], usage: { prompt_tokens: 4, completion_tokens: 2 } },
      "[DONE]",
    );
    expect(watch("openai-chat", [...first, ...tail])).toMatchObject({
      model: "m",
      finish: { reason: "length" },
      usage: { inputTokens: 4, outputTokens: 2 },
      ended: true,
    });
  });

  test("takes calls for more than a stop", () => {
    const frames = chat(
      delta({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: "" } }] }),
      delta({}, "stop"),
    );
    expect(watch("openai-chat", frames).finish).toEqual({ reason: "tool-calls", raw: "stop" });
  });

  test("an error is no end, and one at the start no beginning", () => {
    const alone = watch("openai-chat", chat({ error: { message: "no", code: 429 } }));
    expect(alone).toMatchObject({ started: false, ended: false });
    expect(alone.error).toMatchObject({ code: "upstream-rate-limited" });
    const late = watch("openai-chat", chat(delta({ content: "x" }), delta({}, "stop"), { error: "boom" }));
    expect(late).toMatchObject({ started: true, ended: false });
  });

  test("words in the text that look like news are no news", () => {
    const frames = chat(
      delta({ content: "x" }),
      delta({ content: '"finish_reason":"stop","usage":{"prompt_tokens":1},"error":{}' }),
    );
    expect(watch("openai-chat", frames)).toMatchObject({
      ended: false,
      finish: undefined,
      usage: undefined,
      error: undefined,
    });
  });

  test("parses only what can tell something", () => {
    const parse = spyOn(JSON, "parse");
    const watcher = CODECS["openai-chat"].egress.watcher();
    const frames = chat(
      delta({ role: "assistant" }),
      ...Array.from({ length: 50 }, () => delta({ content: "x" }, null, { usage: null })),
      delta({}, "stop"),
      "[DONE]",
    );
    parse.mockClear();
    for (const frame of frames) watcher.see(frame);
    expect(parse).toHaveBeenCalledTimes(2);
    parse.mockRestore();
  });
});

describe("over an Anthropic stream", () => {
  const start = {
    type: "message_start",
    message: { id: "1", model: "up", usage: { input_tokens: 5, cache_read_input_tokens: 2, output_tokens: 1 } },
  };
  const block = {
    type: "content_block_delta",
    index: 0,
    delta: { type: "text_delta", text: '{"type":"message_stop"}' },
  };
  const end = { type: "message_delta", delta: { stop_reason: "max_tokens" }, usage: { output_tokens: 9 } };

  test("a ping is no beginning", () => {
    expect(watch("anthropic-messages", named({ type: "ping" })).started).toBe(false);
    expect(watch("anthropic-messages", [{ data: '{"type":"ping"}' }]).started).toBe(false);
  });

  test("is understood where only the envelope names the events", () => {
    const frames = named(start, block, end, { type: "message_stop" }).map(({ event, data }) => {
      const { type: _type, ...body } = JSON.parse(data);
      return { event: event!, data: JSON.stringify(body) };
    });
    expect(watch("anthropic-messages", frames)).toMatchObject({
      started: true,
      ended: true,
      marked: true,
      finish: { reason: "length" },
      usage: { inputTokens: 7, outputTokens: 9 },
    });
    const broken = [{ event: "error", data: '{"error":{"type":"overloaded_error","message":"full"}}' }];
    expect(watch("anthropic-messages", broken).error).toMatchObject({ code: "upstream-unavailable", message: "full" });
  });

  test("is complete with its stop and not before", () => {
    expect(watch("anthropic-messages", named(start, block, end))).toMatchObject({
      started: true,
      ended: false,
      marked: false,
    });
    expect(watch("anthropic-messages", named(start, block, end, { type: "message_stop" }))).toMatchObject({
      ended: true,
      marked: true,
      model: "up",
      usage: { inputTokens: 7, outputTokens: 9, cacheReadTokens: 2 },
      finish: { reason: "length", raw: "max_tokens" },
    });
  });

  test("needs no event lines", () => {
    const frames = named(start, block, end, { type: "message_stop" }).map(({ data }) => ({ data }));
    expect(watch("anthropic-messages", frames)).toMatchObject({ started: true, ended: true, model: "up" });
  });

  test("an error is no end, and one at the start no beginning", () => {
    const error = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    const alone = watch("anthropic-messages", named(error));
    expect(alone).toMatchObject({ started: false, ended: false });
    expect(alone.error).toMatchObject({ code: "upstream-unavailable", status: 503 });
    expect(watch("anthropic-messages", named(start, error)).started).toBe(true);
  });

  test("parses only what can tell something", () => {
    const parse = spyOn(JSON, "parse");
    const watcher = CODECS["anthropic-messages"].egress.watcher();
    const frames = named(start, ...Array.from({ length: 50 }, () => block), end, { type: "message_stop" });
    parse.mockClear();
    for (const frame of frames) watcher.see(frame);
    expect(parse).toHaveBeenCalledTimes(3);
    parse.mockRestore();
  });
});
