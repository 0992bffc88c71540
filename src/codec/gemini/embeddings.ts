/** Gemini's embedContent and batchEmbedContents: texts in, vectors out. */
import type { Json, JsonObject } from "../../contract/chat.ts";
import { badRequest } from "../shared/check.ts";
import { arrayOr, compact, isObject, numberOf, objectOr, textOf } from "../shared/json.ts";
import { malformed } from "../shared/upstream-error.ts";
import { disguisedError } from "./decode-stream.ts";
import { complain } from "./fields.ts";
import { asList, camelFields } from "./wire.ts";

export interface EmbeddingRequest {
  readonly model: string;
  /** One text per vector, in order; at least one. */
  readonly inputs: readonly string[];
  /** Length of the vectors, where the model offers a choice. */
  readonly dimensions?: number;
  /** What the vectors are for, e.g. `RETRIEVAL_QUERY`; the same for all inputs. */
  readonly taskType?: string;
}

/** One list of numbers per input, in the order of the inputs. */
export type Vectors = readonly (readonly number[])[];

/** @param isBatch the body is that of `batchEmbedContents` */
export function decodeEmbeddingRequest(body: JsonObject, model: string, isBatch: boolean): EmbeddingRequest {
  if (!isBatch) return readEntry(camelFields(body), model, "");
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
export function encodeEmbeddingRequest({ inputs, dimensions, taskType }: EmbeddingRequest, model: string): JsonObject {
  return {
    requests: inputs.map((text) =>
      compact<JsonObject>({
        model: `models/${model}`,
        content: { parts: [{ text }] },
        taskType,
        outputDimensionality: dimensions,
      }),
    ),
  };
}

/**
 * Reads the answer to either question.
 * @throws the error of a body that carries one, or RelayError `upstream-malformed`
 */
export function decodeVectors(body: JsonObject): number[][] {
  const error = disguisedError(body);
  if (error !== undefined) throw error;
  const embeddings = asList(body["embeddings"] ?? body["embedding"] ?? null);
  if (embeddings.length === 0) throw malformed("The upstream's answer holds no vectors.");
  return embeddings.map((embedding) => {
    const values = arrayOr(objectOr(embedding)["values"]).map(numberOf);
    if (values.length === 0 || values.includes(undefined)) {
      throw malformed("The upstream's answer holds a vector that is not one.");
    }
    return values.filter((value) => value !== undefined);
  });
}

export function encodeVectors(vectors: Vectors, isBatch: boolean): JsonObject {
  const embeddings = vectors.map((values) => ({ values: [...values] }));
  return isBatch ? { embeddings } : { embedding: embeddings[0] ?? { values: [] } };
}
