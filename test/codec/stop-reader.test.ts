/** Answers end at the client's stop sequences also where the upstream knows of none. */
import { describe, expect, test } from "bun:test";
import { collect, replay } from "../../src/codec/fold.ts";
import { stopReader } from "../../src/codec/stop-reader.ts";
import type { ChatEvent, ChatResponse, Part } from "../../src/plugin/index.ts";

const answer = (...parts: Part[]): ChatResponse => ({
  id: "r",
  model: "m",
  parts,
  finish: { reason: "stop", raw: "completed" },
  usage: { inputTokens: 5, outputTokens: 9 },
});
const text = (words: string): Part => ({ type: "text", text: words });

/** The same answer with its words in pieces of this many characters. */
function inPieces(response: ChatResponse, size: number): ChatEvent[] {
  return replay(response).flatMap((event): ChatEvent[] => {
    if (event.type !== "part-delta") return [event];
    const pieces = event.delta.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    return pieces.map((delta) => ({ ...event, delta }));
  });
}

const CASES: readonly (readonly [words: string, stop: string[], said: string, found: string | undefined])[] = [
  ["one END two", ["END"], "one ", "END"],
  ["one EN two E", ["END"], "one EN two E", undefined],
  ["one ENEND two", ["END"], "one EN", "END"],
  ["one two three", ["three", "two"], "one ", "two"],
  ["END", ["END"], "", "END"],
  ["one\n\nHuman: two", ["\n\nHuman:", "\n\n\n"], "one", "\n\nHuman:"],
  ["nothing", [""], "nothing", undefined],
];

describe.each(CASES)("%j with the sequences %j", (words, stop, said, found) => {
  test("as a whole", () => {
    const response = answer(text(words), text("later"));
    const read = stopReader({ stop })?.response(response) ?? response;
    expect(read.parts).toEqual(found === undefined ? response.parts : [text(said)]);
    expect(read.finish).toEqual(found === undefined ? response.finish : { reason: "stop", stopSequence: found });
    expect(read.usage).toEqual(response.usage);
  });

  test.each([1, 2, 3, 5, 100])("streamed in pieces of %i", (size) => {
    const reader = stopReader({ stop });
    const events = inPieces(answer(text(words)), size);
    const seen = reader === undefined ? events : events.flatMap((event) => reader.event(event));
    const read = collect(seen);
    expect(read.parts.map((part) => (part.type === "text" ? part.text : "")).join("")).toBe(said);
    expect([read.finish.stopSequence, reader?.isCut() ?? false]).toEqual([found, found !== undefined]);
    expect(seen.filter(({ type }) => type === "response-end")).toHaveLength(1);
  });
});

test("thoughts and calls are not searched, and a call before the sequence stays one", () => {
  const call: Part = { type: "tool-call", id: "c", name: "END", inputJson: '{"a":"END"}' };
  const response = answer({ type: "reasoning", text: "END" }, call, text("and END more"));
  const read = stopReader({ stop: ["END"] })!.response(response);
  expect(read.parts).toEqual([{ type: "reasoning", text: "END" }, call, text("and ")]);
  expect(read.finish).toEqual({ reason: "tool-calls" });
});
