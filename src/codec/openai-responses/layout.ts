/** Where parameters and instructions stand in a Responses body. */
import type { Json } from "../../contract/chat.ts";
import type { RequestLayout } from "../../contract/layout.ts";
import { isObject } from "../shared/json.ts";
import { joinPrompts, placeBy } from "../shared/layout.ts";

export const responsesLayout: RequestLayout = {
  place: placeBy({
    max_tokens: "max_output_tokens",
    max_completion_tokens: "max_output_tokens",
    reasoning_effort: "reasoning.effort",
    verbosity: "text.verbosity",
    stop: null,
    stop_sequences: null,
    seed: null,
    n: null,
    presence_penalty: null,
    frequency_penalty: null,
    logit_bias: null,
    logprobs: null,
    top_k: null,
    response_format: null,
    stream_options: null,
  }),
  systemPrompt(prompt, isInstead, read) {
    if (!isInstead) return { instructions: joinPrompts(prompt, read("instructions")) };
    const input = read("input");
    if (!Array.isArray(input)) return { instructions: prompt };
    return { instructions: prompt, input: input.filter((item) => !isInstruction(item)) };
  },
};

function isInstruction(item: Json): boolean {
  return isObject(item) && (item["role"] === "system" || item["role"] === "developer");
}
