/** What a chat client may ask, how it is understood, and what a chat upstream is told. */
import { describe, expect, test } from "bun:test";
import { openaiChat } from "../../../src/codec/openai-chat/index.ts";
import type { JsonObject } from "../../../src/contract/chat.ts";
import type { Traits } from "../../../src/contract/codec.ts";
import { caught, dig, requestOf, targetOf, translate } from "../support.ts";

const { decodeRequest } = openaiChat.ingress;
const user = (content: unknown = "Hi") => ({ role: "user", content }) as JsonObject;
const ask = (extra: JsonObject = {}): JsonObject => ({ model: "m", messages: [user()], ...extra });
const fromMessages = (extra: JsonObject, traits: Traits = {}) =>
  translate({ model: "m", max_tokens: 100, messages: [user()], ...extra }, "anthropic-messages", "openai-chat", traits);

describe("a request that OpenAI would refuse is refused, naming the field and not its value", () => {
  const cases: readonly [name: string, body: JsonObject, param: string][] = [
    ["no model", { messages: [user()] }, "model"],
    ["an empty model", ask({ model: "" }), "model"],
    ["a model that is no string", ask({ model: 7 }), "model"],
    ["no messages", { model: "m" }, "messages"],
    ["messages that are no list", ask({ messages: "hi" }), "messages"],
    ["no message", ask({ messages: [] }), "messages"],
    ["a message that is no object", ask({ messages: ["secret-value"] }), "messages[0]"],
    ["a message without a role", ask({ messages: [{ content: "x" }] }), "messages[0].role"],
    ["an unknown role", ask({ messages: [{ role: "secret-value", content: "x" }] }), "messages[0].role"],
    ["content of the wrong kind", ask({ messages: [user(), user(5)] }), "messages[1].content"],
    ["a part that is no object", ask({ messages: [user([7])] }), "messages[0].content[0]"],
    ["a text part without text", ask({ messages: [user([{ type: "text" }])] }), "messages[0].content[0].text"],
    [
      "an image without a URL",
      ask({ messages: [user([{ type: "image_url", image_url: {} }])] }),
      "messages[0].content[0].image_url.url",
    ],
    ["a file without data", ask({ messages: [user([{ type: "file", file: {} }])] }), "messages[0].content[0].file"],
    ["calls that are no list", ask({ messages: [{ role: "assistant", tool_calls: {} }] }), "messages[0].tool_calls"],
    [
      "a call without a function",
      ask({ messages: [{ role: "assistant", tool_calls: [{ id: "a" }] }] }),
      "messages[0].tool_calls[0].function",
    ],
    ["a result that answers nothing", ask({ messages: [{ role: "tool", content: "x" }] }), "messages[0].tool_call_id"],
    ["a temperature in words", ask({ temperature: "secret-value" }), "temperature"],
    ["a limit that is no whole number", ask({ max_tokens: 1.5 }), "max_tokens"],
    ["a stream that is neither on nor off", ask({ stream: "yes" }), "stream"],
    ["a stop that is neither text nor list", ask({ stop: 5 }), "stop"],
    ["tools that are no list", ask({ tools: {} }), "tools"],
    ["a tool without a name", ask({ tools: [{ type: "function", function: {} }] }), "tools[0].function.name"],
    ["a tool without its definition", ask({ tools: [{ type: "function" }] }), "tools[0].function"],
    ["a function that is no object", ask({ functions: [1] }), "functions[0]"],
    ["stream options of the wrong kind", ask({ stream_options: true }), "stream_options"],
  ];
  for (const [name, body, param] of cases) {
    test(name, () => {
      const error = caught(() => decodeRequest(body));
      expect(error).toMatchObject({ code: "bad-request", status: 400, param });
      expect(error.message).not.toContain("secret-value");
    });
  }
});

