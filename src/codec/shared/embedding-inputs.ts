/** Inputs of embeddings that only one vendor could read. */
import type { EmbeddingRequest } from "../../contract/embeddings.ts";
import { badRequest } from "./check.ts";

/** The texts. @throws RelayError `bad-request` for token ids, which stand for other words with every vendor */
export function refuseTokenIds(inputs: EmbeddingRequest["inputs"]): string[] {
  return inputs.map((input) => {
    if (typeof input === "string") return input;
    throw badRequest("Lists of token ids cannot be sent to the upstream chosen for this model; send texts.", "input");
  });
}
