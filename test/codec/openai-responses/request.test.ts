/** What a Responses client may ask, how it is understood, and what a Responses upstream is told. */
import { describe, expect, test } from "bun:test";
import { openaiResponses } from "../../../src/codec/openai-responses/index.ts";
import type { JsonObject } from "../../../src/contract/chat.ts";
import type { Traits } from "../../../src/contract/codec.ts";
import { caught, dig, requestOf, targetOf, translate } from "../support.ts";

const { decodeRequest } = openaiResponses.ingress;
const user = (content: unknown = "Hi") => ({ role: "user", content }) as JsonObject;
const ask = (extra: JsonObject = {}): JsonObject => ({ model: "m", input: "Hi", ...extra });
const items = (...list: JsonObject[]): JsonObject => ask({ input: list });
const fromChat = (extra: JsonObject, traits: Traits = {}) =>
  translate({ model: "m", messages: [user()], ...extra }, "openai-chat", "openai-responses", traits);
const fromMessages = (extra: JsonObject, traits: Traits = {}) =>
  translate(
    { model: "m", max_tokens: 100, messages: [user()], ...extra },
    "anthropic-messages",
    "openai-responses",
    traits,
  );
const native = (body: JsonObject) => translate(body, "openai-responses", "openai-responses");

describe("a request that OpenAI would refuse is refused, naming the field and not its value", () => {
  const cases: readonly [name: string, body: JsonObject, param: string][] = [
    ["no model", { input: "x" }, "model"],
    ["an empty model", ask({ model: "" }), "model"],
    ["no input", { model: "m" }, "input"],
    ["input of the wrong kind", ask({ input: { secret: "secret-value" } }), "input"],
    ["no item", ask({ input: [] }), "input"],
    ["an item that is no object", ask({ input: ["secret-value"] }), "input[0]"],
    ["a message without a role", items({ type: "message", content: "x" }), "input[0].role"],
    ["an unknown role", items({ role: "secret-value", content: "x" }), "input[0].role"],
    ["a message without content", items(user(), { role: "user" }), "input[1].content"],
    ["content of the wrong kind", items(user(5)), "input[0].content"],
    ["a part that is no object", items(user([7])), "input[0].content[0]"],
    ["a part without a type", items(user([{ text: "x" }])), "input[0].content[0].type"],
    ["a text part without text", items(user([{ type: "input_text" }])), "input[0].content[0].text"],
    ["an image without a source", items(user([{ type: "input_image" }])), "input[0].content[0].image_url"],
    ["a file without a source", items(user([{ type: "input_file" }])), "input[0].content[0].file_data"],
    ["a call without an id", items({ type: "function_call", name: "f", arguments: "" }), "input[0].call_id"],
    ["a call without a name", items({ type: "custom_tool_call", call_id: "c", input: "" }), "input[0].name"],
    ["an output that answers nothing", items({ type: "function_call_output", output: "x" }), "input[0].call_id"],
    ["an output without output", items({ type: "function_call_output", call_id: "c" }), "input[0].output"],
    ["instructions that are no text", ask({ instructions: ["secret-value"] }), "instructions"],
    ["a temperature in words", ask({ temperature: "secret-value" }), "temperature"],
    ["a limit that is no whole number", ask({ max_output_tokens: 1.5 }), "max_output_tokens"],
    ["tools that are no list", ask({ tools: {} }), "tools"],
    ["a tool without a type", ask({ tools: [{ name: "f" }] }), "tools[0].type"],
    ["a function without a name", ask({ tools: [{ type: "function", parameters: {} }] }), "tools[0].name"],
    [
      "a nameless function in a namespace",
      ask({ tools: [{ type: "namespace", name: "n", tools: [{ type: "function" }] }] }),
      "tools[0].tools[0].name",
    ],
    ["a text setting of the wrong kind", ask({ text: "plain" }), "text"],
    ["a reasoning setting of the wrong kind", ask({ reasoning: "high" }), "reasoning"],
    ["a stream that is neither on nor off", ask({ stream: "yes" }), "stream"],
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
    ["nulls where a field may be left out", ask({ temperature: null, tools: null, text: null, reasoning: null })],
    ["a user who says nothing", items(user(""), user([]))],
    ["no input, when the conversation lies elsewhere", { model: "m", previous_response_id: "resp_1" }],
    [
      "a function without parameters",
      ask({ tools: [{ type: "function", name: "f", parameters: null, strict: null }] }),
    ],
    ["a namespace that is still empty", ask({ tools: [{ type: "namespace", name: "n", tools: [] }] })],
    ["fields nobody knows", ask({ brand_new: { a: 1 } })],
    ["items nobody knows", items({ type: "hologram", x: 1 })],
    ["content nobody knows", items(user([{ type: "hologram", x: 1 }]))],
    [
      "an image in chat's form",
      items(user([{ type: "input_image", image_url: { url: "https://example.com/a.png" } }])),
    ],
  ];
  for (const [name, body] of cases) test(name, () => expect(decodeRequest(body).model).toBe("m"));

  test("with the model and the wish to stream in the address instead", () => {
    const { model, stream } = decodeRequest({ input: "Hi" }, { model: "n", stream: true });
    expect({ model, stream }).toEqual({ model: "n", stream: true });
  });

  test("whatever its keys are called, without touching any prototype", () => {
    const body = JSON.parse('{"model":"m","input":[{"role":"user","content":"x","__proto__":{"polluted":1}}]}');
    openaiResponses.egress.encodeRequest(decodeRequest(body), targetOf());
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("reading", () => {
  test("E31: instructions and leading instructions are kept apart and in order, later ones stay in their place", () => {
    const { system, messages } = decodeRequest({
      model: "m",
      instructions: "One.",
      input: [
        { role: "developer", content: "Two." },
        { type: "message", role: "system", content: [{ type: "input_text", text: "Three." }] },
        user(),
        { role: "developer", content: "Four." },
      ],
    });
    expect(system.map(({ text }) => text)).toEqual(["One.", "Two.", "Three."]);
    expect(messages.map(({ role }) => role)).toEqual(["user", "system"]);
  });

  test("E28: what the assistant said, thought and called in a row is one message, and so are the outputs", () => {
    const { messages } = decodeRequest(
      items(
        user(),
        { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }], encrypted_content: "blob" },
        { role: "assistant", content: "Looking." },
        { type: "function_call", id: "fc_1", call_id: "call_1", name: "f", arguments: "" },
        { type: "custom_tool_call", call_id: "call_2", name: "g", input: "free" },
        { type: "function_call_output", call_id: "call_1", output: "1" },
        { type: "custom_tool_call_output", call_id: "call_2", output: [{ type: "input_text", text: "2" }] },
        user("next"),
      ),
    );
    expect(messages.map(({ parts }) => parts.map(({ type }) => type))).toEqual([
      ["text"],
      ["reasoning", "text", "tool-call", "tool-call"],
      ["tool-result", "tool-result"],
      ["text"],
    ]);
    expect(messages[1]?.parts).toMatchObject([
      { kind: "summary", text: "Hm.", signature: { origin: "openai-responses", value: "blob" } },
      { text: "Looking." },
      { id: "call_1", name: "f", inputJson: "{}" },
      { id: "call_2", name: "g", inputJson: "free", custom: true },
    ]);
    expect(messages[2]?.parts).toMatchObject([{ id: "call_1" }, { id: "call_2", parts: [{ text: "2" }] }]);
  });

  test("settings become neutral ones", () => {
    const request = decodeRequest(
      ask({
        max_output_tokens: 50,
        temperature: 0.1,
        top_p: 0.2,
        parallel_tool_calls: false,
        text: {
          verbosity: "low",
          format: { type: "json_schema", name: "n", schema: { type: "object" }, strict: true, description: null },
        },
        reasoning: { effort: "low" },
        tool_choice: { type: "function", name: "f" },
        safety_identifier: "who",
        prompt_cache_key: "k",
      }),
    );
    expect(request).toMatchObject({
      maxOutputTokens: 50,
      temperature: 0.1,
      topP: 0.2,
      parallelToolCalls: false,
      verbosity: "low",
      responseFormat: { type: "json-schema", name: "n", schema: { type: "object" }, strict: true },
      // Who does not ask for a summary gets none: that is the dialect's own default.
      reasoning: { effort: "low", summary: "none" },
      toolChoice: { type: "tool", name: "f" },
      safetyIdentifier: "who",
      promptCacheKey: "k",
    });
    expect(request.responseFormat).not.toHaveProperty("description");
  });

  test("E30: tools inside namespaces and inside the input are tools like others, under names of their own", () => {
    const { tools } = decodeRequest({
      model: "m",
      tools: [
        { type: "function", name: "plain", parameters: {} },
        {
          type: "namespace",
          name: "mail",
          tools: [
            { type: "function", name: "send", parameters: {}, strict: false },
            { type: "custom", name: "raw" },
          ],
        },
        { type: "web_search" },
      ],
      input: [
        { type: "additional_tools", role: "developer", tools: [{ type: "function", name: "late", parameters: {} }] },
        user(),
      ],
    });
    expect(tools.map(({ kind, name }) => [kind, name])).toEqual([
      ["function", "plain"],
      ["function", "mail__send"],
      ["custom", "mail__raw"],
      ["provider", "web_search"],
      ["function", "late"],
    ]);
    // Strict is this dialect's default, but only what the client wrote is passed on.
    expect(tools.map(({ strict }) => strict)).toEqual([undefined, false, undefined, undefined, undefined]);
  });

  test("a signature in an envelope of ours is taken out of it, any other is OpenAI's", () => {
    const { encodeResponse } = openaiResponses.ingress;
    const signature = { origin: "anthropic-messages", value: "c2ln" };
    const answer = encodeResponse(
      {
        id: "1",
        model: "m",
        parts: [{ type: "reasoning", text: "Hm.", signature }],
        finish: { reason: "stop" },
        usage: {},
      },
      { request: requestOf(), createdAt: 0, seed: "s", inputTokensEstimate: 1 },
    );
    const { messages } = decodeRequest(items(...(answer["output"] as JsonObject[])));
    expect(messages[0]?.parts).toMatchObject([{ type: "reasoning", text: "Hm.", signature }]);
  });
});

describe("a request of the same dialect is written as it came", () => {
  test("a string stays a string", () => {
    expect(native(ask({ instructions: "Be brief." })).sent).toEqual({
      model: "upstream-model",
      instructions: "Be brief.",
      input: "Hi",
      stream: false,
    });
    expect(native(ask({ input: "" })).sent["input"]).toBe("");
  });

  test("with everything that keeps its conversation at the vendor, and nothing lost", () => {
    const stateful = {
      previous_response_id: "resp_1",
      conversation: { id: "conv_1" },
      prompt: { id: "pmpt_1", version: "2" },
      background: true,
      store: true,
      context_management: [{ type: "compaction" }],
    };
    const { sent, lost } = native(
      ask({ input: [{ type: "item_reference", id: "msg_1" }, { id: "msg_2" }, user()], ...stateful }),
    );
    expect(sent).toMatchObject(stateful);
    expect(sent["input"]).toEqual([
      { type: "item_reference", id: "msg_1" },
      { type: "item_reference", id: "msg_2" },
      user(),
    ]);
    expect(lost).toEqual([]);
  });

  test("without input it stays without", () => {
    expect(native({ model: "m", previous_response_id: "resp_1" }).sent).not.toHaveProperty("input");
  });

  test("but never with reasoning that only we have sealed", () => {
    const seal = (answer: JsonObject) => dig(answer, "output", 0, "encrypted_content");
    const context = { request: requestOf(), createdAt: 0, seed: "s", inputTokensEstimate: 1 };
    const answerWith = (origin: string | undefined) =>
      openaiResponses.ingress.encodeResponse(
        {
          id: "1",
          model: "m",
          parts: [
            {
              type: "reasoning",
              text: "Hm.",
              ...(origin === undefined ? {} : { signature: { origin, value: "blob" } }),
            },
          ],
          finish: { reason: "stop" },
          usage: {},
        },
        context,
      );
    for (const origin of [undefined, "anthropic-messages", "gemini"]) {
      const answer = answerWith(origin);
      expect(String(seal(answer))).toStartWith(String(openaiResponses.ingress.ownMark));
      const { sent, lost } = native(items(user(), ...(answer["output"] as JsonObject[]), user("next")));
      expect(JSON.stringify(sent)).not.toContain("Hm.");
      expect(JSON.stringify(sent)).not.toContain(openaiResponses.ingress.ownMark);
      expect(lost).toEqual(["reasoning"]);
    }
    const { sent, lost } = native(items(user(), ...(answerWith("openai-responses")["output"] as JsonObject[])));
    // The item's id was ours, so it does not go with the vendor's own blob.
    expect(dig(sent, "input", 1)).toEqual({
      type: "reasoning",
      summary: [{ type: "summary_text", text: "Hm." }],
      encrypted_content: "blob",
    });
    expect(lost).toEqual([]);
  });
});

describe("a request of another dialect becomes items", () => {
  test("instructions, words, calls and results, without ids of items", () => {
    const { sent, lost } = fromChat({
      messages: [
        { role: "system", content: "One." },
        { role: "developer", content: "Two." },
        user("Weather?"),
        {
          role: "assistant",
          content: "Looking.",
          tool_calls: [{ id: "functions.f:0", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
        },
        { role: "tool", tool_call_id: "functions.f:0", content: "fine" },
        { role: "system", content: "Be brief." },
        user("Thanks"),
      ],
      max_tokens: 5,
    });
    const callId = dig(sent, "input", 2, "call_id");
    expect(callId).toMatch(/^functions_f_0_[0-9a-f]{8}$/);
    expect(sent).toMatchObject({
      instructions: "One.\n\nTwo.",
      input: [
        { type: "message", role: "user", content: [{ type: "input_text", text: "Weather?" }] },
        {
          type: "message",
          role: "assistant",
          content: [{ type: "output_text", text: "Looking.", annotations: [] }],
        },
        { type: "function_call", call_id: callId, name: "f", arguments: '{"a":1}' },
        { type: "function_call_output", call_id: callId, output: "fine" },
        { type: "message", role: "developer", content: [{ type: "input_text", text: "Be brief." }] },
        { type: "message", role: "user", content: [{ type: "input_text", text: "Thanks" }] },
      ],
      max_output_tokens: 16,
      store: false,
    });
    // E27: an id of ours at a call would be taken for one of the vendor's.
    for (const item of sent["input"] as JsonObject[]) expect(item).not.toHaveProperty("id");
    expect(lost).toEqual(["max_tokens"]);
  });

  test("strict mode is said both ways, since here it is the default", () => {
    const parameters = {
      type: "object",
      properties: { a: { type: "string" } },
      required: ["a"],
      additionalProperties: false,
    };
    const loose = { type: "object", properties: { a: { type: "string" } } };
    const tool = (name: string, schema: JsonObject, strict?: boolean): JsonObject => ({
      type: "function",
      function: { name, parameters: schema, ...(strict === undefined ? {} : { strict }) },
    });
    const { sent, lost } = fromChat({
      tools: [tool("a", parameters, true), tool("b", loose), tool("c", loose, true), tool("d", loose, false)],
      response_format: { type: "json_schema", json_schema: { name: "n m", schema: loose } },
    });
    expect((sent["tools"] as JsonObject[]).map(({ name, strict }) => [name, strict])).toEqual([
      ["a", true],
      ["b", false],
      ["c", false],
      ["d", false],
    ]);
    expect(sent["text"]).toEqual({ format: { type: "json_schema", name: "n_m", schema: loose, strict: false } });
    expect(lost).toEqual(["strict"]);
  });

  test("freeform tools stay freeform, with their grammar and their outputs", () => {
    const { sent } = fromChat({
      messages: [
        user(),
        { role: "assistant", tool_calls: [{ id: "c1", type: "custom", custom: { name: "patch", input: "free" } }] },
        { role: "tool", tool_call_id: "c1", content: "done" },
      ],
      tools: [
        {
          type: "custom",
          custom: { name: "patch", format: { type: "grammar", grammar: { syntax: "regex", definition: "a+" } } },
        },
        { type: "custom", custom: { name: "note", description: "Notes" } },
      ],
      tool_choice: { type: "custom", custom: { name: "patch" } },
    });
    expect(sent["tools"]).toEqual([
      { type: "custom", name: "patch", format: { type: "grammar", syntax: "regex", definition: "a+" } },
      { type: "custom", name: "note", description: "Notes", format: { type: "text" } },
    ]);
    expect(sent["tool_choice"]).toEqual({ type: "custom", name: "patch" });
    expect(sent["input"]).toMatchObject([
      { role: "user" },
      { type: "custom_tool_call", call_id: "c1", name: "patch", input: "free" },
      { type: "custom_tool_call_output", call_id: "c1", output: "done" },
    ]);
  });

  test("media are carried where this dialect has a form for them, in results too", () => {
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } };
    const { sent } = fromMessages({
      messages: [
        user([
          image,
          { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
          {
            type: "document",
            source: { type: "base64", media_type: "application/pdf", data: "JVBERi0=" },
            title: "a.pdf",
          },
          { type: "document", source: { type: "url", url: "https://example.com/a.pdf" } },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "plain" }, title: "t" },
        ]),
        { role: "assistant", content: [{ type: "tool_use", id: "c", name: "f", input: {} }] },
        user([{ type: "tool_result", tool_use_id: "c", content: [{ type: "text", text: "see" }, image] }]),
      ],
    });
    expect(dig(sent, "input", 0, "content")).toEqual([
      { type: "input_image", image_url: "data:image/png;base64,iVBORw0KGgo=", detail: "auto" },
      { type: "input_image", image_url: "https://example.com/a.png", detail: "auto" },
      { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" },
      { type: "input_file", file_url: "https://example.com/a.pdf" },
      { type: "input_text", text: "t\n\nplain" },
    ]);
    expect(dig(sent, "input", 2, "output")).toEqual([
      { type: "input_text", text: "see" },
      { type: "input_image", image_url: "data:image/png;base64,iVBORw0KGgo=", detail: "auto" },
    ]);
  });

  test.each([
    ["several answers at once", { n: 2 }],
    ["sound", { messages: [user([{ type: "input_audio", input_audio: { data: "UklGRg==", format: "wav" } }])] }],
    ["spoken answers", { modalities: ["text", "audio"], audio: { voice: "x" } }],
    ["another vendor's file", { messages: [user([{ type: "file", file: { file_id: "file-1" } }])] }],
  ] as [string, JsonObject][])("%s are refused, since leaving them out would change what was asked", (_name, extra) => {
    expect(caught(() => fromChat(extra))).toMatchObject({ code: "bad-request", status: 400 });
  });

  test("an address is refused where only bytes are taken", () => {
    const picture = user([{ type: "image_url", image_url: { url: "https://example.com/a.png" } }]);
    expect(caught(() => fromChat({ messages: [picture] }, { mediaUrls: false })).code).toBe("bad-request");
  });

  test("what the dialect has no word for is left out and named", () => {
    const { sent, lost } = fromChat({
      seed: 1,
      stop: ["x"],
      frequency_penalty: 1,
      presence_penalty: 0,
      logit_bias: { "1": 2 },
      logprobs: true,
      top_logprobs: 2,
      prediction: { type: "content", content: "x" },
      messages: [{ ...user(), name: "kim" }],
    });
    expect(lost.sort()).toEqual(
      [
        "prediction",
        "seed",

        "frequency_penalty",
        "logit_bias",
        "messages[].name",
      ].sort(),
    );
    expect(sent).toMatchObject({ include: ["message.output_text.logprobs"], top_logprobs: 2 });
    for (const field of ["seed", "stop", "frequency_penalty", "presence_penalty", "logit_bias", "prediction"]) {
      expect(sent).not.toHaveProperty(field);
    }
    expect(fromMessages({ top_k: 5 }).lost).toEqual(["top_k"]);
  });

  test("settings find their fields", () => {
    const { sent } = fromChat({
      temperature: 0.3,
      top_p: 0.4,
      max_completion_tokens: 500,
      reasoning_effort: "high",
      verbosity: "low",
      response_format: { type: "json_object" },
      user: "who",
      metadata: { a: "b" },
      service_tier: "flex",
      prompt_cache_key: "k",
      stream: true,
      tools: [{ type: "function", function: { name: "f" } }],
      tool_choice: {
        type: "allowed_tools",
        allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "f" } }] },
      },
      parallel_tool_calls: false,
    });
    expect(sent).toMatchObject({
      temperature: 0.3,
      top_p: 0.4,
      max_output_tokens: 500,
      reasoning: { effort: "high" },
      text: { verbosity: "low", format: { type: "json_object" } },
      user: "who",
      metadata: { a: "b" },
      service_tier: "flex",
      prompt_cache_key: "k",
      stream: true,
      tool_choice: { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "f" }] },
      parallel_tool_calls: false,
    });
    expect(sent).not.toHaveProperty("stream_options");
  });

  test("E34: no tools, no list of tools and no choice among them", () => {
    const { sent } = fromChat({ tools: [], tool_choice: "auto", parallel_tool_calls: true });
    for (const field of ["tools", "tool_choice", "parallel_tool_calls"]) expect(sent).not.toHaveProperty(field);
  });

  test("a user id longer than the vendor takes is shortened, the same way each time", () => {
    const long = "x".repeat(65);
    const { user: first } = fromChat({ user: long }).sent;
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(fromChat({ user: long }).sent["user"]).toBe(first!);
  });

  test("the line that changes with every request of Claude Code is not passed on", () => {
    const { sent } = fromMessages({ system: "x-anthropic-billing-header: cc_version=1; cch=abc\nBe brief." });
    expect(sent["instructions"]).toBe("Be brief.");
  });

  test("an unanswered call gets an output, since the vendor demands one", () => {
    const { sent, lost } = fromMessages({
      messages: [
        user(),
        { role: "assistant", content: [{ type: "tool_use", id: "c", name: "f", input: {} }] },
        user("Never mind"),
      ],
    });
    expect(dig(sent, "input", 2)).toMatchObject({ type: "function_call_output", call_id: "c" });
    expect(lost).toContain("messages");
  });
});

