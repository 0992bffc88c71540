/** What a Gemini client may ask, and how it is understood. */
import { describe, expect, test } from "bun:test";
import { valueReader } from "../../../src/codec/answer-value.ts";
import { gemini } from "../../../src/codec/gemini/index.ts";
import type { JsonObject, Part, ToolCallPart, ToolResultPart } from "../../../src/contract/chat.ts";
import { caught, dig, targetOf, translate } from "../support.ts";

const HINTS = { model: "m", stream: true };
const decode = (body: JsonObject) => gemini.ingress.decodeRequest(body, HINTS);
const hi = { role: "user", parts: [{ text: "Hi" }] };
const ask = (extra: JsonObject = {}): JsonObject => ({ contents: [hi], ...extra });
const config = (generationConfig: JsonObject) => decode(ask({ generationConfig }));

describe("a request that Gemini would refuse is refused, naming the field and not its value", () => {
  const cases: readonly [name: string, body: JsonObject, param: string][] = [
    ["no contents", {}, "contents"],
    ["empty contents", { contents: [] }, "contents"],
    ["a content that is no object", { contents: [5] }, "contents[0]"],
    ["an unknown role", { contents: [{ role: "secret-value", parts: [{ text: "x" }] }] }, "contents[0].role"],
    ["a part that is no object", { contents: [{ parts: [["secret-value"]] }] }, "contents[0].parts[0]"],
    ["a tool that is no object", ask({ tools: ["secret-value"] }), "tools[0]"],
    [
      "a function without a name",
      ask({ tools: [{ functionDeclarations: [{}] }] }),
      "tools[0].functionDeclarations[0].name",
    ],
    [
      "a temperature in words",
      ask({ generationConfig: { temperature: "secret-value" } }),
      "generationConfig.temperature",
    ],
    ["half a token", ask({ generationConfig: { maxOutputTokens: 1.5 } }), "generationConfig.maxOutputTokens"],
    ["instructions that are no content", ask({ systemInstruction: 5 }), "systemInstruction"],
  ];
  for (const [name, body, param] of cases) {
    test(name, () => {
      const error = caught(() => decode(body));
      expect(error).toMatchObject({ code: "bad-request", status: 400, param });
      expect(error.message).not.toContain("secret-value");
    });
  }

  test("no model, neither in the address nor in the body", () => {
    expect(caught(() => gemini.ingress.decodeRequest(ask()))).toMatchObject({ param: "model" });
    expect(gemini.ingress.decodeRequest(ask({ model: "models/n" })).model).toBe("n");
  });
});

describe("the address says which model, and whether to stream", () => {
  test("whatever the body says", () => {
    expect(decode(ask({ model: "models/other" }))).toMatchObject({ model: "m", stream: true });
    expect(gemini.ingress.decodeRequest(ask(), { model: "models/a/b", stream: false })).toMatchObject({
      model: "a/b",
      stream: false,
    });
  });
});

describe("contents", () => {
  test("without a role are the user's", () => {
    expect(decode({ contents: [{ parts: [{ text: "Hi" }] }] }).messages[0]?.role).toBe("user");
  });

  test("of the model are the assistant's, of a function the user's", () => {
    const contents = ["model", "function", "user"].map((role) => ({ role, parts: [{ text: "x" }] }));
    expect(decode({ contents }).messages.map(({ role }) => role)).toEqual(["assistant", "user", "user"]);
  });

  test("may be one content with one part, as Google's own examples have it", () => {
    expect(decode({ contents: { parts: { text: "Hi" } } }).messages[0]?.parts).toEqual([{ type: "text", text: "Hi" }]);
  });

  const instructions: readonly [name: string, value: JsonObject | string | JsonObject[], text: string][] = [
    ["a content", { parts: [{ text: "Be brief." }] }, "Be brief."],
    ["a content with a role", { role: "user", parts: [{ text: "Be brief." }] }, "Be brief."],
    ["a content with one part", { parts: { text: "Be brief." } }, "Be brief."],
    ["several parts, which Gemini reads as one text", { parts: [{ text: "Be " }, { text: "brief." }] }, "Be brief."],
    ["a bare text", "Be brief.", "Be brief."],
    ["a bare part", { text: "Be brief." }, "Be brief."],
    ["a list of parts", [{ text: "Be brief." }], "Be brief."],
  ];
  for (const [name, value, text] of instructions) {
    test(`instructions may be ${name}`, () => {
      for (const field of ["systemInstruction", "system_instruction"]) {
        expect(decode(ask({ [field]: value })).system.map((part) => part.text)).toEqual([text]);
      }
    });
  }
});

