/** The vLLM server. API: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "vllm",
  baseUrl: "http://127.0.0.1:8000/v1",
  codecs: [openaiChat],
  keys: "optional",
  local: true,
  traits: { maxTokensField: "max_tokens", toolMedia: true, strictTurns: true },
});
