/** The forms in which vendors are asked to sort documents, and the many in which they answer. */
import type { Json, JsonObject } from "../../contract/chat.ts";
import type { Rerank, RerankAnswer, RerankResult } from "../../contract/rerank.ts";
import { compact, isObject, numberOf, objectOr, textOf } from "../shared/json.ts";
import { classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";

/** All answers are read alike: the vendors' names for the same few things do not overlap. */
function decodeAnswer(body: Json): RerankAnswer {
  const outer = objectOr(body);
  const list = Array.isArray(body) ? body : (outer["results"] ?? outer["data"] ?? outer["rankings"]);
  if (!Array.isArray(list)) {
    const isError = outer["error"] !== undefined || textOf(outer["message"]) !== undefined;
    throw isError ? classifyError(readErrorFacts(outer)) : malformed("The upstream's answer holds no results.");
  }
  const usage = objectOr(outer["usage"]);
  const meta = objectOr(outer["meta"]);
  const billed = objectOr(meta["billed_units"]);
  return compact<RerankAnswer>({
    id: textOf(outer["id"]),
    results: list.map(readResult),
    inputTokens:
      numberOf(usage["prompt_tokens"]) ??
      numberOf(usage["total_tokens"]) ??
      numberOf(objectOr(meta["tokens"])["input_tokens"]) ??
      numberOf(billed["input_tokens"]),
    searchUnits: numberOf(billed["search_units"]),
  });
}

function readResult(value: Json): RerankResult {
  const result = isObject(value) ? value : {};
  const index = numberOf(result["index"]);
  const score = numberOf(result["relevance_score"]) ?? numberOf(result["score"]) ?? numberOf(result["logit"]);
  if (index === undefined || score === undefined) {
    throw malformed("The upstream's answer holds a result without index or score.");
  }
  return { index, score };
}

/** What most servers share; documents are given back by the relay, whether the server can or not. */
export const commonRerank: Rerank = { path: "/rerank", decodeAnswer };

/** API: https://docs.cohere.com/reference/rerank */
export const cohereRerank: Rerank = {
  path: "/rerank",
  encodeRequest: ({ query, documents, topN }, { model }) =>
    compact<JsonObject>({ model, query, documents: [...documents], top_n: topN }),
  fields: ["max_tokens_per_doc", "priority"],
  decodeAnswer,
};

/** API: https://docs.voyageai.com/reference/reranker-api */
export const voyageRerank: Rerank = {
  path: "/rerank",
  encodeRequest: ({ query, documents, topN }, { model }) =>
    compact<JsonObject>({ model, query, documents: [...documents], top_k: topN }),
  fields: ["truncation"],
  decodeAnswer,
};

/** API: https://huggingface.github.io/text-embeddings-inference/#/Text%20Embeddings%20Inference/rerank */
export const teiRerank: Rerank = {
  path: "/rerank",
  encodeRequest: ({ query, documents }) => ({ query, texts: [...documents], truncate: true }),
  fields: ["truncate", "truncation_direction", "raw_scores"],
  decodeAnswer,
};

/** API: https://docs.nvidia.com/nim/nemo-retriever/text-reranking/latest/using-reranking.html */
export const nimRerank: Rerank = {
  path: "/ranking",
  encodeRequest: ({ query, documents }, { model }) => ({
    model,
    query: { text: query },
    passages: documents.map((text) => ({ text })),
    truncate: "END",
  }),
  fields: ["truncate"],
  decodeAnswer,
};
