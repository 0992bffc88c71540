/** What Converse is told, whoever asked; and what of its answers is more than the laws say. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../src/contract/chat.ts";
import type { Traits } from "../../src/contract/codec.ts";
import { caught, dig, KIT, KIT_MISSING } from "./support.ts";
import { readEvents, translateTo, UPSTREAM_CODECS } from "./upstream-support.ts";

const CLAUDE: Traits = { family: "claude", thinking: "budget", sampling: "one" };
const SERVICE = join(KIT, "specs/bedrock-runtime.service-2.json");
const HAS_SERVICE = existsSync(SERVICE);
const NOVA: Traits = { family: "nova", thinking: "adaptive" };

const user = (content: unknown = "Hi") => ({ role: "user", content }) as JsonObject;
const chat = (extra: JsonObject = {}, traits: Traits = {}) =>
  translateTo("bedrock-converse", { model: "m", messages: [user()], ...extra }, "openai-chat", traits);
const messages = (extra: JsonObject = {}, traits: Traits = {}) =>
  translateTo(
    "bedrock-converse",
    { model: "m", max_tokens: 100, messages: [user()], ...extra },
    "anthropic-messages",
    traits,
  );
const messagesOf = ({ sent }: { sent: JsonObject }) => sent["messages"] as (JsonObject & { content: JsonObject[] })[];
const weather: JsonObject = {
  type: "function",
  function: { name: "weather", description: "Tells it", parameters: { type: "object", properties: {} } },
};
const spec = (name: string) => ({ toolSpec: { name, inputSchema: { json: { type: "object", properties: {} } } } });
const called = (...names: string[]): JsonObject => ({
  role: "assistant",
  content: null,
  tool_calls: names.map((name) => ({ id: `${name}_id`, type: "function", function: { name, arguments: '{"x":1}' } })),
});
const answered = (id: string, content: unknown): JsonObject =>
  ({ role: "tool", tool_call_id: id, content }) as JsonObject;

describe("the conversation", () => {
  test("model and stream are not in the body: they are the address's", () => {
    expect(chat({ stream: true }).sent).toEqual({ messages: [{ role: "user", content: [{ text: "Hi" }] }] });
  });

  test("instructions stand apart, neighbours are one, nothing blank is sent", () => {
    const { sent } = chat({
      messages: [
        { role: "system", content: "One." },
        user(" \n"),
        user("a"),
        { role: "developer", content: "Two." },
        user("b"),
      ],
    });
    expect(sent).toEqual({
      system: [{ text: "One." }, { text: "Two." }],
      messages: [{ role: "user", content: [{ text: "a" }, { text: "b" }] }],
    });
  });

  test("the user speaks first, and a prefilled answer does not end in white space", () => {
    expect(messagesOf(chat({ messages: [{ role: "assistant", content: "I am " }] }))).toEqual([
      { role: "user", content: [{ text: "." }] },
      { role: "assistant", content: [{ text: "I am" }] },
    ]);
  });

  test("E24: results of one turn stand in one message, in the order of the calls, ahead of what the user says", () => {
    const sent = messagesOf(
      chat({
        messages: [user(), called("f", "g"), answered("g_id", "second"), answered("f_id", "first"), user("Go on")],
      }),
    );
    expect(sent[1]?.content[0]).toEqual({ toolUse: { toolUseId: "f_id", name: "f", input: { x: 1 } } });
    expect(sent[2]).toEqual({
      role: "user",
      content: [
        { toolResult: { toolUseId: "f_id", content: [{ text: "first" }] } },
        { toolResult: { toolUseId: "g_id", content: [{ text: "second" }] } },
        { text: "Go on" },
      ],
    });
  });

  test("E26: ids and names of any shape become valid ones, the same at call and result", () => {
    const odd: JsonObject = {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "call:1|é", type: "function", function: { name: "a.b", arguments: "{}" } }],
    };
    const sent = messagesOf(chat({ messages: [user(), odd, answered("call:1|é", "ok")] }));
    const id = String(dig(sent[1], "content", 0, "toolUse", "toolUseId"));
    expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(dig(sent[2], "content", 0, "toolResult", "toolUseId")).toBe(id);
    expect(dig(sent[1], "content", 0, "toolUse", "name")).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });

  test("E23: no empty text stands beside calls; E25: a call whose result was trimmed away gets one that says so", () => {
    const trimmed: JsonObject = { ...called("f"), content: "" };
    const { sent, lost } = chat({ messages: [user(), trimmed, user("Never mind")] });
    expect(messagesOf({ sent })[1]?.content).toHaveLength(1);
    expect(dig(messagesOf({ sent })[2], "content", 0, "toolResult", "status")).toBe("error");
    expect(dig(messagesOf({ sent })[2], "content", 1)).toEqual({ text: "Never mind" });
    expect(lost).toContain("messages");
  });

  test("a failed tool says so; what returned nothing returns an empty object, as empty texts are refused", () => {
    const { sent } = messages({
      messages: [
        user(),
        { role: "assistant", content: [{ type: "tool_use", id: "a", name: "f", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "a", is_error: true }] },
      ],
    });
    expect(dig(messagesOf({ sent })[2], "content", 0)).toEqual({
      toolResult: { toolUseId: "a", content: [{ json: {} }], status: "error" },
    });
  });
});

describe("tools", () => {
  test("E33: a conversation with calls and no tools gets the tools that were called", () => {
    const { sent } = chat({ messages: [user(), called("f", "g", "f"), answered("f_id", "1"), answered("g_id", "2")] });
    expect(sent["toolConfig"]).toEqual({ tools: [spec("f"), spec("g")] });
  });

  test("E33: where nothing may be called the tools are left out, or the model is asked not to call them", () => {
    expect(chat({ tools: [weather], tool_choice: "none" })).toMatchObject({ lost: [] });
    expect(chat({ tools: [weather], tool_choice: "none" }).sent).not.toHaveProperty("toolConfig");
    const { sent, lost } = chat({
      ...{ tools: [weather], tool_choice: "none" },
      messages: [user(), called("weather"), answered("weather_id", "rain")],
    });
    expect(dig(sent, "toolConfig", "tools")).toHaveLength(1);
    expect(sent["toolConfig"]).not.toHaveProperty("toolChoice");
    expect(sent["system"]).toEqual([{ text: "Answer without calling any tool." }]);
    expect(lost).toEqual(["tool_choice"]);
  });

  test.each([
    ["auto", { auto: {} }],
    ["required", { any: {} }],
    [{ type: "function", function: { name: "weather" } }, { tool: { name: "weather" } }],
  ])("the choice %j", (choice, written) => {
    expect(dig(chat({ tools: [weather], tool_choice: choice as never }).sent, "toolConfig", "toolChoice")).toEqual(
      written,
    );
  });

  test("E34: a choice without tools is not sent", () => {
    expect(chat({ tool_choice: "auto", tools: [] }).sent).not.toHaveProperty("toolConfig");
  });

  test("E35: a thinking model is not forced", () => {
    const { sent, lost } = chat({ tools: [weather], tool_choice: "required", reasoning_effort: "high" }, CLAUDE);
    expect(sent).not.toHaveProperty("additionalModelRequestFields");
    expect(dig(sent, "toolConfig", "toolChoice")).toEqual({ any: {} });
    expect(lost).toEqual(["reasoning_effort"]);
  });

  test("what a tool has beside its form is told or lost by name", () => {
    const { sent, lost } = chat({
      tools: [{ type: "function", function: { name: "weather", strict: true, description: "" } }],
      parallel_tool_calls: false,
    });
    expect(dig(sent, "toolConfig", "tools")).toEqual([spec("weather")]);
    expect(lost.toSorted()).toEqual(["parallel_tool_calls", "strict"]);
  });
});

describe("structured output", () => {
  const format: JsonObject = {
    type: "json_schema",
    json_schema: { name: "a", schema: { type: "object", properties: {} } },
  };

  test("is the input of a tool that must be called", () => {
    const { sent, lost } = chat({ response_format: format });
    const name = dig(sent, "toolConfig", "toolChoice", "tool", "name");
    expect(dig(sent, "toolConfig", "tools", 0, "toolSpec", "name")).toBe(name as string);
    expect(lost).toEqual([]);
    expect(dig(chat({ response_format: format, tools: [weather] }).sent, "toolConfig", "toolChoice")).toEqual({
      any: {},
    });
  });

  test("comes back as the text of an answer that ended by itself, whole and streamed", () => {
    const name = String(dig(chat({ response_format: format }).sent, "toolConfig", "toolChoice", "tool", "name"));
    const content = [{ toolUse: { toolUseId: "t", name, input: { n: 1 } } }];
    const whole = UPSTREAM_CODECS["bedrock-converse"].egress.decodeResponse({
      output: { message: { role: "assistant", content } },
      stopReason: "tool_use",
    });
    expect(whole).toMatchObject({ parts: [{ type: "text", text: '{"n":1}' }], finish: { reason: "stop" } });
    const events = readEvents("bedrock-converse", [
      { event: "messageStart", data: '{"role":"assistant"}' },
      {
        event: "contentBlockStart",
        data: JSON.stringify({ contentBlockIndex: 0, start: { toolUse: { toolUseId: "t", name } } }),
      },
      { event: "contentBlockDelta", data: '{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\\"n\\":1}"}}}' },
      { event: "contentBlockStop", data: '{"contentBlockIndex":0}' },
      { event: "messageStop", data: '{"stopReason":"tool_use"}' },
    ]);
    expect(events.map(({ type }) => type)).toEqual([
      "response-start",
      "part-start",
      "part-delta",
      "part-end",
      "response-end",
    ]);
    expect(events[1]).toMatchObject({ head: { type: "text" } });
    expect(events.at(-1)).toMatchObject({ finish: { reason: "stop" } });
  });

  test("JSON without a schema is asked for in words, and that is said", () => {
    const { sent, lost } = chat({ response_format: { type: "json_object" } });
    expect(sent["system"]).toHaveLength(1);
    expect(lost).toEqual(["response_format"]);
  });
});

describe("media", () => {
  const file = (filename: string, data: string): JsonObject => ({ type: "file", file: { filename, file_data: data } });
  const blocks = (...parts: JsonObject[]) => messagesOf(chat({ messages: [user(parts)] }))[0]?.content;

  test("an image has a format and bytes", () => {
    const image = { type: "image_url", image_url: { url: "data:image/jpg;base64,AAAA" } };
    expect(blocks(image)).toEqual([{ image: { format: "jpeg", source: { bytes: "AAAA" } } }]);
  });

  test("documents get tame names, each its own, and stand beside words", () => {
    const pdf = "data:application/pdf;base64,JVBE";
    expect(blocks(file("Q3 «report».v2.pdf", pdf), file("Q3 «report».v2.pdf", pdf), file(".pdf", pdf))).toEqual([
      { document: { format: "pdf", name: "Q3 -report-v2", source: { bytes: "JVBE" } } },
      { document: { format: "pdf", name: "Q3 -report-v2 (2)", source: { bytes: "JVBE" } } },
      { document: { format: "pdf", name: "document", source: { bytes: "JVBE" } } },
      { text: "." },
    ]);
  });

  test("what is text is a text file, whatever it is called", () => {
    const data = Buffer.from("just words").toString("base64");
    expect(dig(blocks(file("notes", data)), 0, "document", "format")).toBe("txt");
    expect(dig(blocks(file("a.json", data)), 0, "document", "format")).toBe("txt");
  });

  test("its own store is the only address it reads", () => {
    const at = (url: string) => ({ type: "document", source: { type: "url", url } });
    const read = messagesOf(messages({ messages: [user([at("s3://bucket/a.pdf"), { type: "text", text: "x" }])] }));
    expect(dig(read, 0, "content", 0, "document", "source")).toEqual({ s3Location: { uri: "s3://bucket/a.pdf" } });
    expect(caught(() => messages({ messages: [user([at("https://example.com/a.pdf")])] }))).toMatchObject({
      code: "bad-request",
      param: "messages",
    });
  });

  test.each([
    ["sound", { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } }],
    ["a file kept elsewhere", { type: "file", file: { file_id: "file-1" } }],
    ["bytes nobody knows", file("a.bin", "data:application/octet-stream;base64,gIGC")],
  ])("%s is refused", (_name, part) => {
    expect(caught(() => blocks(part))).toMatchObject({ code: "bad-request", param: "messages" });
  });
});

describe("limits and sampling", () => {
  test("the four that all models have", () => {
    expect(chat({ max_tokens: 9, temperature: 0.4, top_p: 0.5, stop: ["END", " "] })).toMatchObject({
      sent: { inferenceConfig: { maxTokens: 9, temperature: 0.4, topP: 0.5, stopSequences: ["END"] } },
      lost: ["stop"],
    });
    expect(chat().sent).not.toHaveProperty("inferenceConfig");
  });

  test.each([{}, { family: "nova", thinking: "none" }] as Traits[])(
    "a temperature up to 1, of whichever maker: %p",
    (traits) => {
      const { sent, lost } = chat({ temperature: 1.4 }, traits);
      expect([sent["inferenceConfig"], lost]).toEqual([{ temperature: 1 }, ["temperature"]]);
      expect(chat({ temperature: 1 }, traits).lost).toEqual([]);
    },
  );

  test("2,500 stop sequences are taken, and no more", () => {
    const stop = Array.from({ length: 2501 }, (_, index) => `s${index}`);
    const { sent, lost } = chat({ stop });
    expect(dig(sent, "inferenceConfig", "stopSequences")).toEqual(stop.slice(0, 2500));
    expect(lost).toEqual(["stop"]);
    expect(chat({ stop: stop.slice(1) }).lost).toEqual([]);
  });

  test.skipIf(!HAS_SERVICE)(`are bounded as the vendor's description of the service says (${KIT_MISSING})`, () => {
    const shapes = JSON.parse(readFileSync(SERVICE, "utf8")).shapes;
    expect(shapes.InferenceConfigurationTemperatureFloat).toMatchObject({ min: 0, max: 1 });
    expect(shapes.InferenceConfigurationTopPFloat).toMatchObject({ min: 0, max: 1 });
    expect(shapes.InferenceConfigurationStopSequencesList).toMatchObject({ max: 2500 });
  });

  test("E42: Claude takes a temperature up to 1, and not beside top_p", () => {
    const { sent, lost } = chat({ temperature: 1.4, top_p: 0.5 }, CLAUDE);
    expect(sent["inferenceConfig"]).toEqual({ temperature: 1 });
    expect(lost).toEqual(["top_p", "temperature"]);
    expect(chat({ temperature: 0.4, top_p: 1 }, { ...CLAUDE, sampling: "none" })).toMatchObject({
      lost: ["temperature"],
    });
    expect(chat({ temperature: 0.4 }, { ...CLAUDE, sampling: "none" }).sent).not.toHaveProperty("inferenceConfig");
  });

  test("E46: a known model's own limit is asked for when the client names none", () => {
    expect(chat({}, { ...CLAUDE, maxOutputTokens: 64_000 }).sent["inferenceConfig"]).toEqual({ maxTokens: 64_000 });
  });

  test.each([
    [CLAUDE, { top_k: 5 }, []],
    [NOVA, { inferenceConfig: { topK: 5 } }, []],
    [{}, undefined, ["top_k"]],
  ] as const)("top-k with %j", (traits, fields, lost) => {
    const result = messages({ top_k: 5 }, traits);
    expect(result.sent["additionalModelRequestFields"]).toEqual(fields as never);
    expect(result.lost).toEqual([...lost]);
  });

  test("what it has no words for is lost by name; several answers are refused", () => {
    const { lost } = chat({ seed: 1, user: "u", logit_bias: { 1: 1 }, presence_penalty: 0, service_tier: "auto" });
    expect(lost).toEqual(["seed", "logit_bias", "user"]);
    expect(caught(() => chat({ n: 2 }))).toMatchObject({ code: "bad-request", param: "n" });
  });
});

describe("reasoning", () => {
  test("Claude thinks by its maker's field, and the limit leaves room for it", () => {
    const { sent } = chat({ reasoning_effort: "low", temperature: 0.3 }, CLAUDE);
    expect(sent["additionalModelRequestFields"]).toEqual({ thinking: { type: "enabled", budget_tokens: 1024 } });
    expect(Number(dig(sent, "inferenceConfig", "maxTokens"))).toBeGreaterThan(1024);
    expect(sent["inferenceConfig"]).not.toHaveProperty("temperature");
    const adaptive = chat({ reasoning_effort: "high" }, { ...CLAUDE, thinking: "adaptive" });
    expect(adaptive.sent["additionalModelRequestFields"]).toEqual({
      thinking: { type: "adaptive" },
      output_config: { effort: "high" },
    });
  });

  test.each([
    ["minimal", { type: "enabled", maxReasoningEffort: "low" }, []],
    ["medium", { type: "enabled", maxReasoningEffort: "medium" }, []],
    ["high", { type: "enabled", maxReasoningEffort: "high" }, ["max_tokens", "temperature"]],
    ["none", { type: "disabled" }, []],
  ] as const)("Nova at %s", (effort, reasoningConfig, lost) => {
    const result = chat({ reasoning_effort: effort, max_tokens: 50, temperature: 0.5 }, NOVA);
    expect(result.sent["additionalModelRequestFields"]).toEqual({ reasoningConfig });
    expect(result.lost).toEqual([...lost]);
    if (effort === "high") expect(result.sent).not.toHaveProperty("inferenceConfig");
  });

  test("others are not told, and the client is", () => {
    expect(chat({ reasoning_effort: "high" })).toMatchObject({ lost: ["reasoning_effort"] });
    expect(chat({ reasoning_effort: "none" }).lost).toEqual([]);
  });

  test("E36: signed thinking goes home unchanged and first; the maker's own signature is good for Claude alone", () => {
    const history = {
      messages: [
        user(),
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm.", signature: "c2ln" },
            { type: "redacted_thinking", data: "hidden" },
            { type: "text", text: "Yes." },
          ],
        },
        user("Go on"),
      ],
    } as JsonObject;
    expect(messagesOf(messages(history, CLAUDE))[1]?.content).toEqual([
      { reasoningContent: { reasoningText: { text: "Hm.", signature: "c2ln" } } },
      { reasoningContent: { redactedContent: Buffer.from("hidden").toString("base64") } },
      { text: "Yes." },
    ]);
    const elsewhere = messages(history, NOVA);
    expect(messagesOf(elsewhere)[1]?.content).toEqual([{ text: "Yes." }]);
    expect(elsewhere.lost).toEqual(["reasoning"]);
  });
});

describe("cache marks", () => {
  const marked = (text: string): JsonObject => ({ type: "text", text, cache_control: { type: "ephemeral" } });
  const point = { cachePoint: { type: "default" } };

  test("become points behind what they end, where the model takes them", () => {
    const body = { system: [marked("Be."), { type: "text", text: "Good." }], messages: [user([marked("Hi")])] };
    const { sent, lost } = messages(body, CLAUDE);
    expect(sent["system"]).toEqual([{ text: "Be." }, point, { text: "Good." }]);
    expect(messagesOf({ sent })[0]?.content).toEqual([{ text: "Hi" }, point]);
    expect(lost).toEqual([]);
    expect(messages(body)).toMatchObject({ lost: ["cache_control"] });
    expect(JSON.stringify(messages(body).sent)).not.toContain("cachePoint");
  });

  test("E45: of more than four the last four are kept", () => {
    const { sent, lost } = messages(
      { system: ["a", "b", "c"].map(marked), messages: [user(["d", "e"].map(marked))] },
      CLAUDE,
    );
    expect(sent["system"]).toEqual([{ text: "a" }, { text: "b" }, point, { text: "c" }, point]);
    expect(lost).toEqual(["cache_control"]);
  });
});

describe("cache marks among tools", () => {
  const marked = (text: string): JsonObject => ({ type: "text", text, cache_control: { type: "ephemeral" } });
  const tool = (name: string, ttl?: string): JsonObject => ({
    name,
    input_schema: { type: "object", properties: {} },
    cache_control: { type: "ephemeral", ...(ttl === undefined ? {} : { ttl }) },
  });

  test("keep how long they last", () => {
    const { sent } = messages({ tools: [tool("f", "1h"), tool("g", "5m")] }, CLAUDE);
    expect(dig(sent, "toolConfig", "tools")).toEqual([
      spec("f"),
      { cachePoint: { type: "default", ttl: "1h" } },
      spec("g"),
      { cachePoint: { type: "default" } },
    ]);
  });

  test("count with all others, and are the first to go", () => {
    const { sent, lost } = messages(
      { tools: [tool("f"), tool("g")], messages: [user(["a", "b", "c"].map(marked))] },
      CLAUDE,
    );
    expect(dig(sent, "toolConfig", "tools")).toEqual([spec("f"), spec("g"), { cachePoint: { type: "default" } }]);
    expect(JSON.stringify(sent).split("cachePoint")).toHaveLength(5);
    expect(lost).toEqual(["cache_control"]);
  });
});

describe("the answer", () => {
  const { egress } = UPSTREAM_CODECS["bedrock-converse"];
  const body = (stopReason: string, content: JsonObject[] = [{ text: "x" }]): JsonObject => ({
    output: { message: { role: "assistant", content } },
    stopReason,
  });

  test.each([
    ["end_turn", "stop"],
    ["max_tokens", "length"],
    ["guardrail_intervened", "content-filter"],
    ["content_filtered", "content-filter"],
    ["model_context_window_exceeded", "context"],
    ["malformed_model_output", "error"],
    ["something_new", "other"],
  ])("%s is %s", (raw, reason) => {
    expect(egress.decodeResponse(body(raw)).finish).toEqual({ reason: reason as never, raw });
  });

  test("E10: an end although tools were called is a call for tools", () => {
    const call = { toolUse: { toolUseId: "a", name: "f", input: {} } };
    expect(egress.decodeResponse(body("end_turn", [call])).finish.reason).toBe("tool-calls");
  });

  test("a model that broke off without a word is a failure another upstream may mend", () => {
    expect(caught(() => egress.decodeResponse(body("malformed_tool_use", [])))).toMatchObject({
      code: "upstream-malformed",
      retry: "next",
    });
  });

  test("E47: cached tokens are counted beside the input, once", () => {
    const usage = {
      inputTokens: 4,
      outputTokens: 6,
      totalTokens: 1020,
      cacheReadInputTokens: 1000,
      cacheWriteInputTokens: 10,
    };
    expect(egress.decodeResponse({ ...body("end_turn"), usage }).usage).toEqual({
      inputTokens: 1014,
      outputTokens: 6,
      cacheReadTokens: 1000,
      cacheWriteTokens: 10,
    });
    expect(egress.decodeResponse(body("end_turn")).usage).toEqual({});
  });

  test("pages the answer rests on, and pictures, are kept", () => {
    const parts = egress.decodeResponse(
      body("end_turn", [
        { citationsContent: { content: [{ text: "So it says." }], citations: [] } },
        { image: { format: "png", source: { bytes: "AAAA" } } },
      ]),
    ).parts;
    expect(parts).toEqual([
      { type: "text", text: "So it says." },
      { type: "media", kind: "image", source: { type: "base64", data: "AAAA" }, mediaType: "image/png" },
    ]);
  });

  const failures: readonly [type: string, code: string, status: number][] = [
    ["throttlingException", "upstream-rate-limited", 429],
    ["validationException", "upstream-rejected", 400],
    ["modelTimeoutException", "upstream-rejected", 408],
    ["modelStreamErrorException", "upstream-rejected", 424],
    ["internalServerException", "upstream-unavailable", 502],
    ["serviceUnavailableException", "upstream-unavailable", 503],
    ["somethingNewException", "upstream-unavailable", 502],
  ];
  test.each(failures)("E16: %s inside a stream is %s", (type, code, status) => {
    const events = readEvents("bedrock-converse", [
      { event: "messageStart", data: '{"role":"assistant"}' },
      { event: "exception", data: JSON.stringify({ type, message: "told so" }) },
    ]);
    expect(events.at(-1)).toMatchObject({ type: "error", error: { code, status, message: "told so" } });
    expect(events.filter(({ type }) => type === "error")).toHaveLength(1);
  });

  const responses: readonly [status: number, type: string, code: string][] = [
    [400, "ValidationException", "upstream-rejected"],
    [400, "ServiceQuotaExceededException:http://internal.amazon.com/", "upstream-rate-limited"],
    [403, "UnrecognizedClientException", "upstream-credential"],
    [403, "AccessDeniedException", "upstream-credential"],
    [404, "ResourceNotFoundException", "upstream-rejected"],
    [408, "ModelTimeoutException", "upstream-rejected"],
    [424, "ModelErrorException", "upstream-rejected"],
    [429, "ThrottlingException", "upstream-rate-limited"],
    [500, "InternalServerException", "upstream-unavailable"],
    [503, "ServiceUnavailableException", "upstream-unavailable"],
  ];
  test.each(responses)("%d %s", (status, type, code) => {
    const headers = new Headers({ "x-amzn-errortype": type });
    const error = egress.decodeError(status, '{"message":"told so"}', headers);
    expect(error.code).toBe(code as never);
    expect(error.retry).toBe(
      status === 400 && !type.startsWith("Service") ? "never" : status === 404 ? "never" : "next",
    );
    if (code === "upstream-credential") expect(error.message).not.toContain("told so");
  });
});
