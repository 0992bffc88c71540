/** Voyage AI: embeddings and rerank. API: https://docs.voyageai.com/reference */
import { openaiChat, openaiCompatible, voyageRerank } from "monorelay/plugin";

export default openaiCompatible({
  id: "voyage",
  baseUrl: "https://api.voyageai.com/v1",
  codecs: [openaiChat],
  operations: ["embeddings", "rerank"],
  embeddingWords: {
    dimensions: "output_dimension",
    isFloatUnsaid: true,
    inputTypes: { RETRIEVAL_QUERY: "query", RETRIEVAL_DOCUMENT: "document" },
  },
  rerank: voyageRerank,
});
