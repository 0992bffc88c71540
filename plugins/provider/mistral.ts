/** Mistral. API: https://docs.mistral.ai/api */
import { openaiChat, openaiCompatible } from "monorelay/plugin";
import { priceList } from "../shared/price-list.ts";

export default openaiCompatible({
  id: "mistral",
  baseUrl: "https://api.mistral.ai/v1",
  codecs: [openaiChat],
  traits: {
    maxTokensField: "max_tokens",
    streamUsage: false,
    shortToolIds: true,
    newerNames: false,
    systemRole: "system",
  },
  price: priceList("2026-06", [
    ["mistral-medium", 0.4, 2],
    ["mistral-small", 0.1, 0.3],
    ["codestral", 0.3, 0.9],
    ["mistral-embed", 0.1],
  ]),
});
