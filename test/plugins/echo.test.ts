/** The provider without an upstream: each of its models behaves as its name says. */
import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import echo from "../../plugins/provider/echo.ts";
import { collect } from "../../src/codec/fold.ts";
import {
  anthropicMessages,
  type ChatEvent,
  type ChatRequest,
  type JsonObject,
  openaiChat,
  type Provider,
  RelayError,
  type Tool,
  type UpstreamCall,
} from "../../src/plugin/index.ts";
import { createFakeHost } from "./fake-host.ts";

const SPOKEN = "The quick brown fox.";

function requestOf(model: string, differs: Partial<ChatRequest> = {}): ChatRequest {
  const earlier: ChatRequest["messages"] = [
    { role: "user", parts: [{ type: "text", text: "an earlier question" }] },
    { role: "assistant", parts: [{ type: "text", text: "an earlier answer" }] },
  ];
  const last: ChatRequest["messages"] = [{ role: "user", parts: [{ type: "text", text: SPOKEN }] }];
  return {
    model,
    stream: true,
    system: [],
    messages: [...earlier, ...last],
    tools: [],
    includeUsage: true,
    ...differs,
  };
}

const setUp = (options: { delay: number } = { delay: 0 }): Promise<Provider> =>
  Promise.resolve(echo.setup(options as never, createFakeHost()));

async function eventsOf(request: ChatRequest, signal = new AbortController().signal): Promise<ChatEvent[]> {
  const provider = await setUp();
  const events: ChatEvent[] = [];
  for await (const event of provider.answer!(request, signal)) events.push(event);
  return events;
}

/** Every event in its place: one start, parts one after the other, one end. */
function expectGrammar(events: readonly ChatEvent[]): void {
  let open: number | undefined;
  let next = 0;
  for (const [at, event] of events.entries()) {
    if (event.type === "response-start") expect(at).toBe(0);
    else if (event.type === "response-end") expect([at, open]).toEqual([events.length - 1, undefined]);
    else if (event.type === "part-start") {
      expect([open, event.index]).toEqual([undefined, next]);
      open = event.index;
      next += 1;
    } else if (event.type === "part-delta" || event.type === "part-end") {
      expect(event.index).toBe(open!);
      if (event.type === "part-end") open = undefined;
    }
  }
  expect(events[0]?.type).toBe("response-start");
  expect(events.at(-1)?.type).toBe("response-end");
}

const textOf = (events: readonly ChatEvent[]): string =>
  collect(events)
    .parts.flatMap((part) => (part.type === "text" ? [part.text] : []))
    .join("");

describe("echo", () => {
  test("repeats the last user text, word by word, unchanged", async () => {
    const events = await eventsOf(requestOf("echo"));
    expectGrammar(events);
    expect(events.flatMap((event) => (event.type === "part-delta" ? [event.delta] : []))).toEqual([
      "The ",
      "quick ",
      "brown ",
      "fox.",
    ]);
    expect(textOf(events)).toBe(SPOKEN);
  });

  test.each([["  two  leading,\n\nlines and a trailing "], ["日本語 🎉 é"], ["x".repeat(10_000)], [" "], [""]])(
    "keeps %j",
    async (text) => {
      const events = await eventsOf(
        requestOf("echo", { messages: [{ role: "user", parts: [{ type: "text", text }] }] }),
      );
      expectGrammar(events);
      expect(textOf(events)).toBe(text);
    },
  );

  test("answers nothing to a conversation in which no user spoke", async () => {
    const events = await eventsOf(requestOf("echo", { messages: [] }));
    expectGrammar(events);
    expect(collect(events)).toMatchObject({ parts: [], finish: { reason: "stop" } });
  });

  test("counts a token for four bytes, rounded up", async () => {
    const messages: ChatRequest["messages"] = [{ role: "user", parts: [{ type: "text", text: "123456789" }] }];
    const request = requestOf("echo", { system: [{ type: "text", text: "1234" }], messages });
    expect(collect(await eventsOf(request)).usage).toEqual({ inputTokens: 4, outputTokens: 3 });
  });

  test("speaks whatever dialect it is asked in", async () => {
    const provider = await setUp();
    expect(provider.codecs).toEqual(expect.arrayContaining([openaiChat, anthropicMessages]));
    expect(echo).toMatchObject({ keys: "none", local: true });
    expect(() => provider.request({} as UpstreamCall)).toThrow(RelayError);
  });
});

