/** Several answers to one request (`n`, `candidateCount`): between the dialects that have them, whole and streamed. */
import { describe, expect, test } from "bun:test";
import { collect, replay } from "../../src/codec/fold.ts";
import type { ChatEvent, ChatResponse, JsonObject } from "../../src/contract/chat.ts";
import {
  CODECS,
  caught,
  chunks,
  contextOf,
  dig,
  eventProblems,
  eventsOf,
  framesOfText,
  targetOf,
  translate,
  writeEvents,
} from "./support.ts";

const DIALECTS = ["openai-chat", "gemini"] as const;
type Dialect = (typeof DIALECTS)[number];

const ASKED: Record<Dialect, JsonObject> = {
  "openai-chat": { model: "m", messages: [{ role: "user", content: "Hi" }], n: 3 },
  gemini: {
    model: "m",
    contents: [{ role: "user", parts: [{ text: "Hi" }] }],
    generationConfig: { candidateCount: 3 },
  },
};

describe("the request", () => {
  test("asks for as many in the words of the upstream", () => {
    expect(translate(ASKED["openai-chat"], "openai-chat", "gemini").sent).toMatchObject({
      generationConfig: { candidateCount: 3 },
    });
    expect(translate(ASKED.gemini, "gemini", "openai-chat").sent).toMatchObject({ n: 3 });
    for (const from of DIALECTS) {
      for (const to of DIALECTS) expect(translate(ASKED[from], from, to).lost).toEqual([]);
    }
  });

  test("for one says nothing of it to Gemini, some of whose models refuse the word", () => {
    const { sent } = translate({ ...ASKED["openai-chat"], n: 1 }, "openai-chat", "gemini");
    expect(sent).not.toHaveProperty("generationConfig.candidateCount");
  });

  test.each(["openai-responses", "anthropic-messages"] as const)("is refused for %s, which gives one", (to) => {
    for (const from of DIALECTS) {
      const request = CODECS[from].ingress.decodeRequest(ASKED[from]);
      const error = caught(() => CODECS[to].egress.encodeRequest(request, targetOf()));
      expect(error).toMatchObject({ code: "bad-request", status: 400, param: "n" });
    }
  });
});

/** A first answer in words, a second that calls, a third that is cut off. */
const call = { id: "call_1", type: "function", function: { name: "f", arguments: '{"a":1}' } };
const WHOLE: Record<Dialect, JsonObject> = {
  "openai-chat": {
    id: "c",
    model: "m",
    choices: [
      { index: 2, message: { role: "assistant", content: "Goo" }, finish_reason: "length" },
      { index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" },
      { index: 1, message: { role: "assistant", content: null, tool_calls: [call] }, finish_reason: "tool_calls" },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 9, total_tokens: 12 },
  },
  gemini: {
    candidates: [
      { content: { role: "model", parts: [{ text: "Hello" }] }, finishReason: "STOP" },
      {
        content: { role: "model", parts: [{ functionCall: { name: "f", args: { a: 1 } } }] },
        finishReason: "STOP",
        index: 1,
      },
      { content: { role: "model", parts: [{ text: "Goo" }] }, finishReason: "MAX_TOKENS", index: 2 },
    ],
    usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 9, totalTokenCount: 12 },
  },
};
const chunk = (index: number, delta: JsonObject, finish: string | null = null): JsonObject => ({
  id: "c",
  model: "m",
  choices: [{ index, delta, finish_reason: finish }],
});
const candidates = (...list: JsonObject[]): JsonObject => ({ candidates: list });
const said = (text: string, index: number, rest: JsonObject = {}): JsonObject => ({
  content: { role: "model", parts: [{ text }] },
  ...(index === 0 ? {} : { index }),
  ...rest,
});
const { function: called, ...opened } = call;
/** Their pieces mixed, as vendors mix them. */
const STREAMS: Record<Dialect, string> = {
  "openai-chat": chunks(
    chunk(0, { role: "assistant", content: "" }),
    chunk(1, { role: "assistant", content: null }),
    chunk(2, { role: "assistant", content: "G" }),
    chunk(0, { content: "Hel" }),
    chunk(1, { tool_calls: [{ index: 0, ...opened, function: { ...called, arguments: "" } }] }),
    chunk(2, { content: "oo" }),
    chunk(1, { tool_calls: [{ index: 0, function: { arguments: called.arguments } }] }),
    chunk(0, { content: "lo" }),
    chunk(2, {}, "length"),
    chunk(1, {}, "tool_calls"),
    chunk(0, {}, "stop"),
    { ...chunk(0, {}), choices: [], usage: { prompt_tokens: 3, completion_tokens: 9, total_tokens: 12 } },
    "[DONE]",
  ),
  gemini: chunks(
    candidates(said("Hel", 0), said("G", 2)),
    candidates({
      content: { role: "model", parts: [{ functionCall: { name: "f", args: { a: 1 } } }] },
      finishReason: "STOP",
      index: 1,
    }),
    candidates(said("lo", 0, { finishReason: "STOP" }), said("oo", 2, { finishReason: "MAX_TOKENS" })),
    { usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 9, totalTokenCount: 12 } },
  ),
};

