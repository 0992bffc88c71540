/** Voyage AI: embeddings and rerank. API: https://docs.voyageai.com/reference */
import { openaiChat, openaiCompatible, voyageRerank } from "monorelay/plugin";

export default openaiCompatible({
  id: "voyage",
  baseUrl: "https://api.voyageai.com/v1",
  codecs: [openaiChat],
  operations: ["embeddings", "rerank"],
  rerank: voyageRerank,
});
