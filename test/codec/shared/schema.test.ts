/** Schemas of tools and answers: as an object at the root, in strict modes, and what may not change on the way. */
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../../src/contract/chat.ts";
import { valueReader } from "../../../src/codec/answer-value.ts";
import { ANSWER_VALUE, answerSchema, isWrapped, toolSchema } from "../../../src/codec/shared/schema/root.ts";
import { isRecursive } from "../../../src/codec/shared/schema/refs.ts";
import { fitsOpenAiStrict, strictSchema } from "../../../src/codec/shared/schema/strict.ts";
import { bedrockConverse } from "../../../src/codec/bedrock-converse/index.ts";
import { cohere } from "../../../src/codec/cohere/index.ts";
import { vertexClaude } from "../../../src/codec/hosted-claude/index.ts";
import { ollama } from "../../../src/codec/ollama/index.ts";
import { CODECS, dig, requestOf, targetOf } from "../support.ts";

describe("schemas", () => {
  test("of tools are objects at the root, also through a reference", () => {
    const schema = {
      anyOf: [{ $ref: "#/$defs/a" }, { properties: { y: {} } }],
      $defs: { a: { properties: { x: {} }, required: ["x"] } },
    };
    expect(toolSchema(schema)).toEqual({ $defs: schema.$defs, type: "object", properties: { x: {}, y: {} } });
    expect(
      toolSchema({
        allOf: [
          { properties: { x: {} }, required: ["x"] },
          { properties: { y: {} }, required: ["y"] },
        ],
      }),
    ).toEqual({
      type: "object",
      properties: { x: {}, y: {} },
      required: ["x", "y"],
    });
  });

  test("that are good already are left alone", () => {
    const schema = {
      type: "object",
      properties: { a: { anyOf: [{ type: "string" }, { type: "null" }] } },
      required: ["a"],
    };
    expect(toolSchema(schema)).toBe(schema);
  });

  test("for strict modes tell property names from keywords", () => {
    const schema = {
      type: "object",
      properties: { pattern: { type: "string", pattern: "^a" }, minimum: { type: "number" } },
    };
    expect(strictSchema(schema)).toEqual({
      type: "object",
      properties: { pattern: { type: "string", description: '(pattern: "^a")' }, minimum: { type: "number" } },
      additionalProperties: false,
    });
  });

  test("for strict modes may not contain themselves", () => {
    expect(strictSchema({ type: "object", properties: { a: { $ref: "#" } } })).toBeUndefined();
    expect(
      strictSchema({ $defs: { a: { properties: { b: { $ref: "#/$defs/b" } } }, b: { items: { $ref: "#/$defs/a" } } } }),
    ).toBeUndefined();
    expect(strictSchema({ $ref: "#/$defs/a", $defs: { a: { type: "string" } } })).toEqual({
      $ref: "#/$defs/a",
      $defs: { a: { type: "string" } },
    });
  });

  test("fit OpenAI's strict mode when everything is closed and required", () => {
    const good = {
      type: "object",
      properties: { a: { type: "string" } },
      required: ["a"],
      additionalProperties: false,
    };
    expect(fitsOpenAiStrict(good)).toBe(true);
    expect(fitsOpenAiStrict({ ...good, required: [] })).toBe(false);
    expect(fitsOpenAiStrict({ ...good, properties: { a: { type: "object", properties: {} } } })).toBe(false);
  });
});

const TEXT = { type: "string" };

