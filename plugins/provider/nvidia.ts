/** NVIDIA NIM. API: https://docs.api.nvidia.com/nim/reference/llm-apis */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "nvidia",
  baseUrl: "https://integrate.api.nvidia.com/v1",
  codecs: [openaiChat],
  traits: { maxTokensField: "max_tokens" },
});
