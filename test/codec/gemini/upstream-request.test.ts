/** What a Gemini upstream is told, whoever asked. */
import { describe, expect, test } from "bun:test";
import type { GeminiTraits } from "../../../src/codec/gemini/wire.ts";
import type { JsonObject } from "../../../src/contract/chat.ts";
import { caught, dig, translate } from "../support.ts";

const user = (content: unknown = "Hi") => ({ role: "user", content }) as JsonObject;
const chat = (extra: JsonObject = {}, traits: GeminiTraits = {}) =>
  translate({ model: "m", messages: [user()], ...extra }, "openai-chat", "gemini", traits);
const messages = (extra: JsonObject = {}, traits: GeminiTraits = {}) =>
  translate({ model: "m", max_tokens: 100, messages: [user()], ...extra }, "anthropic-messages", "gemini", traits);
const native = (extra: JsonObject = {}, traits: GeminiTraits = {}) =>
  translate(
    { model: "m", contents: [{ role: "user", parts: [{ text: "Hi" }] }], ...extra },
    "gemini",
    "gemini",
    traits,
  );
const contentsOf = ({ sent }: { sent: JsonObject }) => sent["contents"] as (JsonObject & { parts: JsonObject[] })[];
const configOf = ({ sent }: { sent: JsonObject }) => sent["generationConfig"] as JsonObject | undefined;
const called = (...names: string[]): JsonObject => ({
  role: "assistant",
  content: null,
  tool_calls: names.map((name, index) => ({
    id: `${name}_${index}`,
    type: "function",
    function: { name, arguments: '{"x":1}' },
  })),
});
const answered = (id: string, content: unknown): JsonObject =>
  ({ role: "tool", tool_call_id: id, content }) as JsonObject;

describe("the conversation", () => {
  test("model and stream are not in the body: they are the address's", () => {
    expect(Object.keys(chat({ stream: true }).sent)).toEqual(["contents"]);
  });

  test("all instructions go to one place, in order, wherever they stood", () => {
    const { sent } = chat({
      messages: [{ role: "system", content: "One." }, user(), { role: "developer", content: "Two." }, user("Ho")],
    });
    expect(sent["systemInstruction"]).toEqual({ parts: [{ text: "One." }, { text: "Two." }] });
    expect(contentsOf({ sent })).toEqual([{ role: "user", parts: [{ text: "Hi" }, { text: "Ho" }] }]);
  });

  test("instructions alone get a user who is silent, and an assistant who begins gets one before it", () => {
    expect(contentsOf(chat({ messages: [{ role: "system", content: "Be." }] }))).toEqual([
      { role: "user", parts: [{ text: "." }] },
    ]);
    expect(contentsOf(chat({ messages: [{ role: "assistant", content: "Hi" }] })).map(({ role }) => role)).toEqual([
      "user",
      "model",
    ]);
  });

  test("nothing empty is sent, and neighbours become one", () => {
    const sent = contentsOf(
      chat({ messages: [user(""), user("a"), user("b"), { role: "assistant", content: "" }, user("c")] }),
    );
    expect(sent).toEqual([{ role: "user", parts: [{ text: "a" }, { text: "b" }, { text: "c" }] }]);
  });

  test("the line of Claude Code that changes with every request stays behind", () => {
    const { sent } = messages({
      system: [
        { type: "text", text: "x-anthropic-billing-header: cc_version=2;" },
        { type: "text", text: "Be good." },
      ],
    });
    expect(sent["systemInstruction"]).toEqual({ parts: [{ text: "Be good." }] });
  });
});

