/** Embeddings in the dialects that only upstreams speak: each vendor's body, answer, limits and refusals. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bedrockCohereEmbed, bedrockNovaEmbed, bedrockTitanEmbed } from "../../src/codec/bedrock-embeddings/index.ts";
import { cohere } from "../../src/codec/cohere/index.ts";
import { vertexEmbedContent, vertexPredict } from "../../src/codec/vertex-embeddings/index.ts";
import type { JsonObject } from "../../src/contract/chat.ts";
import type { EmbeddingRequest, Embeddings } from "../../src/contract/embeddings.ts";
import { caught, KIT } from "./support.ts";

const DIALECTS: readonly (readonly [name: string, embeddings: Embeddings, model: string])[] = [
  ["Titan", bedrockTitanEmbed.embeddings!, "amazon.titan-embed-text-v2:0"],
  ["Nova", bedrockNovaEmbed.embeddings!, "amazon.nova-2-multimodal-embeddings-v1:0"],
  ["Cohere at Bedrock", bedrockCohereEmbed.embeddings!, "cohere.embed-v4:0"],
  ["Cohere", cohere.embeddings, "embed-v4.0"],
  ["Vertex, predict", vertexPredict.embeddings, "text-embedding-005"],
  ["Vertex, embedContent", vertexEmbedContent.embeddings, "gemini-embedding-2"],
];

function encode(embeddings: Embeddings, model: string, request: Omit<EmbeddingRequest, "model">) {
  const lost: string[] = [];
  const body = embeddings.encodeRequest(
    { model: "asked", ...request },
    { model, lose: (field) => void lost.push(field) },
  );
  return { body, lost };
}

describe("what is asked", () => {
  const [titan, nova, hosted, own, predict, content] = DIALECTS.map(([, embeddings]) => embeddings) as [
    Embeddings,
    Embeddings,
    Embeddings,
    Embeddings,
    Embeddings,
    Embeddings,
  ];
  const purpose = { taskType: "RETRIEVAL_QUERY" };
  type Row = [
    name: string,
    embeddings: Embeddings,
    model: string,
    request: Omit<EmbeddingRequest, "model">,
    JsonObject,
  ];
  const rows: Row[] = [
    ["Titan's first", titan, "amazon.titan-embed-text-v1", { inputs: ["a"] }, { inputText: "a" }],
    [
      "Titan's second, its vectors cut",
      titan,
      "amazon.titan-embed-text-v2:0",
      { inputs: ["a"], dimensions: 256 },
      { inputText: "a", dimensions: 256 },
    ],
    [
      "Titan's for pictures, its vectors cut",
      titan,
      "amazon.titan-embed-image-v1",
      { inputs: ["a"], dimensions: 256 },
      { inputText: "a", embeddingConfig: { outputEmbeddingLength: 256 } },
    ],
    [
      "Nova",
      nova,
      "amazon.nova-2-multimodal-embeddings-v1:0",
      { inputs: ["a"], dimensions: 384, ...purpose },
      {
        schemaVersion: "nova-multimodal-embed-v1",
        taskType: "SINGLE_EMBEDDING",
        singleEmbeddingParams: {
          embeddingPurpose: "TEXT_RETRIEVAL",
          embeddingDimension: 384,
          text: { truncationMode: "END", value: "a" },
        },
      },
    ],
    [
      "Cohere's third at Bedrock",
      hosted,
      "cohere.embed-english-v3",
      { inputs: ["a", "b"] },
      { texts: ["a", "b"], input_type: "search_document", embedding_types: ["float"] },
    ],
    [
      "Cohere's fourth at Bedrock, spread over regions",
      hosted,
      "us.cohere.embed-v4:0",
      { inputs: ["a"], dimensions: 512, ...purpose },
      { texts: ["a"], input_type: "search_query", embedding_types: ["float"], output_dimension: 512 },
    ],
    [
      "Cohere's own",
      own,
      "embed-v4.0",
      { inputs: ["a"], dimensions: 512 },
      {
        model: "embed-v4.0",
        texts: ["a"],
        input_type: "search_document",
        embedding_types: ["float"],
        output_dimension: 512,
      },
    ],
    [
      "Vertex",
      predict,
      "text-embedding-005",
      { inputs: ["a", "b"], dimensions: 256, ...purpose },
      {
        instances: [
          { content: "a", task_type: "RETRIEVAL_QUERY" },
          { content: "b", task_type: "RETRIEVAL_QUERY" },
        ],
        parameters: { outputDimensionality: 256 },
      },
    ],
    ["Vertex, without wishes", predict, "text-embedding-005", { inputs: ["a"] }, { instances: [{ content: "a" }] }],
    [
      "Vertex's embedContent",
      content,
      "gemini-embedding-2",
      { inputs: ["a"], dimensions: 256, ...purpose },
      {
        content: { parts: [{ text: "a" }] },
        embedContentConfig: { taskType: "RETRIEVAL_QUERY", outputDimensionality: 256 },
      },
    ],
    [
      "Vertex's embedContent, without wishes",
      content,
      "gemini-embedding-2",
      { inputs: ["a"] },
      { content: { parts: [{ text: "a" }] } },
    ],
  ];
  test.each(rows)("%s", (_name, embeddings, model, request, expected) => {
    expect(encode(embeddings, model, request)).toEqual({ body: expected, lost: [] });
  });

  test.each(DIALECTS)("%s: token ids are refused by name, end users lost by name", (_name, embeddings, model) => {
    expect(caught(() => encode(embeddings, model, { inputs: [[1, 2]] }))).toMatchObject({
      code: "bad-request",
      param: "input",
    });
    expect(encode(embeddings, model, { inputs: ["a"], user: "u" }).lost).toEqual(["user"]);
  });

  test.each([
    ["Titan's first", titan, "amazon.titan-embed-text-v1"],
    ["Cohere's third", own, "embed-english-v3.0"],
    ["Cohere's third at Bedrock", hosted, "cohere.embed-multilingual-v3"],
  ])("%s has one length of vectors: another is refused, not silently given", (_name, embeddings, model) => {
    const error = caught(() => encode(embeddings, model, { inputs: ["a"], dimensions: 256 }));
    expect(error).toMatchObject({ code: "bad-request", param: "dimensions" });
  });

  test("a purpose that the vendor does not know is named", () => {
    for (const [, embeddings, model] of DIALECTS.slice(0, 4)) {
      expect(encode(embeddings, model, { inputs: ["a"], taskType: "FACT_VERIFICATION" }).lost).toEqual(["taskType"]);
    }
  });

  test.each([
    [titan, "amazon.titan-embed-text-v2:0", 1],
    [nova, "amazon.nova-2-multimodal-embeddings-v1:0", 1],
    [hosted, "cohere.embed-v4:0", 96],
    [own, "embed-v4.0", 96],
    [predict, "text-embedding-005", 250],
    [predict, "gemini-embedding-001", 1],
    [content, "gemini-embedding-2", 1],
  ])("%#: model %p takes %p at once", (embeddings, model, most) => {
    expect(embeddings.inputsMax!(model)).toBe(most);
  });
});

describe("what is answered", () => {
  const rows: [name: string, answer: JsonObject, vectors: number[][], tokens: number | undefined][] = [
    ["Titan", { embedding: [0.5, -1], inputTextTokenCount: 3 }, [[0.5, -1]], 3],
    ["Nova", { embeddings: [{ embeddingType: "TEXT", embedding: [0.5, -1] }] }, [[0.5, -1]], undefined],
    ["Cohere at Bedrock", { embeddings: [[0.5], [1]], response_type: "embeddings_floats" }, [[0.5], [1]], undefined],
    ["Cohere at Bedrock", { embeddings: { float: [[0.5], [1]] } }, [[0.5], [1]], undefined],
    ["Cohere", { embeddings: { float: [[0.5]] }, meta: { billed_units: { input_tokens: 7 } } }, [[0.5]], 7],
    [
      "Vertex, predict",
      {
        predictions: [
          { embeddings: { values: [0.5], statistics: { token_count: 2 } } },
          { embeddings: { values: [1], statistics: { token_count: 3 } } },
        ],
      },
      [[0.5], [1]],
      5,
    ],
    ["Vertex, predict", { predictions: [{ embeddings: { values: [0.5] } }] }, [[0.5]], undefined],
    ["Vertex, embedContent", { embedding: { values: [0.5] }, usageMetadata: { promptTokenCount: 4 } }, [[0.5]], 4],
  ];
  const of = (name: string): Embeddings => DIALECTS.find(([own]) => own === name)![1];
  test.each(rows)("%s: vectors and what they cost", (name, answer, vectors, tokens) => {
    expect(of(name).decodeAnswer(answer)).toEqual({
      vectors,
      ...(tokens === undefined ? {} : { inputTokens: tokens }),
    });
  });

  const nothing: JsonObject = { embedding: [], embeddings: [], predictions: [] };
  test.each(DIALECTS)("%s: no vectors, or words for numbers, are no answer", (_name, embeddings) => {
    const words = ["a"];
    const wrong: JsonObject = {
      embedding: words,
      embeddings: [words],
      predictions: [{ embeddings: { values: words } }],
    };
    for (const body of [{}, nothing, wrong]) {
      expect(caught(() => embeddings.decodeAnswer(body)).code).toBe("upstream-malformed");
    }
  });

  test("an error with status 200 is the error", () => {
    const bodies: Record<string, JsonObject> = {
      Titan: { __type: "ThrottlingException", message: "slow" },
      Nova: { __type: "ThrottlingException", message: "slow" },
      "Vertex, predict": { error: { code: 429, message: "slow" } },
      "Vertex, embedContent": { error: { code: 429, message: "slow" } },
    };
    for (const [name, body] of Object.entries(bodies)) {
      expect(caught(() => of(name).decodeAnswer(body)).code).toBe("upstream-rate-limited");
    }
  });

  test("no client speaks these", () => {
    for (const [, embeddings] of DIALECTS) {
      expect(caught(() => embeddings.decodeRequest({})).code).toBe("internal");
    }
  });
});

const RECORDED = join(KIT, "cases/cohere.embed");

describe.skipIf(!existsSync(RECORDED))("recorded", () => {
  test("Cohere is asked as its own clients ask, and its answers are read", () => {
    for (const file of readdirSync(RECORDED)) {
      const { request, response } = JSON.parse(readFileSync(`${RECORDED}/${file}`, "utf8"));
      const { body } = encode(cohere.embeddings, request.json.model, { inputs: request.json.texts });
      expect(body).toEqual(request.json);
      const answer = cohere.embeddings.decodeAnswer(JSON.parse(response.text));
      expect(answer.vectors).toHaveLength(request.json.texts.length);
      expect(answer.vectors[0]!.length).toBeGreaterThan(100);
      expect(answer.inputTokens).toBeGreaterThan(0);
    }
  });
});
