/** The byte scanner agrees with JSON.parse about what is JSON, and finds the same top-level fields. */
import { describe, expect, test } from "bun:test";
import { RelayError } from "../../src/contract/errors.ts";
import { scanTopLevel } from "../../src/relay/scan.ts";
import { splice } from "../../src/relay/splice.ts";
import { random } from "../support/random.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
const scan = (text: string) => scanTopLevel(bytesOf(text));

function accepts(text: string): boolean {
  try {
    scan(text);
    return true;
  } catch (error) {
    if (!RelayError.is(error) || error.status !== 400) throw error;
    return false;
  }
}

function isJsonObject(text: string): boolean {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

describe("what counts as a body", () => {
  const texts = [
    "{}",
    " { } ",
    '{"a":1}',
    '{"a":[1,2,{"b":null}],"c":true,"d":false}',
    '{"a":-0.5e+10,"b":0,"c":1E9,"d":[[],{}]}',
    '{"\\u0061b":"\\n\\"\\\\"}',
    '{"a":"é😀"}',
    "",
    "   ",
    "[]",
    '"x"',
    "null",
    "{",
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,}',
    '{,"a":1}',
    "{'a':1}",
    "{a:1}",
    '{"a":01}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":+1}',
    '{"a":-}',
    '{"a":1e}',
    '{"a":tru}',
    '{"a":True}',
    '{"a":NaN}',
    '{"a":[1,]}',
    '{"a":[1 2]}',
    '{"a":{"b":1]}',
    '{"a":[1}}',
    '{"a":1}}',
    '{"a":1} x',
    '{"a":"\\q"}',
    '{"a":"\\u00g0"}',
    '{"a":"\\u12"}',
    '{"a":"tab\there"}',
    '{"a":"line\nbreak"}',
    '{"a":"open}',
    '{"a":"x\\"}',
    '{"a":1 "b":2}',
    '{"a"::1}',
    "{1:2}",
    '{"a":1}{"b":2}',
  ];
  test.each(texts)("%p is judged as JSON.parse judges it", (text) => {
    expect(accepts(text)).toBe(isJsonObject(text));
  });

  test("every truncation of a body is refused", () => {
    const text = '{"model":"m","messages":[{"role":"user","content":"h\\u00e9 \\" ok"}],"n":-1.5e3,"s":true}';
    for (let end = 0; end < text.length; end += 1) expect(accepts(text.slice(0, end))).toBe(false);
    expect(accepts(text)).toBe(true);
  });

  test("mutations of a body are judged as JSON.parse judges them, short and long", () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed % below;
    };
    const base = '{"model":"m","a":[1,{"b":"c\\\\"},null,-2.5e1],"stream":true,"t":"x\\u0041"}';
    const glyphs = '{}[]",:\\0123456789truefalsn u-+.eE';
    for (let round = 0; round < 5000; round += 1) {
      const at = random(base.length);
      const glyph = glyphs[random(glyphs.length)]!;
      const kind = random(3);
      const text =
        kind === 0
          ? base.slice(0, at) + glyph + base.slice(at + 1)
          : kind === 1
            ? base.slice(0, at) + glyph + base.slice(at)
            : base.slice(0, at) + base.slice(at + 1);
      const isDuplicate = /given twice/.test(reasonOf(text));
      if (!isDuplicate && accepts(text) !== isJsonObject(text)) throw new Error(`disagreement about ${text}`);
      // Long strings take the other road to their closing quote.
      const long = text.replace('"m"', `"${'m\\\\\\"é'.repeat(4000)}"`);
      if (long !== text && !isDuplicate && accepts(long) !== isJsonObject(long)) {
        throw new Error(`disagreement about a long form of ${text}`);
      }
    }
  });

  function reasonOf(text: string): string {
    try {
      scan(text);
      return "";
    } catch (error) {
      return String(error);
    }
  }

  test("bytes that are not UTF-8 are refused", () => {
    const bytes = bytesOf('{"a":"xx"}');
    bytes[6] = 0xff;
    expect(() => scanTopLevel(bytes)).toThrow("UTF-8");
  });

  test("R58 which field was given twice is told by its place, unless its name is one that we know", () => {
    const refused = (text: string) => {
      try {
        scan(text);
      } catch (error) {
        return error as RelayError;
      }
      throw new Error("was not refused");
    };
    const known = refused('{"model":"a","model":"b"}');
    expect([known.message, known.param]).toEqual(['The field "model" is given twice.', "model"]);
    for (const name of ["sk-SECRET<script>\\u0007", "sk_secret_0123456789", "x".repeat(200)]) {
      const { message, param, wireCode } = refused(`{"model":"a","${name}":1,"${name}":2}`);
      expect(message).toBe(`A field is given twice, once more at byte ${`{"model":"a","${name}":1,`.length}.`);
      expect([param, wireCode]).toEqual([undefined, undefined]);
    }
  });

  test("a field given twice is refused, however its name is spelt", () => {
    expect(() => scan('{"model":"a","model":"b"}')).toThrow("given twice");
    expect(() => scan('{"model":"a","mod\\u0065l":"b"}')).toThrow("given twice");
  });

  test("64 levels pass, 65 and 100,000 do not", () => {
    const nested = (levels: number) => `{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
    expect(accepts(nested(64))).toBe(true);
    expect(accepts(nested(65))).toBe(false);
    expect(accepts(nested(100_000))).toBe(false);
  });

  test("more fields than any request has are refused", () => {
    const body = `{${Array.from({ length: 257 }, (_, index) => `"f${index}":1`).join(",")}}`;
    expect(accepts(body)).toBe(false);
  });
});

describe("what is found", () => {
  test("fields with their exact text, kinds and values", () => {
    const top = scan(' {"model" : "gpt\\u002d4o", "stream":true,"messages":[{"role":"user","model":"no"}],"é":{} } ');
    expect(top.fields.map((field) => field.name)).toEqual(["model", "stream", "messages", "é"]);
    expect(top.value("model")).toBe("gpt-4o");
    expect(top.value("stream")).toBe(true);
    expect(top.value("absent")).toBeUndefined();
    expect(top.kind("messages")).toBe(0x5b);
    expect(top.kind("absent")).toBe(0);
  });

  test("the end of a long string is found however quotes and backslashes are strewn in it", () => {
    // Pieces whose distances change between near and far, so that both ways of looking for the end take turns.
    const pieces = ['"', "\\", '\\"', '""', "x", "y".repeat(15), "z".repeat(17), "words ".repeat(40), "\n\t", "é"];
    for (let seed = 1; seed <= 200; seed += 1) {
      const next = random(seed);
      let content = "";
      while (content.length < 20_000) content += pieces[Math.floor(next() * pieces.length)];
      const text = JSON.stringify({ content, model: "m", last: `${content.slice(0, 300)}\\` });
      const found = scan(text);
      expect(found.fields.map(({ name }) => name)).toEqual(["content", "model", "last"]);
      expect(found.value("content")).toBe(content);
      expect(found.text("model")).toBe("m");
      expect(accepts(text.slice(0, -3)), `seed ${seed}`).toBe(false);
    }
  });

  test("a splice leaves every other byte alone", () => {
    const text = '{"x": 1,  "model":"a" ,"y":"é"}';
    const top = scan(text);
    const model = top.find("model")!;
    const edited = splice(top.bytes, [
      { start: top.close, end: top.close, text: ',"z":2' },
      { start: model.start, end: model.end, text: '"a-longer-näme"' },
    ]);
    expect(new TextDecoder().decode(edited)).toBe('{"x": 1,  "model":"a-longer-näme" ,"y":"é","z":2}');
  });
});
