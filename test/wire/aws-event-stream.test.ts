/** The binary envelope of AWS: read however it is cut, and never believed when its sums are wrong. */
import { describe, expect, test } from "bun:test";
import type { Frame } from "../../src/contract/codec.ts";
import { RelayError } from "../../src/contract/errors.ts";
import { AWS_MESSAGE_BYTES_MAX, awsEventStream } from "../../src/wire/aws-event-stream.ts";

const FRAMES: readonly Frame[] = [
  { event: "messageStart", data: '{"role":"assistant"}' },
  { event: "contentBlockDelta", data: '{"delta":{"text":"Grüße 東京"}}' },
  { event: "empty", data: "" },
  { event: "exception", data: '{"message":"slow down","type":"throttlingException"}' },
];

function read(pieces: Iterable<Uint8Array>): Frame[] {
  const decode = awsEventStream.decoder();
  const frames: Frame[] = [];
  for (const piece of pieces) frames.push(...decode(piece));
  return [...frames, ...decode(null)];
}

/** A message made by hand: header values of any type, sums right unless told otherwise. */
function message(
  headers: readonly number[],
  payload: string,
  spoil: Partial<Record<"length" | "headers", number>> = {},
) {
  const body = new TextEncoder().encode(payload);
  const bytes = new Uint8Array(16 + headers.length + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, spoil.length ?? bytes.length);
  view.setUint32(4, spoil.headers ?? headers.length);
  view.setUint32(8, Bun.hash.crc32(bytes.subarray(0, 8)));
  bytes.set(headers, 12);
  bytes.set(body, 12 + headers.length);
  view.setUint32(bytes.length - 4, Bun.hash.crc32(bytes.subarray(0, bytes.length - 4)));
  return bytes;
}

const text = (value: string): number[] => [...new TextEncoder().encode(value)];
const header = (name: string, type: number, ...value: number[]): number[] => [
  name.length,
  ...text(name),
  type,
  ...value,
];
const textHeader = (name: string, value: string): number[] => header(name, 7, 0, value.length, ...text(value));

function failure(bytes: Uint8Array): RelayError {
  try {
    read([bytes]);
  } catch (error) {
    if (RelayError.is(error)) return error;
    throw error;
  }
  throw new Error("it was believed");
}

describe("reading", () => {
  const bytes = awsEventStream.encode(FRAMES);

  test("gives back what was written", () => {
    expect(read([bytes])).toEqual([...FRAMES]);
  });

  test("is the same byte by byte, and at every single cut", () => {
    expect(read([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual([...FRAMES]);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      expect(read([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual([...FRAMES]);
    }
  });

  test("gives a message out with its last byte, not later", () => {
    const decode = awsEventStream.decoder();
    const one = awsEventStream.encode([FRAMES[0]!]);
    expect(decode(one.subarray(0, -1))).toEqual([]);
    expect(decode(one.subarray(-1))).toEqual([FRAMES[0]!]);
  });

  test("leaves half a message at the end unsaid: the dialect misses its end mark", () => {
    expect(read([bytes.subarray(0, -5)])).toEqual(FRAMES.slice(0, -1));
  });

  test("steps over headers of all types", () => {
    const headers = [
      ...header("a", 0),
      ...header("b", 1),
      ...header("c", 2, 9),
      ...header("d", 3, 1, 2),
      ...header("e", 4, 1, 2, 3, 4),
      ...header("f", 5, ...Array(8).fill(7)),
      ...header("g", 6, 0, 3, 1, 2, 3),
      ...textHeader(":event-type", "chunk"),
      ...header("h", 8, ...Array(8).fill(7)),
      ...header("i", 9, ...Array(16).fill(7)),
    ];
    expect(read([message(headers, "{}")])).toEqual([{ event: "chunk", data: "{}" }]);
  });

  test("a failure told by the envelope is one frame, whichever of the two ways it is told", () => {
    const exception = [...textHeader(":message-type", "exception"), ...textHeader(":exception-type", "aException")];
    const error = [
      ...textHeader(":message-type", "error"),
      ...textHeader(":error-code", "InternalFailure"),
      ...textHeader(":error-message", "oh no"),
    ];
    expect(read([message(exception, '{"message":"m"}'), message(exception, "no JSON"), message(error, "")])).toEqual([
      { event: "exception", data: '{"message":"m","type":"aException"}' },
      { event: "exception", data: '{"type":"aException"}' },
      { event: "exception", data: '{"message":"oh no","type":"InternalFailure"}' },
    ]);
  });
});

describe("what cannot be believed ends the stream as malformed", () => {
  const good = message(textHeader(":event-type", "chunk"), '{"a":1}');

  test("any single bit turned over", () => {
    for (let at = 0; at < good.length; at += 1) {
      const bytes = good.slice();
      bytes[at] = bytes[at]! ^ 1;
      expect(failure(bytes).code).toBe("upstream-malformed");
    }
  });

  test.each([
    ["a message longer than the limit", message([], "", { length: AWS_MESSAGE_BYTES_MAX + 1 })],
    ["a message shorter than its own frame", message([], "", { length: 15 })],
    ["headers longer than the message", message([], "", { headers: 1 })],
    ["headers longer than the limit", message([], "", { length: 200 * 1024, headers: 129 * 1024 })],
    ["a header whose name does not end", message([9, 97], "")],
    ["a header without a type", message([1, 97], "")],
    ["a header whose value does not end", message(header("a", 7, 0, 9, 1), "")],
    ["a header whose length does not end", message(header("a", 7, 0), "")],
    ["a header of an unknown type", message(header("a", 10), "")],
    ["a body that is something else", new TextEncoder().encode('{"message":"not a stream"}')],
  ])("%s", (_name, bytes) => {
    expect(failure(bytes)).toMatchObject({ code: "upstream-malformed", retry: "next" });
  });

  test("nothing is held for a length that was never checked", () => {
    const decode = awsEventStream.decoder();
    expect(() => decode(new Uint8Array(12).fill(0xff))).toThrow(RelayError);
  });
});

test("comments and nothing are not written", () => {
  expect(awsEventStream.encode([])).toHaveLength(0);
  expect(awsEventStream.encode([{ data: "", comment: "keep-alive" }])).toHaveLength(0);
});
