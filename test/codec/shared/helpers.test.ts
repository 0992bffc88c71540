/** The small pure helpers the dialects share. */
import { describe, expect, test } from "bun:test";
import { openEnvelope, RELAY_SIGNATURE_PREFIX, sealReasoning } from "../../../src/codec/shared/envelope.ts";
import { mediaTypeOf, parseDataUrl, sniffMediaType } from "../../../src/codec/shared/media.ts";
import { budgetOf, effortOf } from "../../../src/codec/shared/reasoning.ts";
import { readToolInput, ToolInputReader } from "../../../src/codec/shared/tool-input.ts";
import { answerToolIds, safeToolId, safeToolName, shortToolId } from "../../../src/codec/shared/tool-names.ts";
import { pairToolResults } from "../../../src/codec/shared/turns.ts";
import type { Message } from "../../../src/contract/chat.ts";

describe("tool ids", () => {
  test("that are valid stay as they are", () => {
    for (const id of ["call_1", "toolu_01-A", "x".repeat(64)]) expect(safeToolId(id)).toBe(id);
  });

  test("that are not are mapped by a pure function, and apart", () => {
    const odd = ["a:b", "a.b", "a b", "é", "x".repeat(65), `${"x".repeat(65)}y`];
    const safe = odd.map(safeToolId);
    expect(odd.map(safeToolId)).toEqual(safe);
    expect(new Set(safe).size).toBe(odd.length);
    for (const id of safe) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    for (const id of safe) expect(safeToolId(id)).toBe(id);
  });

  test("of nine characters are short already, others become so", () => {
    expect(shortToolId("abcDEF123")).toBe("abcDEF123");
    for (const id of ["", "call_1", "abcDEF12_"]) {
      expect(shortToolId(id)).toMatch(/^[A-Za-z0-9]{9}$/);
      expect(shortToolId(id)).toBe(shortToolId(id));
    }
  });

  test("minted in one answer are different in another", () => {
    expect(answerToolIds("call_", "one")("")).not.toBe(answerToolIds("call_", "two")(""));
  });

  test("names are cut to the target's length", () => {
    expect(safeToolName("x".repeat(128), 128)).toHaveLength(128);
    expect(safeToolName("x".repeat(128), 64)).toHaveLength(64);
    expect(safeToolName("a.b", 64)).toMatch(/^a_b_[0-9a-f]{8}$/);
  });
});

describe("the arguments of a call as they trickle in", () => {
  const feed = (...pieces: string[]) => {
    const reader = new ToolInputReader();
    return { told: pieces.map((piece) => reader.read(piece)).join("") + reader.end(), isComplete: reader.isComplete };
  };

  const cases: readonly [pieces: string[], told: string, isComplete: boolean][] = [
    [["{}"], "", true],
    [["{", "}"], "", true],
    [[" { } "], "", true],
    [["{}", "{}"], "", true],
    [["{}", '{"a":1}'], '{"a":1}', true],
    [['{"a":1}'], '{"a":1}', true],
    [['{"a"', ":1}"], '{"a":1}', true],
    [['{"a":"}"', "}"], '{"a":"}"}', true],
    [['{"a":"\\"}"}'], '{"a":"\\"}"}', true],
    [['{"a":"\\', '\\"}'], '{"a":"\\\\"}', true],
    [['{"a":1}', '{"a":1}'], '{"a":1}', true],
    [['{"a":1}{"a":1}'], '{"a":1}', true],
    [['{"a":{}}'], '{"a":{}}', true],
    [["[1,", "2]"], "[1,2]", true],
    [["{"], "{", false],
    [['{"a":'], '{"a":', false],
    [["plain ", "words"], "plain words", false],
    [[""], "", false],
  ];
  for (const [pieces, told, isComplete] of cases) {
    test(JSON.stringify(pieces), () => expect(feed(...pieces)).toEqual({ told, isComplete }));
  }

  test("are never empty when they came whole", () => {
    for (const text of ["", " ", "{}", "{}{}"]) expect(readToolInput(text)).toBe("{}");
  });
});

