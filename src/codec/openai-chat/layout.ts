/** Where parameters and instructions stand in a chat body. */
import type { Json } from "../../contract/chat.ts";
import type { RequestLayout } from "../../contract/layout.ts";
import { arrayOr, isObject } from "../shared/json.ts";
import { placeBy } from "../shared/layout.ts";

/** The limit has two names, and a body may have only one of them: the one it has, else the one that was written. */
const limitAs = (written: string, other: string) => [written, other];

export const chatLayout: RequestLayout = {
  place: placeBy({
    max_tokens: limitAs("max_tokens", "max_completion_tokens"),
    max_completion_tokens: limitAs("max_completion_tokens", "max_tokens"),
    max_output_tokens: limitAs("max_tokens", "max_completion_tokens"),
    stop_sequences: "stop",
  }),
  systemPrompt(prompt, isInstead, read) {
    const messages = arrayOr(read("messages"));
    const kept = isInstead ? messages.filter((message) => !isInstruction(message)) : messages;
    return { messages: [{ role: "system", content: prompt }, ...kept] };
  },
};

function isInstruction(message: Json): boolean {
  return isObject(message) && (message["role"] === "system" || message["role"] === "developer");
}
