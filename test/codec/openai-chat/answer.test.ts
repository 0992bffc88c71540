/** Chat answers: what servers send, what clients get. */
import { describe, expect, test } from "bun:test";
import { collect, replay } from "../../../src/codec/fold.ts";
import { openaiChat } from "../../../src/codec/openai-chat/index.ts";
import type { ChatEvent, ChatRequest, ChatResponse, JsonObject } from "../../../src/contract/chat.ts";
import { RelayError } from "../../../src/contract/errors.ts";
import {
  caught,
  chunks,
  contextOf,
  delta,
  dig,
  eventsOf,
  framesOfText,
  textOfFrames,
  writeEvents,
} from "../support.ts";

const { decodeResponse } = openaiChat.egress;
const whole = (message: JsonObject, extra: JsonObject = {}) =>
  decodeResponse({ choices: [{ message, finish_reason: "stop" }], ...extra });
const streamed = (...values: (JsonObject | string)[]) => eventsOf("openai-chat", framesOfText(chunks(...values)));
const answerOf = (...values: (JsonObject | string)[]) => collect(streamed(...values));
const call = (
  index: number | undefined,
  id: string | undefined,
  name: string | undefined,
  args: string,
): JsonObject => ({
  tool_calls: [
    {
      ...(index === undefined ? {} : { index }),
      ...(id === undefined ? {} : { id }),
      function: { ...(name === undefined ? {} : { name }), arguments: args },
    },
  ],
});
const simple = (change: Partial<ChatResponse> = {}): ChatResponse => ({
  id: "1",
  model: "up",
  parts: [{ type: "text", text: "Hi" }],
  finish: { reason: "stop" },
  usage: { inputTokens: 3, outputTokens: 1 },
  ...change,
});
const written = (response: ChatResponse, request: Partial<ChatRequest> = {}) =>
  openaiChat.ingress.encodeResponse(response, contextOf(request));