describe("alternatives at the root of a tool's input", () => {
  const a = { type: "object", properties: { kind: { const: "a" }, x: TEXT }, required: ["kind", "x"] };
  const b = { type: "object", properties: { kind: { const: "b" }, y: TEXT }, required: ["kind", "y"] };

  const cases: [name: string, schema: JsonObject, written: JsonObject][] = [
    [
      "told apart by a constant can all be called",
      { oneOf: [a, b] },
      { type: "object", properties: { kind: { enum: ["a", "b"] }, x: TEXT, y: TEXT }, required: ["kind"] },
    ],
    [
      "narrow what stands beside them",
      { type: "object", properties: { kind: TEXT, z: TEXT }, required: ["kind"], anyOf: [a, b] },
      {
        type: "object",
        properties: { kind: { type: "string", enum: ["a", "b"] }, x: TEXT, y: TEXT, z: TEXT },
        required: ["kind"],
      },
    ],
    [
      "may see the same property differently",
      { anyOf: [{ properties: { v: TEXT } }, { properties: { v: { type: "number" } } }] },
      { type: "object", properties: { v: { anyOf: [TEXT, { type: "number" }] } } },
    ],
    [
      "may hold alternatives themselves",
      { anyOf: [a, { oneOf: [b, { properties: { kind: { const: "c" } }, required: ["kind"] }] }] },
      { type: "object", properties: { kind: { enum: ["a", "b", "c"] }, x: TEXT, y: TEXT }, required: ["kind"] },
    ],
    [
      "that are no objects do not count",
      { anyOf: [a, { type: "null" }] },
      { type: "object", properties: a.properties, required: ["kind", "x"] },
    ],
    [
      "stay closed if all of them are",
      { oneOf: [a, b].map((branch) => ({ ...branch, additionalProperties: false })) },
      {
        type: "object",
        properties: { kind: { enum: ["a", "b"] }, x: TEXT, y: TEXT },
        required: ["kind"],
        additionalProperties: false,
      },
    ],
    [
      "keep what references into them mean",
      {
        anyOf: [
          { properties: { p: TEXT } },
          { properties: { p: { type: "number" }, q: { $ref: "#/anyOf/0/properties/p" } } },
        ],
      },
      {
        type: "object",
        properties: { p: { anyOf: [TEXT, { type: "number" }] }, q: { $ref: "#/$defs/anyOf_0_properties_p" } },
        $defs: { anyOf_0_properties_p: TEXT },
      },
    ],
  ];
  for (const [name, schema, written] of cases) test(name, () => expect(toolSchema(schema)).toEqual(written));

  test("reach every kind of upstream with all of them", () => {
    const tools = [{ kind: "function" as const, name: "f", schema: { oneOf: [a, b] } }];
    const egresses = { ...CODECS, bedrockConverse, vertexClaude, ollama, cohere };
    for (const [id, { egress }] of Object.entries(egresses)) {
      const sent = JSON.stringify(egress.encodeRequest(requestOf({ tools }), targetOf()));
      for (const expected of ['"a"', '"b"', '"x"', '"y"'])
        expect([id, sent]).toEqual([id, expect.stringContaining(expected)]);
      expect([id, sent]).toEqual([id, expect.not.stringContaining("oneOf")]);
    }
  });
});

test("a reference at the root of a tool's input is written out", () => {
  const $defs = { A: { type: "object", properties: { x: TEXT, next: { $ref: "#/$defs/A" } }, required: ["x"] } };
  expect(toolSchema({ $ref: "#/$defs/A", $defs })).toEqual({ ...$defs.A, $defs });
  expect(toolSchema({ $ref: "#/$defs/gone" })).toEqual({ type: "object", properties: {} });
});

