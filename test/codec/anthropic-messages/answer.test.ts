/** Anthropic answers: what servers send, what clients get. */
import { describe, expect, test } from "bun:test";
import { anthropicMessages } from "../../../src/codec/anthropic-messages/index.ts";
import { collect, replay } from "../../../src/codec/fold.ts";
import { RELAY_SIGNATURE_PREFIX } from "../../../src/codec/shared/envelope.ts";
import type { ChatEvent, ChatResponse, JsonObject, Part } from "../../../src/contract/chat.ts";
import { RelayError } from "../../../src/contract/errors.ts";
import { caught, contextOf, dig, eventsOf, framesOfText, namedEvents, textOfFrames, writeEvents } from "../support.ts";

const { decodeResponse } = anthropicMessages.egress;
const { encodeResponse } = anthropicMessages.ingress;
type Event = JsonObject & { type: string };
const streamed = (...events: Event[]) => eventsOf("anthropic-messages", framesOfText(namedEvents(...events)));
const start: Event = {
  type: "message_start",
  message: { id: "1", model: "up", usage: { input_tokens: 3, output_tokens: 1 } },
};
const open = (index: number, content_block: JsonObject): Event => ({
  type: "content_block_start",
  index,
  content_block,
});
const piece = (index: number, delta: JsonObject): Event => ({ type: "content_block_delta", index, delta });
const text = (index: number, value: string) => piece(index, { type: "text_delta", text: value });
const json = (index: number, value: string) => piece(index, { type: "input_json_delta", partial_json: value });
const close = (index: number): Event => ({ type: "content_block_stop", index });
const finish = (stop_reason = "end_turn"): Event => ({
  type: "message_delta",
  delta: { stop_reason },
  usage: { output_tokens: 9 },
});
const stop: Event = { type: "message_stop" };
const answerOf = (...events: Event[]) => collect(streamed(start, ...events, finish(), stop));
const simple = (parts: Part[] = [{ type: "text", text: "Hi" }], change: Partial<ChatResponse> = {}): ChatResponse => ({
  id: "1",
  model: "up",
  parts,
  finish: { reason: "stop" },
  usage: { inputTokens: 3, outputTokens: 1 },
  ...change,
});
const typesOf = (response: ChatResponse) =>
  (encodeResponse(response, contextOf())["content"] as JsonObject[]).map(({ type }) => type);