describe("a whole answer", () => {
  test("reads content of parts, thoughts first", () => {
    const { parts } = whole({
      content: [
        { type: "thinking", thinking: [{ type: "text", text: "Hm." }] },
        { type: "text", text: "Hi" },
      ],
    });
    expect(parts).toMatchObject([
      { type: "reasoning", text: "Hm." },
      { type: "text", text: "Hi" },
    ]);
  });

  test("reads generated pictures", () => {
    const { parts } = whole({
      content: "",
      images: [{ type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } }],
    });
    expect(parts).toEqual([
      { type: "media", kind: "image", source: { type: "base64", data: "iVBORw0KGgo=" }, mediaType: "image/png" },
    ]);
  });

  test("reads doubled and empty arguments as what was meant", () => {
    const tool = (args: unknown) =>
      whole({ tool_calls: [{ id: "a", function: { name: "f", arguments: args as string } }] }).parts;
    for (const args of ["", "{}", "{}{}", null, " "]) expect(tool(args)).toMatchObject([{ inputJson: "{}" }]);
    expect(tool('{"a":1}{"a":1}')).toMatchObject([{ inputJson: '{"a":1}' }]);
    expect(tool({ a: 1 })).toMatchObject([{ inputJson: '{"a":1}' }]);
  });

  test("drops a call without name and arguments, and takes one with arguments for a fault", () => {
    const tools = (name: string, args: string) =>
      whole({ content: "x", tool_calls: [{ id: "a", function: { name, arguments: args } }] });
    expect(tools("", "").parts).toMatchObject([{ type: "text" }]);
    expect(caught(() => tools("", '{"a":1}')).code).toBe("upstream-malformed");
  });

  test("that is an error under a good status is that error", () => {
    const cases: readonly [body: JsonObject, code: string, status: number][] = [
      [{ error: { message: "Slow down", code: 429 } }, "upstream-rate-limited", 429],
      [{ error: { message: "no", type: "invalid_request_error" } }, "upstream-rejected", 400],
      [{ error: "Something broke" }, "upstream-unavailable", 502],
      [{ object: "error", message: "bad", code: 400 }, "upstream-rejected", 400],
      [{ error: { message: "bad key", code: 401 }, choices: [] }, "upstream-credential", 502],
    ];
    for (const [body, code, status] of cases) {
      expect(caught(() => decodeResponse(body))).toMatchObject({ code, status });
      expect(openaiChat.egress.readFacts(body).error).toMatchObject({ code, status });
    }
  });

  const finishes: readonly [word: unknown, reason: string][] = [
    ["stop", "stop"],
    ["length", "length"],
    ["content_filter", "content-filter"],
    ["eos", "stop"],
    ["model_length", "length"],
    ["insufficient_system_resource", "error"],
    ["", "stop"],
    [null, "stop"],
    ["brand_new", "other"],
  ];
  for (const [word, reason] of finishes) {
    test(`that ends with ${JSON.stringify(word)} ended with ${reason}`, () => {
      expect(
        decodeResponse({ choices: [{ message: { content: "x" }, finish_reason: word as string }] }).finish.reason,
      ).toBe(reason as "stop");
    });
  }

  test("keeps what has no name here for clients of the same dialect", () => {
    const body = {
      id: "1",
      created: 7,
      model: "up",
      choices: [
        {
          index: 0,
          message: { content: "Hi", provider_thing: 1 },
          finish_reason: "stop",
          logprobs: { content: [] },
          native_finish_reason: "end",
        },
        { index: 1, message: { content: "Ho" }, finish_reason: "stop" },
      ],
      usage: {
        prompt_tokens: 1,
        completion_tokens: 2,
        total_tokens: 3,
        cost: 0.5,
        prompt_tokens_details: { audio_tokens: 0 },
      },
      service_tier: "flex",
      provider: "Somebody",
    };
    const again = written(decodeResponse(body));
    expect(again).toMatchObject(body);
  });

  test("always has the keys that strict clients read", () => {
    const body = written(
      simple({ parts: [{ type: "tool-call", id: "a", name: "f", inputJson: "{}" }], finish: { reason: "tool-calls" } }),
    );
    expect(dig(body, "choices", 0)).toMatchObject({
      index: 0,
      logprobs: null,
      message: { role: "assistant", content: null, refusal: null },
    });
    expect(body["usage"]).toMatchObject({
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0 },
    });
  });

  test("names itself and its time when the upstream did not", () => {
    expect(written(simple({ id: "", model: "" }))).toMatchObject({
      id: "chatcmpl-seed",
      model: "m",
      created: 1_760_000_000,
    });
  });

  test("answers a client of the old functions in their language", () => {
    const { vendor } = openaiChat.ingress.decodeRequest({
      model: "m",
      messages: [{ role: "user", content: "x" }],
      functions: [{ name: "f" }],
    });
    const response = simple({
      parts: [{ type: "tool-call", id: "a", name: "f", inputJson: '{"a":1}' }],
      finish: { reason: "tool-calls" },
    });
    expect(dig(written(response, { vendor: vendor! }), "choices", 0)).toMatchObject({
      finish_reason: "function_call",
      message: { function_call: { name: "f", arguments: '{"a":1}' } },
    });
    const text = textOfFrames(writeEvents("openai-chat", replay(response), contextOf({ vendor: vendor! })));
    expect(text).toContain('"function_call":{"name":"f","arguments":""}');
    expect(text).toContain('"finish_reason":"function_call"');
    expect(text).not.toContain("tool_calls");
  });

  test("gives calls valid ids that never repeat, minted where the upstream gave none", () => {
    const ids = ["", "", "a:b", "same", "same"];
    const parts = ids.map((id) => ({ type: "tool-call" as const, id, name: "f", inputJson: "{}" }));
    const calls = dig(written(simple({ parts })), "choices", 0, "message", "tool_calls") as JsonObject[];
    const given = calls.map(({ id }) => String(id));
    expect(new Set(given).size).toBe(5);
    for (const id of given) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(given[3]).toBe("same");
  });

  test("gives tools back under the names the client knows", () => {
    const name = `mcp__${"long_".repeat(20)}`;
    const { sent, request } = (() => {
      const body = {
        model: "m",
        max_tokens: 1,
        messages: [{ role: "user", content: "x" }],
        tools: [{ type: "function", function: { name, parameters: {} } }],
      };
      const decoded = openaiChat.ingress.decodeRequest(body);
      return {
        request: decoded,
        sent: openaiChat.egress.encodeRequest({ ...decoded, vendor: {} }, { model: "m", traits: {}, lose() {} }),
      };
    })();
    const short = String(dig(sent, "tools", 0, "function", "name"));
    expect(short).not.toBe(name);
    const response = simple({ parts: [{ type: "tool-call", id: "a", name: short, inputJson: "{}" }] });
    expect(dig(written(response, request), "choices", 0, "message", "tool_calls", 0, "function", "name")).toBe(name);
  });
});