describe("a request that OpenAI would take is taken", () => {
  const cases: readonly [name: string, body: JsonObject][] = [
    [
      "nulls where a field may be left out",
      ask({ temperature: null, tools: null, stop: null, stream_options: null, n: null }),
    ],
    ["a user who says nothing", ask({ messages: [user(""), user(null)] })],
    ["an assistant without content", ask({ messages: [user(), { role: "assistant" }] })],
    ["only instructions", ask({ messages: [{ role: "system", content: "Speak." }] })],
    ["a tool without parameters", ask({ tools: [{ type: "function", function: { name: "f" } }] })],
    ["fields nobody knows", ask({ brand_new: { a: 1 } })],
    [
      "an image given as a bare string",
      ask({ messages: [user([{ type: "image_url", image_url: "https://example.com/a.png" }])] }),
    ],
    ["a content part nobody knows", ask({ messages: [user([{ type: "hologram", x: 1 }])] })],
  ];
  for (const [name, body] of cases) test(name, () => expect(decodeRequest(body).model).toBe("m"));

  test("with the model and the wish to stream in the address instead", () => {
    const { model, stream } = decodeRequest({ messages: [user()] }, { model: "n", stream: true });
    expect({ model, stream }).toEqual({ model: "n", stream: true });
    expect(decodeRequest(ask({ stream: false }), { model: "n", stream: true })).toMatchObject({
      model: "m",
      stream: false,
    });
  });

  test("whatever its keys are called, without touching any prototype", () => {
    const body = JSON.parse(
      '{"model":"m","messages":[{"role":"user","content":"x","__proto__":{"polluted":1}}],"__proto__":{"polluted":1}}',
    );
    openaiChat.egress.encodeRequest(decodeRequest(body), targetOf());
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("reading", () => {
  test("leading instructions are set apart, later ones stay in their place", () => {
    const { system, messages } = decodeRequest(
      ask({
        messages: [
          { role: "developer", content: "One." },
          {
            role: "system",
            content: [
              { type: "text", text: "Two." },
              { type: "text", text: "Three." },
            ],
          },
          user(),
          { role: "system", content: "Four." },
        ],
      }),
    );
    expect(system.map(({ text }) => text)).toEqual(["One.", "Two.", "Three."]);
    expect(messages.map(({ role }) => role)).toEqual(["user", "system"]);
  });

  test("results of neighbouring tool messages are one turn of the user", () => {
    const call = (id: string) => ({ id, type: "function", function: { name: "f", arguments: "{}" } });
    const { messages } = decodeRequest(
      ask({
        messages: [
          user(),
          { role: "assistant", tool_calls: [call("a"), call("b")] },
          { role: "tool", tool_call_id: "a", content: "1" },
          { role: "tool", tool_call_id: "b", content: [{ type: "text", text: "2" }] },
          user("next"),
        ],
      }),
    );
    expect(messages.map(({ parts }) => parts.map(({ type }) => type))).toEqual([
      ["text"],
      ["tool-call", "tool-call"],
      ["tool-result", "tool-result"],
      ["text"],
    ]);
    expect(messages[2]?.parts[0]).toMatchObject({ id: "a", name: "f" });
  });

  test("a result without an id answers the oldest open call, a function result the call of its name", () => {
    const { messages } = decodeRequest(
      ask({
        messages: [
          { role: "assistant", function_call: { name: "f", arguments: "" } },
          { role: "function", name: "f", content: "1" },
        ],
      }),
    );
    const [call, result] = messages.flatMap(({ parts }) => parts);
    expect(call).toMatchObject({ type: "tool-call", inputJson: "{}" });
    expect(result).toMatchObject({ type: "tool-result", id: dig(call, "id") });
  });

  test("thoughts told twice in a message are read once", () => {
    const message = { role: "assistant", content: "Hi", reasoning_content: "Hm.", reasoning: "Hm." };
    const twice = {
      ...message,
      reasoning_details: [{ type: "reasoning.text", signature: "c2ln", format: "anthropic-claude-v1" }],
    };
    for (const one of [message, twice]) {
      const parts = decodeRequest(ask({ messages: [user(), one] })).messages[1]?.parts ?? [];
      expect(parts.filter(({ type }) => type === "reasoning")).toMatchObject([{ text: "Hm." }]);
    }
  });

  const switches: readonly [body: JsonObject, reasoning: JsonObject][] = [
    [{ reasoning_effort: "high" }, { effort: "high" }],
    [{ reasoning: { effort: "low", exclude: true } }, { effort: "low", summary: "none" }],
    [{ reasoning: { max_tokens: 2000 } }, { budgetTokens: 2000 }],
    [{ reasoning: { enabled: true } }, { mode: "on" }],
    [{ thinking: { type: "disabled" } }, { mode: "off" }],
    [{ thinking: { type: "enabled", budget_tokens: 3000 } }, { mode: "on", budgetTokens: 3000 }],
    [{ enable_thinking: false }, { mode: "off" }],
    [
      { enable_thinking: true, thinking_budget: 500 },
      { mode: "on", budgetTokens: 500 },
    ],
  ];
  for (const [body, reasoning] of switches) {
    test(`${JSON.stringify(body)} means ${JSON.stringify(reasoning)}, and is written again as it was`, () => {
      const request = decodeRequest(ask(body));
      expect<unknown>(request.reasoning).toEqual(reasoning);
      expect(openaiChat.egress.encodeRequest(request, targetOf())).toMatchObject(body);
    });
  }

  const choices: readonly [written: unknown, read: unknown][] = [
    ["auto", { type: "auto" }],
    ["none", { type: "none" }],
    ["required", { type: "required" }],
    ["any", { type: "required" }],
    [
      { type: "function", function: { name: "f" } },
      { type: "tool", name: "f" },
    ],
    [{ name: "f" }, { type: "tool", name: "f" }],
    [
      {
        type: "allowed_tools",
        allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "f" } }] },
      },
      { type: "allowed", names: ["f"], mode: "required" },
    ],
  ];
  for (const [written, read] of choices) {
    test(`a tool choice ${JSON.stringify(written)}`, () => {
      const body = ask({ tools: [{ type: "function", function: { name: "f" } }], tool_choice: written as JsonObject });
      const request = decodeRequest(body);
      expect<unknown>(request.toolChoice).toEqual(read);
      expect(openaiChat.egress.encodeRequest(request, targetOf())["tool_choice"]).toEqual(body["tool_choice"]!);
    });
  }

  test("a data URL may lack its type, bear parameters, or use the other alphabet", () => {
    const url = "data:;charset=utf-8;base64,iVBORw0KGgo_ \n-";
    const [part] =
      decodeRequest(ask({ messages: [user([{ type: "image_url", image_url: { url } }])] })).messages[0]?.parts ?? [];
    expect(part).toMatchObject({
      mediaType: "image/png",
      source: { type: "base64", data: "iVBORw0KGgo/+===".slice(0, 16) },
    });
  });
});