describe("parts", () => {
  const partOf = (part: JsonObject): Part => decode({ contents: [{ parts: [part] }] }).messages[0]!.parts[0]!;

  const cases: readonly [name: string, part: JsonObject, read: Partial<Part>][] = [
    ["text", { text: "x" }, { type: "text", text: "x" }],
    [
      "signed text",
      { text: "x", thoughtSignature: "c2ln" },
      { type: "text", text: "x", signature: { origin: "gemini", value: "c2ln" } },
    ],
    [
      "a signature alone",
      { thoughtSignature: "c2ln" },
      { type: "text", text: "", signature: { origin: "gemini", value: "c2ln" } },
    ],
    ["a thought", { text: "Hm.", thought: true }, { type: "reasoning", text: "Hm." }],
    [
      "an image",
      { inlineData: { mimeType: "image/jpg", data: "AAAA" } },
      { type: "media", kind: "image", mediaType: "image/jpeg", source: { type: "base64", data: "AAAA" } },
    ],
    [
      "an image in snake case",
      { inline_data: { mime_type: "image/png", data: "a-_b" } },
      { type: "media", kind: "image", mediaType: "image/png", source: { type: "base64", data: "a+/b" } },
    ],
    ["a sound", { inlineData: { mimeType: "audio/mp3", data: "AAAA" } }, { type: "media", kind: "audio" }],
    [
      "a video in Google's storage",
      { fileData: { mimeType: "video/mp4", fileUri: "gs://a/b.mp4" } },
      { type: "media", kind: "video", source: { type: "file", id: "gs://a/b.mp4", origin: "gemini" } },
    ],
    [
      "an uploaded file",
      {
        fileData: { mimeType: "application/pdf", fileUri: "https://generativelanguage.googleapis.com/v1beta/files/x" },
      },
      {
        type: "media",
        kind: "file",
        source: { type: "file", id: "https://generativelanguage.googleapis.com/v1beta/files/x", origin: "gemini" },
      },
    ],
    [
      "a picture on the web",
      { file_data: { mime_type: "image/png", file_uri: "https://example.com/a.png" } },
      { type: "media", kind: "image", source: { type: "url", url: "https://example.com/a.png" } },
    ],
    [
      "a public video",
      { fileData: { fileUri: "https://youtu.be/x" } },
      { type: "media", kind: "video", source: { type: "url", url: "https://youtu.be/x" } },
    ],
    [
      "code that was run",
      { executableCode: { code: "1" } },
      { type: "opaque", codecId: "gemini", value: { executableCode: { code: "1" } } },
    ],
    [
      "a thought in pictures",
      { thought: true, inlineData: { mimeType: "image/png", data: "AAAA" } },
      { type: "opaque", codecId: "gemini" },
    ],
    [
      "something nobody knows",
      { hologram: { x: 1 } },
      { type: "opaque", codecId: "gemini", value: { hologram: { x: 1 } } },
    ],
  ];
  for (const [name, part, read] of cases) test(name, () => expect(partOf(part)).toMatchObject(read));
});

