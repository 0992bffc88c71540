/** OpenRouter. API: https://openrouter.ai/docs/api-reference */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "openrouter",
  baseUrl: "https://openrouter.ai/api/v1",
  codecs: [openaiChat],
  traits: { maxTokensField: "max_tokens", reasoningHistory: "reasoning_details" },
});