function decoded(upstream: Dialect, isStream: boolean): ChatEvent[] {
  if (isStream) return eventsOf(upstream, framesOfText(STREAMS[upstream]));
  return replay(CODECS[upstream].egress.decodeResponse(structuredClone(WHOLE[upstream])));
}

interface Read {
  text: string;
  calls: [name: unknown, input: unknown][];
  finish: unknown;
}

/** By index, what a client puts together. */
function answersRead(client: Dialect, bodies: readonly JsonObject[]): Record<number, Read> {
  const answers: Record<number, Read & { inputs: string[] }> = {};
  for (const body of bodies) {
    const list = (body[client === "gemini" ? "candidates" : "choices"] ?? []) as JsonObject[];
    for (const one of list) {
      const answer = (answers[(one["index"] ?? 0) as number] ??= { text: "", calls: [], finish: null, inputs: [] });
      if (client === "gemini") {
        for (const part of (dig(one, "content", "parts") ?? []) as JsonObject[]) {
          answer.text += (part["text"] as string | undefined) ?? "";
          const { name, args } = (part["functionCall"] ?? {}) as JsonObject;
          if (name !== undefined) answer.calls.push([name, args]);
        }
        answer.finish = one["finishReason"] ?? answer.finish;
      } else {
        const message = (one["delta"] ?? one["message"]) as JsonObject;
        answer.text += (message["content"] as string | null | undefined) ?? "";
        for (const piece of (message["tool_calls"] ?? []) as JsonObject[]) {
          const name = dig(piece, "function", "name");
          if (name !== undefined) answer.calls.push([name, undefined]);
          const at = answer.calls.length - 1;
          answer.inputs[at] = (answer.inputs[at] ?? "") + String(dig(piece, "function", "arguments") ?? "");
          answer.calls[at]![1] = answer.inputs[at] === "" ? undefined : JSON.parse(answer.inputs[at]!);
        }
        answer.finish = one["finish_reason"] ?? answer.finish;
      }
    }
  }
  return Object.fromEntries(Object.entries(answers).map(([index, { inputs: _inputs, ...answer }]) => [index, answer]));
}

const FINISHES: Record<Dialect, string[]> = {
  "openai-chat": ["stop", "tool_calls", "length"],
  gemini: ["STOP", "STOP", "MAX_TOKENS"],
};

