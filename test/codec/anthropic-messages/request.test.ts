/** What a messages client may ask, how it is understood, and what an Anthropic upstream is told. */
import { describe, expect, test } from "bun:test";
import { anthropicMessages } from "../../../src/codec/anthropic-messages/index.ts";
import { collect } from "../../../src/codec/fold.ts";
import type { JsonObject } from "../../../src/contract/chat.ts";
import type { Traits } from "../../../src/contract/codec.ts";
import { caught, dig, eventsOf, framesOfText, namedEvents, targetOf, translate } from "../support.ts";

const { decodeRequest } = anthropicMessages.ingress;
const user = (content: unknown = "Hi") => ({ role: "user", content }) as JsonObject;
const ask = (extra: JsonObject = {}): JsonObject => ({ model: "m", max_tokens: 100, messages: [user()], ...extra });
const fromChat = (extra: JsonObject, traits: Traits = {}) =>
  translate({ model: "m", messages: [user()], ...extra }, "openai-chat", "anthropic-messages", traits);
const native = (extra: JsonObject, traits: Traits = {}) =>
  translate(ask(extra), "anthropic-messages", "anthropic-messages", traits);

describe("a request that Anthropic would refuse is refused, naming the field and not its value", () => {
  const cases: readonly [name: string, body: JsonObject, param: string][] = [
    ["no model", { max_tokens: 1, messages: [user()] }, "model"],
    ["no limit", { model: "m", messages: [user()] }, "max_tokens"],
    ["a limit in words", ask({ max_tokens: "secret-value" }), "max_tokens"],
    ["no messages", { model: "m", max_tokens: 1 }, "messages"],
    ["no message", ask({ messages: [] }), "messages"],
    ["a message that is no object", ask({ messages: ["secret-value"] }), "messages[0]"],
    ["an unknown role", ask({ messages: [{ role: "secret-value", content: "x" }] }), "messages[0].role"],
    ["a message without content", ask({ messages: [user(), { role: "assistant" }] }), "messages[1].content"],
    ["content of the wrong kind", ask({ messages: [user(5)] }), "messages[0].content"],
    ["a block that is no object", ask({ messages: [user(["x"])] }), "messages[0].content[0]"],
    ["a block without a type", ask({ messages: [user([{ text: "x" }])] }), "messages[0].content[0].type"],
    ["a text block without text", ask({ messages: [user([{ type: "text" }])] }), "messages[0].content[0].text"],
    [
      "a result without its call",
      ask({ messages: [user([{ type: "tool_result" }])] }),
      "messages[0].content[0].tool_use_id",
    ],
    ["instructions that are no text", ask({ system: [{ type: "image" }] }), "system[0]"],
    ["a tool without a name", ask({ tools: [{ input_schema: {} }] }), "tools[0].name"],
    ["a tool choice in words", ask({ tool_choice: "auto" }), "tool_choice"],
    ["thinking in words", ask({ thinking: "hard" }), "thinking"],
  ];
  for (const [name, body, param] of cases) {
    test(name, () => {
      const error = caught(() => decodeRequest(body));
      expect(error).toMatchObject({ code: "bad-request", status: 400, param });
      expect(error.message).not.toContain("secret-value");
    });
  }

  test("in the vendor's own words", () => {
    expect(caught(() => decodeRequest({ model: "m", messages: [user()] })).message).toBe("max_tokens: Field required");
    expect(caught(() => decodeRequest(ask({ messages: [user(), user(1)] }))).message).toBe(
      "messages.1.content: Input should be a valid list",
    );
  });
});

describe("a request that Anthropic would take is taken", () => {
  const cases: readonly [name: string, body: JsonObject][] = [
    ["a limit of zero, which warms the cache", ask({ max_tokens: 0 })],
    ["an assistant who said nothing", ask({ messages: [user(), { role: "assistant", content: [] }, user()] })],
    ["the assistant first", ask({ messages: [{ role: "assistant", content: "Hi" }] })],
    ["the same role twice", ask({ messages: [user(), user()] })],
    ["instructions among the messages", ask({ messages: [user(), { role: "system", content: "Short." }] })],
    ["blocks nobody knows", ask({ messages: [user([{ type: "hologram", x: 1 }])] })],
    ["fields nobody knows", ask({ brand_new: { a: 1 } })],
    ["a null mark", ask({ messages: [user([{ type: "text", text: "x", cache_control: null }])] })],
  ];
  for (const [name, body] of cases) test(name, () => expect(decodeRequest(body).model).toBe("m"));

  test("with the model in the address instead", () => {
    expect(decodeRequest({ max_tokens: 1, messages: [user()] }, { model: "n", stream: true })).toMatchObject({
      model: "n",
      stream: true,
    });
  });
});