describe("media", () => {
  const cases: readonly [url: string, type: string | undefined, data: string | undefined][] = [
    ["data:image/png;base64,AAAA", "image/png", "AAAA"],
    ["DATA:image/JPG;base64,AAAA", "image/jpeg", "AAAA"],
    ["data:text/plain;charset=utf-8;base64,AAAA", "text/plain", "AAAA"],
    ["data:;base64,JVBERi0=", "application/pdf", "JVBERi0="],
    ["data:image/png;base64,a-_b\n", "image/png", "a+/b"],
    ["data:image/png;base64,AA%3D%3D", "image/png", "AA=="],
    ["data:image/png;base64,AAA", "image/png", "AAA="],
    ["data:text/plain,a%20b", "text/plain", "YSBi"],
    ["https://example.com/", undefined, undefined],
    ["data:nonsense", undefined, undefined],
  ];
  for (const [url, mediaType, data] of cases) {
    test(url, () => {
      const parsed = parseDataUrl(url);
      expect({ mediaType: parsed?.mediaType, data: parsed?.data }).toEqual({ mediaType, data });
    });
  }

  test("is told by its first bytes, and sound in a RIFF is no picture", () => {
    expect(sniffMediaType(Buffer.from("RIFFxxxxWEBPVP8 ").toString("base64"))).toBe("image/webp");
    expect(sniffMediaType(Buffer.from("RIFFxxxxWAVEfmt ").toString("base64"))).toBeUndefined();
    expect(sniffMediaType("AAAA")).toBeUndefined();
  });

  test("is told by its name when nothing else tells", () => {
    expect(mediaTypeOf({ source: { type: "base64", data: "AAAA" }, filename: "Notes.MD" })).toBe("text/markdown");
    expect(mediaTypeOf({ source: { type: "base64", data: "AAAA" }, filename: "x.constructor" })).toBeUndefined();
  });
});

describe("envelopes", () => {
  test("give back what they were given and are known as ours", () => {
    const signature = { origin: "gemini", value: "c2ln+/=\u{1F99C}" };
    for (const content of [{}, { signature }, { signature, redacted: true as const }]) {
      const sealed = sealReasoning(content);
      expect(sealed).toMatch(/^[A-Za-z0-9._-]+$/);
      expect(openEnvelope(sealed)).toEqual(content);
    }
  });

  test("of others are not ours; a torn one of ours is empty", () => {
    expect(openEnvelope("EuoCCkYICBgCKkDP")).toBeUndefined();
    expect(openEnvelope(`${RELAY_SIGNATURE_PREFIX}%%%`)).toEqual({});
  });
});

describe("levels and budgets", () => {
  test("turn into each other without growing", () => {
    for (const effort of ["none", "minimal", "low", "medium", "high", "xhigh"] as const)
      expect(effortOf(budgetOf(effort))).toBe(effort);
    expect([0, 1, 513, 1025, 8193, 24_577, 999_999].map(effortOf)).toEqual([
      "none",
      "minimal",
      "low",
      "medium",
      "high",
      "xhigh",
      "xhigh",
    ]);
  });
});

describe("pairing calls with results", () => {
  const call = (id: string) => ({ type: "tool-call" as const, id, name: "f", inputJson: "{}" });
  const result = (id: string, text = id) => ({
    type: "tool-result" as const,
    id,
    parts: [{ type: "text" as const, text }],
    isError: false,
  });
  const says = (text: string) => ({ type: "text" as const, text });
  const pair = (...messages: Message[]) => {
    const notes: string[] = [];
    const paired = pairToolResults(messages, (what) => notes.push(what));
    return {
      notes,
      told: paired.map(({ role, parts }) => [
        role,
        ...parts.map((part) => ("id" in part ? `${part.type} ${part.id}` : "text" in part ? part.text : part.type)),
      ]),
    };
  };

  test("leaves a good conversation as it is", () => {
    const messages: Message[] = [
      { role: "user", parts: [says("a")] },
      { role: "assistant", parts: [call("1")] },
      { role: "user", parts: [result("1"), says("b")] },
    ];
    expect(pair(...messages)).toEqual({
      notes: [],
      told: [
        ["user", "a"],
        ["assistant", "tool-call 1"],
        ["user", "tool-result 1", "b"],
      ],
    });
  });

  test("fetches a result from further below", () => {
    const { told } = pair(
      { role: "assistant", parts: [call("1")] },
      { role: "system", parts: [says("s")] },
      { role: "user", parts: [says("b")] },
      { role: "user", parts: [result("1")] },
    );
    expect(told).toEqual([
      ["assistant", "tool-call 1"],
      ["user", "tool-result 1"],
      ["system", "s"],
      ["user", "b"],
    ]);
  });

  test("calls that share an id within a turn take the results in order", () => {
    const { told } = pair(
      { role: "assistant", parts: [call("1"), call("1")] },
      { role: "user", parts: [result("1", "x"), result("1", "y")] },
    );
    expect(told).toEqual([
      ["assistant", "tool-call 1", "tool-call 1_2"],
      ["user", "tool-result 1", "tool-result 1_2"],
    ]);
  });

  test("calls without any id are paired by order", () => {
    const { told } = pair(
      { role: "assistant", parts: [call(""), call("")] },
      { role: "user", parts: [result("", "x"), result("", "y")] },
    );
    expect(told).toEqual([
      ["assistant", "tool-call call_1", "tool-call call_2"],
      ["user", "tool-result call_1", "tool-result call_2"],
    ]);
  });
});
