/** Z.ai (GLM). API: https://docs.z.ai/api-reference */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "zai",
  baseUrl: "https://api.z.ai/api/paas/v4",
  codecs: [openaiChat],
  traits: {
    maxTokensField: "max_tokens",
    reasoningHistory: "reasoning_content",
    newerNames: false,
    systemRole: "system",
  },
});