describe("reading a stream", () => {
  test("parallel calls however they are numbered", () => {
    const wanted = [
      { name: "f", inputJson: '{"a":1}' },
      { name: "g", inputJson: '{"b":2}' },
    ];
    const end = [delta({}, "tool_calls"), "[DONE]"];
    const ways: Record<string, JsonObject[]> = {
      "in pieces by index": [
        call(0, "x", "f", ""),
        call(0, undefined, undefined, '{"a"'),
        call(0, undefined, undefined, ":1}"),
        call(1, "y", "g", '{"b":2}'),
      ],
      "all under index 0, told apart by id": [call(0, "x", "f", '{"a":1}'), call(0, "y", "g", '{"b":2}')],
      "all under index 0 without ids": [call(0, "", "f", '{"a":1}'), call(0, "", "g", '{"b":2}')],
      "under one id": [call(0, "x", "f", '{"a":1}'), call(0, "x", "g", '{"b":2}')],
      "without an index, in pieces": [
        call(undefined, "x", "f", '{"a"'),
        call(undefined, undefined, undefined, ":1}"),
        call(undefined, "y", "g", '{"b":2}'),
      ],
      "with the id in every piece": [
        call(undefined, "x", "f", '{"a"'),
        call(undefined, "x", undefined, ":1}"),
        call(undefined, "y", "g", '{"b":2}'),
      ],
      "with a fresh id in every piece": [
        call(0, "x", "f", '{"a"'),
        call(0, "q", undefined, ":1}"),
        call(1, "y", "g", '{"b":'),
        call(1, "r", undefined, "2}"),
      ],
      "with the name in every piece": [
        call(0, "x", "f", '{"a"'),
        call(0, "x", "f", ":1}"),
        call(1, "y", "g", '{"b":2}'),
      ],
      "both in every chunk, without an index": [
        {
          tool_calls: [
            { id: "x", function: { name: "f", arguments: "" } },
            { id: "y", function: { name: "g", arguments: "" } },
          ],
        },
        { tool_calls: [{ function: { arguments: '{"a":1}' } }, { function: { arguments: '{"b":2}' } }] },
      ],
      "with an empty delta behind each": [
        call(0, "x", "f", '{"a":1}'),
        call(0, "x", "f", ""),
        call(1, "y", "g", '{"b":2}'),
        call(1, undefined, undefined, ""),
      ],
    };
    for (const [way, deltas] of Object.entries(ways)) {
      const { parts } = answerOf(...deltas.map((one) => delta(one)), ...end);
      expect({
        way,
        parts: parts.map((part) => ({ name: dig(part, "name"), inputJson: dig(part, "inputJson") })),
      }).toEqual({ way, parts: wanted });
    }
  });

  test("a call whose name comes late, with what was said before", () => {
    const { parts } = answerOf(
      delta(call(0, "x", "", '{"a"')),
      delta(call(0, undefined, "f", ":1}")),
      delta({}, "tool_calls"),
      "[DONE]",
    );
    expect(parts).toMatchObject([{ id: "x", name: "f", inputJson: '{"a":1}' }]);
  });

  test("a call nobody named is a fault of the upstream", () => {
    const last = streamed(
      delta({ content: "x" }),
      delta(call(0, "x", undefined, '{"a":1}')),
      delta({}, "tool_calls"),
      "[DONE]",
    ).at(-1);
    expect(last).toMatchObject({ type: "error", error: { code: "upstream-malformed" } });
  });

  test("a freeform call", () => {
    const custom = (input: string, name?: string): JsonObject => ({
      tool_calls: [{ index: 0, id: "x", type: "custom", custom: { ...(name ? { name } : {}), input } }],
    });
    const { parts } = answerOf(
      delta(custom("", "patch")),
      delta(custom("*** Be")),
      delta(custom("gin")),
      delta({}, "tool_calls"),
      "[DONE]",
    );
    expect(parts).toEqual([{ type: "tool-call", id: "x", name: "patch", inputJson: "*** Begin", custom: true }]);
  });

  test("Gemini's signature of a call through its compatible endpoint", () => {
    const value = { ...call(0, "x", "f", "{}") } as { tool_calls: JsonObject[] };
    value.tool_calls[0]!["extra_content"] = { google: { thought_signature: "c2ln" } };
    const { parts } = answerOf(delta(value), delta({}, "tool_calls"), "[DONE]");
    expect(parts).toMatchObject([{ signature: { origin: "gemini", value: "c2ln" } }]);
  });

  test("an answer is complete with a finish reason, with the end mark, and not without both", () => {
    const ends = (...values: (JsonObject | string)[]) => streamed(...values).at(-1)?.type;
    expect(ends(delta({ content: "x" }, "stop"))).toBe("response-end");
    expect(ends(delta({ content: "x" }), "[DONE]")).toBe("response-end");
    expect(ends(delta({ content: "x" }), " [DONE] ")).toBe("response-end");
    expect(ends(delta({ content: "x" }))).toBe("error");
    expect(ends(delta({ content: "x" }), { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } })).toBe(
      "error",
    );
    expect(ends("[DONE]")).toBe("error");
    expect(ends()).toBe("error");
  });

  test("nothing follows the end", () => {
    const events = streamed(delta({ content: "x" }, "stop"), "[DONE]", delta({ content: "late" }), "[DONE]");
    expect(events.filter(({ type }) => type === "response-end")).toHaveLength(1);
    expect(JSON.stringify(events)).not.toContain("late");
  });

  test("a chunk that is no JSON spoils an answer, but not one that only lacks its counts", () => {
    expect(streamed(delta({ content: "x" }), "{oops").at(-1)).toMatchObject({ type: "error" });
    expect(streamed(delta({ content: "x" }, "stop"), '{"choices":[],"usa').at(-1)).toMatchObject({
      type: "response-end",
    });
  });

  test("an error, whichever way it is told", () => {
    const ways = [
      chunks(delta({ content: "x" }), { error: "boom" }),
      `event: error\ndata: {"message":"boom"}\n\n`,
      chunks({ object: "error", message: "boom" }),
    ];
    for (const way of ways) {
      expect(eventsOf("openai-chat", framesOfText(way)).at(-1)).toMatchObject({
        type: "error",
        error: { message: "boom" },
      });
    }
  });

  test("an error at the very start begins no answer, so another upstream may", () => {
    const error = { message: "Overloaded", code: 503 };
    for (const chunk of [{ error }, delta({ role: "assistant", content: "" }, "error", { error })]) {
      expect(streamed(chunk)).toMatchObject([
        { type: "error", error: { code: "upstream-unavailable", retry: "next" } },
      ]);
      const watcher = openaiChat.egress.watcher();
      watcher.see({ data: JSON.stringify(chunk) });
      expect(watcher).toMatchObject({ started: false, error: { code: "upstream-unavailable" } });
    }
  });

  test("the last report of usage counts, and null ones count for nothing", () => {
    const usage = (n: number) => ({ prompt_tokens: n, completion_tokens: n });
    const answer = answerOf(
      delta({ content: "x" }, null, { usage: usage(1) }),
      delta({}, "stop", { usage: usage(2) }),
      { choices: [], usage: null },
      "[DONE]",
    );
    expect(answer.usage).toEqual({ inputTokens: 2, outputTokens: 2 });
  });

  test("other answers of the same call, and what stands beside the words, are kept for chat clients", () => {
    const answer = answerOf(
      delta({ content: "x" }, null, { provider: "Somebody" }),
      { choices: [{ index: 1, delta: { content: "y" }, finish_reason: null }] },
      { choices: [{ index: 0, delta: {}, finish_reason: "stop", logprobs: { content: [{ token: "x" }] } }] },
      "[DONE]",
    );
    const text = textOfFrames(writeEvents("openai-chat", replay(answer)));
    expect(text).toContain('"choices":[{"index":1,"delta":{"content":"y"},"finish_reason":null}]');
    expect(text).toContain('"logprobs":{"content":[{"token":"x"}]}');
    expect(text).toContain('"provider":"Somebody"');
  });

  test("signed thoughts that follow each other stay apart", () => {
    const detail = (signature: string): JsonObject => ({
      reasoning_details: [{ type: "reasoning.text", signature, format: "anthropic-claude-v1", index: 0 }],
    });
    const { parts } = answerOf(
      delta({ reasoning_content: "a" }),
      delta(detail("1")),
      delta({ reasoning_content: "b" }),
      delta(detail("2")),
      delta({}, "stop"),
      "[DONE]",
    );
    expect(parts).toMatchObject([
      { text: "a", signature: { value: "1" } },
      { text: "b", signature: { value: "2" } },
    ]);
  });
});

