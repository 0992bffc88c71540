/** The exported JSON Schema agrees with the loader: a validator accepts and refuses the same files. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import { parse } from "yaml";
import { toJsonSchema } from "../../src/config/json-schema.ts";
import { CATALOG, load } from "./support.ts";

const schema = toJsonSchema(CATALOG);
const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);
const validateBare = new Ajv({ strict: false }).compile(toJsonSchema(null));
const EXAMPLE = join(import.meta.dir, "../../config.example.yml");

test("it is draft-07 and describes every section", () => {
  expect(schema["$schema"]).toBe("http://json-schema.org/draft-07/schema#");
  expect(Object.keys(schema["properties"] as object)).toHaveLength(20);
  const { server } = schema["properties"] as { server: { properties: Record<string, unknown> } };
  expect(server.properties["port"]).toEqual({
    description: "Port to listen on; 0 takes any free one. Needs a restart.",
    default: 8787,
    anyOf: [{ type: "integer", minimum: 0, maximum: 65_535 }, { $ref: "#/definitions/reference" }],
  });
  expect(server.properties["access_key"]).toEqual({
    description: "Static key for scripts; while unset, one is made at the first start and printed once.",
    type: ["string", "null"],
    writeOnly: true,
  });
});

test("the example file is valid under it", () => {
  expect(existsSync(EXAMPLE)).toBe(true);
  validate(parse(readFileSync(EXAMPLE, "utf8")));
  expect(validate.errors).toBeNull();
});

/** Where the schema can say it, both must agree. */
const ROWS: readonly (readonly [text: string, isGood: boolean])[] = [
  ["{}", true],
  ["server: { port: 1 }", true],
  ["server: { port: '1' }", false],
  ["server: { port: 65536 }", false],
  ["server: { prot: 1 }", false],
  ["server: { log_level: INFO }", true],
  ["server: { log_level: info }", false],
  ["server: { access_key: null }", true],
  ["server:", true],
  ["server: { port: null }", false],
  ["server: { cors_origins: null }", false],
  ["server: { allowed_hosts: null }", true],
  ["timeouts: { idle: 5 }", true],
  ["timeouts: { idle: 5m }", true],
  ["timeouts: { idle: 5 minutes }", false],
  ["limits: { max_body: 32MiB, user: { budgets: [{ usd: 1, window: day }] } }", true],
  ["limits: { user: { budgets: [{ usd: 1 }] } }", false],
  ["auth: { cookie_secure: auto }", true],
  ["auth: { cookie_secure: never }", false],
  ["auth: { chain: [] }", false],
  ["plugins: { list: [a, { name: b }] }", true],
  ["plugins: { list: [{}] }", false],
  ["plugins: { options: { corp-proxy: { trusted_peers: [] } } }", true],
  ["plugins: { options: { corp-proxy: { trusted: [] } } }", false],
  ["providers: { a: { base_url: https://a.example } }", true],
  ["providers: { A: { base_url: https://a.example } }", false],
  ["providers: { a: { provider_type: nobody } }", false],
  ["providers: { a: { provider_type: echo, delay: 5 } }", true],
  ["providers: { a: { provider_type: echo, region: eu } }", false],
  ["providers: { a: { provider_type: cloud, region: eu, api_version: x } }", true],
  ["providers: { a: { provider_type: cloud, region: asia } }", false],
  ["providers: { a: { provider_type: cloud, pool: { size_max: 1 } } }", true],
  ["providers: { a: { base_url: https://a.example, delay: 5 } }", false],
  ["model_routing: { groups: { g: { targets: [{ model: a, provider: echo }] } } }", true],
  ["model_routing: { groups: { g: { targets: [{ model: a }] } } }", false],
  ["prices: { overrides: { m: { input: -1 } } }", false],
];

test.each(ROWS)("%s", async (text, isGood) => {
  expect(validate(parse(text))).toBe(isGood);
  expect((await load(text)).config !== null).toBe(isGood);
});

describe("references", () => {
  test.each([
    "server: { port: '${PORT}' }",
    "server: { log_level: '${LEVEL}' }",
    "timeouts: { idle: '${IDLE}' }",
    "providers: { a: { provider_type: echo, delay: '${DELAY}' } }",
  ])("may stand for any value: %s", (text) => {
    expect(validate(parse(text))).toBe(true);
  });
});

test("without plugins, a provider may have any options", () => {
  expect(validateBare(parse("providers: { a: { provider_type: nobody, whatever: 1 } }"))).toBe(true);
  expect(validateBare(parse("providers: { a: { weight: 0 } }"))).toBe(false);
  expect(validateBare(parse("sevrer: {}"))).toBe(false);
});

test("secret options are write-only, and nobody needs to know our mark for them", () => {
  const text = JSON.stringify(schema);
  const ofOption = /"shared_secret":\{[^{}]*\}/.exec(text)?.[0] ?? "";
  expect(ofOption).toContain('"writeOnly":true');
  expect(text).toContain('"signing_key":{"type":"string","writeOnly":true}');
  expect(text).not.toContain('"secret":');
});
