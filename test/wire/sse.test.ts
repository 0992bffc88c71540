/** What the SSE reader accepts, what the writer never lets through, and where whole events end. */
import { describe, expect, test } from "bun:test";
import type { Frame } from "../../src/contract/codec.ts";
import { RelayError } from "../../src/contract/errors.ts";
import { lastFrameBoundary, SSE_FRAME_CHARS_MAX, sse } from "../../src/wire/sse.ts";

const encoder = new TextEncoder();
const bytes = (text: string) => encoder.encode(text);

function decode(chunks: Iterable<Uint8Array>): Frame[] {
  const read = sse.decoder();
  const frames: Frame[] = [];
  for (const chunk of chunks) frames.push(...read(chunk));
  frames.push(...read(null));
  return frames;
}

/** Mulberry32: the same numbers on every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function* randomPieces(input: Uint8Array, next: () => number): Generator<Uint8Array> {
  for (let at = 0; at < input.length; ) {
    const size = 1 + Math.floor(next() * 7);
    yield input.subarray(at, at + size);
    at += size;
  }
}

const readable: readonly { name: string; text: string; frames: Frame[] }[] = [
  { name: "one line of data", text: "data: a\n\n", frames: [{ data: "a" }] },
  { name: "an event name", text: "event: ping\ndata: {}\n\n", frames: [{ event: "ping", data: "{}" }] },
  { name: "no space behind the colon", text: "event:ping\ndata:{}\n\n", frames: [{ event: "ping", data: "{}" }] },
  { name: "only the first of two spaces removed", text: "data:  a\n\n", frames: [{ data: " a" }] },
  { name: "several lines of data joined by LF", text: "data: a\ndata: b\n\n", frames: [{ data: "a\nb" }] },
  { name: "CRLF", text: "data: a\r\n\r\ndata: b\r\n\r\n", frames: [{ data: "a" }, { data: "b" }] },
  { name: "CR alone", text: "data: a\r\rdata: b\r\r", frames: [{ data: "a" }, { data: "b" }] },
  {
    name: "all line ends mixed",
    text: "data: a\r\ndata: b\rdata: c\n\r\ndata: d\n\n",
    frames: [{ data: "a\nb\nc" }, { data: "d" }],
  },
  { name: "comments skipped", text: ": hello\n\n: again\ndata: a\n: inside\n\n", frames: [{ data: "a" }] },
  { name: "id and retry skipped", text: "id: 7\nretry: 10\ndata: a\n\n", frames: [{ data: "a" }] },
  { name: "a leading BOM", text: "\uFEFFdata: a\n\n", frames: [{ data: "a" }] },
  { name: "a field without a colon", text: "data\n\n", frames: [{ data: "" }] },
  { name: "an event without data is none", text: "event: lonely\n\ndata: a\n\n", frames: [{ data: "a" }] },
  { name: "characters of four bytes", text: "data: 🦜é漢\n\n", frames: [{ data: "🦜é漢" }] },
  { name: "U+2028, which is no line end here", text: "data: a\u2028b\n\n", frames: [{ data: "a\u2028b" }] },
  {
    name: "the last event without its blank line",
    text: "data: a\n\ndata: [DONE]",
    frames: [{ data: "a" }, { data: "[DONE]" }],
  },
  {
    name: "the last event with half its blank line",
    text: "data: a\n\ndata: b\n",
    frames: [{ data: "a" }, { data: "b" }],
  },
  { name: "padding behind the data kept", text: 'data: {"a":1}    \n\n', frames: [{ data: '{"a":1}    ' }] },
];

describe("the reader understands", () => {
  for (const { name, text, frames } of readable) {
    test(name, () => expect(decode([bytes(text)])).toEqual(frames));

    test(`${name}, cut at every position`, () => {
      const input = bytes(text);
      for (let cut = 0; cut <= input.length; cut += 1) {
        expect(decode([input.subarray(0, cut), input.subarray(cut)])).toEqual(frames);
      }
    });

    test(`${name}, byte by byte`, () => {
      expect(decode([...bytes(text)].map((byte) => Uint8Array.of(byte)))).toEqual(frames);
    });
  }

  test("any mixture of them in random pieces", () => {
    const next = random(7);
    for (let round = 0; round < 300; round += 1) {
      // The BOM is one only at the start, and the unfinished ends only at the end.
      const chosen = Array.from({ length: 6 }, () => readable[Math.floor(next() * readable.length)]!).filter(
        ({ name }) => !name.includes("BOM") && !name.startsWith("the last event"),
      );
      const input = bytes(chosen.map(({ text }) => text).join(""));
      expect(decode(randomPieces(input, next))).toEqual(chosen.flatMap(({ frames }) => frames));
    }
  });

  test("an event at once when its blank line is there, not one chunk later", () => {
    const read = sse.decoder();
    expect(read(bytes("data: a\n\n"))).toEqual([{ data: "a" }]);
    expect(read(bytes("data: b\r\r"))).toEqual([{ data: "b" }]);
    expect(read(bytes("\ndata: c\r\n\r\n"))).toEqual([{ data: "c" }]);
    expect(read(null)).toEqual([]);
  });
});

describe("an event that never ends", () => {
  test("is refused at the limit, however it drips in", () => {
    const read = sse.decoder();
    const piece = bytes("x".repeat(64 * 1024));
    read(bytes("data: "));
    const feed = () => {
      for (let sent = 0; sent <= SSE_FRAME_CHARS_MAX; sent += piece.length) read(piece);
    };
    expect(feed).toThrow(RelayError);
  });

  test("is refused when it consists of many lines", () => {
    const read = sse.decoder();
    const line = bytes(`data: ${"x".repeat(1000)}\n`);
    const feed = () => {
      for (let sent = 0; sent <= SSE_FRAME_CHARS_MAX; sent += 1000) read(line);
    };
    expect(feed).toThrow("larger than 4 MiB");
  });

  test("is no worry just below the limit, and the next starts from nothing", () => {
    const big = "x".repeat(SSE_FRAME_CHARS_MAX - 10);
    const read = sse.decoder();
    for (let round = 0; round < 3; round += 1) {
      expect(read(bytes(`data: ${big}\n\n`))).toEqual([{ data: big }]);
    }
  });

  test("names a failure for which another upstream may be tried", () => {
    const read = sse.decoder();
    try {
      read(bytes("y".repeat(SSE_FRAME_CHARS_MAX + 1)));
      expect.unreachable();
    } catch (error) {
      expect(RelayError.is(error) && error.code).toBe("upstream-malformed");
    }
  });
});

describe("the writer", () => {
  const text = (frames: Frame[]) => new TextDecoder().decode(sse.encode(frames));

  test("puts the event line first and a blank line last", () => {
    expect(text([{ event: "ping", data: "{}" }, { data: "[DONE]" }])).toBe("event: ping\ndata: {}\n\ndata: [DONE]\n\n");
  });

  test("writes a comment frame as a comment and nothing else", () => {
    expect(text([{ data: "", comment: "keep-alive" }])).toBe(": keep-alive\n\n");
  });

  test("R104: text with a blank line and an end mark inside stays one event", () => {
    for (const data of ["a\n\ndata: [DONE]", "a\r\revent: evil", "a\r\ndata: b", "\n", "a\u2028b"]) {
      const frames = decode([sse.encode([{ data }])]);
      expect(frames).toHaveLength(1);
      expect(frames[0]).toEqual({ data: data.replace(/\r\n|\r/g, "\n") });
    }
  });

  test("R104: a comment with line ends stays a comment", () => {
    expect(decode([sse.encode([{ data: "", comment: "a\ndata: evil\r\rdata: worse" }])])).toEqual([]);
  });

  test("R104: refuses an event name of more than one line", () => {
    for (const event of ["a\nb", "a\rb", "\n"]) expect(() => sse.encode([{ event, data: "x" }])).toThrow(RelayError);
  });

  test("what it writes, the reader reads", () => {
    const frames: Frame[] = [
      { event: "message_start", data: '{"a":"漢 🦜"}' },
      { data: "two\nlines" },
      { data: " leading space" },
      { data: "" },
    ];
    expect(decode([sse.encode(frames)])).toEqual(frames);
  });
});

describe("the last boundary", () => {
  const cases: readonly (readonly [text: string, whole: string])[] = [
    ["data: a\n\n", "data: a\n\n"],
    ["data: a\n\ndata: b", "data: a\n\n"],
    ["data: a\n\ndata: b\n", "data: a\n\n"],
    ["data: a\r\n\r\n", "data: a\r\n\r\n"],
    ["data: a\r\n\r\ndata: b\r\n", "data: a\r\n\r\n"],
    ["data: a\r\rdata: b\r", "data: a\r\r"],
    ["data: a\n\r\ndata", "data: a\n\r\n"],
    ["data: a\r\n\ndata", "data: a\r\n\n"],
    ["data: a\r\r\ndata", "data: a\r\r\n"],
    ["data: a\n\ndata: b\r\n\r\n: c", "data: a\n\ndata: b\r\n\r\n"],
  ];
  for (const [text, whole] of cases) {
    test(`of ${JSON.stringify(text)}`, () => {
      const boundary = lastFrameBoundary(bytes(text));
      expect(new TextDecoder().decode(bytes(text).subarray(0, boundary))).toBe(whole);
    });
  }

  test("is nowhere when there is no blank line", () => {
    for (const text of ["", "\n", "\r\n", "data: a", "data: a\n", "data: a\r\n", "a\nb\nc"]) {
      expect(lastFrameBoundary(bytes(text))).toBe(-1);
    }
  });

  test("is not looked for before the place the caller names", () => {
    const input = bytes("data: a\n\ndata: b");
    expect(lastFrameBoundary(input, 8)).toBe(9);
    expect(lastFrameBoundary(input, 9)).toBe(-1);
  });

  test("never cuts an event in two, whatever the text", () => {
    const next = random(11);
    for (let round = 0; round < 500; round += 1) {
      const input = bytes(
        Array.from(
          { length: 12 },
          () => ["\n", "\r", "\r\n", "data: a", "data: b", ": c", "\n\n"][Math.floor(next() * 7)],
        ).join(""),
      );
      const boundary = lastFrameBoundary(input);
      if (boundary < 0) continue;
      // Reading the two halves as separate streams gives what reading them in one gives.
      const rest = input.subarray(boundary);
      const halves = [
        ...decode([input.subarray(0, boundary)]),
        ...decode([rest[0] === 10 && input[boundary - 1] === 13 ? rest.subarray(1) : rest]),
      ];
      expect(halves).toEqual(decode([input]));
    }
  });
});
