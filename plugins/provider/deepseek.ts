/** DeepSeek. API: https://api-docs.deepseek.com */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "deepseek",
  baseUrl: "https://api.deepseek.com/v1",
  codecs: [openaiChat],
  traits: { maxTokensField: "max_tokens", reasoningHistory: "reasoning_content" },
});