describe("the answers", () => {
  for (const upstream of DIALECTS) {
    test(`of ${upstream} are the same whole and streamed, and obey the grammar`, () => {
      const events = decoded(upstream, true);
      expect(eventProblems(events)).toEqual([]);
      const bare = ({ parts, finish, others, usage }: ChatResponse) => ({ parts, finish, others, usage });
      expect(bare(collect(events))).toEqual(bare(collect(decoded(upstream, false))));
      expect(collect(events).others).toHaveLength(2);
    });

    for (const client of DIALECTS) {
      const expected = {
        0: { text: "Hello", calls: [], finish: FINISHES[client][0] },
        1: { text: "", calls: [["f", { a: 1 }]], finish: FINISHES[client][1] },
        2: { text: "Goo", calls: [], finish: FINISHES[client][2] },
      };
      for (const isStream of [false, true]) {
        const way = isStream ? "a stream" : "a whole answer";
        test(`of ${upstream} reach clients of ${client} each by its number, from ${way}, whole`, () => {
          const body = CODECS[client].ingress.encodeResponse(collect(decoded(upstream, isStream)), contextOf());
          expect(answersRead(client, [body])).toEqual(expected as never);
          expect(JSON.stringify(body)).not.toContain('"delta"');
        });

        test(`of ${upstream} reach clients of ${client} each by its number, from ${way}, streamed`, () => {
          const frames = writeEvents(client, decoded(upstream, isStream));
          const bodies = frames.flatMap(({ data }) => (data === "[DONE]" ? [] : [JSON.parse(data) as JsonObject]));
          expect(answersRead(client, bodies)).toEqual(expected as never);
          expect(JSON.stringify(bodies)).not.toContain('"message"');
        });
      }
    }
  }

  test("one of which is broken leaves the others as they are", () => {
    const broken = chunks(
      chunk(0, { content: "Hello" }),
      chunk(1, { tool_calls: [{ index: 0, id: "x", type: "function", function: { arguments: "{" } }] }),
      chunk(2, { content: "Goo" }),
      chunk(2, {}, "stop"),
      chunk(0, {}, "stop"),
      "[DONE]",
    );
    const response = collect(eventsOf("openai-chat", framesOfText(broken)));
    expect(response.parts).toEqual([{ type: "text", text: "Hello" }]);
    expect(response.others?.map(({ parts }) => parts)).toEqual([[{ type: "text", text: "Goo" }]]);
  });

  test("one of which says nothing at all leaves the others as they are, whole as well", () => {
    const choices = WHOLE["openai-chat"]["choices"] as JsonObject[];
    const body = { ...WHOLE["openai-chat"], choices: [choices[1]!, { index: 1, finish_reason: "content_filter" }] };
    const response = CODECS["openai-chat"].egress.decodeResponse(structuredClone(body));
    expect(response.parts).toEqual([{ type: "text", text: "Hello" }]);
    expect(response.others).toBeUndefined();
    const again = CODECS["openai-chat"].ingress.encodeResponse(response, contextOf());
    expect(dig(again, "choices", 1)).toEqual({ index: 1, finish_reason: "content_filter" });
  });

  test.each(DIALECTS)("of which a further one breaks off in a stream of %s is told as cut", (upstream) => {
    const stream = STREAMS[upstream].replace(/"(finish_reason|finishReason)":"(length|MAX_TOKENS)"/, '"$1":null');
    expect(stream).not.toBe(STREAMS[upstream]);
    const response = collect(eventsOf(upstream, framesOfText(stream)));
    expect(response.others?.[1]?.finish.reason).toBe("length");
  });

  test("carry calls with ids that differ, where the upstream has none", () => {
    const twice = structuredClone(WHOLE.gemini);
    const list = twice["candidates"] as JsonObject[];
    list[0] = { ...list[1]!, index: 0 };
    const body = CODECS["openai-chat"].ingress.encodeResponse(CODECS.gemini.egress.decodeResponse(twice), contextOf());
    const ids = [0, 1].map((at) => dig(body, "choices", at, "message", "tool_calls", 0, "id"));
    expect(new Set(ids).size).toBe(2);
    expect(ids).not.toContain(undefined);
  });
});