describe("echo-reasoning", () => {
  test("thinks first, then speaks", async () => {
    const events = await eventsOf(requestOf("echo-reasoning"));
    expectGrammar(events);
    const { parts, finish } = collect(events);
    expect(parts.map(({ type }) => type)).toEqual(["reasoning", "text"]);
    expect(parts[0]).toMatchObject({ text: expect.stringContaining(SPOKEN) });
    expect(textOf(events)).toBe(SPOKEN);
    expect(finish.reason).toBe("stop");
  });
});

/** Schemas as clients send them, and the corners of them. */
const SCHEMAS: readonly (readonly [name: string, schema: JsonObject])[] = [
  [
    "an object with required and other properties",
    {
      type: "object",
      properties: { city: { type: "string" }, unit: { enum: ["C", "F"] }, days: { type: "integer" } },
      required: ["city", "unit"],
      additionalProperties: false,
    },
  ],
  [
    "minimum sizes",
    {
      type: "object",
      properties: {
        name: { type: "string", minLength: 3 },
        many: { type: "array", items: { type: "number", minimum: 2 }, minItems: 2 },
      },
      required: ["name", "many"],
    },
  ],
  ["a number that must be above", { type: "integer", exclusiveMinimum: 4 }],
  ["a number that must be below", { type: "number", maximum: -3 }],
  ["a number that must be strictly below", { type: "number", exclusiveMaximum: 0 }],
  ["a multiple", { type: "integer", minimum: 7, multipleOf: 5 }],
  ["a constant", { const: "only this" }],
  ["nullable by type", { type: ["string", "null"], minLength: 1 }],
  ["nullable by choice", { anyOf: [{ type: "null" }, { type: "string" }] }],
  [
    "a choice beside properties",
    {
      type: "object",
      properties: { a: { type: "string" } },
      required: ["a"],
      anyOf: [{ required: ["a"] }, { required: ["b"] }],
    },
  ],
  [
    "all of several",
    {
      allOf: [
        { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
        { properties: { b: { type: "integer", minimum: 1 } }, required: ["b"] },
      ],
    },
  ],
  [
    "a reference",
    {
      type: "object",
      properties: { at: { $ref: "#/$defs/a~1b" } },
      required: ["at"],
      $defs: { "a/b": { type: "boolean" } },
    },
  ],
  ["a recursion that may end", { type: "object", properties: { child: { $ref: "#" } } }],
  ["a tuple", { type: "array", prefixItems: [{ type: "string" }, { type: "integer" }], minItems: 2 }],
  [
    "dates, times and addresses",
    {
      type: "object",
      properties: {
        day: { type: "string", format: "date" },
        at: { type: "string", format: "date-time" },
        mail: { type: "string", format: "email" },
        link: { type: "string", format: "uri" },
        id: { type: "string", format: "uuid" },
      },
      required: ["day", "at", "mail", "link", "id"],
    },
  ],
  ["a required property nobody describes", { type: "object", required: ["anything"] }],
  ["a pattern, with an example that has it", { type: "string", pattern: "^[A-Z]{2}\\d$", examples: ["AB1"] }],
  ["anything at all", {}],
];

const isValid = (schema: JsonObject, value: unknown): boolean => {
  const ajv = new Ajv({ strict: false });
  addFormats(ajv);
  // The recursive schema names itself.
  return ajv.validate(structuredClone(schema), value);
};

describe("echo-tools", () => {
  test.each(SCHEMAS)("calls a tool with arguments its schema accepts: %s", async (_name, schema) => {
    const tools: Tool[] = [{ kind: "function", name: "look", schema }];
    const events = await eventsOf(requestOf("echo-tools", { tools }));
    expectGrammar(events);
    const { parts, finish } = collect(events);
    expect(finish.reason).toBe("tool-calls");
    expect(parts).toMatchObject([{ type: "tool-call", name: "look" }]);
    const [part] = parts;
    const input = part?.type === "tool-call" ? JSON.parse(part.inputJson) : undefined;
    expect(isValid(schema, input), JSON.stringify(input)).toBe(true);
  });

  test("calls every function that is offered, once, each under an id of its own, and nothing else", async () => {
    const tools: Tool[] = [
      { kind: "function", name: "first" },
      { kind: "provider", name: "web_search" },
      { kind: "function", name: "second", schema: { type: "object" } },
    ];
    const { parts } = collect(await eventsOf(requestOf("echo-tools", { tools })));
    const calls = parts.flatMap((part) => (part.type === "tool-call" ? [part] : []));
    expect(calls.map(({ name, inputJson }) => [name, inputJson])).toEqual([
      ["first", "{}"],
      ["second", "{}"],
    ]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    expect(parts).toHaveLength(2);
  });

  test("speaks when there is no tool", async () => {
    expect(textOf(await eventsOf(requestOf("echo-tools")))).toBe(SPOKEN);
  });
});

describe("echo-json", () => {
  test.each(SCHEMAS)("answers the smallest instance: %s", async (_name, schema) => {
    const events = await eventsOf(requestOf("echo-json", { responseFormat: { type: "json-schema", schema } }));
    expectGrammar(events);
    expect(isValid(schema, JSON.parse(textOf(events)))).toBe(true);
  });

  test("leaves out what is not required, and takes the first of a choice", async () => {
    const schema = SCHEMAS[0]![1];
    const events = await eventsOf(requestOf("echo-json", { responseFormat: { type: "json-schema", schema } }));
    expect(JSON.parse(textOf(events))).toEqual({ city: "", unit: "C" });
  });

  test("ends for a schema that never does", async () => {
    const schema: JsonObject = { type: "object", properties: { next: { $ref: "#" } }, required: ["next"] };
    const events = await eventsOf(requestOf("echo-json", { responseFormat: { type: "json-schema", schema } }));
    expect(() => JSON.parse(textOf(events))).not.toThrow();
  });

  test.each([
    [
      "branches at every level",
      {
        type: "object",
        properties: { a: { $ref: "#" }, b: { $ref: "#" }, c: { $ref: "#" } },
        required: ["a", "b", "c"],
      },
    ],
    ["is nothing but itself", { $ref: "#" }],
    ["is all of itself, twice", { allOf: [{ $ref: "#" }, { $ref: "#" }] }],
    ["wants a list of lists without end", { type: "array", items: { $ref: "#" }, minItems: 1_000_000_000 }],
    ["wants a text larger than memory", { type: "string", minLength: 1e15 }],
  ] as const)("stays small for a schema that %s", async (_name, schema) => {
    const events = await eventsOf(
      requestOf("echo-json", { responseFormat: { type: "json-schema", schema: schema as never } }),
    );
    expect(textOf(events).length).toBeLessThan(50_000);
  });

  test("answers an empty object without a schema", async () => {
    expect(textOf(await eventsOf(requestOf("echo-json", { responseFormat: { type: "json" } })))).toBe("{}");
  });
});

describe("echo-error-<status>", () => {
  const failureOf = async (model: string): Promise<unknown> =>
    eventsOf(requestOf(model)).catch((error: unknown) => error);

  test.each([
    [400, undefined],
    [401, undefined],
    [404, undefined],
    [413, undefined],
    [429, 1000],
    [500, undefined],
    [503, 1000],
    [529, 1000],
  ])("fails with %i before the first event, and nobody tries it again", async (status, retryAfterMs) => {
    const failure = await failureOf(`echo-error-${status}`);
    expect(RelayError.is(failure)).toBe(true);
    expect(failure).toMatchObject({ status, retry: "never", retryAfterMs });
  });

  test.each(["418", "", "4e2", "-1", "toString"])("names the ones there are when asked for %j", async (status) => {
    const failure = await failureOf(`echo-error-${status}`);
    expect(failure).toMatchObject({ code: "bad-request", status: 400, param: "model" });
    expect(String(failure)).toContain("400, 401, 404, 413, 429, 500, 503, 529");
  });
});

describe("echo-cut", () => {
  test.each([SPOKEN, "one", ""])("breaks off after three deltas: %j", async (text) => {
    const provider = await setUp();
    const request = requestOf("echo-cut", { messages: [{ role: "user", parts: [{ type: "text", text }] }] });
    const events: ChatEvent[] = [];
    const reading = (async () => {
      for await (const event of provider.answer!(request, new AbortController().signal)) events.push(event);
    })();
    expect(await reading.catch((error: unknown) => error)).toMatchObject({ code: "upstream-malformed" });
    expect(events.filter(({ type }) => type === "part-delta")).toHaveLength(3);
    expect(events.some(({ type }) => type === "response-end")).toBe(false);
  });
});

describe("models that take their time", () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** Lets promises settle: no timer of the plugin can have fired. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };

  async function start(model: string, options = { delay: 0 }) {
    const abort = new AbortController();
    const provider = await setUp(options);
    const events: ChatEvent[] = [];
    const done = (async () => {
      for await (const event of provider.answer!(requestOf(model), abort.signal)) events.push(event);
      return undefined;
    })().catch((error: unknown) => error);
    await settle();
    return { abort, events, done, deltas: () => events.filter(({ type }) => type === "part-delta").length };
  }

  test("echo-slow says a word every 300 ms", async () => {
    const { deltas, done, events } = await start("echo-slow");
    expect(deltas()).toBe(1);
    for (const count of [2, 3, 4]) {
      jest.advanceTimersByTime(299);
      await settle();
      expect(deltas()).toBe(count - 1);
      jest.advanceTimersByTime(1);
      await settle();
      expect(deltas()).toBe(count);
    }
    expect(await done).toBeUndefined();
    expect(textOf(events)).toBe(SPOKEN);
  });

  test("echo-silent-<seconds> is silent that long, then speaks", async () => {
    const { events, done } = await start("echo-silent-900");
    jest.advanceTimersByTime(899_999);
    await settle();
    expect(events).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(await done).toBeUndefined();
    expect(textOf(events)).toBe(SPOKEN);
  });

  test.each(["901", "-1", "soon", "", "Infinity"])("echo-silent-%s is refused", async (seconds) => {
    const { events, done } = await start(`echo-silent-${seconds}`);
    expect(await done).toMatchObject({ code: "bad-request", param: "model" });
    expect(events).toEqual([]);
  });

  test.each(["echo-silent-900", "echo-slow"])(
    "%s stops as soon as the caller has left, and leaves no timer",
    async (model) => {
      const { abort, events, done, deltas } = await start(model);
      const before = deltas();
      abort.abort();
      expect(await done).toMatchObject({ code: "client-closed" });
      expect(jest.getTimerCount()).toBe(0);
      expect(deltas()).toBe(before);
      expect(events.some(({ type }) => type === "response-end")).toBe(false);
    },
  );

  test("a caller who left before the wait began waits for nothing", async () => {
    const provider = await setUp();
    const answer = provider.answer!(requestOf("echo-silent-900"), AbortSignal.abort());
    const reading = (async () => {
      for await (const _event of answer) throw new Error("nothing should come");
    })();
    expect(await reading.catch((error: unknown) => error)).toMatchObject({ code: "client-closed" });
  });

  test("the option `delay` puts every answer off", async () => {
    const { events, done } = await start("echo", { delay: 50 });
    expect(events).toEqual([]);
    jest.advanceTimersByTime(50);
    expect(await done).toBeUndefined();
    expect(textOf(events)).toBe(SPOKEN);
  });
});

