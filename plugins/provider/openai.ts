/** OpenAI and any service that serves its paths. API: https://platform.openai.com/docs/api-reference */
import { openaiChat, openaiCompatible, openaiResponses, type Traits } from "monorelay/plugin";
import { openaiTraits } from "../shared/openai.ts";
import { openaiPrice } from "../shared/openai-prices.ts";

/** The first party wants the newer name for all models; most compatible servers only know the older one. */
const FIRST_PARTY: Traits = {
  maxTokensField: "max_completion_tokens",
  allowedTools: true,
  vendorFields: true,
  hosted: ["web-search", "code", "mcp"],
};
/** Behind an address of one's own may be OpenRouter or another relay, which take documents by URL. */
const OTHERS = { maxTokensField: "max_tokens", fileUrls: true } as const;

const isFirstParty = (baseUrl: string): boolean => baseUrl.startsWith("https://api.openai.com/");

export default openaiCompatible({
  id: "openai",
  baseUrl: "https://api.openai.com/v1",
  // Servers that only imitate it know chat, few of them all of Responses: there an entry says so in `dialects`.
  codecs: (baseUrl) => (isFirstParty(baseUrl) ? [openaiChat, openaiResponses] : [openaiChat]),
  keys: "optional",
  price: openaiPrice,
  traits: (model, baseUrl) => ({ ...openaiTraits(model), ...(isFirstParty(baseUrl) ? FIRST_PARTY : OTHERS) }),
});