describe("writing a stream", () => {
  const events: ChatEvent[] = replay(simple());

  test("begins with the role and ends with the finish reason, the usage and the mark", () => {
    const frames = writeEvents("openai-chat", events).map(({ data }) => data);
    expect(dig(JSON.parse(frames[0]!), "choices", 0, "delta")).toEqual({ role: "assistant", content: "" });
    expect(JSON.parse(frames.at(-2)!)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
    });
    expect(frames.at(-1)).toBe("[DONE]");
  });

  test("E21: shows usage only to a client that asked", () => {
    const text = textOfFrames(writeEvents("openai-chat", events, contextOf({ includeUsage: false })));
    expect(text).not.toContain("usage");
    expect(text).toEndWith("data: [DONE]\n\n");
  });

  test("writes no usage that nobody reported", () => {
    const text = textOfFrames(writeEvents("openai-chat", replay(simple({ usage: {} }))));
    expect(text).not.toContain("usage");
  });

  test("R104: text of the upstream cannot end the stream or forge a chunk", () => {
    const evil = 'x\n\ndata: [DONE]\r\r{"error":{}}\u2028';
    const frames = writeEvents(
      "openai-chat",
      replay(
        simple({
          id: evil,
          model: evil,
          parts: [
            { type: "text", text: evil },
            { type: "tool-call", id: evil, name: evil, inputJson: JSON.stringify({ evil }) },
          ],
        }),
      ),
    );
    const read = framesOfText(textOfFrames(frames));
    expect(read.map(({ data }) => data)).toEqual(frames.map(({ data }) => data));
    expect(read.filter(({ data }) => data === "[DONE]")).toHaveLength(1);
  });

  test("ends once, whatever still arrives", () => {
    const error: ChatEvent = { type: "error", error: new RelayError("internal", "late") };
    expect(writeEvents("openai-chat", [...events, error, ...events])).toEqual(writeEvents("openai-chat", events));
    const failed = writeEvents("openai-chat", [...events.slice(0, 2), error, ...events]);
    expect(JSON.parse(failed.at(-1)!.data)).toEqual({
      error: { message: "late", type: "server_error", param: null, code: "internal_error" },
    });
  });

  test("shows citations and pictures in the fields chat clients know", () => {
    const response = simple({
      parts: [
        { type: "text", text: "Hi", annotations: [{ type: "url-citation", url: "https://example.com/", title: "E" }] },
        { type: "media", kind: "image", source: { type: "base64", data: "AAAA" }, mediaType: "image/png" },
      ],
    });
    const text = textOfFrames(writeEvents("openai-chat", replay(response)));
    expect(text).toContain('"annotations":[{"type":"url_citation","url_citation":{"url":"https://example.com/"');
    expect(text).toContain('"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]');
    expect(dig(written(response), "choices", 0, "message")).toMatchObject({ annotations: [{}], images: [{}] });
  });

  describe("places of citations are those in the content as a whole", () => {
    const cite = (start: number, end: number) => ({
      type: "url_citation",
      url_citation: { url: "https://example.com/", title: "E", start_index: start, end_index: end },
    });
    const again = (response: ChatResponse) => dig(written(response), "choices", 0, "message", "annotations");

    test("of a list of texts", () => {
      const content = ["Hello ", "world"].map((text) => ({ type: "text", text }));
      const annotations = [cite(0, 5), cite(6, 11)];
      const response = whole({ role: "assistant", content, annotations });
      expect(response.parts).toMatchObject([
        { text: "Hello ", annotations: [{ startIndex: 0, endIndex: 5 }] },
        { text: "world", annotations: [{ startIndex: 0, endIndex: 5 }] },
      ]);
      expect(again(response)).toEqual(annotations);
    });

    test("of a stream in which the model thinks between two texts", () => {
      const response = answerOf(
        delta({ role: "assistant", content: "Hello " }),
        delta({ reasoning_content: "hm" }),
        delta({ content: "wor" }),
        delta({ content: "ld", annotations: [cite(6, 11)] }),
        delta({}, "stop"),
        "[DONE]",
      );
      expect(again(response)).toEqual([cite(6, 11)]);
    });

    test("of a stream that names a text which is over: the source is told, without a place", () => {
      const response = answerOf(
        delta({ role: "assistant", content: "Hello " }),
        delta({ reasoning_content: "hm" }),
        delta({ content: "world", annotations: [cite(0, 5)] }),
        delta({}, "stop"),
        "[DONE]",
      );
      expect(again(response)).toEqual([cite(6, 11)]);
    });
  });

  test("keep-alive and end mark are the dialect's own", () => {
    const { keepAlive, endMark } = openaiChat.ingress;
    expect(textOfFrames([keepAlive, endMark])).toBe(": keep-alive\n\ndata: [DONE]\n\n");
  });
});