describe("calls and results", () => {
  test("E24: results of one turn stand in one content, in the order of the calls, ahead of what the user says", () => {
    const sent = contentsOf(
      chat({
        messages: [user(), called("f", "g"), answered("g_1", "second"), answered("f_0", "first"), user("Go on")],
      }),
    );
    expect(sent).toHaveLength(3);
    expect(sent[2]).toEqual({
      role: "user",
      parts: [
        { functionResponse: { name: "f", response: { output: "first" } } },
        { functionResponse: { name: "g", response: { output: "second" } } },
        { text: "Go on" },
      ],
    });
  });

  test("arguments are an object, and no ids are sent: some fronts refuse them", () => {
    const sent = contentsOf(chat({ messages: [user(), called("f"), answered("f_0", "ok")] }));
    expect(sent[1]?.parts[0]).toMatchObject({ functionCall: { name: "f", args: { x: 1 } } });
    expect(JSON.stringify(sent)).not.toContain("f_0");
  });

  const results: readonly [name: string, content: string, response: JsonObject][] = [
    ["words are put into an object", "rain", { output: "rain" }],
    ["an object goes in as it is", '{"a": [1]}', { a: [1] }],
    ["a list is words", "[1]", { output: "[1]" }],
    ["what only begins like an object is words", "{a", { output: "{a" }],
    ["nothing is nothing", "", { output: "" }],
  ];
  for (const [name, content, response] of results) {
    test(name, () => {
      const sent = contentsOf(chat({ messages: [user(), called("f"), answered("f_0", content)] }));
      expect(dig(sent[2], "parts", 0, "functionResponse", "response")).toEqual(response);
    });
  }

  test("a failed tool says so", () => {
    const result = (content: string) =>
      dig(
        contentsOf(
          messages({
            messages: [
              user(),
              { role: "assistant", content: [{ type: "tool_use", id: "a", name: "f", input: {} }] },
              { role: "user", content: [{ type: "tool_result", tool_use_id: "a", content, is_error: true }] },
            ],
          }),
        ),
        2,
        "parts",
        0,
        "functionResponse",
        "response",
      );
    expect(result("broken")).toEqual({ error: "broken" });
    expect(result('{"code":5}')).toEqual({ error: { code: 5 } });
    expect(result('{"error":"x"}')).toEqual({ error: "x" });
  });

  test("E32: arguments in the history that are no JSON neither crash nor vanish", () => {
    const broken = {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: '{"city": "Os' } }],
    };
    const sent = contentsOf(chat({ messages: [user(), broken, answered("a", "ok")] }));
    expect(dig(sent[1], "parts", 0, "functionCall", "args")).toEqual({ _raw: '{"city": "Os' });
    expect(sent[2]?.parts).toHaveLength(1);
  });

  test("E26: names of any shape become valid ones, in tool, choice, call and result alike, and never meet by accident", () => {
    const odd = ["1st", "-x", "a b", "é", "x".repeat(80)];
    const { sent } = chat({
      messages: [user(), called(...odd), ...odd.map((name, index) => answered(`${name}_${index}`, "ok"))],
      tools: odd.map((name) => ({ type: "function", function: { name } })),
      tool_choice: { type: "function", function: { name: "1st" } },
    });
    const declared = (dig(sent, "tools", 0, "functionDeclarations") as JsonObject[]).map(({ name }) => String(name));
    for (const name of declared) expect(name).toMatch(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/);
    expect(new Set(declared).size).toBe(odd.length);
    expect(contentsOf({ sent })[1]?.parts.map((part) => dig(part, "functionCall", "name"))).toEqual(declared);
    expect(contentsOf({ sent })[2]?.parts.map((part) => dig(part, "functionResponse", "name"))).toEqual(declared);
    expect(dig(sent, "toolConfig", "functionCallingConfig", "allowedFunctionNames")).toEqual([declared[0]!]);
  });

  test("E25: a call whose result was trimmed away gets one that says so", () => {
    const { sent, lost } = chat({ messages: [user(), called("f"), user("Never mind")] });
    expect(dig(contentsOf({ sent })[2], "parts", 0, "functionResponse", "response")).toHaveProperty("error");
    expect(lost).toContain("messages");
  });
});