describe("E41: encrypted reasoning is asked for only where a model has it", () => {
  const included = (extra: JsonObject, traits: Traits = {}) => fromChat(extra, traits).sent["include"];

  test("with an effort, or when the model is known to think", () => {
    expect(included({ reasoning_effort: "low" })).toEqual(["reasoning.encrypted_content"]);
    expect(included({}, { thinking: "adaptive" })).toEqual(["reasoning.encrypted_content"]);
  });

  test("not otherwise: other models refuse it", () => {
    expect(included({})).toBeUndefined();
    expect(included({ reasoning_effort: "none" })).toBeUndefined();
    expect(included({ reasoning_effort: "high" }, { thinking: "none" })).toBeUndefined();
    expect(fromMessages({ thinking: { type: "adaptive" } }).sent["include"]).toBeUndefined();
  });

  test("and when its own encrypted reasoning comes back, which goes to it again", () => {
    const detail = { type: "reasoning.encrypted", data: "blob", format: "openai-responses-v1", index: 0 };
    const { sent, lost } = fromChat({
      messages: [user(), { role: "assistant", content: "Hi", reasoning_details: [detail] }, user("next")],
    });
    expect(sent["include"]).toEqual(["reasoning.encrypted_content"]);
    expect(dig(sent, "input", 1)).toEqual({ type: "reasoning", summary: [], encrypted_content: "blob" });
    expect(lost).toEqual([]);
  });

  test("E40: what others have signed, or nobody, stays here", () => {
    const { sent, lost } = fromMessages({
      messages: [
        user(),
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm.", signature: "c2ln" },
            { type: "text", text: "Hi" },
          ],
        },
        user("next"),
      ],
    });
    expect(JSON.stringify(sent)).not.toContain("Hm.");
    expect(JSON.stringify(sent)).not.toContain("c2ln");
    expect(lost).toEqual(["reasoning"]);
  });
});

