/** Hugging Face's Text Embeddings Inference server. API: https://huggingface.github.io/text-embeddings-inference */
import { openaiChat, openaiCompatible, teiRerank } from "monorelay/plugin";

export default openaiCompatible({
  id: "tei",
  baseUrl: "http://127.0.0.1:8080/v1",
  codecs: [openaiChat],
  operations: ["embeddings", "rerank"],
  rerank: teiRerank,
  keys: "optional",
  local: true,
  // Its own paths lie beside those it shares with others.
  urlOf: ({ operation, path }, baseUrl) => (operation === "rerank" ? baseUrl.replace(/\/v1$/, "") + path : undefined),
});
