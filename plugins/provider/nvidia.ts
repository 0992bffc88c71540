/** NVIDIA NIM. API: https://docs.api.nvidia.com/nim/reference/llm-apis */
import { nimRerank, openaiChat, openaiCompatible, type UpstreamCall } from "monorelay/plugin";

const HOSTED = "https://integrate.api.nvidia.com/";

export default openaiCompatible({
  id: "nvidia",
  baseUrl: `${HOSTED}v1`,
  codecs: [openaiChat],
  traits: { maxTokensField: "max_tokens" },
  rerank: nimRerank,
  urlOf: ({ operation, model }: UpstreamCall, baseUrl) =>
    operation === "rerank" && baseUrl.startsWith(HOSTED) ? hostedRanking(model) : undefined,
});

/** Among the hosted models each that sorts has an address of its own, on another host, in which dots are not written. */
function hostedRanking(model: string): string {
  const name = model.replaceAll(".", "_").split("/").map(encodeURIComponent).join("/");
  return `https://ai.api.nvidia.com/v1/retrieval/${name}/reranking`;
}