describe("facts about the model decide how it thinks", () => {
  const effort = { reasoning_effort: "medium" };
  const cases: readonly [name: string, extra: JsonObject, traits: Traits, expected: JsonObject][] = [
    [
      "a level as a budget",
      effort,
      { thinking: "budget" },
      { thinking: { type: "enabled", budget_tokens: 8192 }, max_tokens: 16_384 },
    ],
    [
      "a level as a level",
      effort,
      { thinking: "adaptive" },
      { thinking: { type: "adaptive" }, output_config: { effort: "medium" }, max_tokens: 8192 },
    ],
    [
      "the lowest level as low",
      { reasoning_effort: "minimal" },
      { thinking: "adaptive" },
      { output_config: { effort: "low" } },
    ],
    ["no effort as none", { reasoning_effort: "none" }, {}, { thinking: { type: "disabled" } }],
    [
      "a budget as it is",
      { reasoning: { max_tokens: 3000 } },
      { thinking: "budget" },
      { thinking: { type: "enabled", budget_tokens: 3000 } },
    ],
    [
      "a budget as a level",
      { reasoning: { max_tokens: 3000 } },
      { thinking: "adaptive" },
      { output_config: { effort: "medium" } },
    ],
    [
      "a tiny budget as the smallest allowed",
      { reasoning: { max_tokens: 10 } },
      {},
      { thinking: { type: "enabled", budget_tokens: 1024 } },
    ],
    [
      "hidden thoughts as omitted",
      { reasoning: { effort: "low", exclude: true } },
      { thinking: "adaptive" },
      { thinking: { type: "adaptive", display: "omitted" } },
    ],
  ];
  for (const [name, extra, traits, expected] of cases) {
    test(name, () => expect(fromChat(extra, traits).sent).toMatchObject(expected));
  }

  test("a model that cannot think is not asked to, and that is told", () => {
    const { sent, lost } = fromChat(effort, { thinking: "none" });
    expect(sent).not.toHaveProperty("thinking");
    expect(lost).toEqual(["reasoning_effort"]);
  });

  test("a client's own words are kept, and recast only for a model that takes others", () => {
    const enabled = { thinking: { type: "enabled", budget_tokens: 2000 } };
    expect(native({ ...enabled, max_tokens: 3000 }).sent).toMatchObject(enabled);
    expect(native({ ...enabled, max_tokens: 3000 }, { thinking: "adaptive" }).sent).toMatchObject({
      thinking: { type: "adaptive" },
      output_config: { effort: "medium" },
    });
    expect(native({ ...enabled, max_tokens: 3000 }, { thinking: "none" })).toMatchObject({ lost: ["thinking"] });
    expect(
      native(
        { thinking: { type: "adaptive" }, output_config: { effort: "low" }, max_tokens: 9000 },
        { thinking: "budget" },
      ).sent,
    ).toMatchObject({
      thinking: { type: "enabled", budget_tokens: 1024 },
    });
    expect(native({ thinking: { type: "brand_new" } }).sent).toMatchObject({ thinking: { type: "brand_new" } });
  });

  test("thinking takes sampling with it", () => {
    const { sent, lost } = fromChat({ ...effort, temperature: 0.3, top_p: 0.97 });
    expect(sent).toMatchObject({ top_p: 0.97 });
    expect(sent).not.toHaveProperty("temperature");
    expect(lost).toEqual(["temperature"]);
  });

  test("a round of calls that began without thinking is not continued with it", () => {
    const messages = [
      user(),
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "a", content: "ok" },
    ];
    expect(fromChat({ messages, ...effort }, { thinking: "budget" })).toMatchObject({ lost: ["reasoning_effort"] });
    expect(fromChat({ messages: [...messages, user()], ...effort }, { thinking: "budget" }).sent).toMatchObject({
      thinking: { type: "enabled" },
    });
  });
});

