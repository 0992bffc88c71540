/** Cohere's embeddings: up to 96 texts of one purpose in, vectors out. API: https://docs.cohere.com/reference/embed */
import type { JsonObject } from "../../contract/chat.ts";
import type { EmbeddingAnswer, EmbeddingRequest, Embeddings, EmbeddingTarget } from "../../contract/embeddings.ts";
import {
  fixedDimensions,
  loseUser,
  readNumbers,
  refuseTokenIds,
  upstreamEmbeddings,
  wordOfTask,
} from "../shared/embeddings.ts";
import { arrayOr, compact, numberOf, objectOr } from "../shared/json.ts";
import { classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";

const TEXTS_MAX = 96;

/** The field is required; what most callers embed are documents. */
const DEFAULT_TYPE = "search_document";

const TYPES = {
  RETRIEVAL_QUERY: "search_query",
  RETRIEVAL_DOCUMENT: "search_document",
  CLASSIFICATION: "classification",
  CLUSTERING: "clustering",
};

/** Versions before the fourth know one length each. */
const HAS_DIMENSIONS = /\bembed-v(?:[4-9]|\d\d)/;

/** The body without the model's name, which stands elsewhere in other clouds. */
export function encodeTexts(request: EmbeddingRequest, target: EmbeddingTarget): JsonObject {
  loseUser(request, target);
  const { dimensions } = request;
  if (dimensions !== undefined && !HAS_DIMENSIONS.test(target.model)) throw fixedDimensions();
  return compact<JsonObject>({
    texts: refuseTokenIds(request.inputs),
    input_type: wordOfTask(request, TYPES, DEFAULT_TYPE, target),
    embedding_types: ["float"],
    output_dimension: dimensions,
  });
}

/** Vectors stand below the name of their type, or, as earlier versions had it, alone. */
function decodeAnswer(body: JsonObject): EmbeddingAnswer {
  const { embeddings } = body;
  const list = arrayOr(Array.isArray(embeddings) ? embeddings : objectOr(embeddings)["float"]);
  if (list.length === 0) {
    if (typeof body["message"] === "string") throw classifyError(readErrorFacts(body));
    throw malformed("The upstream's answer holds no vectors.");
  }
  const inputTokens = numberOf(objectOr(objectOr(body["meta"])["billed_units"])["input_tokens"]);
  return compact<EmbeddingAnswer>({ vectors: list.map(readNumbers), inputTokens });
}

const shared = { inputsMax: () => TEXTS_MAX, decodeAnswer };

export const cohereEmbeddings: Embeddings = upstreamEmbeddings({
  ...shared,
  path: "/embed",
  encodeRequest: (request, target) => ({ model: target.model, ...encodeTexts(request, target) }),
});

/** https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html */
export const invokedCohereEmbeddings: Embeddings = upstreamEmbeddings({
  ...shared,
  path: "/invoke",
  tokensHeader: "x-amzn-bedrock-input-token-count",
  encodeRequest: encodeTexts,
});
