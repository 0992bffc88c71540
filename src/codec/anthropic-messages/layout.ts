/** Where parameters and instructions stand in a messages body. */
import type { Json } from "../../contract/chat.ts";
import type { RequestLayout } from "../../contract/layout.ts";
import { arrayOr, isObject } from "../shared/json.ts";
import { joinPrompts, NOWHERE, type Places, placeBy } from "../shared/layout.ts";

export const MESSAGES_PLACES: Places = {
  ...NOWHERE,
  max_completion_tokens: "max_tokens",
  max_output_tokens: "max_tokens",
  stop: "stop_sequences",
  user: "metadata.user_id",
  service_tier: "service_tier",
  // Models that know only budgets refuse a level.
  reasoning_effort: ({ thinking }) => (thinking === "budget" || thinking === "none" ? null : "output_config.effort"),
  seed: null,
  presence_penalty: null,
  frequency_penalty: null,
};

export const messagesLayout: RequestLayout = {
  place: placeBy(MESSAGES_PLACES),
  systemPrompt(prompt, isInstead, read) {
    const own = read("system");
    const system: Json =
      !isInstead && Array.isArray(own) ? [{ type: "text", text: prompt }, ...own] : joinPrompts(prompt, own);
    if (!isInstead) return { system };
    const messages = arrayOr(read("messages"));
    const kept = messages.filter((message) => !(isObject(message) && message["role"] === "system"));
    return { system: prompt, ...(kept.length < messages.length ? { messages: kept } : {}) };
  },
};
