/** Laws that hold for every dialect and every case, ours and recorded: a new dialect gets them for nothing. */
import { describe, expect, test } from "bun:test";
import { collect, replay } from "../../src/codec/fold.ts";
import type { ChatRequest, ChatResponse, Json, JsonObject, Part, ToolCallPart } from "../../src/contract/chat.ts";
import { RelayError } from "../../src/contract/errors.ts";
import {
  type Case,
  CODECS,
  contextOf,
  type Dialect,
  DIALECTS,
  eventProblems,
  eventsOf,
  frameProblems,
  framesOf,
  framesOfText,
  HAS_KIT,
  KIT_MISSING,
  readFixtures,
  readRecordings,
  recordingAsCase,
  targetOf,
  writeEvents,
} from "./support.ts";
import { random } from "../support/random.ts";

/**
 * A call made by code at the vendor says so in a field that a stream must show when the call opens, where the house
 * language has no place for it; without it the call looks like one that waits for the client.
 */
const STREAM_FORGETS_CALLER: ReadonlySet<string> = new Set([
  "anthropic-messages-anthropic-anthropic-programmatic-tool-calling-1-0-v2",
]);

/** Requests the vendor itself refused, so we may. */
const REFUSED: ReadonlySet<string> = new Set(["anthropic-messages-anthropic-anthropic-completion-error-0"]);

function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== null);
  return Object.fromEntries(entries.map(([name, entry]) => [name, withoutNulls(entry)]));
}

/** What is always ours to say in a request: whether to stream, and that usage is wanted. Empty lists are left out. */
function comparable(dialect: Dialect, written: JsonObject): Json {
  if (dialect === "gemini") return withoutNulls(oneSpelling(written));
  const { stream: _s, stream_options: _o, tools, ...body } = written;
  return withoutNulls(Array.isArray(tools) && tools.length > 0 ? { ...body, tools } : body);
}

/** Fields whose inside is the client's own. */
const CLIENTS_OWN = /^(args|response|properties|(parameters|response)JsonSchema)$/;

/** Gemini's two spellings of a name mean the same, and so do one thing and a list of it; the model is in the URL. */
function oneSpelling(value: Json): Json {
  if (Array.isArray(value)) return value.map(oneSpelling);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, entry]): [string, Json] => {
    const camel = name.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
    const isList = /^(contents|parts|tools)$/.test(camel) && !Array.isArray(entry);
    if (CLIENTS_OWN.test(camel)) return [camel, entry];
    return [camel, isList ? [oneSpelling(entry)] : oneSpelling(entry)];
  });
  return Object.fromEntries(entries.filter(([name]) => name !== "model"));
}

/** Arguments that were cut off stay readable as text; freeform text may come back wrapped. */
function inputOf({ inputJson, custom }: ToolCallPart): unknown {
  if (custom) return { input: inputJson };
  try {
    return JSON.parse(inputJson);
  } catch {
    return { _raw: inputJson };
  }
}

/** The words and deeds of an answer, whatever the dialect. */
function essence({ parts, finish }: ChatResponse) {
  const join = (type: "text" | "refusal" | "reasoning") =>
    parts.flatMap((part) => (part.type === type ? [part.text] : [])).join("");
  const calls = parts.flatMap((part) => (part.type === "tool-call" ? [[part.name, inputOf(part)]] : []));
  return { text: join("text") + join("refusal"), reasoning: join("reasoning"), calls, finish: finish.reason };
}

function withoutVendor(response: ChatResponse): ChatResponse {
  const { vendor: _vendor, ...rest } = response;
  const parts = rest.parts.map((part): Part => {
    const { vendor: _own, ...bare } = part;
    return bare;
  });
  return { ...rest, parts };
}

function answersOf(one: Case): ChatResponse[] {
  const { egress } = CODECS[one.dialect];
  return [
    ...(one.response === undefined ? [] : [egress.decodeResponse(one.response)]),
    ...(one.stream === undefined ? [] : [collect(eventsOf(one.dialect, framesOfText(one.stream)))]),
  ];
}

