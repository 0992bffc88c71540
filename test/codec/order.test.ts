/** How interleaved updates become parts in a row, and that nothing is lost or mixed on the way. */
import { describe, expect, test } from "bun:test";
import { collect } from "../../src/codec/fold.ts";
import { PartSequencer } from "../../src/codec/order.ts";
import type { ChatEvent, Part } from "../../src/contract/chat.ts";
import { eventProblems } from "./support.ts";
import { random } from "../support/random.ts";

const START: ChatEvent = { type: "response-start", id: "1", model: "m" };
const END: ChatEvent = { type: "response-end", finish: { reason: "stop" }, usage: {} };
const call = (name: string) => ({ type: "tool-call" as const, id: name, name });

function run(feed: (parts: PartSequencer) => void): { events: ChatEvent[]; parts: Part[] } {
  const events: ChatEvent[] = [START];
  const parts = new PartSequencer((event) => events.push(event));
  feed(parts);
  parts.end();
  events.push(END);
  expect(eventProblems(events)).toEqual([]);
  return { events, parts: collect(events).parts };
}

const texts = (parts: readonly Part[]) =>
  parts.map((part) => ("text" in part ? part.text : "inputJson" in part ? part.inputJson : ""));

describe("text", () => {
  test("of one kind is one part, of several kinds several", () => {
    const { parts } = run((sequencer) => {
      sequencer.text({ type: "text" }, "a");
      sequencer.text({ type: "text" }, "b");
      sequencer.text({ type: "reasoning" }, "c");
      sequencer.text({ type: "text" }, "d");
    });
    expect(parts).toEqual([
      { type: "text", text: "ab" },
      { type: "reasoning", text: "c" },
      { type: "text", text: "d" },
    ]);
  });

  test("goes out at once while nothing else is open", () => {
    const events: ChatEvent[] = [];
    const sequencer = new PartSequencer((event) => events.push(event));
    sequencer.text({ type: "text" }, "a");
    expect(events.map(({ type }) => type)).toEqual(["part-start", "part-delta"]);
  });

  test("that is empty opens nothing", () => {
    expect(run((sequencer) => sequencer.text({ type: "text" }, "")).parts).toEqual([]);
  });

  test("that was ended is not continued", () => {
    const { parts } = run((sequencer) => {
      sequencer.text({ type: "text" }, "a");
      sequencer.endText();
      sequencer.text({ type: "text" }, "b");
    });
    expect(texts(parts)).toEqual(["a", "b"]);
  });

  test("takes its tail; a signature without any text is a part of its own", () => {
    const signature = { origin: "x", value: "s" };
    const { parts } = run((sequencer) => {
      sequencer.text({ type: "reasoning" }, "a");
      sequencer.textTail({ type: "reasoning" }, { signature });
      sequencer.text({ type: "text" }, "b");
      sequencer.textTail({ type: "reasoning" }, { signature });
    });
    expect(parts).toEqual([
      { type: "reasoning", text: "a", signature },
      { type: "text", text: "b" },
      { type: "reasoning", text: "", signature },
    ]);
  });
});

describe("calls", () => {
  test("that follow each other go out without delay", () => {
    const { events } = run((sequencer) => {
      sequencer.tool("0", call("a"));
      sequencer.toolDelta("0", '{"x":1}');
      sequencer.tool("1", call("b"));
      sequencer.toolDelta("1", '{"y":2}');
    });
    expect(events.filter(({ type }) => type === "part-delta")).toEqual([
      { type: "part-delta", index: 0, delta: '{"x":1}' },
      { type: "part-delta", index: 1, delta: '{"y":2}' },
    ]);
  });

  test("that interleave wait for the first to be complete, whatever else comes meanwhile", () => {
    const { parts } = run((sequencer) => {
      sequencer.tool("0", call("a"));
      sequencer.tool("1", call("b"));
      sequencer.toolDelta("1", '{"y"');
      sequencer.text({ type: "text" }, "words");
      sequencer.toolDelta("0", '{"x":"}{"');
      sequencer.toolDelta("1", ":2}");
      sequencer.text({ type: "text" }, " more");
      sequencer.toolDelta("0", "}");
    });
    expect(texts(parts)).toEqual(['{"x":"}{"}', '{"y":2}', "words more"]);
  });

  test("without arguments, announced together, come out in order as empty objects", () => {
    const { parts } = run((sequencer) => {
      for (const key of ["0", "1", "2"]) sequencer.tool(key, call(key));
    });
    expect(texts(parts)).toEqual(["{}", "{}", "{}"]);
  });

  test("cut off in the middle are still told, cut off", () => {
    const { parts } = run((sequencer) => {
      sequencer.tool("0", call("a"));
      sequencer.toolDelta("0", '{"x":');
      sequencer.tool("1", call("b"));
      sequencer.toolDelta("1", '{"y":2}');
    });
    expect(texts(parts)).toEqual(['{"x":', '{"y":2}']);
  });

  test("echoed after their end keep their arguments", () => {
    const { parts } = run((sequencer) => {
      sequencer.tool("0", call("a"));
      sequencer.toolDelta("0", '{"x":1}');
      sequencer.toolDelta("0", '{"x":1}');
      sequencer.tool("1", call("b"));
      sequencer.toolDelta("0", '{"x":1}');
      sequencer.toolDelta("1", "{}{}");
    });
    expect(texts(parts)).toEqual(['{"x":1}', "{}"]);
  });

  test("that are freeform are complete only when somebody says so", () => {
    const { parts } = run((sequencer) => {
      sequencer.tool("0", { ...call("a"), custom: true });
      sequencer.toolDelta("0", "{}");
      sequencer.text({ type: "text" }, "after");
      sequencer.toolDelta("0", " and more");
      sequencer.endTool("0");
    });
    expect(texts(parts)).toEqual(["{} and more", "after"]);
  });

  test("whole parts keep their place among them", () => {
    const opaque = { type: "opaque" as const, codecId: "x", value: { a: 1 } };
    const { parts } = run((sequencer) => {
      sequencer.tool("0", call("a"));
      sequencer.whole(opaque);
      sequencer.toolDelta("0", '{"x":1}');
    });
    expect(parts.map(({ type }) => type)).toEqual(["tool-call", "opaque"]);
  });
});

test("in any order of events every call keeps exactly its own arguments", () => {
  const next = random(17);
  for (let round = 0; round < 300; round += 1) {
    const wanted = Array.from({ length: 3 }, (_, index) =>
      JSON.stringify({ n: index, s: '}{"\\'.repeat(Math.floor(next() * 3)) }),
    );
    const queues = wanted.map((json) => {
      const cut = Math.floor(next() * json.length);
      return [json.slice(0, cut), json.slice(cut)];
    });
    const { parts } = run((sequencer) => {
      for (const index of wanted.keys()) sequencer.tool(String(index), call(String(index)));
      while (queues.some((queue) => queue.length > 0)) {
        const index = Math.floor(next() * 3);
        const piece = queues[index]!.shift();
        if (piece !== undefined) sequencer.toolDelta(String(index), piece);
      }
    });
    expect(texts(parts)).toEqual(wanted);
  }
});
