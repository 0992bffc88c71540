/** Gemini's embedContent and batchEmbedContents: texts in, vectors out. */
import type { Json, JsonObject } from "../../contract/chat.ts";
import type { RequestHints } from "../../contract/codec.ts";
import type { EmbeddingAnswer, EmbeddingRequest, Embeddings, EmbeddingTarget } from "../../contract/embeddings.ts";
import { badRequest } from "../shared/check.ts";
import { readNumbers, refuseTokenIds } from "../shared/embeddings.ts";
import { compact, isObject, numberOf, objectOr, textOf } from "../shared/json.ts";
import { malformed } from "../shared/upstream-error.ts";
import { disguisedError } from "./decode-stream.ts";
import { complain } from "./fields.ts";
import { asList, camelFields } from "./wire.ts";

/** https://ai.google.dev/gemini-api/docs/embeddings */
const BATCH_MAX = 100;

/** The body tells which of the two questions it is: only a batch has `requests`. */
function decodeRequest(body: JsonObject, { model = "" }: RequestHints = {}): EmbeddingRequest {
  if (body["requests"] === undefined) return { ...readEntry(camelFields(body), model, ""), isSingle: true };
  const requests = asList(body["requests"]);
  if (requests.length === 0) throw badRequest("requests is not specified.", "requests");
  const entries = requests.map((value, index) => {
    const param = `requests[${index}]`;
    if (!isObject(value)) throw badRequest(complain(param, "object"), param);
    return readEntry(camelFields(value), model, `${param}.`);
  });
  const [first, ...others] = entries;
  if (first === undefined) throw badRequest("requests is not specified.", "requests");
  const odd = others.findIndex(
    ({ dimensions, taskType }) => dimensions !== first.dimensions || taskType !== first.taskType,
  );
  if (odd >= 0) {
    throw badRequest("All requests of a batch must ask for the same kind of vector.", `requests[${odd + 1}]`);
  }
  return { ...first, inputs: entries.flatMap(({ inputs }) => inputs) };
}

function readEntry(entry: JsonObject, model: string, prefix: string): EmbeddingRequest {
  return compact<EmbeddingRequest>({
    model,
    inputs: [readContent(entry["content"], `${prefix}content`)],
    dimensions: numberOf(entry["outputDimensionality"]),
    taskType: textOf(entry["taskType"]),
  });
}

/** Parts of a content become one vector, so they are one text. */
function readContent(value: Json | undefined, param: string): string {
  const content = typeof value === "string" ? { parts: [{ text: value }] } : objectOr(value);
  const parts = asList<Json>(content["parts"] ?? null);
  if (parts.length === 0) throw badRequest(`${param} is not specified.`, param);
  const texts = parts.map((part, index) => {
    const { text } = objectOr(part);
    if (typeof text !== "string") {
      throw badRequest("Only text can be embedded by the upstream chosen for this model.", `${param}.parts[${index}]`);
    }
    return text;
  });
  return texts.join("\n");
}

/** Always as a batch: one vector is a batch of one. */
function encodeRequest(
  { inputs, dimensions, taskType, user }: EmbeddingRequest,
  { model, lose }: EmbeddingTarget,
): JsonObject {
  if (user !== undefined) lose("user", "the upstream's dialect has no such field");
  return {
    requests: refuseTokenIds(inputs).map((text) =>
      compact<JsonObject>({
        model: `models/${model}`,
        content: { parts: [{ text }] },
        taskType,
        outputDimensionality: dimensions,
      }),
    ),
  };
}

/** Reads the answer to either question. */
function decodeAnswer(body: JsonObject): EmbeddingAnswer {
  const error = disguisedError(body);
  if (error !== undefined) throw error;
  const embeddings = asList(body["embeddings"] ?? body["embedding"] ?? null);
  if (embeddings.length === 0) throw malformed("The upstream's answer holds no vectors.");
  const vectors = embeddings.map((embedding) => {
    return readNumbers(objectOr(embedding)["values"]);
  });
  const inputTokens = numberOf(objectOr(body["usageMetadata"])["promptTokenCount"]);
  return { vectors, ...(inputTokens === undefined ? {} : { inputTokens }) };
}

function encodeAnswer({ vectors }: EmbeddingAnswer, { isSingle }: EmbeddingRequest): JsonObject {
  const embeddings = vectors.map((values) => ({ values: [...values] }));
  return isSingle ? { embedding: embeddings[0] ?? { values: [] } } : { embeddings };
}

export const geminiEmbeddings: Embeddings = {
  path: ":batchEmbedContents",
  inputsMax: () => BATCH_MAX,
  decodeRequest,
  encodeRequest,
  decodeAnswer,
  encodeAnswer,
};