describe("strict modes", () => {
  const scores = { type: "object", additionalProperties: { type: "number" } };
  const unsayable: [name: string, schema: JsonObject][] = [
    ["members of any name", { type: "object", properties: { scores } }],
    ["members of any name beside others", { type: "object", properties: { a: TEXT }, additionalProperties: TEXT }],
    ["members by pattern", { type: "object", properties: {}, patternProperties: { "^x": TEXT } }],
    ["an object about which nothing is known", { type: "object", properties: { any: { type: "object" } } }],
    ["any members, said so", { type: "object", properties: { any: { type: "object", additionalProperties: true } } }],
    [
      "a reference to a property",
      { type: "object", properties: { a: { type: "object", properties: { b: { $ref: "#/properties/a" } } } } },
    ],
    [
      "a way back through a definition's member",
      {
        type: "object",
        properties: { t: { $ref: "#/$defs/t" } },
        $defs: {
          t: {
            type: "object",
            properties: {
              l: { type: "array", items: { $ref: "#/$defs/t/properties/m" } },
              m: { type: "object", properties: { n: { $ref: "#/$defs/t" } } },
            },
          },
        },
      },
    ],
    ["alternatives of two kinds at once", { properties: { v: { anyOf: [TEXT], oneOf: [TEXT] } } }],
  ];
  for (const [name, schema] of unsayable) {
    test(`cannot say ${name}`, () => expect(strictSchema(schema)).toBeUndefined());
  }

  const said: [name: string, schema: JsonObject, written: JsonObject][] = [
    [
      "close objects that are joined as one",
      {
        allOf: [{ properties: { a: TEXT }, required: ["a"] }, { $ref: "#/$defs/b" }],
        $defs: { b: { type: "object", properties: { b: TEXT } } },
      },
      {
        type: "object",
        properties: { a: TEXT, b: TEXT },
        required: ["a"],
        additionalProperties: false,
        $defs: { b: { type: "object", properties: { b: TEXT }, additionalProperties: false } },
      },
    ],
    [
      "give members beside alternatives to each of them",
      { type: "object", properties: { a: TEXT }, anyOf: [{ required: ["a"] }, { properties: { b: TEXT } }] },
      {
        anyOf: [
          { type: "object", properties: { a: TEXT }, required: ["a"], additionalProperties: false },
          { type: "object", properties: { a: TEXT, b: TEXT }, additionalProperties: false },
        ],
      },
    ],
    [
      "note the bounds of a tuple",
      { type: "array", items: [TEXT, { type: "number" }] },
      { type: "array", description: '(items: [{"type":"string"},{"type":"number"}])' },
    ],
    [
      "know OpenAPI's nullable wherever it stands",
      {
        properties: {
          text: { type: "string", nullable: true, enum: ["a"] },
          ref: { $ref: "#/$defs/d", nullable: true },
          any: { anyOf: [TEXT, { type: "number" }], nullable: true },
        },
        $defs: { d: TEXT },
      },
      {
        properties: {
          text: { type: ["string", "null"], enum: ["a", null] },
          ref: { anyOf: [{ $ref: "#/$defs/d" }, { type: "null" }] },
          any: { anyOf: [TEXT, { type: "number" }, { type: "null" }] },
        },
        $defs: { d: TEXT },
        additionalProperties: false,
      },
    ],
  ];
  for (const [name, schema, written] of said) test(name, () => expect(strictSchema(schema)).toEqual(written));

  test("recursion is only what comes back to itself", () => {
    const twice = { properties: { a: { $ref: "#/$defs/x" }, b: { $ref: "#/$defs/x" } }, $defs: { x: TEXT } };
    expect(isRecursive(twice)).toBe(false);
    expect(isRecursive({ properties: { $ref: { type: "string" } }, examples: [{ $ref: "#" }] })).toBe(false);
  });

  test("an answer that is a map is given through a tool, and a strict tool of one loses its strictness", () => {
    const schema = { type: "object", properties: { scores }, required: ["scores"] };
    const target = targetOf({ structuredOutput: true });
    const tools = [{ kind: "function" as const, name: "f", schema, strict: true }];
    const sent = CODECS["anthropic-messages"].egress.encodeRequest(
      requestOf({ tools, responseFormat: { type: "json-schema", schema } }),
      target,
    );
    expect(sent["output_config"]).toBeUndefined();
    expect(sent["tools"]).toEqual([
      { name: "f", input_schema: schema },
      expect.objectContaining({ name: "monorelay_structured_output", input_schema: schema }),
    ]);
    expect(target.lost).toEqual(["strict"]);
  });
});

