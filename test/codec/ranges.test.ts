/** Numbers that the vendor of the client's dialect refuses are refused here, and no others. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../src/contract/chat.ts";
import { caught, CODECS, type Dialect, dig, HAS_KIT, KIT, KIT_MISSING } from "./support.ts";

const CHAT = { model: "m", messages: [{ role: "user", content: "Hi" }] };
const ASK: { readonly [Name in Dialect]: (field: string, value: number) => JsonObject } = {
  "openai-chat": (field, value) => ({ ...CHAT, [field]: value }),
  "openai-responses": (field, value) => ({ model: "m", input: "Hi", [field]: value }),
  "anthropic-messages": (field, value) => ({ ...CHAT, max_tokens: 9, [field]: value }),
  gemini: (field, value) => ({
    model: "m",
    contents: [{ role: "user", parts: [{ text: "Hi" }] }],
    generationConfig: { [field]: value },
  }),
};

const RANGES: [from: Dialect, field: string, least: number, most: number][] = [
  ["openai-chat", "temperature", 0, 2],
  ["openai-chat", "top_p", 0, 1],
  ["openai-chat", "frequency_penalty", -2, 2],
  ["openai-chat", "presence_penalty", -2, 2],
  ["openai-chat", "n", 1, 128],
  ["openai-chat", "top_logprobs", 0, 20],
  ["openai-responses", "temperature", 0, 2],
  ["openai-responses", "top_p", 0, 1],
  ["openai-responses", "top_logprobs", 0, 20],
  ["anthropic-messages", "temperature", 0, 1],
  ["anthropic-messages", "top_p", 0, 1],
  ["gemini", "temperature", 0, 2],
  ["gemini", "topP", 0, 1],
];

describe.each(RANGES)("%s: %s", (from, field, least, most) => {
  const decode = (value: number) => CODECS[from].ingress.decodeRequest(ASK[from](field, value));

  test.each([least, most])("%p is taken", (value) => {
    expect(decode(value)).toMatchObject({ model: "m" });
  });

  test.each([least - 0.5, most + 1, -1000, 1000])("%p is refused by name, without showing it", (value) => {
    const error = caught(() => decode(value));
    expect(error).toMatchObject({ code: "bad-request", status: 400 });
    expect(error.param?.split(".").at(-1)).toBe(field);
    expect(error.message).toContain(field);
    if (Math.abs(value) === 1000) expect(error.message).not.toContain("1000");
    const body = JSON.stringify(CODECS[from].ingress.encodeError(error, "r"));
    expect(body).toContain(String(most));
  });
});

test("minus one, with which older clients of messages say that nobody set it, says nothing", () => {
  const request = CODECS["anthropic-messages"].ingress.decodeRequest({
    ...ASK["anthropic-messages"]("top_p", -1),
    top_k: -1,
  });
  expect([request.topP, request.topK]).toEqual([undefined, undefined]);
});

test("a number as text is held to the same bounds, where the vendor reads it", () => {
  const body = { ...ASK.gemini("topP", 1), generationConfig: { topP: "7" } };
  expect(caught(() => CODECS.gemini.ingress.decodeRequest(body)).param).toBe("generationConfig.topP");
});

const SCHEMA = join(KIT, "specs/openai.openapi.min.json");

describe.skipIf(!HAS_KIT || !existsSync(SCHEMA))(`the vendor's schema (${KIT_MISSING})`, () => {
  const read = () => dig(JSON.parse(readFileSync(SCHEMA, "utf8")), "components", "schemas") as JsonObject;

  function boundsOf(schemas: JsonObject, schema: unknown): Map<string, [unknown, unknown]> {
    const found = new Map<string, [unknown, unknown]>();
    const ref = dig(schema, "$ref");
    if (typeof ref === "string") return boundsOf(schemas, schemas[ref.split("/").at(-1)!]);
    for (const part of (dig(schema, "allOf") as unknown[] | undefined) ?? []) {
      for (const [name, bounds] of boundsOf(schemas, part)) found.set(name, bounds);
    }
    for (const [name, value] of Object.entries((dig(schema, "properties") as object | undefined) ?? {})) {
      const number = [value, ...((dig(value, "anyOf") as unknown[] | undefined) ?? [])].find(
        (each) => typeof dig(each, "minimum") === "number" && typeof dig(each, "maximum") === "number",
      );
      if (number !== undefined) found.set(name, [dig(number, "minimum"), dig(number, "maximum")]);
    }
    return found;
  }

  test.each([
    ["openai-chat", "CreateChatCompletionRequest", ["seed"]],
    ["openai-responses", "CreateResponse", []],
  ] as const)("bounds no other numbers: %s", (from, name, unbounded) => {
    const bounds = boundsOf(read(), (read() as JsonObject)[name]);
    for (const field of unbounded) bounds.delete(field); // the whole of 64 bits, which JSON hardly reaches
    const ours = RANGES.filter(([dialect]) => dialect === from).map(([, field, ...range]) => [field, range]);
    expect(Object.fromEntries(bounds)).toEqual(Object.fromEntries(ours));
  });
});