describe("media", () => {
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
  const mediaOf = (part: JsonObject, traits: GeminiTraits = {}) =>
    contentsOf(chat({ messages: [user([part])] }, traits))[0]?.parts[0];

  const cases: readonly [name: string, part: JsonObject, sent: JsonObject][] = [
    ["bytes stay bytes", image, { inlineData: { mimeType: "image/png", data: "AAAA" } }],
    [
      "an address is told with a type, guessed from its ending",
      { type: "image_url", image_url: { url: "https://example.com/a.webp?x=1.gif" } },
      { fileData: { mimeType: "image/webp", fileUri: "https://example.com/a.webp?x=1.gif" } },
    ],
    [
      "or from what it is said to be",
      { type: "image_url", image_url: { url: "https://example.com/a" } },
      { fileData: { mimeType: "image/jpeg", fileUri: "https://example.com/a" } },
    ],
    [
      "sound",
      { type: "input_audio", input_audio: { data: "AAAA", format: "mp3" } },
      { inlineData: { mimeType: "audio/mpeg", data: "AAAA" } },
    ],
    [
      "a document",
      { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" } },
      { inlineData: { mimeType: "application/pdf", data: "JVBE" } },
    ],
  ];
  for (const [name, part, sent] of cases) test(name, () => expect(mediaOf(part)).toEqual(sent));

  test("an address is refused where the upstream reads none, but for those it can always read", () => {
    const at = (url: string): JsonObject => ({ type: "image_url", image_url: { url } });
    expect(caught(() => mediaOf(at("https://example.com/a.png"), { mediaUrls: false }))).toMatchObject({
      code: "bad-request",
    });
    for (const url of [
      "https://www.youtube.com/watch?v=x",
      "gs://b/a.png",
      "https://generativelanguage.googleapis.com/v1beta/files/x",
    ]) {
      expect(mediaOf(at(url), { mediaUrls: false })).toMatchObject({ fileData: { fileUri: url } });
    }
  });

  test("a file of another vendor is refused", () => {
    const file = { type: "file", file: { file_id: "file-1" } };
    expect(caught(() => mediaOf(file))).toMatchObject({ code: "bad-request" });
  });

  const result = {
    type: "tool_result",
    tool_use_id: "a",
    content: [
      { type: "text", text: "see" },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } },
    ],
  };
  const turns = [
    user(),
    { role: "assistant", content: [{ type: "tool_use", id: "a", name: "f", input: {} }] },
    { role: "user", content: [result] },
  ];

  test("in a result follow it, with a word on whose they are", () => {
    expect(contentsOf(messages({ messages: turns }))[2]?.parts).toEqual([
      { functionResponse: { name: "f", response: { output: "see" } } },
      { text: "Attached by the tool f:" },
      { inlineData: { mimeType: "image/png", data: "AAAA" } },
    ]);
  });

  test("in a result stay inside it where the model reads them there", () => {
    expect(contentsOf(messages({ messages: turns }, { toolMedia: true }))[2]?.parts).toEqual([
      {
        functionResponse: {
          name: "f",
          response: { output: "see" },
          parts: [{ inlineData: { mimeType: "image/png", data: "AAAA" } }],
        },
      },
    ]);
  });
});

describe("tools", () => {
  const schema = { type: "object", properties: { a: { type: ["string", "null"] } }, additionalProperties: false };
  const tool = { type: "function", function: { name: "f", description: "Does it", parameters: schema, strict: true } };

  test("stand in one list, with the schema as it is", () => {
    expect(chat({ tools: [tool, { type: "function", function: { name: "g" } }] }).sent["tools"]).toEqual([
      {
        functionDeclarations: [
          { name: "f", description: "Does it", parametersJsonSchema: schema },
          { name: "g", parametersJsonSchema: { type: "object", properties: {} } },
        ],
      },
    ]);
  });

  test("E44: for fronts that know only Google's schemas they are rewritten, and one that takes nothing has none", () => {
    const { sent } = chat(
      { tools: [tool, { type: "function", function: { name: "g" } }] },
      { schemaDialect: "openapi" },
    );
    expect(dig(sent, "tools", 0, "functionDeclarations")).toEqual([
      {
        name: "f",
        description: "Does it",
        parameters: { type: "OBJECT", properties: { a: { type: "STRING", nullable: true } } },
      },
      { name: "g" },
    ]);
  });

  test("E34: an empty list, and a choice among none, are not sent", () => {
    const { sent } = chat({ tools: [], tool_choice: "auto" });
    expect(Object.keys(sent)).toEqual(["contents"]);
  });

  const choices: readonly [choice: unknown, config: JsonObject][] = [
    ["auto", { mode: "AUTO" }],
    ["none", { mode: "NONE" }],
    ["required", { mode: "ANY" }],
    [
      { type: "function", function: { name: "f" } },
      { mode: "ANY", allowedFunctionNames: ["f"] },
    ],
    [
      {
        type: "allowed_tools",
        allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "f" } }] },
      },
      { mode: "VALIDATED", allowedFunctionNames: ["f"] },
    ],
    [
      {
        type: "allowed_tools",
        allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "f" } }] },
      },
      { mode: "ANY", allowedFunctionNames: ["f"] },
    ],
  ];
  for (const [choice, functionCallingConfig] of choices) {
    test(`choice ${JSON.stringify(choice)}`, () => {
      expect(chat({ tools: [tool], tool_choice: choice as string }).sent["toolConfig"]).toEqual({
        functionCallingConfig,
      });
    });
  }

  test("one call at a time cannot be asked for, and that is told", () => {
    expect(chat({ tools: [tool], parallel_tool_calls: false }).lost).toEqual(["strict", "parallel_tool_calls"]);
  });

  test("a web search alone becomes Google's; beside functions it is left out and told", () => {
    const search = { type: "web_search_20250305", name: "web_search" };
    expect(messages({ tools: [search] }).sent["tools"]).toEqual([{ googleSearch: {} }]);
    const beside = messages({ tools: [search, { name: "f", input_schema: schema }] });
    expect(JSON.stringify(beside.sent)).not.toContain("googleSearch");
    expect(beside.lost).toEqual(["web_search"]);
  });

  test("E29: a freeform tool travels as a function with one text", () => {
    const { sent } = chat({
      tools: [
        {
          type: "custom",
          custom: { name: "patch", format: { type: "grammar", grammar: { syntax: "lark", definition: "start: X" } } },
        },
      ],
    });
    expect(dig(sent, "tools", 0, "functionDeclarations", 0, "parametersJsonSchema", "required")).toEqual(["input"]);
    expect(dig(sent, "tools", 0, "functionDeclarations", 0, "description")).toContain("start: X");
  });
});

