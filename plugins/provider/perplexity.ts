/** Perplexity. API: https://docs.perplexity.ai/api-reference */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "perplexity",
  baseUrl: "https://api.perplexity.ai",
  codecs: [openaiChat],
  traits: {
    maxTokensField: "max_tokens",
    streamUsage: false,
    strictTurns: true,
    newerNames: false,
    systemRole: "system",
  },
});
