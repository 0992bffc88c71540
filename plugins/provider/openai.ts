/** OpenAI and any service that serves its paths. API: https://platform.openai.com/docs/api-reference */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

/** The first party wants the newer name for all models; most compatible servers only know the older one. */
const FIRST_PARTY = { maxTokensField: "max_completion_tokens" } as const;
const OTHERS = { maxTokensField: "max_tokens" } as const;

export default openaiCompatible({
  id: "openai",
  baseUrl: "https://api.openai.com/v1",
  codecs: [openaiChat],
  keys: "optional",
  traits: (_model, baseUrl) => (baseUrl.startsWith("https://api.openai.com/") ? FIRST_PARTY : OTHERS),
});