describe("facts about the upstream decide", () => {
  test("the name of the limit", () => {
    expect(fromMessages({}).sent["max_completion_tokens"]).toBe(100);
    expect(fromMessages({}, { maxTokensField: "max_tokens" }).sent).toMatchObject({ max_tokens: 100 });
    expect(fromMessages({}, { maxOutputTokens: 60 }).sent["max_completion_tokens"]).toBe(60);
    const native = translate(ask({ max_tokens: 7 }), "openai-chat", "openai-chat");
    expect(native.sent).toMatchObject({ max_tokens: 7 });
    expect(native.sent).not.toHaveProperty("max_completion_tokens");
  });

  test("the role of instructions", () => {
    const role = (traits: Traits) => dig(fromMessages({ system: "Speak." }, traits).sent, "messages", 0, "role");
    expect(role({})).toBe("system");
    expect(role({ systemRole: "developer" })).toBe("developer");
  });

  test("whether usage is asked for in the stream, which is otherwise always", () => {
    const sent = (traits: Traits, options?: JsonObject) =>
      translate(
        ask({ stream: true, ...(options ? { stream_options: options } : {}) }),
        "openai-chat",
        "openai-chat",
        traits,
      ).sent;
    expect(sent({})["stream_options"]).toEqual({ include_usage: true });
    expect(sent({}, { include_usage: false, include_obfuscation: false })["stream_options"]).toEqual({
      include_usage: true,
      include_obfuscation: false,
    });
    expect(sent({ streamUsage: false })).not.toHaveProperty("stream_options");
    expect(translate(ask(), "openai-chat", "openai-chat").sent).not.toHaveProperty("stream_options");
  });

  test("where the media of a tool go", () => {
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } };
    const body = {
      messages: [
        user(),
        { role: "assistant", content: [{ type: "tool_use", id: "a", name: "f", input: {} }] },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "a", content: [{ type: "text", text: "Look" }, image] },
            { type: "text", text: "And?" },
          ],
        },
      ],
    };
    const moved = fromMessages(body).sent;
    expect(dig(moved, "messages", 2)).toEqual({ role: "tool", tool_call_id: "a", content: "Look" });
    expect((dig(moved, "messages", 3, "content") as JsonObject[]).map(({ type }) => type)).toEqual([
      "text",
      "image_url",
      "text",
    ]);
    const kept = fromMessages(body, { toolMedia: true }).sent;
    expect((dig(kept, "messages", 2, "content") as JsonObject[]).map(({ type }) => type)).toEqual([
      "text",
      "image_url",
    ]);
  });

  test("whether media may come by URL", () => {
    const body = { messages: [user([{ type: "image", source: { type: "url", url: "https://example.com/a.png" } }])] };
    expect(caught(() => fromMessages(body, { mediaUrls: false })).code).toBe("bad-request");
    expect(fromMessages(body).lost).toEqual([]);
  });
});