describe("reading a stream", () => {
  test("of servers that put text, thoughts or input where the block opens", () => {
    const { parts } = answerOf(
      open(0, { type: "thinking", thinking: "Hm.", signature: "c2ln" }),
      close(0),
      open(1, { type: "text", text: "Hi" }),
      text(1, "!"),
      close(1),
      open(2, { type: "tool_use", id: "a", name: "f", input: { a: 1 } }),
      close(2),
    );
    expect(parts).toEqual([
      { type: "reasoning", text: "Hm.", signature: { origin: "anthropic-messages", value: "c2ln" } },
      { type: "text", text: "Hi!" },
      { type: "tool-call", id: "a", name: "f", inputJson: '{"a":1}' },
    ]);
  });

  test("of servers that forget to open, to close, or to wait", () => {
    expect(answerOf(text(0, "never opened")).parts).toMatchObject([{ text: "never opened" }]);
    expect(answerOf(open(0, { type: "text", text: "" }), text(0, "never closed")).parts).toMatchObject([
      { text: "never closed" },
    ]);
    const overlapping = answerOf(
      open(0, { type: "tool_use", id: "a", name: "f", input: {} }),
      open(1, { type: "tool_use", id: "b", name: "g", input: {} }),
      json(1, '{"b":2}'),
      json(0, '{"a":1}'),
      close(1),
      close(0),
    );
    expect(overlapping.parts.map((part) => dig(part, "inputJson"))).toEqual(['{"a":1}', '{"b":2}']);
  });

  test("without event lines, with padding, with pings and with an end mark of another dialect", () => {
    const bare = namedEvents(
      start,
      { type: "ping" },
      open(0, { type: "text", text: "" }),
      text(0, "Hi"),
      close(0),
      finish(),
      stop,
    )
      .replace(/^event:.*\n/gm, "")
      .replace(/\}\n\n/g, "}     \n\n");
    const events = eventsOf("anthropic-messages", framesOfText(`${bare}data: [DONE]\n\n`));
    expect(collect(events).parts).toEqual([{ type: "text", text: "Hi" }]);
  });

  test("blocks without a name here come whole and in their place", () => {
    const { parts } = answerOf(
      open(0, { type: "mcp_tool_use", id: "m", name: "ask", input: {}, server_name: "s" }),
      json(0, '{"q":'),
      json(0, '"x"}'),
      close(0),
      open(1, { type: "brand_new", x: 1 }),
      close(1),
      open(2, { type: "redacted_thinking", data: "aGk=" }),
      close(2),
    );
    expect(parts).toEqual([
      {
        type: "opaque",
        codecId: "anthropic-messages",
        value: { type: "mcp_tool_use", id: "m", name: "ask", input: { q: "x" }, server_name: "s" },
      },
      { type: "opaque", codecId: "anthropic-messages", value: { type: "brand_new", x: 1 } },
      { type: "reasoning", text: "", redacted: true, signature: { origin: "anthropic-messages", value: "aGk=" } },
    ]);
  });

  test("events nobody knows are skipped, empty texts leave no trace", () => {
    const { parts } = answerOf(
      { type: "brand_new_event", x: 1 },
      open(0, { type: "text", text: "" }),
      close(0),
      open(1, { type: "thinking", thinking: "" }),
      close(1),
    );
    expect(parts).toEqual([]);
  });

  test("calls that code at the vendor made do not wait for the client", () => {
    const tool = { type: "tool_use", id: "a", name: "f", input: {}, caller: { type: "code_execution_20250825" } };
    expect(answerOf(open(0, tool), close(0)).finish.reason).toBe("stop");
    expect(answerOf(open(0, { ...tool, caller: { type: "direct" } }), close(0)).finish.reason).toBe("tool-calls");
  });

  test("an answer ends at its stop and nowhere else", () => {
    const last = (...events: Event[]) => streamed(...events).at(-1);
    expect(last(start, text(0, "Hi"), finish())).toMatchObject({
      type: "error",
      error: { code: "upstream-malformed" },
    });
    expect(last()).toMatchObject({ type: "error" });
    expect(last(stop)).toMatchObject({ type: "error" });
    expect(last(start, finish(), stop, text(0, "late"), stop)).toMatchObject({ type: "response-end" });
  });

  test("an error at the very start begins no answer", () => {
    const events = streamed({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } });
    expect(events).toMatchObject([
      { type: "error", error: { code: "upstream-unavailable", status: 503, retry: "next" } },
    ]);
  });

  const reasons: readonly [word: string, reason: string][] = [
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["tool_use", "tool-calls"],
    ["refusal", "refusal"],
    ["pause_turn", "pause"],
    ["compaction", "pause"],
    ["model_context_window_exceeded", "context"],
    ["brand_new", "other"],
  ];
  for (const [word, reason] of reasons) {
    test(`${word} is ${reason}, and stays ${word} for a client of the same dialect`, () => {
      const answer = decodeResponse({
        content: [],
        stop_reason: word,
        stop_sequence: word === "stop_sequence" ? "END" : null,
      });
      expect(answer.finish).toMatchObject({ reason, raw: word });
      const again = encodeResponse(answer, contextOf())["stop_reason"];
      expect(again).toBe(word === "brand_new" ? "end_turn" : word);
    });
  }
});

