/** Moonshot AI (Kimi). API: https://platform.moonshot.ai/docs/api */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "moonshot",
  baseUrl: "https://api.moonshot.ai/v1",
  codecs: [openaiChat],
  traits: {
    maxTokensField: "max_tokens",
    reasoningHistory: "reasoning_content",
    newerNames: false,
    systemRole: "system",
  },
});
