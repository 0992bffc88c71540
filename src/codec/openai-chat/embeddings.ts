/** OpenAI's embeddings: texts or token ids in, vectors out, as numbers or as bytes in base64. */
import type { Json, JsonObject } from "../../contract/chat.ts";
import type { RequestHints } from "../../contract/codec.ts";
import type { EmbeddingAnswer, EmbeddingRequest, Embeddings, EmbeddingTarget } from "../../contract/embeddings.ts";
import { badRequest } from "../shared/check.ts";
import { readNumbers } from "../shared/embeddings.ts";
import { arrayOr, compact, isObject, numberOf, objectOr, textOf } from "../shared/json.ts";
import { malformed } from "../shared/upstream-error.ts";
import { disguisedError } from "./response.ts";

function decodeRequest(body: JsonObject, hints: RequestHints = {}): EmbeddingRequest {
  const model = textOf(body["model"]) ?? hints.model;
  if (model === undefined) throw badRequest("Missing required parameter: 'model'.", "model");
  const encoding = body["encoding_format"];
  if (encoding !== undefined && encoding !== null && encoding !== "float" && encoding !== "base64") {
    throw badRequest("Invalid value for 'encoding_format': expected 'float' or 'base64'.", "encoding_format");
  }
  return compact<EmbeddingRequest>({
    model,
    inputs: readInputs(body["input"]),
    dimensions: numberOf(body["dimensions"]),
    taskType: INPUT_TYPES[textOf(body["input_type"]) ?? ""],
    user: textOf(body["user"]),
    encoding: encoding ?? undefined,
  });
}

/** Not OpenAI's, but a field that many compatible servers have; their words for what a vector is for. */
const INPUT_TYPES: { readonly [word: string]: string | undefined } = {
  query: "RETRIEVAL_QUERY",
  search_query: "RETRIEVAL_QUERY",
  document: "RETRIEVAL_DOCUMENT",
  passage: "RETRIEVAL_DOCUMENT",
  search_document: "RETRIEVAL_DOCUMENT",
  classification: "CLASSIFICATION",
  clustering: "CLUSTERING",
};

function readInputs(input: Json | undefined): EmbeddingRequest["inputs"] {
  if (typeof input === "string") return [input];
  if (!Array.isArray(input) || input.length === 0) {
    throw badRequest("Invalid 'input': expected a string, or a non-empty array of strings or token ids.", "input");
  }
  if (isTokenIds(input)) return [input];
  return input.map((entry, index) => {
    if (typeof entry === "string") return entry;
    if (Array.isArray(entry) && entry.length > 0 && isTokenIds(entry)) return entry;
    throw badRequest(`Invalid 'input[${index}]': expected a string or an array of token ids.`, `input[${index}]`);
  });
}

function isTokenIds(list: readonly Json[]): list is number[] {
  return list.every((entry) => Number.isInteger(entry));
}

/** Numbers are always asked for: every server knows them, and bytes are made of them where a client wants bytes. */
function encodeRequest(
  { inputs, dimensions, taskType, user }: EmbeddingRequest,
  { model, words, lose }: EmbeddingTarget,
): JsonObject {
  const inputType = taskType === undefined ? undefined : words?.inputTypes?.[taskType];
  if (taskType !== undefined && inputType === undefined) {
    lose(
      "taskType",
      words?.inputTypes === undefined ? "the upstream's dialect has no such field" : "it has no such task",
    );
  }
  return compact<JsonObject>({
    model,
    input: inputs.length === 1 && typeof inputs[0] === "string" ? inputs[0] : inputs.map(copy),
    [words?.dimensions ?? "dimensions"]: dimensions,
    input_type: inputType,
    user,
    encoding_format: words?.isFloatUnsaid === true ? undefined : "float",
  });
}

const copy = (input: string | readonly number[]): Json => (typeof input === "string" ? input : [...input]);

function decodeAnswer(body: JsonObject): EmbeddingAnswer {
  const error = disguisedError(body);
  if (error !== undefined) throw error;
  const data = arrayOr(body["data"]).filter(isObject);
  if (data.length === 0) throw malformed("The upstream's answer holds no vectors.");
  const ordered = data
    .map((entry, position) => ({ place: numberOf(entry["index"]) ?? position, vector: entry["embedding"] }))
    .sort((a, b) => a.place - b.place);
  const usage = objectOr(body["usage"]);
  return compact<EmbeddingAnswer>({
    vectors: ordered.map(({ vector }) => readVector(vector)),
    inputTokens: numberOf(usage["prompt_tokens"]) ?? numberOf(usage["total_tokens"]),
  });
}

function readVector(value: Json | undefined): number[] {
  if (typeof value === "string") {
    const bytes = Buffer.from(value, "base64");
    if (bytes.length > 0 && bytes.length % 4 === 0) return floatsOf(bytes);
  }
  return readNumbers(value);
}

function floatsOf(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}

function bytesOf(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString("base64");
}

/** Clients expect a count: where the upstream gave none, a guess of four bytes a token stands in. */
function encodeAnswer({ vectors, inputTokens }: EmbeddingAnswer, request: EmbeddingRequest): JsonObject {
  const tokens = inputTokens ?? guess(request.inputs);
  return {
    object: "list",
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: request.encoding === "base64" ? bytesOf(vector) : [...vector],
    })),
    model: request.model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

function guess(inputs: EmbeddingRequest["inputs"]): number {
  let tokens = 0;
  for (const input of inputs)
    tokens += typeof input === "string" ? Math.ceil(Buffer.byteLength(input) / 4) : input.length;
  return tokens;
}

export const openaiEmbeddings: Embeddings = {
  path: "/embeddings",
  decodeRequest,
  encodeRequest,
  decodeAnswer,
  encodeAnswer,
};
