/** An answer that came through the stand-in tool is that tool's input and nothing beside it, whole and in a stream. */
import { describe, expect, test } from "bun:test";
import { collect, replay } from "../../src/codec/fold.ts";
import { outputReader } from "../../src/codec/output-tool.ts";
import type { ChatEvent, ChatResponse, JsonObject, Part } from "../../src/contract/chat.ts";
import { RelayError } from "../../src/contract/errors.ts";
import { eventProblems } from "./support.ts";

const NAME = "monorelay_structured_output";
const SENT: [dialect: string, sent: JsonObject][] = [
  ["Anthropic's", { tools: [{ name: "f" }, { name: NAME }] }],
  ["Converse's", { toolConfig: { tools: [{ toolSpec: { name: NAME } }] } }],
];
const text = (words: string): Part => ({ type: "text", text: words });
const JSON_TEXT: Part = { type: "text", text: '{"a":1}', formed: true };
const THOUGHT: Part = { type: "reasoning", text: "hm" };
const CALL: Part = { type: "tool-call", id: "c", name: "f", inputJson: "{}" };

const CASES: [name: string, told: Part[], got: Part[], left: boolean][] = [
  ["the answer alone is passed on", [JSON_TEXT], [JSON_TEXT], false],
  ["words before the call are left out", [text("Sure:"), JSON_TEXT], [JSON_TEXT], true],
  ["words behind the call are left out", [JSON_TEXT, text("Done.")], [JSON_TEXT], true],
  ["white space is left out without a word", [text("\n\n"), JSON_TEXT], [JSON_TEXT], false],
  ["thoughts stay", [THOUGHT, text("Sure:"), THOUGHT, JSON_TEXT], [THOUGHT, THOUGHT, JSON_TEXT], true],
  ["words are the answer when nobody calls the tool", [text("I cannot.")], [text("I cannot.")], false],
  ["words ahead of another call stay", [text("Looking."), CALL], [text("Looking."), CALL], false],
];

function responseOf(parts: Part[]): ChatResponse {
  return { id: "r", model: "m", parts, finish: { reason: "stop" }, usage: {} };
}

function streamed(sent: JsonObject, events: readonly ChatEvent[]) {
  const left: string[] = [];
  const reader = outputReader(sent, (name) => left.push(name))!;
  return { steps: events.map((event) => reader.event(event)), left };
}

describe.each(SENT)("where %s tool was offered", (_dialect, sent) => {
  test.each(CASES)("%s", (_name, told, got, isLeft) => {
    const left: string[] = [];
    const reader = outputReader(sent, (name) => left.push(name))!;
    expect(reader.response(responseOf(told)).parts).toEqual(got);
    const stream = streamed(sent, replay(responseOf(told)));
    const events = stream.steps.flat();
    expect(eventProblems(events)).toEqual([]);
    expect(collect(events).parts).toEqual(got);
    for (const names of [left, stream.left]) expect([...new Set(names)]).toEqual(isLeft ? ["text"] : []);
  });
});

test("words wait for the call, the answer itself streams", () => {
  const told: ChatEvent[] = [
    { type: "response-start", id: "r", model: "m" },
    { type: "part-start", index: 0, head: { type: "text" } },
    { type: "part-delta", index: 0, delta: "Sure:" },
    { type: "part-end", index: 0 },
    { type: "part-start", index: 1, head: { type: "text", formed: true } },
    { type: "part-delta", index: 1, delta: '{"a"' },
    { type: "part-delta", index: 1, delta: ":1}" },
    { type: "part-end", index: 1 },
    { type: "response-end", finish: { reason: "stop" }, usage: {} },
  ];
  expect(streamed(SENT[0]![1], told).steps.map((step) => step.length)).toEqual([1, 0, 0, 0, 1, 1, 1, 1, 1]);
});

test("a stream that breaks off while words wait gives them out ahead of its error", () => {
  const told: ChatEvent[] = [
    { type: "response-start", id: "r", model: "m" },
    { type: "part-start", index: 0, head: { type: "text" } },
    { type: "part-delta", index: 0, delta: "Sure:" },
    { type: "error", error: new RelayError("upstream-malformed", "It broke.") },
  ];
  expect(streamed(SENT[0]![1], told).steps.flat()).toEqual(told);
});

test("words too long for an introduction go on as they come", () => {
  const piece = "word ".repeat(1000);
  const told: ChatEvent[] = [
    { type: "response-start", id: "r", model: "m" },
    { type: "part-start", index: 0, head: { type: "text" } },
    ...Array.from({ length: 20 }, (): ChatEvent => ({ type: "part-delta", index: 0, delta: piece })),
    { type: "part-end", index: 0 },
    { type: "response-end", finish: { reason: "stop" }, usage: {} },
  ];
  const { steps, left } = streamed(SENT[0]![1], told);
  expect(steps.flat()).toEqual(told);
  expect(steps.slice(1, 15).flat()).toEqual([]);
  expect(steps.slice(16).every((step) => step.length === 1)).toBe(true);
  expect(left).toEqual([]);
});

test("where no tool stood in, nothing is held", () => {
  const bodies: JsonObject[] = [{}, { tools: [{ name: "f" }] }, { toolConfig: { tools: [] } }];
  for (const sent of bodies) expect(outputReader(sent, () => {})).toBeUndefined();
});
