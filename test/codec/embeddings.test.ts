/** Embeddings between the dialects that have them: order, forms of input and output, and what cannot be said. */
import { describe, expect, test } from "bun:test";
import { gemini } from "../../src/codec/gemini/index.ts";
import { openaiChat } from "../../src/codec/openai-chat/index.ts";
import type { Json, JsonObject } from "../../src/contract/chat.ts";
import { caught, dig } from "./support.ts";

const openai = openaiChat.embeddings;
const google = gemini.embeddings;

function target() {
  const lost: string[] = [];
  return { model: "upstream-model", lost, lose: (field: string) => void lost.push(field) };
}

describe("what is asked", () => {
  const inputs: [name: string, input: Json, expected: unknown][] = [
    ["a text", "a", ["a"]],
    ["an empty text, which the vendor may judge", "", [""]],
    ["several texts", ["a", "b"], ["a", "b"]],
    ["token ids of one text", [1, 2, 3], [[1, 2, 3]]],
    [
      "token ids of several",
      [
        [1, 2],
        [3, 4],
      ],
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ];
  test.each(inputs)("OpenAI's input may be %s", (_name, input, expected) => {
    expect(openai.decodeRequest({ model: "m", input }).inputs).toEqual(expected as never);
  });

  const notInputs: (Json | undefined)[] = [undefined, null, [], {}, 7, [[]], [["a"]], [1, "a"]];
  test.each(notInputs.map((input) => ({ input })))("OpenAI's input may not be $input", ({ input }) => {
    const body: JsonObject = { model: "m", ...(input === undefined ? {} : { input }) };
    expect(caught(() => openai.decodeRequest(body))).toMatchObject({ code: "bad-request", status: 400 });
  });

  test("towards Gemini, every text is a request of a batch, each with the upstream's model", () => {
    const request = openai.decodeRequest({ model: "m", input: ["a", "b"], dimensions: 8 });
    expect(google.encodeRequest(request, target())).toEqual({
      requests: ["a", "b"].map((text) => ({
        model: "models/upstream-model",
        content: { parts: [{ text }] },
        outputDimensionality: 8,
      })),
    });
  });

  test("token ids are another vendor's words: they are refused where they cannot be read", () => {
    const request = openai.decodeRequest({ model: "m", input: [1, 2, 3] });
    expect(caught(() => google.encodeRequest(request, target()))).toMatchObject({
      code: "bad-request",
      param: "input",
    });
    expect(openai.encodeRequest(request, target())["input"]).toEqual([[1, 2, 3]]);
  });

  test("towards OpenAI, a Gemini batch is a list; what it is for cannot be said and is named", () => {
    const entry = (text: string) => ({
      model: "models/m",
      content: { parts: [{ text }] },
      taskType: "RETRIEVAL_QUERY",
      outputDimensionality: 8,
    });
    const request = google.decodeRequest({ requests: [entry("a"), entry("b")] }, { model: "m" });
    const to = target();
    expect(openai.encodeRequest(request, to)).toEqual({
      model: "upstream-model",
      input: ["a", "b"],
      dimensions: 8,
      encoding_format: "float",
    });
    expect(to.lost).toEqual(["taskType"]);
  });

  test("Gemini's fields are read in both spellings", () => {
    const request = google.decodeRequest(
      { content: { parts: [{ text: "a" }] }, output_dimensionality: 3 },
      { model: "m" },
    );
    expect(request).toEqual({ model: "m", inputs: ["a"], dimensions: 3, isSingle: true });
  });

  test("inputs that want different vectors are refused by name", () => {
    const requests = [{ content: { parts: [{ text: "a" }] } }, { content: { parts: [{ text: "b" }] }, taskType: "X" }];
    expect(caught(() => google.decodeRequest({ requests }, { model: "m" })).param).toBe("requests[1]");
  });

  test("a user cannot be told to Gemini, and is named", () => {
    const to = target();
    google.encodeRequest(openai.decodeRequest({ model: "m", input: "a", user: "u" }), to);
    expect(to.lost).toEqual(["user"]);
  });
});

describe("what is answered", () => {
  const vectors = [
    [0.5, -1],
    [2, 0],
  ];
  /** 32-bit floats, little-endian: 0.5 and -1. */
  const BYTES = "AAAAPwAAgL8=";

  test("OpenAI's vectors are put in order, whatever order they came in, as numbers or bytes", () => {
    const data = [
      { object: "embedding", index: 1, embedding: [2, 0] },
      { object: "embedding", index: 0, embedding: BYTES },
    ];
    expect(openai.decodeAnswer({ data, usage: { prompt_tokens: 3, total_tokens: 3 } })).toEqual({
      vectors,
      inputTokens: 3,
    });
  });

  test("bytes are made of numbers where the client asked for bytes", () => {
    const request = openai.decodeRequest({ model: "m", input: ["a", "b"], encoding_format: "base64" });
    const answer = openai.encodeAnswer({ vectors, inputTokens: 3 }, request);
    expect(dig(answer, "data", 0)).toEqual({ object: "embedding", index: 0, embedding: BYTES });
    expect(answer["usage"]).toEqual({ prompt_tokens: 3, total_tokens: 3 });
    expect(answer["model"]).toBe("m");
  });

  test("Gemini's answers to one and to many are read alike, and written as they were asked for", () => {
    expect(google.decodeAnswer({ embedding: { values: [1, 2] } })).toEqual({ vectors: [[1, 2]] });
    expect(google.decodeAnswer({ embeddings: vectors.map((values) => ({ values })) })).toEqual({ vectors });
    const single = google.decodeRequest({ content: { parts: [{ text: "a" }] } }, { model: "m" });
    const batch = google.decodeRequest({ requests: [{ content: { parts: [{ text: "a" }] } }] }, { model: "m" });
    expect(google.encodeAnswer({ vectors: [[1, 2]] }, single)).toEqual({ embedding: { values: [1, 2] } });
    expect(google.encodeAnswer({ vectors: [[1, 2]] }, batch)).toEqual({ embeddings: [{ values: [1, 2] }] });
  });

  test.each([
    ["nothing", {}],
    ["no vectors", { data: [], embeddings: [] }],
    ["a vector of words", { data: [{ embedding: ["a"] }], embeddings: [{ values: ["a"] }] }],
    ["half a number", { data: [{ embedding: "AAAA" }], embeddings: [{ values: [] }] }],
  ] as [string, JsonObject][])("%s is no answer", (_name, body) => {
    for (const codec of [openai, google]) {
      expect(caught(() => codec.decodeAnswer(body)).code).toBe("upstream-malformed");
    }
  });

  test("an error with status 200 is the error", () => {
    for (const codec of [openai, google]) {
      const error = caught(() => codec.decodeAnswer({ error: { code: 429, message: "slow down" } }));
      expect(error.code).toBe("upstream-rate-limited");
    }
  });
});
