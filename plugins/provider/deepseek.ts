/** DeepSeek. API: https://api-docs.deepseek.com */
import { openaiChat, openaiCompatible } from "monorelay/plugin";
import { priceList } from "../shared/price-list.ts";

export default openaiCompatible({
  id: "deepseek",
  baseUrl: "https://api.deepseek.com/v1",
  codecs: [openaiChat],
  traits: {
    maxTokensField: "max_tokens",
    reasoningHistory: "reasoning_content",
    newerNames: false,
    systemRole: "system",
  },
  price: priceList("2026-06", [
    ["deepseek-chat", 0.28, 0.42, 0.028],
    ["deepseek-reasoner", 0.28, 0.42, 0.028],
  ]),
});
