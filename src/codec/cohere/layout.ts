/** Where parameters stand in the body of Cohere's chat. */
import type { RequestLayout } from "../../contract/layout.ts";
import { NOWHERE, placeBy } from "../shared/layout.ts";

export const cohereLayout: RequestLayout = {
  place: placeBy({
    ...NOWHERE,
    max_completion_tokens: "max_tokens",
    max_output_tokens: "max_tokens",
    top_p: "p",
    top_k: "k",
    stop: "stop_sequences",
    metadata: null,
  }),
};
