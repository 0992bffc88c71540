/** Where parameters and instructions stand in a generateContent body. */
import type { Json } from "../../contract/chat.ts";
import type { RequestLayout } from "../../contract/layout.ts";
import { isObject } from "../shared/json.ts";
import { NOWHERE, placeBy } from "../shared/layout.ts";
import { asList } from "./wire.ts";

/** Both spellings are known, and a body keeps its own. */
const config = (name: string) => [`generationConfig.${name}`, `generation_config.${name}`];

export const geminiLayout: RequestLayout = {
  place: placeBy({
    ...NOWHERE,
    temperature: config("temperature"),
    top_p: config("topP"),
    top_k: config("topK"),
    max_tokens: config("maxOutputTokens"),
    max_completion_tokens: config("maxOutputTokens"),
    max_output_tokens: config("maxOutputTokens"),
    stop: config("stopSequences"),
    stop_sequences: config("stopSequences"),
    seed: config("seed"),
    n: config("candidateCount"),
    presence_penalty: config("presencePenalty"),
    frequency_penalty: config("frequencyPenalty"),
    logprobs: config("responseLogprobs"),
    top_logprobs: config("logprobs"),
    metadata: null,
    service_tier: ["serviceTier", "service_tier"],
  }),
  systemPrompt(prompt, isInstead, read) {
    const field = read("system_instruction") === undefined ? "systemInstruction" : "system_instruction";
    const own = read(field);
    if (isInstead || own === undefined || own === null) return { [field]: { parts: [{ text: prompt }] } };
    if (typeof own === "string") return { [field]: { parts: [{ text: `${prompt}\n\n` }, { text: own }] } };
    const content: { [name: string]: Json } = isObject(own) ? own : { parts: own };
    // Gemini reads the parts as one text.
    return { [field]: { ...content, parts: [{ text: `${prompt}\n\n` }, ...asList(content["parts"] ?? null)] } };
  },
};
