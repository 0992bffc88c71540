/** Together AI. API: https://docs.together.ai/reference */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "together",
  baseUrl: "https://api.together.xyz/v1",
  codecs: [openaiChat],
  traits: { maxTokensField: "max_tokens" },
});
