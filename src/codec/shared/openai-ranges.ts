/** Bounds that OpenAI's two dialects share, as the vendor's schema of both has them. */
import type { JsonObject } from "../../contract/chat.ts";
import { checkRanges, type Ranges } from "./check.ts";

/** What only one of the two has stands here too: the other knows no such field. */
const RANGES: Ranges = {
  temperature: [0, 2],
  top_p: [0, 1],
  frequency_penalty: [-2, 2],
  presence_penalty: [-2, 2],
  n: [1, 128],
  top_logprobs: [0, 20],
};

export function checkOpenaiRanges(body: JsonObject): void {
  checkRanges(
    body,
    RANGES,
    (param, least, most) => `Invalid '${param}': expected a value between ${least} and ${most}.`,
  );
}
