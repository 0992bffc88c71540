/** One JSON array, element by element, whole and in pieces. */
import { describe, expect, test } from "bun:test";
import { RelayError } from "../../src/contract/errors.ts";
import { JSON_ARRAY_ELEMENT_CHARS_MAX, jsonArray } from "../../src/wire/json-array.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (some: Uint8Array) => new TextDecoder().decode(some);

function read(...pieces: Uint8Array[]): string[] {
  const decode = jsonArray.decoder();
  return [...pieces.flatMap((piece) => decode(piece)), ...decode(null)].map(({ data }) => data);
}

describe("reading", () => {
  const cases: readonly [name: string, input: string, elements: readonly string[]][] = [
    ["an array on one line", '[{"a":1},{"b":2}]', ['{"a":1}', '{"b":2}']],
    [
      "an array as Google writes it",
      '[{\n  "a": "é"\n}\n,\r\n{"b": [1, {}]}\n]\n',
      ['{\n  "a": "é"\n}', '{"b": [1, {}]}'],
    ],
    ["nothing but brackets", " [ ] ", []],
    ["nothing", "", []],
    [
      "brackets, quotes and commas inside texts",
      '[{"a":"]},{\\"[\\\\"},{"b":"}"}]',
      ['{"a":"]},{\\"[\\\\"}', '{"b":"}"}'],
    ],
    ["a lone object, as an error often is", '{"error":{"code":404}}', ['{"error":{"code":404}}']],
    ["objects that only follow each other", '{"a":1}\n{"b":2}', ['{"a":1}', '{"b":2}']],
    ["lists inside the list", '[[{"error":1}],[]]', ['[{"error":1}]', "[]"]],
    ["words and numbers, which are somebody's mistake", '["a,b", 5 ,null]', ['"a,b"', "5", "null"]],
    ["a byte order mark", '\u{feff}[{"a":1}]', ['{"a":1}']],
    ["text that is no JSON", "Internal error", ["Internal", "error"]],
    ["an array that breaks off", '[{"a":1},{"b":', ['{"a":1}']],
  ];
  for (const [name, input, elements] of cases) {
    test(`${name}, cut anywhere`, () => {
      const whole = bytes(input);
      expect(read(whole)).toEqual([...elements]);
      expect(read(...Array.from(whole, (byte) => Uint8Array.of(byte)))).toEqual([...elements]);
      for (let cut = 0; cut <= whole.length; cut += 1) {
        expect(read(whole.subarray(0, cut), whole.subarray(cut))).toEqual([...elements]);
      }
    });
  }

  test("gives an element as soon as it is complete", () => {
    const decode = jsonArray.decoder();
    expect(decode(bytes('[{"a":1'))).toEqual([]);
    expect(decode(bytes('}\n,{"b"'))).toEqual([{ data: '{"a":1}' }]);
    expect(decode(bytes(":2}"))).toEqual([{ data: '{"b":2}' }]);
  });

  test("refuses an element that never ends", () => {
    const decode = jsonArray.decoder();
    decode(bytes('["'));
    expect(() => decode(bytes("x".repeat(JSON_ARRAY_ELEMENT_CHARS_MAX)))).toThrow(RelayError);
  });
});

describe("writing", () => {
  const frames = [{ data: '{"a":1}' }, { data: "", comment: "keep-alive" }, { data: '{"b":"é"}' }];

  test("is JSON in the end, with white space where a comment stood", () => {
    const written = text(jsonArray.encode(frames));
    expect(JSON.parse(written)).toEqual([{ a: 1 }, { b: "é" }]);
    expect(written).not.toContain("keep-alive");
    expect(text(jsonArray.encode([]))).toBe("[]\n");
  });

  test("piece by piece is the same as at once", () => {
    const write = jsonArray.encoder();
    const pieces = [...frames.map((frame) => write([frame])), write([]), write(null)];
    expect(pieces.map(text).join("")).toBe(text(jsonArray.encode(frames)));
    expect(pieces[1]?.length).toBeGreaterThan(0);
  });

  test("keeps the connection alive before the first element and behind the last", () => {
    const write = jsonArray.encoder();
    const idle = { data: "", comment: "keep-alive" };
    const pieces = [write([idle]), write([{ data: "{}" }]), write([idle]), write(null)].map(text);
    expect(pieces[0]?.trim()).toBe("");
    expect(JSON.parse(pieces.join(""))).toEqual([{}]);
  });

  test("two answers at once do not share their commas", () => {
    const [one, other] = [jsonArray.encoder(), jsonArray.encoder()];
    one([{ data: "1" }]);
    expect(text(other([{ data: "2" }]))).toBe("[2");
  });

  test("is read again", () => {
    expect(read(jsonArray.encode(frames))).toEqual(['{"a":1}', '{"b":"é"}']);
  });
});