describe("calls and responses without ids find each other", () => {
  const call = (name: string, args: JsonObject = {}, id?: string): JsonObject => ({
    functionCall: { name, args, ...(id === undefined ? {} : { id }) },
  });
  const response = (name: string, output: string, id?: string): JsonObject => ({
    functionResponse: { name, response: { output }, ...(id === undefined ? {} : { id }) },
  });
  const read = (...contents: (readonly [role: string, ...parts: JsonObject[]])[]) => {
    const { messages } = decode({ contents: contents.map(([role, ...parts]) => ({ role, parts })) });
    const all = messages.flatMap(({ parts }) => parts);
    const calls = all.filter((part): part is ToolCallPart => part.type === "tool-call");
    const results = all.filter((part): part is ToolResultPart => part.type === "tool-result");
    return { calls, results, answered: results.map(({ id }) => calls.findIndex((one) => one.id === id)) };
  };

  test("by name", () => {
    const { answered } = read(["model", call("a"), call("b")], ["user", response("b", "1"), response("a", "2")]);
    expect(answered).toEqual([1, 0]);
  });

  test("of one name by order", () => {
    const { answered } = read(["model", call("a"), call("a")], ["user", response("a", "1"), response("a", "2")]);
    expect(answered).toEqual([0, 1]);
  });

  test("in the turn before, not in an older one that was left open", () => {
    const { answered } = read(
      ["model", call("a")],
      ["user", { text: "Stop" }],
      ["model", call("a")],
      ["user", response("a", "1")],
    );
    expect(answered).toEqual([1]);
  });

  test("under another name when nothing else is open", () => {
    expect(read(["model", call("a")], ["user", response("renamed", "1")]).answered).toEqual([0]);
  });

  test("when only the response has an id, as clients that number for themselves do", () => {
    expect(read(["model", call("a"), call("b")], ["user", response("b", "1", "own-7")]).answered).toEqual([1]);
  });

  test("by id where there is one", () => {
    const { answered, calls } = read(
      ["model", call("a", {}, "x"), call("a", {}, "y")],
      ["user", response("a", "1", "y"), response("a", "2", "x")],
    );
    expect(calls.map(({ id }) => id)).toEqual(["x", "y"]);
    expect(answered).toEqual([1, 0]);
  });

  test("a response to nothing stays one, under an id of its own", () => {
    const { answered, results } = read(["user", response("gone", "1")]);
    expect(answered).toEqual([-1]);
    expect(results[0]?.id).toMatch(/^call_[0-9a-f]{16}$/);
  });

  test("the ids depend on nothing but the place, so that a longer conversation has the same ones", () => {
    const short = read(["model", call("a"), call("a")]);
    const long = read(
      ["model", call("a"), call("a")],
      ["user", response("a", "1"), response("a", "2")],
      ["model", call("a")],
    );
    expect(long.calls.slice(0, 2).map(({ id }) => id)).toEqual(short.calls.map(({ id }) => id));
    expect(new Set(long.calls.map(({ id }) => id)).size).toBe(3);
  });

  test("a response is given on as the JSON it is, and is a failure only when it says nothing else", () => {
    const { results } = read(
      ["model", call("a"), call("b"), call("c")],
      [
        "user",
        response("a", "1"),
        { functionResponse: { name: "b", response: { error: "no" } } },
        { functionResponse: { name: "c", response: { error: "no", log: [] } } },
      ],
    );
    expect(results.map(({ parts, isError }) => [(parts[0] as { text: string }).text, isError])).toEqual([
      ['{"output":"1"}', false],
      ['{"error":"no"}', true],
      ['{"error":"no","log":[]}', false],
    ]);
  });

  test("media inside a response are its parts", () => {
    const { results } = read(
      ["model", call("a")],
      [
        "user",
        {
          functionResponse: {
            name: "a",
            response: {},
            parts: [{ inline_data: { mime_type: "image/png", data: "AAAA" } }],
          },
        },
      ],
    );
    expect(results[0]?.parts).toMatchObject([
      { type: "text", text: "{}" },
      { type: "media", kind: "image" },
    ]);
  });
});

describe("generation settings", () => {
  test("have their neutral names", () => {
    expect(
      config({
        temperature: 0.5,
        topP: 0.9,
        topK: 3,
        maxOutputTokens: 10,
        stopSequences: ["a"],
        seed: 1,
        presencePenalty: 0.1,
        frequencyPenalty: 0.2,
        candidateCount: 2,
        responseLogprobs: true,
        logprobs: 4,
      }),
    ).toMatchObject({
      temperature: 0.5,
      topP: 0.9,
      topK: 3,
      maxOutputTokens: 10,
      stop: ["a"],
      seed: 1,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      n: 2,
      logprobs: true,
      topLogprobs: 4,
    });
  });

  test("may be numbers written as text, as Google's JSON allows", () => {
    expect(config({ maxOutputTokens: "10", temperature: "0.5" })).toMatchObject({
      maxOutputTokens: 10,
      temperature: 0.5,
    });
  });

  const thinking: readonly [config: JsonObject, reasoning: JsonObject | undefined][] = [
    [{ thinkingBudget: 0 }, { budgetTokens: 0 }],
    [{ thinkingBudget: -1 }, { mode: "auto" }],
    [
      { thinkingBudget: 100, includeThoughts: true },
      { budgetTokens: 100, summary: "auto" },
    ],
    [
      { thinkingLevel: "HIGH", includeThoughts: false },
      { effort: "high", summary: "none" },
    ],
    [{ thinking_level: "low" }, { effort: "low" }],
    [{ includeThoughts: true }, { mode: "auto", summary: "auto" }],
    [{}, undefined],
  ];
  for (const [thinkingConfig, reasoning] of thinking) {
    test(`thinking ${JSON.stringify(thinkingConfig)}`, () => {
      expect(config({ thinkingConfig }).reasoning).toEqual(reasoning);
    });
  }

  test("an answer in JSON, with either kind of schema", () => {
    expect(config({ responseMimeType: "application/json" }).responseFormat).toEqual({ type: "json" });
    const schema = { type: "object", properties: { type: { type: "string" } } };
    expect(config({ responseMimeType: "application/json", responseJsonSchema: schema }).responseFormat).toEqual({
      type: "json-schema",
      schema,
    });
    const responseSchema = { type: "OBJECT", properties: { type: { type: "STRING" } } };
    expect(config({ responseMimeType: "application/json", responseSchema }).responseFormat).toEqual({
      type: "json-schema",
      schema,
    });
  });
});