describe("the raw lane", () => {
  async function respond(operation: UpstreamCall["operation"], body: JsonObject | null): Promise<JsonObject> {
    const provider = await setUp();
    const call = {
      operation,
      model: "echo",
      body: body === null ? null : JSON.stringify(body),
      signal: new AbortController().signal,
    };
    const response = await provider.respond!(call as UpstreamCall);
    expect(response.status).toBe(200);
    return (await response.json()) as JsonObject;
  }

  test("has embeddings and token counts, and nothing else", async () => {
    const provider = await setUp();
    expect([...(provider.operations ?? [])].toSorted()).toEqual(["count-tokens", "embeddings"]);
  });

  test.each([
    ["one text", "hello", 1],
    ["several texts", ["hello", "you", "there"], 3],
    ["one text as tokens", [15339, 1917], 1],
    ["several texts as tokens", [[15339], [1917]], 2],
    ["nothing", [], 0],
  ] as const)("gives one vector for each input: %s", async (_name, input, count) => {
    const answer = await respond("embeddings", { model: "echo", input: input as never });
    expect(answer).toMatchObject({ object: "list", model: "echo", usage: { prompt_tokens: expect.any(Number) } });
    const data = answer["data"] as { index: number; embedding: number[]; object: string }[];
    expect(data.map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, index) => index));
    for (const { embedding } of data) expect(embedding).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("refuses more inputs than a first party takes", async () => {
    const tooMany = respond("embeddings", { model: "echo", input: Array.from({ length: 2049 }, () => "a") });
    expect(await tooMany.catch((error: unknown) => error)).toMatchObject({ code: "bad-request", param: "input" });
  });

  test("gives the same vector in base64", async () => {
    const answer = await respond("embeddings", { model: "echo", input: "hello", encoding_format: "base64" });
    const [first] = answer["data"] as { embedding: string }[];
    const bytes = Buffer.from(first!.embedding, "base64");
    expect([...new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))]).toEqual([
      1, 0, 0, 0, 0, 0, 0, 0,
    ]);
  });

  test("counts tokens as a quarter of the bytes", async () => {
    const body = { model: "echo", messages: [{ role: "user", content: "héllo" }] };
    expect(await respond("count-tokens", body)).toEqual({
      input_tokens: Math.ceil(Buffer.byteLength(JSON.stringify(body)) / 4),
    });
  });
});