function laws(cases: readonly Case[]): void {
  describe("a request comes out of its own dialect as it went in", () => {
    for (const one of cases.filter(({ request, name }) => request !== undefined && !REFUSED.has(name))) {
      test(one.name, () => {
        const codec = CODECS[one.dialect];
        const body = { model: "m", ...one.request! };
        const target = targetOf({}, String(body["model"]));
        const request: ChatRequest = codec.ingress.decodeRequest(body);
        const sent = codec.egress.encodeRequest(request, target);
        expect(comparable(one.dialect, sent)).toEqual(comparable(one.dialect, body));
        expect(target.lost).toEqual([]);
      });
    }
  });

  describe("events are the same however the bytes are cut", () => {
    for (const one of cases.filter(({ stream }) => stream !== undefined)) {
      test(one.name, () => {
        const bytes = new TextEncoder().encode(one.stream!);
        const whole = eventsOf(one.dialect, framesOf([bytes]));
        const single = [...bytes].map((byte) => Uint8Array.of(byte));
        expect(eventsOf(one.dialect, framesOf(single))).toEqual(whole);
        const next = random(3);
        const pieces: Uint8Array[] = [];
        for (let at = 0; at < bytes.length; ) {
          const size = 1 + Math.floor(next() * 90);
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(eventsOf(one.dialect, framesOf(pieces))).toEqual(whole);
      });
    }
  });

  describe("events obey the grammar, and so do the frames written from them in every dialect", () => {
    for (const one of cases.filter(({ stream, response }) => (stream ?? response) !== undefined)) {
      test(one.name, () => {
        const told = one.stream === undefined ? [] : [eventsOf(one.dialect, framesOfText(one.stream))];
        const events = [...told, ...answersOf(one).map(replay)];
        for (const stream of events) {
          expect(eventProblems(stream)).toEqual([]);
          for (const dialect of DIALECTS) expect(frameProblems(dialect, writeEvents(dialect, stream))).toEqual([]);
        }
      });
    }
  });

  describe("collecting what was replayed gives the answer again", () => {
    for (const one of cases.filter(({ stream, response }) => (stream ?? response) !== undefined)) {
      test(one.name, () => {
        for (const answer of answersOf(one)) expect(collect(replay(answer))).toEqual(answer);
      });
    }
  });

  describe("an answer survives being written and read", () => {
    for (const one of cases.filter(({ stream, response }) => (stream ?? response) !== undefined)) {
      for (const dialect of DIALECTS) {
        test(`${one.name} as ${dialect}`, () => {
          const codec = CODECS[dialect];
          for (const answer of answersOf(one)) {
            const whole = codec.egress.decodeResponse(codec.ingress.encodeResponse(answer, contextOf()));
            const streamed = collect(eventsOf(dialect, writeEvents(dialect, replay(answer))));
            expect(essence(whole)).toEqual({ ...essence(answer), finish: essence(whole).finish });
            const finish = STREAM_FORGETS_CALLER.has(one.name) ? essence(streamed).finish : essence(whole).finish;
            expect(essence(streamed)).toEqual({ ...essence(whole), finish });
            const { inputTokens, outputTokens } = answer.usage;
            if (inputTokens !== undefined) expect(whole.usage.inputTokens).toBe(inputTokens);
            else expect(whole.usage.inputTokens).not.toBe(0);
            if (outputTokens !== undefined) expect(whole.usage.outputTokens).toBe(outputTokens);
            else expect(whole.usage.outputTokens).not.toBe(0);
            expect(streamed.usage).toEqual(whole.usage);
            if (dialect === one.dialect) expect(essence(whole).finish).toBe(answer.finish.reason);
          }
        });
      }
    }
  });

  describe("whole and streamed tell the same answer", () => {
    for (const one of cases.filter(({ isPair, stream, response }) => isPair && stream && response)) {
      test(one.name, () => {
        const [whole, streamed] = answersOf(one).map(withoutVendor);
        expect(streamed).toEqual(whole!);
      });
    }
  });

  describe("the watcher learns what the reader learns", () => {
    for (const one of cases.filter(({ stream }) => stream !== undefined)) {
      test(one.name, () => {
        const { egress } = CODECS[one.dialect];
        const watcher = egress.watcher();
        for (const frame of framesOfText(one.stream!)) watcher.see(frame);
        const answer = collect(eventsOf(one.dialect, framesOfText(one.stream!)));
        expect(watcher.started).toBe(true);
        expect(watcher.ended).toBe(true);
        expect(watcher.error).toBeUndefined();
        expect(watcher.model).toBe(answer.model);
        expect(watcher.usage ?? {}).toEqual(answer.usage);
        expect(watcher.finish?.raw).toBe(answer.finish.raw);
      });
    }
    for (const one of cases.filter(({ response }) => response !== undefined)) {
      test(`${one.name}, whole`, () => {
        const { egress } = CODECS[one.dialect];
        const answer = egress.decodeResponse(one.response!);
        const { model, usage, finish, error } = egress.readFacts(one.response!);
        expect({ model, usage: usage ?? {}, finish }).toEqual({
          model: answer.model,
          usage: answer.usage,
          finish: answer.finish,
        });
        expect(error).toBeUndefined();
      });
    }
  });
}

describe("our fixtures", () => {
  laws(readFixtures());

  test("events are the same at every single cut", () => {
    for (const one of readFixtures().filter(({ stream }) => stream !== undefined)) {
      const bytes = new TextEncoder().encode(one.stream!);
      const whole = eventsOf(one.dialect, framesOf([bytes]));
      for (let cut = 1; cut < bytes.length; cut += 1) {
        expect(eventsOf(one.dialect, framesOf([bytes.subarray(0, cut), bytes.subarray(cut)]))).toEqual(whole);
      }
    }
  });

  test("a stream cut anywhere before its end is an error, told once, and never an end", () => {
    for (const one of readFixtures().filter(({ stream }) => stream !== undefined)) {
      const frames = framesOfText(one.stream!);
      const isComplete = (count: number) => {
        const seen = frames.slice(0, count).map(({ data }) => data);
        return seen.some((data) =>
          /"finish_reason":"|"message_stop"|^\[DONE\]|"finishReason"|"response\.(?:completed|incomplete)"/.test(data),
        );
      };
      for (let count = 0; count < frames.length; count += 1) {
        const events = eventsOf(one.dialect, frames.slice(0, count));
        expect(eventProblems(events)).toEqual([]);
        expect(events.at(-1)?.type).toBe(isComplete(count) ? "response-end" : "error");
        for (const dialect of DIALECTS) expect(frameProblems(dialect, writeEvents(dialect, events))).toEqual([]);
      }
    }
  });
});

if (HAS_KIT) describe("recorded traffic", () => laws(readRecordings().map(recordingAsCase)));
else test.skip(`recorded traffic (${KIT_MISSING})`, () => {});

describe("nonsense from an upstream", () => {
  const bodies: JsonObject[] = [
    {},
    { choices: [] },
    { choices: [{}] },
    { content: "text" },
    { type: "message" },
    { choices: null },
  ];
  for (const dialect of DIALECTS) {
    for (const body of bodies) {
      test(`${JSON.stringify(body)} is no answer in ${dialect}`, () => {
        const decode = () => CODECS[dialect].egress.decodeResponse(body);
        expect(decode).toThrow(RelayError);
        expect(() => CODECS[dialect].egress.readFacts({})).toThrow(RelayError);
      });
    }

    test(`random frames never break ${dialect}: every stream still ends once`, () => {
      const next = random(5);
      const pieces: Json[] = [
        ...[null, 0, "", "x", [], {}, true, { index: 0 }, [{}], [null], { type: "text" }],
        { type: "function_call", name: "f", call_id: "c" },
        { type: "message", content: [{ type: "output_text", text: "t" }, { type: "refusal", refusal: "r" }, null] },
        { type: "reasoning", summary: [{ text: "s" }, 7], encrypted_content: "e" },
        { output: [{ type: "custom_tool_call", name: "c", input: 5 }, { type: "hologram" }] },
      ];
      const names = [
        ...["id", "type", "index", "choices", "delta", "message", "content_block", "usage", "finish_reason"],
        ...["output_index", "content_index", "item_id", "item", "part", "text", "arguments", "response", "output"],
      ];
      const kinds = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "response.created",
        "response.output_item.added",
        "response.output_text.delta",
        "response.content_part.done",
        "response.function_call_arguments.done",
        "response.reasoning_text.delta",
        "response.output_item.done",
        "response.completed",
      ];
      const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
      for (let round = 0; round < 400; round += 1) {
        const frames = Array.from({ length: 6 }, () => {
          const body = Object.fromEntries(names.map((name) => [name, pick(pieces)]));
          const choices =
            next() < 0.5
              ? [
                  {
                    delta: Object.fromEntries(
                      ["content", "tool_calls", "reasoning_details", "annotations", "images", "role"].map((name) => [
                        name,
                        pick(pieces),
                      ]),
                    ),
                  },
                ]
              : pick(pieces);
          return { data: JSON.stringify({ ...body, choices, type: pick([...kinds, ...pieces]) }) };
        });
        const events = eventsOf(dialect, frames);
        expect(eventProblems(events)).toEqual([]);
        for (const other of DIALECTS) writeEvents(other, events);
      }
    });
  }
});