describe("tools", () => {
  const schema = {
    type: "object",
    properties: { city: { type: ["string", "null"], minLength: 1 } },
    required: ["city"],
  };

  test("declare functions in JSON Schema, or in Google's, which is read as the same", () => {
    const parameters = {
      type: "OBJECT",
      properties: { city: { type: "STRING", nullable: true, min_length: "1" } },
      required: ["city"],
    };
    for (const declaration of [{ parametersJsonSchema: schema }, { parameters_json_schema: schema }, { parameters }]) {
      const { tools } = decode(ask({ tools: [{ functionDeclarations: [{ name: "f", ...declaration }] }] }));
      expect(tools).toMatchObject([{ kind: "function", name: "f", schema }]);
    }
  });

  test("of the vendor's own are known by name and kept whole", () => {
    const { tools } = decode(ask({ tools: [{ google_search: {}, functionDeclarations: [{ name: "f" }] }] }));
    expect(tools.map(({ kind, name }) => [kind, name])).toEqual([
      ["provider", "googleSearch"],
      ["function", "f"],
    ]);
  });

  const choices: readonly [config: JsonObject, choice: JsonObject][] = [
    [{ mode: "AUTO" }, { type: "auto" }],
    [{ mode: "none" }, { type: "none" }],
    [{ mode: "any" }, { type: "required" }],
    [
      { mode: "ANY", allowedFunctionNames: ["f"] },
      { type: "tool", name: "f" },
    ],
    [
      { mode: "ANY", allowed_function_names: ["f", "g"] },
      { type: "allowed", names: ["f", "g"], mode: "required" },
    ],
    [{ mode: "VALIDATED" }, { type: "auto" }],
    [
      { mode: "VALIDATED", allowedFunctionNames: ["f"] },
      { type: "allowed", names: ["f"], mode: "auto" },
    ],
  ];
  for (const [functionCallingConfig, choice] of choices) {
    test(`choice ${JSON.stringify(functionCallingConfig)}`, () => {
      expect(decode(ask({ toolConfig: { functionCallingConfig } })).toolChoice).toEqual(choice as never);
    });
  }
});