describe("settings", () => {
  test("have Google's names; what is not there is told", () => {
    const result = chat({
      temperature: 0.5,
      top_p: 0.9,
      max_completion_tokens: 10,
      stop: "x",
      seed: 5,
      presence_penalty: 1,
      frequency_penalty: 0,
      logprobs: true,
      logit_bias: {},
      user: "u",
      metadata: { a: "b" },
      service_tier: "scale",
    });
    expect(configOf(result)).toEqual({
      temperature: 0.5,
      topP: 0.9,
      maxOutputTokens: 10,
      stopSequences: ["x"],
      seed: 5,
      presencePenalty: 1,
      responseLogprobs: true,
    });
    expect(result.lost.sort()).toEqual(["logit_bias", "metadata", "service_tier", "user"]);
  });

  test("stay within what Google takes", () => {
    const result = chat({ stop: ["1", "2", "3", "4", "", "5", "6"], seed: 9_999_999_999 });
    expect(configOf(result)).toEqual({ stopSequences: ["1", "2", "3", "4", "5"] });
    expect(result.lost.sort()).toEqual(["seed", "stop"]);
    expect(configOf(messages({ max_tokens: 0 }))).toMatchObject({ maxOutputTokens: 1 });
    expect(configOf(chat({ max_tokens: 99_999 }, { maxOutputTokens: 8192 }))).toMatchObject({ maxOutputTokens: 8192 });
  });

  const schema = { type: "object", properties: { a: { type: "string" } } };
  const format = { type: "json_schema", json_schema: { name: "x", schema } };
  const tools = [{ type: "function", function: { name: "f" } }];

  test("an answer in JSON, with its schema", () => {
    expect(configOf(chat({ response_format: { type: "json_object" } }))).toEqual({
      responseMimeType: "application/json",
    });
    expect(configOf(chat({ response_format: format }))).toEqual({
      responseMimeType: "application/json",
      responseJsonSchema: schema,
    });
    expect(configOf(chat({ response_format: format }, { schemaDialect: "openapi" }))).toEqual({
      responseMimeType: "application/json",
      responseSchema: { type: "OBJECT", properties: { a: { type: "STRING" } } },
    });
  });

  test("beside functions it is asked for in words, unless the model has both", () => {
    const result = chat({ response_format: format, tools });
    expect(configOf(result)).toBeUndefined();
    expect(JSON.stringify(result.sent["systemInstruction"])).toContain("JSON Schema");
    expect(result.lost).toEqual(["response_format"]);
    expect(configOf(chat({ response_format: format, tools }, { structuredOutput: true }))).toMatchObject({
      responseJsonSchema: schema,
    });
    expect(configOf(chat({ response_format: format }, { structuredOutput: false }))).toBeUndefined();
  });
});

