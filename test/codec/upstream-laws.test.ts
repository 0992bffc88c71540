/** Laws that hold for every dialect only upstreams speak, and for every case of it. */
import { describe, expect, test } from "bun:test";
import { collect, replay } from "../../src/codec/fold.ts";
import type { ChatRequest, ChatResponse, Json, JsonObject } from "../../src/contract/chat.ts";
import { RelayError } from "../../src/contract/errors.ts";
import {
  CODECS,
  contextOf,
  DIALECTS,
  eventProblems,
  eventsOf,
  frameProblems,
  readFixtures,
  targetOf,
  writeEvents,
} from "./support.ts";
import { random } from "../support/random.ts";
import { deframe, readEvents, readUpstreamFixtures, UPSTREAM_CODECS, UPSTREAM_DIALECTS } from "./upstream-support.ts";

const cases = readUpstreamFixtures();
const streamed = cases.filter(({ stream }) => stream !== undefined);

function answersOf({ dialect, response, stream }: (typeof cases)[number]): ChatResponse[] {
  return [
    ...(response === undefined ? [] : [UPSTREAM_CODECS[dialect].egress.decodeResponse(response)]),
    ...(stream === undefined ? [] : [collect(readEvents(dialect, deframe(dialect, [stream])))]),
  ];
}

function withoutVendor({ vendor: _vendor, parts, ...rest }: ChatResponse) {
  return { ...rest, parts: parts.map(({ vendor: _own, ...part }) => part) };
}

test("every such dialect has fixtures, whole and streamed", () => {
  for (const dialect of UPSTREAM_DIALECTS) {
    const own = cases.filter((one) => one.dialect === dialect && one.response && one.stream);
    expect(own.length).toBeGreaterThanOrEqual(3);
    expect(UPSTREAM_CODECS[dialect]).not.toHaveProperty("ingress");
    expect(UPSTREAM_CODECS[dialect].id).toBe(dialect);
  }
});