describe("what cannot be bridged", () => {
  const stateful: readonly [field: string, value: JsonObject][] = [
    ["previous_response_id", { previous_response_id: "resp_1" }],
    ["conversation", { conversation: "conv_1" }],
    ["prompt", { prompt: { id: "pmpt_1" } }],
    ["background", { background: true }],
    ["item_reference", { input: [{ type: "item_reference", id: "msg_1" }, user()] }],
    ["item_reference", { input: [{ id: "msg_1" }, user()] }],
    ["compaction", { input: [{ type: "compaction", encrypted_content: "blob" }, user()] }],
  ];
  for (const [field, extra] of stateful) {
    test(`${JSON.stringify(extra)} is refused by upstreams of every other dialect`, () => {
      for (const to of ["openai-chat", "anthropic-messages", "gemini"] as const) {
        const error = caught(() => translate(ask(extra), "openai-responses", to));
        expect(error).toMatchObject({
          code: "bad-request",
          status: 400,
          wireCode: "previous_response_not_supported",
          param: field,
        });
      }
      expect(native(ask(extra)).lost).toEqual([]);
    });
  }

  test("a background that is switched off asks for nothing", () => {
    expect(translate(ask({ background: false, store: false }), "openai-responses", "openai-chat").lost).toEqual([]);
  });

  test("what is only advice is left out and named", () => {
    const { sent, lost } = translate(
      ask({
        truncation: "auto",
        max_tool_calls: 3,
        store: true,
        include: ["reasoning.encrypted_content", "message.output_text.logprobs"],
        tools: [{ type: "web_search" }, { type: "function", name: "f", parameters: {} }],
        tool_choice: { type: "web_search_preview" },
        stream_options: { include_obfuscation: false },
        input: [{ type: "web_search_call", id: "ws_1", status: "completed" }, { type: "hologram" }, user()],
      }),
      "openai-responses",
      "openai-chat",
    );
    expect(lost.sort()).toEqual(
      ["hologram", "max_tool_calls", "store", "tool_choice", "truncation", "web_search", "web_search_call"].sort(),
    );
    expect(sent).toMatchObject({ messages: [user()] });
    expect(sent["tools"]).toHaveLength(1);
    expect(sent).not.toHaveProperty("tool_choice");
  });

  test("what Codex sends with every request is nothing lost", () => {
    const { lost } = translate(
      ask({
        include: ["reasoning.encrypted_content"],
        store: false,
        client_metadata: { a: "b" },
        prompt_cache_key: "k",
      }),
      "openai-responses",
      "anthropic-messages",
    );
    expect(lost).toEqual(["prompt_cache_key"]);
  });
});