describe("translating to chat", () => {
  test("instructions become one message, for strict templates take no more", () => {
    const { sent } = fromMessages({
      system: [
        { type: "text", text: "One." },
        { type: "text", text: "Two." },
      ],
    });
    expect(dig(sent, "messages", 0)).toEqual({ role: "system", content: "One.\n\nTwo." });
  });

  test("the assistant's texts are joined without a byte between them", () => {
    const { sent } = fromMessages({
      messages: [
        user(),
        {
          role: "assistant",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ],
        },
        user(),
      ],
    });
    expect(dig(sent, "messages", 1, "content")).toBe("ab");
  });

  test("documents become files, plain text and search results become text", () => {
    const { sent } = fromMessages({
      messages: [
        user([
          {
            type: "document",
            source: { type: "base64", media_type: "application/pdf", data: "JVBERi0=" },
            title: "a.pdf",
          },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "Plain." } },
          {
            type: "search_result",
            source: "https://example.com/",
            title: "Page",
            content: [{ type: "text", text: "Found." }],
          },
        ]),
      ],
    });
    expect(dig(sent, "messages", 0, "content")).toEqual([
      { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" } },
      { type: "text", text: "Plain." },
      { type: "text", text: "Page\nhttps://example.com/\nFound." },
    ]);
  });

  test("a thinking budget becomes a level, an end-user id too long for OpenAI a hash of it", () => {
    const { sent } = fromMessages({
      thinking: { type: "enabled", budget_tokens: 5000 },
      metadata: { user_id: "u".repeat(100) },
    });
    expect(sent["reasoning_effort"]).toBe("medium");
    expect(String(sent["user"])).toMatch(/^[0-9a-f]{64}$/);
    expect(fromMessages({ thinking: { type: "disabled" } }).sent).not.toHaveProperty("reasoning_effort");
  });

  test("a long tool name is cut, told apart, and given back in the answer under its own name", () => {
    const name = `mcp__server__${"long_".repeat(20)}`;
    const { sent } = fromMessages({
      tools: [{ name, input_schema: { type: "object" } }],
      tool_choice: { type: "tool", name },
    });
    const short = String(dig(sent, "tools", 0, "function", "name"));
    expect(short.length).toBeLessThanOrEqual(64);
    expect(dig(sent, "tool_choice", "function", "name")).toBe(short);
  });

  test("strict is kept only where OpenAI's strict mode takes the schema", () => {
    const tool = (schema: JsonObject) => fromMessages({ tools: [{ name: "f", strict: true, input_schema: schema }] });
    const good = {
      type: "object",
      properties: { a: { type: "string" } },
      required: ["a"],
      additionalProperties: false,
    };
    expect(dig(tool(good).sent, "tools", 0, "function", "strict")).toBe(true);
    const loose = tool({ type: "object", properties: { a: { type: "string" } }, additionalProperties: false });
    expect(dig(loose.sent, "tools", 0, "function")).not.toHaveProperty("strict");
    expect(loose.lost).toEqual(["strict"]);
  });

  test("built-in tools of another vendor are left out by name", () => {
    const { sent, lost } = fromMessages({
      tools: [{ type: "web_search_20250305", name: "web_search" }],
      tool_choice: { type: "auto" },
    });
    expect(sent).not.toHaveProperty("tools");
    expect(sent).not.toHaveProperty("tool_choice");
    expect(lost).toEqual(["web_search"]);
  });

  test("a structured output gets the name OpenAI demands", () => {
    const schema = { type: "object", properties: {}, additionalProperties: false };
    const { sent } = fromMessages({ output_config: { format: { type: "json_schema", schema } } });
    expect(sent["response_format"]).toEqual({ type: "json_schema", json_schema: { name: "response", schema } });
  });

  test("several answers are asked for, whoever asks", () => {
    expect(openaiChat.egress.encodeRequest(requestOf({ n: 2 }), targetOf())).toMatchObject({ n: 2 });
  });
});
