/** The llama.cpp server. API: https://github.com/ggml-org/llama.cpp/tree/master/tools/server */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "llama-cpp",
  baseUrl: "http://127.0.0.1:8080/v1",
  codecs: [openaiChat],
  keys: "optional",
  local: true,
  traits: { maxTokensField: "max_tokens", strictTurns: true },
});
