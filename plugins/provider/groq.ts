/** Groq. API: https://console.groq.com/docs/openai */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({
  id: "groq",
  baseUrl: "https://api.groq.com/openai/v1",
  codecs: [openaiChat],
  // https://console.groq.com/docs/openai lists them among what is answered with 400.
  traits: { logprobs: false },
});
