/** LM Studio. API: https://lmstudio.ai/docs/api/openai-api */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "lm-studio",
  baseUrl: "http://127.0.0.1:1234/v1",
  codecs: [openaiChat],
  keys: "optional",
  local: true,
  traits: { maxTokensField: "max_tokens", strictTurns: true },
});
