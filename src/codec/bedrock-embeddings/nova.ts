/** Amazon Nova's embeddings: one text in, one vector out. API: https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html */
import type { JsonObject } from "../../contract/chat.ts";
import type { EmbeddingAnswer, EmbeddingRequest, Embeddings, EmbeddingTarget } from "../../contract/embeddings.ts";
import { disguisedAwsError } from "../shared/aws-errors.ts";
import { loseUser, readNumbers, refuseTokenIds, upstreamEmbeddings, wordOfTask } from "../shared/embeddings.ts";
import { arrayOr, compact, objectOr } from "../shared/json.ts";

const PURPOSES = {
  RETRIEVAL_QUERY: "TEXT_RETRIEVAL",
  RETRIEVAL_DOCUMENT: "GENERIC_INDEX",
  CLASSIFICATION: "CLASSIFICATION",
  CLUSTERING: "CLUSTERING",
};

function encodeRequest(request: EmbeddingRequest, target: EmbeddingTarget): JsonObject {
  loseUser(request, target);
  const [value = ""] = refuseTokenIds(request.inputs);
  return {
    schemaVersion: "nova-multimodal-embed-v1",
    taskType: "SINGLE_EMBEDDING",
    singleEmbeddingParams: compact<JsonObject>({
      embeddingPurpose: wordOfTask(request, PURPOSES, "GENERIC_INDEX", target),
      embeddingDimension: request.dimensions,
      // One of three words is required; this is what the other vendors do unasked.
      text: { truncationMode: "END", value },
    }),
  };
}

function decodeAnswer(body: JsonObject): EmbeddingAnswer {
  const error = disguisedAwsError(body);
  if (error !== undefined) throw error;
  const [first] = arrayOr(body["embeddings"]);
  return { vectors: [readNumbers(objectOr(first)["embedding"])] };
}

export const novaEmbeddings: Embeddings = upstreamEmbeddings({
  path: "/invoke",
  inputsMax: () => 1,
  tokensHeader: "x-amzn-bedrock-input-token-count",
  encodeRequest,
  decodeAnswer,
});