describe("towards upstreams of other dialects", () => {
  test("what only Gemini has is left out and told, each by its own name", () => {
    const body = ask({
      safetySettings: [{ category: "c", threshold: "t" }],
      labels: { a: "b" },
      generationConfig: { mediaResolution: "MEDIA_RESOLUTION_LOW", responseModalities: ["TEXT"] },
      toolConfig: { retrievalConfig: {} },
    });
    const { lost, sent } = translate({ model: "m", ...body }, "gemini", "openai-chat");
    expect(lost.sort()).toEqual(["labels", "mediaResolution", "responseModalities", "safetySettings", "toolConfig"]);
    expect(JSON.stringify(sent)).not.toMatch(/safety|labels|mediaResolution|retrieval/);
  });

  const refused: readonly [name: string, extra: JsonObject, param: string][] = [
    ["a cached beginning, which the other has never seen", { cachedContent: "cachedContents/x" }, "cachedContent"],
    ["pictures or sound as the answer", { generationConfig: { responseModalities: ["AUDIO"] } }, "responseModalities"],
  ];
  for (const [name, extra, param] of refused) {
    test(`${name} are refused, not forgotten`, () => {
      const error = caught(() => translate({ model: "m", ...ask(extra) }, "gemini", "openai-chat"));
      expect(error).toMatchObject({ code: "bad-request", param });
    });
  }

  describe("a choice among words", () => {
    const choice = {
      responseMimeType: "text/x.enum",
      responseSchema: { type: "STRING", format: "enum", enum: ["red", "green"] },
    };
    const words = { type: "string", enum: ["red", "green"] };
    const inside = {
      type: "object",
      properties: { monorelay_value: words },
      required: ["monorelay_value"],
      additionalProperties: false,
    };
    const asked = (generationConfig: JsonObject): JsonObject => ({ model: "m", ...ask({ generationConfig }) });

    test.each([
      ["openai-chat", ["response_format", "json_schema", "schema"]],
      ["openai-responses", ["text", "format", "schema"]],
      ["anthropic-messages", ["output_config", "format", "schema"]],
    ] as const)("is a schema for %s", (to, path) => {
      for (const config of [choice, { responseMimeType: "text/x.enum", responseJsonSchema: words }]) {
        const { sent, lost } = translate(asked(config), "gemini", to);
        expect(dig(sent, ...path)).toEqual(inside);
        expect(lost).toEqual([]);
      }
    });

    test("stays as it was written for Gemini itself", () => {
      const { sent, lost } = translate(asked(choice), "gemini", "gemini");
      expect([sent["generationConfig"], lost]).toEqual([choice, []]);
    });

    test("without words is none, and is told as lost", () => {
      const config = { responseMimeType: "text/x.enum", responseSchema: { type: "STRING" } };
      expect(translate(asked(config), "gemini", "openai-chat").lost).toEqual(["responseMimeType", "responseSchema"]);
    });

    test.each([
      ["in the object it travels in", '{"monorelay_value":"red"}', "red"],
      ["with an escape", '{"monorelay_value": "gr\\u00fcn"}', "grün"],
      ["as a bare JSON text", '"red"', "red"],
      ["as it is", "red", "red"],
      ["cut off", '{"monorelay_value":"re', '"re'],
    ])("is answered by the bare word, whole and at every cut: %s", (_name, said, given) => {
      const reader = () => valueReader(decode(asked(choice)), () => {})!;
      const finish = { reason: "stop" } as const;
      const whole = reader().response({ id: "", model: "", parts: [{ type: "text", text: said }], finish, usage: {} });
      expect(whole.parts).toEqual([{ type: "text", text: given }]);
      for (let cut = 1; cut < said.length; cut += 1) {
        const { event } = reader();
        const events = [
          ...event({ type: "part-start", index: 0, head: { type: "text" } }),
          ...[said.slice(0, cut), said.slice(cut)].flatMap((delta) => event({ type: "part-delta", index: 0, delta })),
          ...event({ type: "part-end", index: 0 }),
        ];
        expect(events.map((told) => (told.type === "part-delta" ? told.delta : "")).join("")).toBe(given);
      }
    });
  });

  test("function names with dots become valid there and are given back", () => {
    const request = decode(ask({ tools: [{ functionDeclarations: [{ name: "fs.read" }] }] }));
    const sent = translate(
      { model: "m", ...ask({ tools: [{ functionDeclarations: [{ name: "fs.read" }] }] }) },
      "gemini",
      "openai-chat",
    ).sent;
    const name = String(dig(sent, "tools", 0, "function", "name"));
    expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    const context = { request, createdAt: 0, seed: "s", inputTokensEstimate: 1 };
    const answer = {
      id: "1",
      model: "m",
      parts: [{ type: "tool-call" as const, id: "c", name, inputJson: "{}" }],
      finish: { reason: "tool-calls" as const },
      usage: {},
    };
    expect(
      dig(
        gemini.ingress.encodeResponse(answer, context),
        "candidates",
        0,
        "content",
        "parts",
        0,
        "functionCall",
        "name",
      ),
    ).toBe("fs.read");
  });

  test("back to Gemini nothing is lost", () => {
    const target = targetOf();
    gemini.egress.encodeRequest(decode(ask({ cachedContent: "cachedContents/x", labels: { a: "b" } })), target);
    expect(target.lost).toEqual([]);
  });
});
