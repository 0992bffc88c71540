/** What the dialects share about vectors: inputs that only one vendor could read, vectors that are none, upstreams' halves. */
import type { Json, JsonObject } from "../../contract/chat.ts";
import type { EmbeddingRequest, Embeddings, EmbeddingTarget } from "../../contract/embeddings.ts";
import { RelayError } from "../../contract/errors.ts";
import { badRequest } from "./check.ts";
import { arrayOr, numberOf } from "./json.ts";
import { malformed } from "./upstream-error.ts";

/** The texts. @throws RelayError `bad-request` for token ids, which stand for other words with every vendor */
export function refuseTokenIds(inputs: EmbeddingRequest["inputs"]): string[] {
  return inputs.map((input) => {
    if (typeof input === "string") return input;
    throw badRequest("Lists of token ids cannot be sent to the upstream chosen for this model; send texts.", "input");
  });
}

/** A vector as a list of numbers. @throws RelayError `upstream-malformed` for anything else */
export function readNumbers(value: Json | undefined): number[] {
  const values = arrayOr(value).map(numberOf);
  if (values.length === 0 || values.includes(undefined)) {
    throw malformed("The upstream's answer holds a vector that is not one.");
  }
  return values.filter((entry) => entry !== undefined);
}

/** Vectors of another length than asked for are of no use, so the wish is not dropped. */
export function fixedDimensions(): RelayError {
  return badRequest("The length of this model's vectors cannot be chosen.", "dimensions");
}

/** Opaque names of end users have no place with most vendors. */
export function loseUser({ user }: EmbeddingRequest, { lose }: EmbeddingTarget): void {
  if (user !== undefined) lose("user", "the upstream's dialect has no such field");
}

/** The word of a vendor for what the vectors are for; `otherwise` where it has none, which is then lost by name. */
export function wordOfTask(
  { taskType }: EmbeddingRequest,
  words: Readonly<Record<string, string>>,
  otherwise: string,
  { lose }: EmbeddingTarget,
): string {
  if (taskType === undefined) return otherwise;
  if (Object.hasOwn(words, taskType)) return words[taskType]!;
  lose("taskType", "the upstream has no such purpose");
  return otherwise;
}

type Asked = Omit<Embeddings, "decodeRequest" | "encodeAnswer">;

/** Vectors of upstreams whose dialect no client speaks. */
export function upstreamEmbeddings(asked: Asked): Embeddings {
  const noClients = (): never => {
    throw new RelayError("internal", "No client speaks this dialect.");
  };
  return { ...asked, decodeRequest: noClients, encodeAnswer: noClients as () => JsonObject };
}
