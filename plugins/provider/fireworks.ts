/** Fireworks AI. API: https://docs.fireworks.ai/api-reference */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "fireworks",
  baseUrl: "https://api.fireworks.ai/inference/v1",
  codecs: [openaiChat],
  traits: { maxTokensField: "max_tokens" },
});