describe("a whole answer", () => {
  test("never holds an empty text, nor thoughts that are nothing", () => {
    expect(
      typesOf(
        simple([
          { type: "text", text: "" },
          { type: "reasoning", text: "" },
          { type: "refusal", text: "" },
        ]),
      ),
    ).toEqual([]);
  });

  test("holds an object as input, whatever the arguments were", () => {
    const input = (inputJson: string) =>
      dig(
        encodeResponse(simple([{ type: "tool-call", id: "a", name: "f", inputJson }]), contextOf()),
        "content",
        0,
        "input",
      );
    expect(input("{}")).toEqual({});
    expect(input("")).toEqual({});
    expect(input('{"a":1}')).toEqual({ a: 1 });
    expect(input('{"a":')).toEqual({ _raw: '{"a":' });
    expect(input("[1]")).toEqual({ _raw: [1] });
  });

  test("keeps the vendor's reasons for a refusal apart from the words", () => {
    const body = {
      id: "1",
      type: "message",
      role: "assistant",
      model: "up",
      content: [],
      stop_reason: "refusal",
      stop_sequence: null,
      stop_details: { type: "refusal", explanation: "Harm." },
      usage: { input_tokens: 1, output_tokens: 1 },
    };
    const answer = decodeResponse(body);
    expect(answer.parts).toMatchObject([{ type: "refusal", text: "Harm." }]);
    expect(encodeResponse(answer, contextOf())).toMatchObject({ content: [], stop_details: body.stop_details });
    const frames = writeEvents("anthropic-messages", replay(answer));
    expect(textOfFrames(frames)).toContain('"stop_details":{"type":"refusal","explanation":"Harm."}');
    expect(textOfFrames(frames)).not.toContain("text_delta");
  });

  test("shows sources of other dialects as citations, marked so that they never travel upstream", () => {
    const answer = simple([
      { type: "text", text: "Hi", annotations: [{ type: "url-citation", url: "https://example.com/", title: "E" }] },
    ]);
    const [block] = encodeResponse(answer, contextOf())["content"] as JsonObject[];
    expect(block).toMatchObject({
      citations: [
        { type: "web_search_result_location", url: "https://example.com/", encrypted_index: RELAY_SIGNATURE_PREFIX },
      ],
    });
    const request = anthropicMessages.ingress.decodeRequest({
      model: "m",
      max_tokens: 1,
      messages: [{ role: "assistant", content: [block!] }],
    });
    const sent = anthropicMessages.egress.encodeRequest(request, { model: "m", traits: {}, lose() {} });
    expect(JSON.stringify(sent)).not.toContain(RELAY_SIGNATURE_PREFIX);
    expect(JSON.stringify(sent)).toContain("Hi");
  });

  test("that is an error under a good status is that error", () => {
    const body = { type: "error", error: { type: "rate_limit_error", message: "Slow" } };
    expect(caught(() => decodeResponse(body)).code).toBe("upstream-rate-limited");
    expect(anthropicMessages.egress.readFacts(body).error?.code).toBe("upstream-rate-limited");
  });

  test("guesses counts that the upstream left out, never showing zero for what was read", () => {
    const { usage } = encodeResponse(simple([{ type: "text", text: "12345678" }], { usage: {} }), contextOf());
    expect(usage).toMatchObject({ input_tokens: 5, output_tokens: 2 });
  });
});

