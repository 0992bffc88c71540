/** OpenRouter. API: https://openrouter.ai/docs/api-reference */
import { type JsonObject, openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "openrouter",
  baseUrl: "https://openrouter.ai/api/v1",
  codecs: [openaiChat],
  credits: {
    path: "/credits",
    read({ data }) {
      const { total_credits: granted, total_usage: used } = (data ?? {}) as JsonObject;
      return { granted: Number(granted ?? 0), used: Number(used ?? 0) };
    },
  },
  traits: { maxTokensField: "max_tokens", reasoningHistory: "reasoning_details", fileUrls: true },
});
