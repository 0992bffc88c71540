/** JSON Schema in Google's subset and back. */
import { describe, expect, test } from "bun:test";
import { fromOpenApiSchema, toOpenApiSchema } from "../../../src/codec/gemini/schema.ts";
import type { Json, JsonObject } from "../../../src/contract/chat.ts";
import { dig, HAS_KIT, KIT_MISSING, readRecordings } from "../support.ts";

describe("into Google's schema", () => {
  const cases: readonly [name: string, schema: JsonObject, written: JsonObject][] = [
    ["types in capitals", { type: "string" }, { type: "STRING" }],
    ["a null among the types", { type: ["string", "null"] }, { type: "STRING", nullable: true }],
    ["several types", { type: ["string", "integer"] }, { anyOf: [{ type: "STRING" }, { type: "INTEGER" }] }],
    [
      "several types and null",
      { type: ["string", "integer", "null"], description: "d" },
      { anyOf: [{ type: "STRING" }, { type: "INTEGER" }], nullable: true, description: "d" },
    ],
    [
      "an optional value",
      { anyOf: [{ type: "string", description: "in" }, { type: "null" }], default: "x", description: "out" },
      { type: "STRING", nullable: true, default: "x", description: "out in" },
    ],
    [
      "alternatives",
      { oneOf: [{ type: "string" }, { type: "object", properties: { a: {} } }] },
      { anyOf: [{ type: "STRING" }, { type: "OBJECT", properties: { a: { type: "STRING" } } }] },
    ],
    ["one fixed word", { const: "a" }, { type: "STRING", enum: ["a"] }],
    ["one fixed number", { const: 5 }, { type: "INTEGER", description: "(one of: 5)" }],
    ["words to choose from, or none", { enum: ["a", null] }, { type: "STRING", enum: ["a"], nullable: true }],
    [
      "numbers to choose from",
      { type: "number", enum: [1, 2.5], description: "d" },
      { type: "NUMBER", description: "d (one of: 1, 2.5)" },
    ],
    ["formats it knows", { type: "string", format: "date-time" }, { type: "STRING", format: "date-time" }],
    ["formats it does not", { type: "string", format: "uri" }, { type: "STRING", description: "(format: uri)" }],
    [
      "bounds it knows",
      { type: "array", items: { type: "string", minLength: 1 }, maxItems: 3 },
      { type: "ARRAY", items: { type: "STRING", minLength: 1 }, maxItems: 3 },
    ],
    [
      "bounds it does not",
      { type: "number", exclusiveMinimum: 0, multipleOf: 2 },
      { type: "NUMBER", description: "(exclusiveMinimum: 0; multipleOf: 2)" },
    ],
    ["a list of anything", { type: "array" }, { type: "ARRAY", items: { type: "STRING" } }],
    [
      "a tuple",
      { type: "array", prefixItems: [{ type: "number" }, { type: "string" }] },
      {
        type: "ARRAY",
        items: { anyOf: [{ type: "NUMBER" }, { type: "STRING" }] },
        description: '(prefixItems: [{"type":"number"},{"type":"string"}])',
      },
    ],
    [
      "required names that exist",
      { type: "object", properties: { a: { type: "string" } }, required: ["a", "gone"] },
      { type: "OBJECT", properties: { a: { type: "STRING" } }, required: ["a"] },
    ],
    [
      "properties that are not described",
      { type: "object", additionalProperties: { type: "string" } },
      { type: "OBJECT", description: '(other properties: {"type":"string"})' },
    ],
    [
      "silent keywords",
      { $schema: "s", $id: "i", $comment: "c", "x-order": 1, type: "object", additionalProperties: false },
      { type: "OBJECT" },
    ],
    [
      "everything at once",
      {
        allOf: [
          { properties: { a: { type: "string" } }, required: ["a"] },
          { properties: { b: { type: "string" } }, required: ["b"] },
        ],
      },
      { type: "OBJECT", properties: { b: { type: "STRING" }, a: { type: "STRING" } }, required: ["a", "b"] },
    ],
    [
      "alternatives beside properties of its own",
      { type: "object", properties: { a: { type: "string" } }, anyOf: [{ required: ["a"] }] },
      { type: "OBJECT", properties: { a: { type: "STRING" } }, description: '(any of: [{"required":["a"]}])' },
    ],
    ["an example of its own kind", { type: "string", examples: ["a", "b"] }, { type: "STRING", example: "a" }],
  ];
  for (const [name, schema, written] of cases) test(name, () => expect(toOpenApiSchema(schema)).toEqual(written));

  test("E44: names of properties are never taken for keywords", () => {
    const names = [
      "$id",
      "$ref",
      "format",
      "const",
      "not",
      "type",
      "required",
      "properties",
      "enum",
      "default",
      "__proto__",
    ];
    const properties = Object.fromEntries(names.map((name) => [name, { type: "string", not: {} }]));
    const written = toOpenApiSchema({ type: "object", properties, required: names });
    expect(Object.keys(written["properties"] as JsonObject)).toEqual(names);
    expect(written["required"]).toEqual(names);
    expect(dig(written, "properties", "not")).toEqual({ type: "STRING", description: "(not: {})" });
  });

  describe("references", () => {
    test("are written out, with what stands beside them", () => {
      const schema = {
        properties: { a: { $ref: "#/$defs/x", description: "mine" }, b: { $ref: "#/definitions/y~1z" } },
        $defs: { x: { type: "string", description: "theirs" } },
        definitions: { "y/z": { $ref: "#/$defs/x" } },
      };
      expect(toOpenApiSchema(schema)["properties"]).toEqual({
        a: { type: "STRING", description: "mine" },
        b: { type: "STRING", description: "theirs" },
      });
    });

    test("are cut where they come back to themselves", () => {
      const schema = {
        $ref: "#/$defs/node",
        $defs: { node: { type: "object", properties: { next: { $ref: "#/$defs/node" }, up: { $ref: "#" } } } },
      };
      const written = toOpenApiSchema(schema);
      expect(dig(written, "properties", "next")).toEqual({ type: "OBJECT", description: "(as #/$defs/node)" });
      expect(JSON.stringify(written).length).toBeLessThan(1000);
    });

    test("that multiply are bounded", () => {
      const level = (index: number) => ({
        type: "object",
        properties: Object.fromEntries(["a", "b", "c", "d"].map((name) => [name, { $ref: `#/$defs/l${index + 1}` }])),
      });
      const $defs = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`l${index}`, level(index)]));
      expect(JSON.stringify(toOpenApiSchema({ $ref: "#/$defs/l0", $defs })).length).toBeLessThan(1_000_000);
    });

    test("to nowhere are objects", () => {
      expect(toOpenApiSchema({ $ref: "#/$defs/gone" })).toMatchObject({ type: "OBJECT" });
      expect(toOpenApiSchema({ $ref: "https://example.com/schema" })).toMatchObject({ type: "OBJECT" });
    });
  });

  const KNOWN = new Set([
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "maxItems",
    "minItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
  ]);

  /** Keywords that Google would refuse the request for. */
  function unknown(schema: Json | undefined): string[] {
    if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return ["no schema"];
    const { properties, items, anyOf } = schema;
    return [
      ...Object.keys(schema).filter((keyword) => !KNOWN.has(keyword)),
      ...Object.values((properties ?? {}) as JsonObject).flatMap(unknown),
      ...(items === undefined ? [] : unknown(items)),
      ...((anyOf ?? []) as Json[]).flatMap(unknown),
      ...(schema["type"] === undefined && anyOf === undefined ? ["no type"] : []),
    ];
  }

  if (!HAS_KIT) test.skip(`of every recorded tool nothing unknown is left (${KIT_MISSING})`, () => {});
  else {
    test("of every recorded tool nothing unknown is left, and no property is missing", () => {
      const tools = readRecordings().flatMap(({ request }) => (request?.json?.["tools"] ?? []) as JsonObject[]);
      const schemas = tools.flatMap((tool) => [
        dig(tool, "function", "parameters"),
        tool["parameters"],
        tool["input_schema"],
      ]);
      const objects = schemas.filter((schema) => typeof schema === "object" && schema !== null) as JsonObject[];
      expect(objects.length).toBeGreaterThan(50);
      for (const schema of objects) {
        const written = toOpenApiSchema(schema);
        expect(unknown(written)).toEqual([]);
        const names = Object.keys((schema["properties"] ?? {}) as JsonObject);
        expect(Object.keys((written["properties"] ?? {}) as JsonObject)).toEqual(names);
      }
    });
  }
});

