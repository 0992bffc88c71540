/** Where parameters stand in a Converse body. */
import type { RequestLayout } from "../../contract/layout.ts";
import { NOWHERE, placeBy } from "../shared/layout.ts";

export const converseLayout: RequestLayout = {
  place: placeBy({
    ...NOWHERE,
    max_tokens: "inferenceConfig.maxTokens",
    max_completion_tokens: "inferenceConfig.maxTokens",
    max_output_tokens: "inferenceConfig.maxTokens",
    temperature: "inferenceConfig.temperature",
    top_p: "inferenceConfig.topP",
    top_k: ({ family }) =>
      family === "nova" ? "additionalModelRequestFields.inferenceConfig.topK" : "additionalModelRequestFields.top_k",
    stop: "inferenceConfig.stopSequences",
    stop_sequences: "inferenceConfig.stopSequences",
    metadata: "requestMetadata",
    seed: null,
    presence_penalty: null,
    frequency_penalty: null,
  }),
};
