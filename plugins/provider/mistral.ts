/** Mistral. API: https://docs.mistral.ai/api */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "mistral",
  baseUrl: "https://api.mistral.ai/v1",
  codecs: [openaiChat],
  traits: { maxTokensField: "max_tokens", streamUsage: false, shortToolIds: true },
});
