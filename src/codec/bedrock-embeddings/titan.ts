/** Amazon Titan's embeddings: one text in, one vector out. API: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html */
import type { JsonObject } from "../../contract/chat.ts";
import type { EmbeddingAnswer, EmbeddingRequest, Embeddings, EmbeddingTarget } from "../../contract/embeddings.ts";
import { disguisedAwsError } from "../shared/aws-errors.ts";
import { fixedDimensions, loseUser, readNumbers, refuseTokenIds, upstreamEmbeddings } from "../shared/embeddings.ts";
import { compact, numberOf } from "../shared/json.ts";

function encodeRequest(request: EmbeddingRequest, target: EmbeddingTarget): JsonObject {
  loseUser(request, target);
  if (request.taskType !== undefined) target.lose("taskType", "the upstream's dialect has no such field");
  const [inputText = ""] = refuseTokenIds(request.inputs);
  return { inputText, ...lengthOf(request, target.model) };
}

/** Each generation says it in its own place, the first not at all. */
function lengthOf({ dimensions }: EmbeddingRequest, model: string): JsonObject {
  if (dimensions === undefined) return {};
  if (model.includes("embed-image")) return { embeddingConfig: { outputEmbeddingLength: dimensions } };
  if (/embed-text-v(?:[2-9]|\d\d)/.test(model)) return { dimensions };
  throw fixedDimensions();
}

function decodeAnswer(body: JsonObject): EmbeddingAnswer {
  const error = disguisedAwsError(body);
  if (error !== undefined) throw error;
  const inputTokens = numberOf(body["inputTextTokenCount"]);
  return compact<EmbeddingAnswer>({ vectors: [readNumbers(body["embedding"])], inputTokens });
}

export const titanEmbeddings: Embeddings = upstreamEmbeddings({
  path: "/invoke",
  inputsMax: () => 1,
  encodeRequest,
  decodeAnswer,
});
