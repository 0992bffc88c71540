/** xAI. API: https://docs.x.ai/docs/api-reference */
import { openaiChat, openaiCompatible, openaiResponses, type Traits } from "monorelay/plugin";
import { priceList } from "../shared/price-list.ts";

/** Most of its models think without being told how hard, and answer 400 to a level. https://docs.x.ai/docs/guides/reasoning */
const FAMILIES: readonly (readonly [pattern: RegExp, traits: Traits])[] = [
  [/^grok-3-mini/, { thinking: "adaptive", efforts: ["low", "high"] }],
  [/^grok-[23]|non-reasoning/, { thinking: "none" }],
  [/^grok-4(-\d{4}|-latest|(-1)?-fast|$)/, { thinking: "adaptive", efforts: [] }],
];

/** https://docs.x.ai/docs/guides/tools/overview */
const HOSTED: Traits = { hosted: ["web-search", "code", "mcp"] };

export default openaiCompatible({
  id: "xai",
  baseUrl: "https://api.x.ai/v1",
  codecs: [openaiChat, openaiResponses],
  traits: (model) => ({ ...HOSTED, ...FAMILIES.find(([pattern]) => pattern.test(model))?.[1] }),
  price: priceList("2026-06", [
    ["grok-4", 3, 15, 0.75],
    ["grok-4-fast-reasoning", 0.2, 0.5, 0.05],
    ["grok-4-fast-non-reasoning", 0.2, 0.5, 0.05],
    ["grok-3", 3, 15, 0.75],
    ["grok-3-mini", 0.3, 0.5, 0.075],
  ]),
});
