/** Where parameters stand in the body of Ollama's chat path. */
import type { RequestLayout } from "../../contract/layout.ts";
import { NOWHERE, placeBy } from "../shared/layout.ts";

/** Those that belong among the options; beside them they would be passed over without a word. */
const OPTIONS = [
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "typical_p",
  "seed",
  "stop",
  "presence_penalty",
  "frequency_penalty",
  "repeat_penalty",
  "repeat_last_n",
  "penalize_newline",
  "mirostat",
  "mirostat_eta",
  "mirostat_tau",
  "num_ctx",
  "num_predict",
  "num_keep",
  "num_batch",
  "num_gpu",
  "num_thread",
  "main_gpu",
  "use_mmap",
];

export const ollamaLayout: RequestLayout = {
  place: placeBy({
    ...NOWHERE,
    ...Object.fromEntries(OPTIONS.map((name) => [name, `options.${name}`])),
    max_tokens: "options.num_predict",
    max_completion_tokens: "options.num_predict",
    max_output_tokens: "options.num_predict",
    stop_sequences: "options.stop",
    // Only some models think in levels; the others take yes or no.
    reasoning_effort: ({ thinking }) => (thinking === "adaptive" ? "think" : null),
    metadata: null,
  }),
};