describe("translating to messages", () => {
  test("roles alternate, the user begins, nobody says nothing", () => {
    const { sent } = fromChat({
      messages: [
        { role: "system", content: " " },
        { role: "assistant", content: "Hello." },
        user("a"),
        user(""),
        user([{ type: "text", text: "b" }]),
        { role: "assistant", content: "" },
        { role: "assistant", content: "Yes. \n" },
      ],
    });
    expect(sent).not.toHaveProperty("system");
    expect(sent["messages"]).toEqual([
      { role: "user", content: "." },
      { role: "assistant", content: "Hello." },
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
      { role: "assistant", content: "Yes." },
    ]);
  });

  test("a request of only instructions gets a user", () => {
    const { sent } = fromChat({ messages: [{ role: "system", content: "Speak." }] });
    expect(sent).toMatchObject({ system: "Speak.", messages: [{ role: "user", content: "." }] });
  });

  test("instructions in the middle go up to the others, or stay where the model takes them", () => {
    const messages = [
      { role: "system", content: "One." },
      user("a"),
      { role: "developer", content: "Two." },
      user("b"),
    ];
    const { sent } = fromChat({ messages });
    expect(sent["system"]).toEqual([
      { type: "text", text: "One." },
      { type: "text", text: "Two." },
    ]);
    expect(sent["messages"]).toHaveLength(1);
    const kept = fromChat({ messages }, { systemInMessages: true }).sent;
    expect((kept["messages"] as JsonObject[]).map(({ role }) => role)).toEqual(["user", "system", "user"]);
    expect(
      native({ messages: [user(), { role: "system", content: "Two." }] }, { systemInMessages: false }).sent,
    ).toMatchObject({ system: "Two.", messages: [user()] });
  });

  test("media by data URL, by URL, and files by what they are", () => {
    const { sent } = fromChat({
      messages: [
        user([
          { type: "image_url", image_url: { url: "data:image/jpg;base64,/9j/4AAQ" } },
          { type: "image_url", image_url: { url: "https://example.com/a.png" } },
          { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" } },
          { type: "file", file: { filename: "n.txt", file_data: "data:text/plain;base64,SGVsbG8=" } },
          { type: "file", file: { file_data: "https://example.com/b.pdf" } },
        ]),
      ],
    });
    expect(dig(sent, "messages", 0, "content")).toEqual([
      { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "/9j/4AAQ" } },
      { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
      { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERi0=" }, title: "a.pdf" },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "Hello" }, title: "n.txt" },
      { type: "document", source: { type: "url", url: "https://example.com/b.pdf" } },
    ]);
  });

  test("a file that no block can hold is refused by its type", () => {
    const file = { type: "file", file: { filename: "a.zip", file_data: "data:application/zip;base64,UEsDBA==" } };
    expect(caught(() => fromChat({ messages: [user([file])] })).message).toContain("application/zip");
  });

  test("cache marks of chat clients reach the block they were meant for", () => {
    const { sent } = fromChat({
      messages: [
        { role: "system", content: "Be good.", cache_control: { type: "ephemeral" } },
        user([{ type: "text", text: "x", prompt_cache_breakpoint: { mode: "explicit" } }]),
      ],
      tools: [{ type: "function", function: { name: "f" }, cache_control: { type: "ephemeral", ttl: "1h" } }],
    });
    expect(dig(sent, "system", 0, "cache_control")).toEqual({ type: "ephemeral" });
    expect(dig(sent, "messages", 0, "content", 0, "cache_control")).toEqual({ type: "ephemeral" });
    expect(dig(sent, "tools", 0, "cache_control")).toEqual({ type: "ephemeral", ttl: "1h" });
  });

  test("tools always have an object for a schema, also where chat had none or alternatives", () => {
    const tool = (parameters?: JsonObject) =>
      dig(
        fromChat({ tools: [{ type: "function", function: { name: "f", ...(parameters ? { parameters } : {}) } }] })
          .sent,
        "tools",
        0,
        "input_schema",
      );
    expect(tool()).toEqual({ type: "object", properties: {} });
    expect(tool({ properties: { a: {} } })).toEqual({ type: "object", properties: { a: {} } });
    expect(
      tool({
        anyOf: [
          { properties: { a: {} }, required: ["a", "c"] },
          { properties: { b: {} }, required: ["b", "c"] },
        ],
      }),
    ).toEqual({
      type: "object",
      properties: { a: {}, b: {} },
      required: ["c"],
    });
  });

  test("one call at a time needs a tool choice to say it in", () => {
    const tools = [{ type: "function", function: { name: "f" } }];
    expect(fromChat({ tools, parallel_tool_calls: false }).sent["tool_choice"]).toEqual({
      type: "auto",
      disable_parallel_tool_use: true,
    });
    expect(fromChat({ tools, parallel_tool_calls: false, tool_choice: "none" }).sent["tool_choice"]).toEqual({
      type: "none",
    });
    expect(fromChat({ tools, parallel_tool_calls: true }).sent).not.toHaveProperty("tool_choice");
    expect(fromChat({ parallel_tool_calls: false }).sent).not.toHaveProperty("tool_choice");
  });

  test("allowed tools are the tools that are left", () => {
    const tools = ["f", "g"].map((name) => ({ type: "function", function: { name } }));
    const allowed = {
      type: "allowed_tools",
      allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "g" } }] },
    };
    const { sent, lost } = fromChat({ tools, tool_choice: allowed });
    expect(sent).toMatchObject({ tools: [{ name: "g" }], tool_choice: { type: "any" } });
    expect(lost).toEqual(["tool_choice.allowed_tools"]);
  });

  test("stop sequences of only whitespace are left out, a text alone is a list", () => {
    expect(fromChat({ stop: "END" }).sent["stop_sequences"]).toEqual(["END"]);
    expect(fromChat({ stop: ["\n", "END"] })).toMatchObject({ sent: { stop_sequences: ["END"] }, lost: ["stop"] });
  });

  test("the end user and the tier find their fields", () => {
    expect(fromChat({ user: "u", service_tier: "default" }).sent).toMatchObject({
      metadata: { user_id: "u" },
      service_tier: "standard_only",
    });
    expect(fromChat({ safety_identifier: "s", service_tier: "flex" })).toMatchObject({
      sent: { metadata: { user_id: "s" } },
      lost: ["service_tier"],
    });
  });

  test("speakers' names are told as lost", () => {
    expect(fromChat({ messages: [{ ...user(), name: "kim" }] }).lost).toEqual(["messages[].name"]);
  });
});