describe("writing a stream", () => {
  test("E20: shows the input at the start, guessed if need be, and the truth at the end", () => {
    const first = (events: ChatEvent[]) =>
      dig(JSON.parse(writeEvents("anthropic-messages", events)[0]!.data), "message", "usage");
    expect(first([{ type: "response-start", id: "1", model: "m" }])).toMatchObject({ input_tokens: 5 });
    expect(first([{ type: "response-start", id: "1", model: "m", usage: { inputTokens: 0 } }])).toMatchObject({
      input_tokens: 0,
    });
    expect(first(replay(simple()))).toMatchObject({ input_tokens: 3 });
    const last = writeEvents("anthropic-messages", replay(simple())).at(-2);
    expect(JSON.parse(last!.data)).toMatchObject({ usage: { input_tokens: 3, output_tokens: 1 } });
  });

  test("E20: Gemini's first chunk tells what was read, and so does the first event", () => {
    const chunk = (text: string, extra: object = {}) =>
      `data: ${JSON.stringify({
        candidates: [{ content: { parts: [{ text }] }, ...extra }],
        usageMetadata: { promptTokenCount: 321, cachedContentTokenCount: 21, candidatesTokenCount: 7 },
      })}\n\n`;
    const events = eventsOf("gemini", framesOfText(chunk("Hel") + chunk("lo", { finishReason: "STOP" })));
    const first = JSON.parse(writeEvents("anthropic-messages", events)[0]!.data);
    expect(dig(first, "message", "usage")).toMatchObject({
      input_tokens: 300,
      cache_read_input_tokens: 21,
      output_tokens: 0,
    });
  });

  test("opens no block before it has something to say", () => {
    const events: ChatEvent[] = [
      { type: "response-start", id: "1", model: "m" },
      { type: "part-start", index: 0, head: { type: "text" } },
      { type: "part-end", index: 0 },
      { type: "part-start", index: 1, head: { type: "reasoning" } },
      { type: "part-end", index: 1 },
      { type: "response-end", finish: { reason: "stop" }, usage: {} },
    ];
    expect(writeEvents("anthropic-messages", events).map(({ event }) => event)).toEqual([
      "message_start",
      "message_delta",
      "message_stop",
    ]);
  });

  test("hidden thoughts, and thoughts of which only the signature is known", () => {
    const signature = { origin: "anthropic-messages", value: "c2ln" };
    const frames = writeEvents(
      "anthropic-messages",
      replay(
        simple([
          { type: "reasoning", text: "", redacted: true, signature },
          { type: "reasoning", text: "", signature },
        ]),
      ),
    );
    const blocks = frames.map(({ data }) => JSON.parse(data)).filter(({ type }) => type === "content_block_start");
    expect(blocks.map(({ content_block }) => content_block)).toEqual([
      { type: "redacted_thinking", data: "c2ln" },
      { type: "thinking", thinking: "", signature: "" },
    ]);
    expect(textOfFrames(frames)).toContain('{"type":"signature_delta","signature":"c2ln"}');
  });

  test("W8: every event bears its name, and no end mark of another dialect appears", () => {
    const frames = writeEvents("anthropic-messages", replay(simple()));
    for (const { event, data } of frames) expect(JSON.parse(data).type).toBe(event!);
    expect(textOfFrames(frames)).not.toContain("[DONE]");
    expect(textOfFrames(frames)).toEndWith('data: {"type":"message_stop"}\n\n');
  });

  test("R104: text of the upstream cannot forge an event", () => {
    const evil = 'x\n\nevent: message_stop\ndata: {"type":"message_stop"}\r\r\u2028';
    const frames = writeEvents(
      "anthropic-messages",
      replay(
        simple(
          [
            { type: "text", text: evil },
            { type: "tool-call", id: evil, name: evil, inputJson: JSON.stringify({ evil }) },
          ],
          { id: evil, model: evil },
        ),
      ),
    );
    expect(framesOfText(textOfFrames(frames))).toEqual(frames);
  });

  test("ends once, whatever still arrives", () => {
    const error: ChatEvent = { type: "error", error: new RelayError("internal", "late") };
    const good = writeEvents("anthropic-messages", replay(simple()));
    expect(writeEvents("anthropic-messages", [...replay(simple()), error])).toEqual(good);
    const failed = writeEvents("anthropic-messages", [...replay(simple()).slice(0, 2), error, ...replay(simple())]);
    expect(failed.at(-1)).toEqual({
      event: "error",
      data: '{"type":"error","error":{"type":"api_error","message":"late"}}',
    });
  });

  test("keep-alive is the dialect's ping", () => {
    expect(textOfFrames([anthropicMessages.ingress.keepAlive])).toBe('event: ping\ndata: {"type":"ping"}\n\n');
  });
});
