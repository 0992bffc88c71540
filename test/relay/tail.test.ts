/** The end of a stream as it is kept: whatever the pieces, the last bytes are the last bytes. */
import { describe, expect, test } from "bun:test";
import { MarkedTail, Tail } from "../../src/relay/tail.ts";

const CAPACITY = 16 * 1024;

/** A stream of numbered events, cut into pieces by a fixed sequence. */
function piecesOf(events: number, sizes: readonly number[]): Uint8Array[] {
  const text = Array.from({ length: events }, (_, index) => `data: {"n":${index}}\n\n`).join("");
  const bytes = new TextEncoder().encode(text);
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length]!;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe("the end of a stream", () => {
  const sizes = [[1], [17], [200], [333, 5], [4096], [5000, 1], [20_000], [100, 9000, 3]];
  for (const cut of sizes) {
    test(`in pieces of ${cut.join(", ")} bytes`, () => {
      const tail = new Tail(CAPACITY);
      let all = "";
      for (const piece of piecesOf(3000, cut)) {
        tail.push(piece);
        all += textOf(piece);
        const kept = textOf(tail.bytes());
        expect(all.endsWith(kept)).toBe(true);
        if (!tail.hasLost) expect(kept).toBe(all);
        const last = tail.last(1024);
        if (last === undefined) continue;
        expect(last.length).toBeLessThanOrEqual(1024);
        expect(all.endsWith(textOf(last))).toBe(true);
        expect(textOf(last)).toStartWith("data: ".slice(0, Math.min(6, last.length)));
      }
      expect(tail.hasLost).toBe(true);
      expect(tail.bytes().length).toBeGreaterThan(3000);
      expect(tail.last(1024)!.length).toBeGreaterThan(900);
    });
  }

  test("large events make room for several of their size", () => {
    const tail = new Tail(CAPACITY);
    for (let count = 0; count < 20; count += 1) tail.push(new Uint8Array(1500).fill(count));
    expect([...new Set(tail.bytes())]).toContain(12);
    expect(tail.bytes().length).toBeGreaterThanOrEqual(8 * 1500);
  });

  test("nothing is known to be the beginning of an event where none has ended", () => {
    const tail = new Tail(CAPACITY);
    tail.push(new TextEncoder().encode("x".repeat(8000)));
    expect(tail.last(1024)).toBeUndefined();
    expect(new Tail(CAPACITY).last(1024)).toBeUndefined();
  });

  test("an end that is marked is kept whole, however large, and is not looked for in a part of it", () => {
    const tail = new MarkedTail(CAPACITY, ["response.completed"]);
    for (const piece of piecesOf(500, [100])) tail.push(piece);
    const large = new TextEncoder().encode(`event: response.completed\ndata: "${"y".repeat(40_000)}"\n\n`);
    tail.push(large);
    expect(tail.last(1024)).toBeUndefined();
    expect(tail.bytes()).toEqual(large);
    expect(tail.hasLost).toBe(false);
  });
});
