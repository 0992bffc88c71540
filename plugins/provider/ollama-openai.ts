/** Ollama through its OpenAI-compatible paths. API: https://github.com/ollama/ollama/blob/main/docs/openai.md */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "ollama-openai",
  baseUrl: "http://127.0.0.1:11434/v1",
  codecs: [openaiChat],
  keys: "optional",
  local: true,
  traits: { maxTokensField: "max_tokens", mediaUrls: false, strictTurns: true },
});
