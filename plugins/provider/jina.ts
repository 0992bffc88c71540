/** Jina AI: embeddings and rerank. API: https://api.jina.ai/redoc */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "jina",
  baseUrl: "https://api.jina.ai/v1",
  codecs: [openaiChat],
  operations: ["embeddings", "rerank"],
});
