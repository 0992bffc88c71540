/** xAI. API: https://docs.x.ai/docs/api-reference */
import { openaiChat, openaiCompatible, openaiResponses } from "monorelay/plugin";
import { priceList } from "../shared/price-list.ts";

export default openaiCompatible({
  id: "xai",
  baseUrl: "https://api.x.ai/v1",
  codecs: [openaiChat, openaiResponses],
  price: priceList("2026-06", [
    ["grok-4", 3, 15, 0.75],
    ["grok-4-fast-reasoning", 0.2, 0.5, 0.05],
    ["grok-4-fast-non-reasoning", 0.2, 0.5, 0.05],
    ["grok-3", 3, 15, 0.75],
    ["grok-3-mini", 0.3, 0.5, 0.075],
  ]),
});