describe("structured output", () => {
  const schema = { type: "object", properties: { a: { type: "string" } }, required: ["a"] };
  const format = { response_format: { type: "json_schema", json_schema: { name: "x", schema } } };

  test("of a model that has none is the input of a tool, forced where nothing else may be called", () => {
    const { sent } = fromChat(format, { structuredOutput: false });
    const name = dig(sent, "tools", 0, "name");
    expect(sent["tool_choice"]).toEqual({ type: "tool", name: String(name) });
    expect(sent).not.toHaveProperty("output_config");
    const both = fromChat(
      { ...format, tools: [{ type: "function", function: { name: "f" } }] },
      { structuredOutput: false },
    ).sent;
    expect(both["tool_choice"]).toEqual({ type: "any" });
    const thinking = fromChat(
      { ...format, reasoning_effort: "low" },
      { structuredOutput: false, thinking: "budget" },
    ).sent;
    expect(thinking).not.toHaveProperty("tool_choice");
    expect(JSON.stringify(thinking["system"])).toContain(String(name));
  });

  test("is read back from that tool as the text it stands for, whole and streamed", () => {
    const name = String(dig(fromChat(format, { structuredOutput: false }).sent, "tools", 0, "name"));
    const answer = anthropicMessages.egress.decodeResponse({
      content: [{ type: "tool_use", id: "t", name, input: { a: "b" } }],
      stop_reason: "tool_use",
    });
    expect(answer.parts).toEqual([{ type: "text", text: '{"a":"b"}', formed: true }]);
    expect(answer.finish.reason).toBe("stop");
    // Imitators give it in one piece when the block opens.
    const streamed = eventsOf(
      "anthropic-messages",
      framesOfText(
        namedEvents(
          { type: "message_start", message: {} },
          {
            type: "content_block_start",
            index: 0,
            content_block: { type: "tool_use", id: "t", name, input: { a: "b" } },
          },
          { type: "content_block_stop", index: 0 },
          { type: "message_delta", delta: { stop_reason: "tool_use" } },
          { type: "message_stop" },
        ),
      ),
    );
    expect(collect(streamed).parts).toEqual(answer.parts);
  });

  test("with a schema that refers to itself falls back to the tool, whose schema may", () => {
    const recursive = {
      type: "object",
      properties: { next: { $ref: "#/$defs/n" } },
      $defs: { n: { type: "object", properties: { next: { $ref: "#/$defs/n" } } } },
    };
    const { sent } = fromChat({
      response_format: { type: "json_schema", json_schema: { name: "x", schema: recursive } },
    });
    expect(dig(sent, "tools", 0, "input_schema")).toEqual(recursive);
  });

  test("without a schema is asked for in words, and that is told", () => {
    const { sent, lost } = fromChat({ response_format: { type: "json_object" } });
    expect(String(sent["system"])).toContain("JSON");
    expect(lost).toEqual(["response_format"]);
  });

  test("under its beta name is kept as the client wrote it", () => {
    const body = { output_format: { type: "json_schema", schema } };
    expect(native(body).sent).toMatchObject(body);
  });
});

test("a body that was taken apart and put together is the same for an upstream with the default facts", () => {
  const body = ask({ system: "Speak.", stop_sequences: ["\n"], temperature: 0.1, top_p: 0.5, stream: true });
  expect(anthropicMessages.egress.encodeRequest(decodeRequest(body), targetOf({}, "m"))).toEqual(body);
});