describe("E19: events are the same however the bytes are cut", () => {
  test.each(streamed.map((one) => [one.name, one] as const))("%s", (_name, { dialect, stream }) => {
    const bytes = stream!;
    const whole = readEvents(dialect, deframe(dialect, [bytes]));
    expect(
      readEvents(
        dialect,
        deframe(
          dialect,
          [...bytes].map((byte) => Uint8Array.of(byte)),
        ),
      ),
    ).toEqual(whole);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      expect(deframe(dialect, [bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(deframe(dialect, [bytes]));
    }
    const next = random(7);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + Math.floor(next() * 90);
      pieces.push(bytes.subarray(at, at + size));
      at += size;
    }
    expect(readEvents(dialect, deframe(dialect, pieces))).toEqual(whole);
  });
});

describe("the memory of a piece may be used again once it was handed over", () => {
  test.each(streamed.map((one) => [one.name, one] as const))("%s", (_name, { dialect, stream }) => {
    const read = UPSTREAM_CODECS[dialect].framing.decoder();
    const memory = new Uint8Array(7);
    const frames = [];
    for (let at = 0; at < stream!.length; at += memory.length) {
      const piece = stream!.subarray(at, at + memory.length);
      memory.set(piece);
      frames.push(...read(memory.subarray(0, piece.length)));
    }
    expect([...frames, ...read(null)]).toEqual(deframe(dialect, [stream!]));
  });
});

describe("events obey the grammar, and so do the frames written from them in every client's dialect", () => {
  test.each(cases.map((one) => [one.name, one] as const))("%s", (_name, one) => {
    const told = one.stream === undefined ? [] : [readEvents(one.dialect, deframe(one.dialect, [one.stream]))];
    for (const events of [...told, ...answersOf(one).map(replay)]) {
      expect(eventProblems(events)).toEqual([]);
      for (const dialect of DIALECTS) expect(frameProblems(dialect, writeEvents(dialect, events))).toEqual([]);
    }
  });
});

describe("collecting what was replayed gives the answer again", () => {
  test.each(cases.map((one) => [one.name, one] as const))("%s", (_name, one) => {
    for (const answer of answersOf(one)) expect(collect(replay(answer))).toEqual(answer);
  });
});

describe("whole and streamed tell the same answer", () => {
  const pairs = cases.filter(({ response, stream }) => response && stream);
  test.each(pairs.map((one) => [one.name, one] as const))("%s", (_name, one) => {
    const [whole, told] = answersOf(one).map(withoutVendor);
    expect(told).toEqual(whole!);
  });
});

describe("a client of any dialect is told the same", () => {
  const essence = ({ parts }: ChatResponse) => ({
    text: parts.flatMap((part) => (part.type === "text" || part.type === "refusal" ? [part.text] : [])).join(""),
    calls: parts.flatMap((part) => (part.type === "tool-call" ? [[part.name, JSON.parse(part.inputJson)]] : [])),
  });
  test.each(cases.map((one) => [one.name, one] as const))("%s", (_name, one) => {
    for (const answer of answersOf(one)) {
      for (const dialect of DIALECTS) {
        const codec = CODECS[dialect];
        const whole = codec.egress.decodeResponse(codec.ingress.encodeResponse(answer, contextOf()));
        const told = collect(eventsOf(dialect, writeEvents(dialect, replay(answer))));
        expect(essence(whole)).toEqual(essence(answer));
        expect(essence(told)).toEqual(essence(answer));
      }
    }
  });
});

describe("the watcher and the facts say what the reader says", () => {
  test.each(cases.map((one) => [one.name, one] as const))("%s", (_name, { dialect, response, stream }) => {
    const { egress } = UPSTREAM_CODECS[dialect];
    if (stream !== undefined) {
      const watcher = egress.watcher();
      for (const frame of deframe(dialect, [stream])) watcher.see(frame);
      const { model, usage, finish } = collect(readEvents(dialect, deframe(dialect, [stream])));
      const { started, ended, error } = watcher;
      expect({ started, ended, error, model: watcher.model, usage: watcher.usage, finish: watcher.finish }).toEqual({
        started: true,
        ended: true,
        error: undefined,
        model,
        usage,
        finish,
      });
    }
    if (response !== undefined) {
      const { model, usage, finish } = egress.decodeResponse(response);
      expect({ model: "", usage: {}, ...egress.readFacts(response) }).toEqual({ model, usage, finish });
    }
  });
});

describe("E15: a stream that breaks off anywhere is an error, told once, and never an end", () => {
  test.each(streamed.map((one) => [one.name, one] as const))("%s", (_name, { dialect, stream }) => {
    const frames = deframe(dialect, [stream!]);
    const read = UPSTREAM_CODECS[dialect].egress.streamDecoder();
    // The first frame behind which the answer is complete, whatever follows it.
    let needed = frames.length;
    for (let count = frames.length - 1; count > 0; count -= 1) {
      if (readEvents(dialect, frames.slice(0, count)).at(-1)?.type === "response-end") needed = count;
    }
    expect(needed).toBeGreaterThanOrEqual(frames.length - 3);
    for (let count = 0; count < frames.length; count += 1) {
      const events = readEvents(dialect, frames.slice(0, count));
      expect(eventProblems(events)).toEqual([]);
      expect(events.at(-1)?.type).toBe(count < needed ? "error" : "response-end");
    }
    for (const frame of frames) read(frame);
    const rest = [...frames.flatMap((frame) => read(frame)), ...read(null)];
    expect(rest.every(({ type }) => type === "response-end")).toBe(true);
    expect(rest.length).toBeLessThanOrEqual(1);
  });
});

describe("nonsense is no answer", () => {
  const bodies: JsonObject[] = [
    {},
    { choices: [] },
    { message: null },
    { output: {} },
    { content: "text" },
    { done: 1 },
  ];
  for (const dialect of UPSTREAM_DIALECTS) {
    test.each(bodies.map((body) => [JSON.stringify(body), body] as const))(`%s in ${dialect}`, (_text, body) => {
      expect(() => UPSTREAM_CODECS[dialect].egress.decodeResponse(body)).toThrow(RelayError);
      expect(() => UPSTREAM_CODECS[dialect].egress.readFacts(body)).toThrow(RelayError);
    });

    test(`random frames never break ${dialect}: every stream still ends once`, () => {
      const next = random(11);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
      const values: Json[] = [null, 0, "", "x", [], {}, true, [{}], [null], { text: "t" }, { function: { name: "f" } }];
      const names = [
        ...["type", "message", "delta", "index", "content", "text", "tool_calls", "tool_plan", "usage", "done"],
        ...["contentBlockIndex", "start", "toolUse", "stopReason", "role", "thinking", "model", "bytes", "error", "p"],
      ];
      const types = [
        ...["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"],
        ...[
          "message-start",
          "content-delta",
          "tool-call-start",
          "tool-call-delta",
          "message-end",
          "chunk",
          "message_stop",
        ],
      ];
      for (let round = 0; round < 300; round += 1) {
        const frames = Array.from({ length: 6 }, () => {
          const body = Object.fromEntries(names.filter(() => next() < 0.4).map((name) => [name, pick(values)]));
          const inner = { message: { content: pick(values), tool_calls: pick(values), thinking: pick(values) } };
          const type = pick([...types, undefined]);
          const data = JSON.stringify({
            ...body,
            ...(next() < 0.5 ? { delta: inner } : inner),
            ...(type ? { type } : {}),
          });
          return type === undefined ? { data } : { event: type, data };
        });
        const events = readEvents(dialect, frames);
        expect(eventProblems(events)).toEqual([]);
        for (const other of DIALECTS) writeEvents(other, events);
      }
    });
  }
});

describe("whatever a client may ask is either written or refused with 400", () => {
  const requests = readFixtures().flatMap(({ name, dialect, request }): [string, ChatRequest][] =>
    request === undefined ? [] : [[name, CODECS[dialect].ingress.decodeRequest({ model: "m", ...request })]],
  );
  for (const dialect of UPSTREAM_DIALECTS) {
    test.each(requests)(`%s in ${dialect}`, (_name, request) => {
      const before = structuredClone(request);
      try {
        const sent = UPSTREAM_CODECS[dialect].egress.encodeRequest(request, targetOf());
        expect(JSON.parse(JSON.stringify(sent))).toEqual(sent);
        expect(Object.values(sent)).not.toContain(undefined);
      } catch (cause) {
        if (!RelayError.is(cause)) throw cause;
        expect(cause.code).toBe("bad-request");
        expect(cause.param).toBeDefined();
      }
      expect(request).toEqual(before);
    });
  }
});