describe("answers that are no objects", () => {
  const list = { type: "array", items: TEXT };
  const wrapped = {
    type: "object",
    properties: { [ANSWER_VALUE]: list },
    required: [ANSWER_VALUE],
    additionalProperties: false,
  };

  test("travel inside one", () => {
    expect(answerSchema(list)).toEqual(wrapped);
    expect(answerSchema({ ...list, items: { $ref: "#/$defs/a" }, $defs: { a: { $ref: "#/items" } } })).toEqual({
      ...wrapped,
      properties: { [ANSWER_VALUE]: { ...list, items: { $ref: "#/$defs/a" } } },
      $defs: { a: { $ref: `#/properties/${ANSWER_VALUE}/items` } },
    });
  });

  test("are told from those that are", () => {
    const object = { type: "object", properties: { a: TEXT } };
    for (const schema of [
      object,
      { properties: {} },
      { $ref: "#/$defs/a", $defs: { a: object } },
      { allOf: [object] },
      {},
    ]) {
      expect([schema, isWrapped(schema)]).toEqual([schema, false]);
    }
    for (const schema of [
      list,
      TEXT,
      { enum: ["a"] },
      { anyOf: [object, { type: "null" }] },
      { type: ["object", "null"] },
    ]) {
      expect([schema, isWrapped(schema)]).toEqual([schema, true]);
    }
    expect(answerSchema(object)).toBe(object);
  });

  const responseFormat = { type: "json-schema" as const, schema: list };
  const request = requestOf({ responseFormat });
  const places: [upstream: string, schema: unknown][] = [
    [
      "openai-chat",
      dig(CODECS["openai-chat"].egress.encodeRequest(request, targetOf()), "response_format", "json_schema", "schema"),
    ],
    [
      "openai-responses",
      dig(CODECS["openai-responses"].egress.encodeRequest(request, targetOf()), "text", "format", "schema"),
    ],
    [
      "anthropic-messages",
      dig(CODECS["anthropic-messages"].egress.encodeRequest(request, targetOf()), "output_config", "format", "schema"),
    ],
    [
      "vertex-claude",
      dig(
        vertexClaude.egress.encodeRequest(request, targetOf({ structuredOutput: false })),
        "tools",
        0,
        "input_schema",
      ),
    ],
    [
      "bedrock-converse",
      dig(
        bedrockConverse.egress.encodeRequest(request, targetOf()),
        "toolConfig",
        "tools",
        0,
        "toolSpec",
        "inputSchema",
        "json",
      ),
    ],
    ["cohere", dig(cohere.egress.encodeRequest(request, targetOf()), "response_format", "schema")],
  ];
  for (const [upstream, schema] of places)
    test(`are asked for inside one at ${upstream}`, () => expect(schema).toEqual(wrapped));

  test("are asked for as they are where any schema is taken", () => {
    expect(
      dig(CODECS.gemini.egress.encodeRequest(request, targetOf()), "generationConfig", "responseJsonSchema"),
    ).toEqual(list);
    expect(ollama.egress.encodeRequest(request, targetOf())["format"]).toEqual(list);
  });

  const answers: [name: string, said: string, given: string][] = [
    ["inside", `{"${ANSWER_VALUE}":["a}","b"]}`, '["a}","b"]'],
    ["spread out", ` {\n "${ANSWER_VALUE}" : [ {"a": {}} ]\n}\n`, '[ {"a": {}} ]'],
    ["bare", '["a"]', '["a"]'],
    ["another object", '{"monorelay":1}', '{"monorelay":1}'],
    ["cut off in the opening", '{"monorelay_va', '{"monorelay_va'],
    ["cut off inside", `{"${ANSWER_VALUE}":["a`, '["a'],
  ];
  for (const [name, said, given] of answers) {
    test(`are taken out again, whole and at every cut: ${name}`, () => {
      const reader = () => valueReader({ responseFormat }, () => {})!;
      const whole = reader().response({
        id: "",
        model: "",
        parts: [{ type: "text", text: said }],
        finish: { reason: "stop" },
        usage: {},
      });
      expect(whole.parts).toEqual([{ type: "text", text: given }]);
      for (let cut = 1; cut < said.length; cut += 1) {
        const { event } = reader();
        const events = [
          ...event({ type: "part-start", index: 0, head: { type: "text" } }),
          ...[said.slice(0, cut), said.slice(cut)].flatMap((delta) => event({ type: "part-delta", index: 0, delta })),
          ...event({ type: "part-end", index: 0 }),
        ];
        expect(events.map((told) => (told.type === "part-delta" ? told.delta : "")).join("")).toBe(given);
        expect(events.every((told) => told.type !== "part-delta" || told.delta !== "")).toBe(true);
      }
    });
  }

  test("tell no log probabilities, whose tokens would spell the object around them, and that is named", () => {
    const left: string[] = [];
    const reader = () => valueReader({ responseFormat, logprobs: true }, (name) => left.push(name))!;
    const logprobs = [{ token: "{", logprob: -1 }];
    const text = `{"${ANSWER_VALUE}":1}`;
    const whole = reader().response({
      ...{ id: "", model: "", finish: { reason: "stop" }, usage: {} },
      parts: [{ type: "text", text, logprobs }],
    });
    expect(whole.parts).toEqual([{ type: "text", text: "1" }]);
    const { event } = reader();
    const events = [
      ...event({ type: "part-start", index: 0, head: { type: "text" } }),
      ...event({ type: "part-delta", index: 0, delta: text, logprobs }),
      ...event({ type: "part-end", index: 0 }),
    ];
    expect(JSON.stringify(events)).not.toContain("logprob");
    expect(left).toEqual(["logprobs", "logprobs"]);
  });

  test("calls and thoughts beside them, and answers that are objects, are not looked at", () => {
    expect(
      valueReader({ responseFormat: { type: "json-schema", schema: { type: "object", properties: {} } } }, () => {}),
    ).toBeUndefined();
    expect(valueReader({ responseFormat: { type: "json" } }, () => {})).toBeUndefined();
    const { event } = valueReader({ responseFormat }, () => {})!;
    const thought = [
      { type: "part-start", index: 0, head: { type: "reasoning" } },
      { type: "part-delta", index: 0, delta: `{"${ANSWER_VALUE}":1}` },
      { type: "part-end", index: 0 },
    ] as const;
    expect(thought.flatMap(event)).toEqual([...thought]);
  });
});
