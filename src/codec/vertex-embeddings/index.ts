/** The dialects in which Vertex AI's models are asked for vectors. API: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api */
import type { JsonObject } from "../../contract/chat.ts";
import type { Codec } from "../../contract/codec.ts";
import type { EmbeddingAnswer, EmbeddingRequest, EmbeddingTarget } from "../../contract/embeddings.ts";
import { sse } from "../../wire/sse.ts";
import { disguisedError } from "../gemini/decode-stream.ts";
import { decodeError } from "../gemini/errors.ts";
import { loseUser, readNumbers, refuseTokenIds, upstreamEmbeddings } from "../shared/embeddings.ts";
import { arrayOr, compact, isEmpty, numberOf, objectOr } from "../shared/json.ts";
import { malformed } from "../shared/upstream-error.ts";

/** Texts of one request; the newest model that is asked in this way takes one at a time. */
const TEXTS_MAX = 250;
const ONE_BY_ONE = /^gemini-embedding/;

function encodeInstances(request: EmbeddingRequest, target: EmbeddingTarget): JsonObject {
  loseUser(request, target);
  const { taskType, dimensions } = request;
  return {
    instances: refuseTokenIds(request.inputs).map((content) => compact<JsonObject>({ content, task_type: taskType })),
    ...(dimensions === undefined ? {} : { parameters: { outputDimensionality: dimensions } }),
  };
}

function decodePredictions(body: JsonObject): EmbeddingAnswer {
  const error = disguisedError(body);
  if (error !== undefined) throw error;
  const embeddings = arrayOr(body["predictions"]).map((prediction) => objectOr(objectOr(prediction)["embeddings"]));
  if (embeddings.length === 0) throw malformed("The upstream's answer holds no vectors.");
  const counts = embeddings.map(({ statistics }) => numberOf(objectOr(statistics)["token_count"]));
  const vectors = embeddings.map(({ values }) => readNumbers(values));
  if (counts.includes(undefined)) return { vectors };
  return { vectors, inputTokens: counts.reduce<number>((sum, count) => sum + (count ?? 0), 0) };
}

export const vertexPredict = {
  id: "vertex-predict",
  framing: sse,
  decodeError,
  embeddings: upstreamEmbeddings({
    path: ":predict",
    inputsMax: (model) => (ONE_BY_ONE.test(model) ? 1 : TEXTS_MAX),
    encodeRequest: encodeInstances,
    decodeAnswer: decodePredictions,
  }),
} as const satisfies Codec;

function encodeContent(request: EmbeddingRequest, target: EmbeddingTarget): JsonObject {
  loseUser(request, target);
  const [text = ""] = refuseTokenIds(request.inputs);
  const { taskType, dimensions } = request;
  const config = compact<JsonObject>({ taskType, outputDimensionality: dimensions });
  return { content: { parts: [{ text }] }, ...(isEmpty(config) ? {} : { embedContentConfig: config }) };
}

function decodeEmbedding(body: JsonObject): EmbeddingAnswer {
  const error = disguisedError(body);
  if (error !== undefined) throw error;
  const inputTokens = numberOf(objectOr(body["usageMetadata"])["promptTokenCount"]);
  return compact<EmbeddingAnswer>({ vectors: [readNumbers(objectOr(body["embedding"])["values"])], inputTokens });
}

export const vertexEmbedContent = {
  id: "vertex-embed-content",
  framing: sse,
  decodeError,
  embeddings: upstreamEmbeddings({
    path: ":embedContent",
    inputsMax: () => 1,
    encodeRequest: encodeContent,
    decodeAnswer: decodeEmbedding,
  }),
} as const satisfies Codec;
