/** Folding events into a response, and telling a response as events. */
import { describe, expect, test } from "bun:test";
import { collect, replay } from "../../src/codec/fold.ts";
import type { ChatResponse } from "../../src/contract/chat.ts";
import { RelayError } from "../../src/contract/errors.ts";
import { caught, eventProblems } from "./support.ts";

const full: ChatResponse = {
  id: "1",
  model: "m",
  createdAt: 5,
  parts: [
    { type: "reasoning", text: "a", kind: "summary", signature: { origin: "x", value: "s" }, vendor: { x: { a: 1 } } },
    { type: "reasoning", text: "", redacted: true, signature: { origin: "x", value: "t" } },
    { type: "text", text: "b", annotations: [{ type: "url-citation", url: "https://example.com/" }] },
    { type: "text", text: "" },
    { type: "refusal", text: "c" },
    { type: "tool-call", id: "2", name: "f", inputJson: "{}" },
    { type: "tool-call", id: "3", name: "g", inputJson: '{"x":1}', vendor: { x: { caller: "d" } } },
    { type: "tool-call", id: "4", name: "h", inputJson: "", custom: true },
    { type: "media", kind: "image", source: { type: "url", url: "https://example.com/i.png" } },
    { type: "opaque", codecId: "x", value: { type: "thing" } },
  ],
  finish: { reason: "stop", raw: "stop", stopSequence: "END" },
  usage: { inputTokens: 9, outputTokens: 3, cacheReadTokens: 2, cacheWriteTokens: 1, reasoningTokens: 1 },
  vendor: { x: { fingerprint: "f" } },
};

describe("an answer told as events", () => {
  test("obeys the grammar", () => expect(eventProblems(replay(full))).toEqual([]));

  test("folds back into itself", () => expect(collect(replay(full))).toEqual(full));

  test("shows what was read at the start, and what was written only at the end", () => {
    const [start] = replay(full);
    expect(start).toMatchObject({ usage: { inputTokens: 9, cacheReadTokens: 2 } });
    expect(start).not.toHaveProperty("usage.outputTokens");
  });

  test("has no delta where there is no text, and none for an empty object of arguments", () => {
    const deltas = replay(full).filter((event) => event.type === "part-delta");
    expect(deltas.map(({ delta }) => delta)).toEqual(["a", "b", "c", '{"x":1}']);
  });

  test("cannot hold a tool result", () => {
    const parts = [{ type: "tool-result" as const, id: "1", parts: [], isError: false }];
    expect(caught(() => replay({ ...full, parts })).code).toBe("internal");
  });
});

describe("folding", () => {
  test("throws the error it meets", () => {
    const error = new RelayError("upstream-unavailable", "gone");
    expect(caught(() => collect([...replay(full).slice(0, 4), { type: "error", error }]))).toBe(error);
  });

  test("does not take a beginning for an answer", () => {
    expect(caught(() => collect(replay(full).slice(0, -1))).code).toBe("upstream-malformed");
    expect(caught(() => collect([])).code).toBe("upstream-malformed");
  });

  test("joins what start and end say about usage and extras, the end winning", () => {
    const response = collect([
      {
        type: "response-start",
        id: "1",
        model: "m",
        usage: { inputTokens: 1, outputTokens: 1 },
        vendor: { x: { a: 1, b: 1 } },
      },
      {
        type: "response-end",
        finish: { reason: "stop" },
        usage: { outputTokens: 5 },
        vendor: { x: { b: 2 }, y: { c: 3 } },
      },
    ]);
    expect(response.usage).toEqual({ inputTokens: 1, outputTokens: 5 });
    expect(response.vendor).toEqual({ x: { a: 1, b: 2 }, y: { c: 3 } });
  });
});
