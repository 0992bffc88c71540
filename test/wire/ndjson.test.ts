/** Lines of JSON, whole and in pieces. */
import { describe, expect, test } from "bun:test";
import { RelayError } from "../../src/contract/errors.ts";
import { NDJSON_LINE_CHARS_MAX, ndjson } from "../../src/wire/ndjson.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("newline-delimited JSON", () => {
  const text = '{"a":1}\r\n\n{"b":"é"}\n{"c":3}';
  const frames = [{ data: '{"a":1}' }, { data: '{"b":"é"}' }, { data: '{"c":3}' }];

  test("gives one frame per line, the last even without its line end", () => {
    const input = bytes(text);
    for (let cut = 0; cut <= input.length; cut += 1) {
      const read = ndjson.decoder();
      expect([...read(input.subarray(0, cut)), ...read(input.subarray(cut)), ...read(null)]).toEqual(frames);
    }
  });

  test("reads what it writes", () => {
    const read = ndjson.decoder();
    expect([...read(ndjson.encode(frames)), ...read(null)]).toEqual(frames);
  });

  test("writes no keep-alive, for the envelope has none", () => {
    expect(ndjson.encode([{ data: "", comment: "keep-alive" }])).toHaveLength(0);
  });

  test("refuses to write a value of two lines", () => {
    expect(() => ndjson.encode([{ data: '{"a":\n1}' }])).toThrow(RelayError);
  });

  test("refuses a line that never ends", () => {
    const read = ndjson.decoder();
    expect(() => read(bytes("x".repeat(NDJSON_LINE_CHARS_MAX + 1)))).toThrow("larger than 4 MiB");
  });
});