describe("thinking", () => {
  const budgets: readonly [effort: string, config: JsonObject][] = [
    ["none", { thinkingBudget: 0 }],
    ["minimal", { includeThoughts: true, thinkingBudget: 512 }],
    ["low", { includeThoughts: true, thinkingBudget: 1024 }],
    ["medium", { includeThoughts: true, thinkingBudget: 8192 }],
    ["high", { includeThoughts: true, thinkingBudget: 24_576 }],
    ["xhigh", { includeThoughts: true, thinkingBudget: 24_576 }],
  ];
  for (const [effort, thinkingConfig] of budgets) {
    test(`${effort} as a budget, which is what an unknown model is asked for`, () => {
      for (const traits of [{}, { thinking: "budget" }] as const) {
        expect(configOf(chat({ reasoning_effort: effort }, traits))).toEqual({ thinkingConfig });
      }
    });
  }

  const levels: readonly [effort: string, level: string][] = [
    ["none", "MINIMAL"],
    ["minimal", "MINIMAL"],
    ["low", "LOW"],
    ["medium", "MEDIUM"],
    ["high", "HIGH"],
    ["xhigh", "HIGH"],
  ];
  for (const [effort, thinkingLevel] of levels) {
    test(`${effort} as a level, where the model has levels`, () => {
      expect(configOf(chat({ reasoning_effort: effort }, { thinking: "adaptive" }))).toMatchObject({
        thinkingConfig: { thinkingLevel },
      });
    });
  }

  test("a budget stays within what every model takes, and leaves room for the answer", () => {
    const budget = (max_tokens: number, budget_tokens: number, traits: GeminiTraits = {}) =>
      dig(configOf(messages({ max_tokens, thinking: { type: "enabled", budget_tokens } }, traits)), "thinkingConfig");
    expect(budget(64_000, 31_999)).toMatchObject({ thinkingBudget: 24_576 });
    expect(budget(4000, 3999)).toMatchObject({ thinkingBudget: 3999 });
    expect(budget(4000, 5000)).toMatchObject({ thinkingBudget: 2000 });
    expect(budget(600, 1024)).toMatchObject({ thinkingBudget: 512 });
    expect(budget(64_000, 10_000, { thinking: "adaptive" })).toMatchObject({ thinkingLevel: "HIGH" });
  });

  test("asked for without a measure, shown or hidden", () => {
    expect(configOf(messages({ thinking: { type: "adaptive" } }))).toMatchObject({
      thinkingConfig: { includeThoughts: true },
    });
    expect(configOf(messages({ thinking: { type: "adaptive", display: "omitted" } }))).toMatchObject({
      thinkingConfig: { includeThoughts: false },
    });
  });

  test("is not asked of a model that has none, and that is told", () => {
    const result = chat({ reasoning_effort: "high" }, { thinking: "none" });
    expect(configOf(result)).toBeUndefined();
    expect(result.lost).toEqual(["reasoning_effort"]);
    expect(chat({ reasoning_effort: "none" }, { thinking: "none" }).lost).toEqual([]);
  });
});

describe("what a Gemini client wrote is repeated, not repaired", () => {
  test("empty texts, neighbours of one role, a model that begins, ids, penalties of zero", () => {
    const body = {
      contents: [
        { role: "model", parts: [{ text: "" }, { functionCall: { id: "1", name: "9", args: {} } }] },
        { role: "user", parts: [{ functionResponse: { id: "1", name: "9", response: { a: 1 } } }] },
        { role: "user", parts: [{ text: "x" }] },
      ],
      generationConfig: { presencePenalty: 0, stopSequences: ["1", "2", "3", "4", "5", "6"], candidateCount: 3 },
    };
    expect(native(body)).toEqual({ sent: body, lost: [] });
  });

  test("E36: signatures of every kind of part", () => {
    const body = {
      contents: [
        {
          role: "model",
          parts: [
            { text: "Hm.", thought: true, thoughtSignature: "YQ==" },
            { text: "x", thoughtSignature: "Yg==" },
            { thoughtSignature: "Yw==" },
            { inlineData: { mimeType: "image/png", data: "AAAA" }, thoughtSignature: "ZA==" },
            { functionCall: { name: "f", args: {} }, thoughtSignature: "ZQ==" },
            { executableCode: { code: "1" }, thoughtSignature: "Zg==" },
          ],
        },
      ],
    };
    expect(native(body).sent).toEqual(body);
  });

  test("what was changed on the way is written anew, the rest as it was", () => {
    const tools = [
      {
        functionDeclarations: [
          {
            name: "f",
            parameters: { type: "OBJECT", properties: { a: { type: "STRING" } } },
            behavior: "NON_BLOCKING",
          },
        ],
      },
    ];
    expect(native({ tools }).sent["tools"]).toEqual(tools);
  });
});

test("what results show stands behind the last of them, so that they are in a row as their calls were", () => {
  const call = (id: string) => ({ id, type: "function", function: { name: `tool_${id}`, arguments: "{}" } });
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } };
  const { sent } = translate(
    {
      model: "m",
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", tool_calls: [call("a"), call("b")] },
        { role: "tool", tool_call_id: "a", content: [{ type: "text", text: "one" }, image] },
        { role: "tool", tool_call_id: "b", content: "two" },
      ],
    },
    "openai-chat",
    "gemini",
  );
  const parts = dig(sent, "contents", 2, "parts") as JsonObject[];
  expect(parts.map((part) => Object.keys(part)[0])).toEqual([
    "functionResponse",
    "functionResponse",
    "text",
    "inlineData",
  ]);
  expect(parts[2]).toEqual({ text: "Attached by the tool tool_a:" });
});