describe("out of Google's schema", () => {
  test("types in small letters, nulls as a type, counts as numbers, in either spelling", () => {
    const schema = {
      type: "OBJECT",
      properties: {
        type: { type: "STRING", enum: ["a"], nullable: true },
        list: { type: "ARRAY", items: { type: "INTEGER" }, min_items: "1", maxItems: 3 },
        either: { any_of: [{ type: "STRING" }, { type: "NUMBER" }], nullable: true },
        snake_case: { type: "TYPE_UNSPECIFIED" },
      },
      property_ordering: ["list"],
      required: ["type"],
    };
    expect(fromOpenApiSchema(schema)).toEqual({
      type: "object",
      properties: {
        type: { type: ["string", "null"], enum: ["a", null] },
        list: { type: "array", items: { type: "integer" }, minItems: 1, maxItems: 3 },
        either: { anyOf: [{ type: "string" }, { type: "number" }, { type: "null" }] },
        snake_case: {},
      },
      required: ["type"],
    });
  });

  test("and in again, it says the same", () => {
    const schema = {
      type: "OBJECT",
      properties: {
        a: { type: "STRING", nullable: true, description: "d" },
        b: { type: "ARRAY", items: { type: "NUMBER" } },
      },
      required: ["a"],
    };
    expect(toOpenApiSchema(fromOpenApiSchema(schema))).toEqual(schema);
  });
});
