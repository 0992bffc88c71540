/** Embeddings in the house language: texts in, vectors out, and what a dialect must say to translate them. */
import type { JsonObject } from "./chat.ts";
import type { RequestHints } from "./codec.ts";

export interface EmbeddingRequest {
  readonly model: string;
  /** One text, or one list of token ids, per vector, in order; at least one. */
  readonly inputs: readonly (string | readonly number[])[];
  /** Length of the vectors, where the model offers a choice. */
  readonly dimensions?: number;
  /** What the vectors are for, e.g. `RETRIEVAL_QUERY`; the same for all inputs. */
  readonly taskType?: string;
  /** Opaque end-user id. */
  readonly user?: string;
  /** Vectors as lists of numbers, or as their bytes (32-bit floats, little-endian) in base64. Absent = `float`. */
  readonly encoding?: "float" | "base64";
  /** The dialect has a form of its own for one input, and this is it. */
  readonly isSingle?: true;
}

/** In what a service differs that takes a dialect's requests for vectors otherwise. Absent = as the dialect has it. */
export interface EmbeddingWords {
  /** Its name of the field for the length of the vectors. */
  readonly dimensions?: string;
  /** It gives numbers when nothing else is asked for, and refuses to be asked for them. */
  readonly isFloatUnsaid?: true;
  /** What it takes as `input_type`, by `taskType`. */
  readonly inputTypes?: { readonly [taskType: string]: string | undefined };
}

/** Where a dialect says only what is asked: what its halves are told beside the request. */
export interface EmbeddingTarget {
  /** The upstream's own model name. */
  readonly model: string;
  /** Of the service that is asked, where they are its own. */
  readonly words?: EmbeddingWords;
  /** Called once per field that the target cannot express. */
  lose(field: string, reason: string): void;
}

export interface EmbeddingAnswer {
  /** One list of numbers per input, in the order of the inputs. */
  readonly vectors: readonly (readonly number[])[];
  /** `undefined` = the upstream did not say. */
  readonly inputTokens?: number;
}

/** How a dialect asks for vectors and answers with them; pure and synchronous, like all of a codec. */
export interface Embeddings {
  /** Below the API root; in dialects that name the model in the path, what follows it. */
  readonly path: string;
  /** Most inputs that one request takes for this model; what is more is asked for in several. Absent = any number. */
  inputsMax?(model: string): number;
  /** The answer's header that counts the input's tokens, where the body does not. */
  readonly tokensHeader?: string;
  /** @throws RelayError `bad-request` for what the vendor itself would refuse */
  decodeRequest(body: JsonObject, hints?: RequestHints): EmbeddingRequest;
  /** @throws RelayError `bad-request` for what the dialect cannot say; `lose` as for chat */
  encodeRequest(request: EmbeddingRequest, target: EmbeddingTarget): JsonObject;
  /** @throws the error of a body that carries one, or RelayError `upstream-malformed` */
  decodeAnswer(body: JsonObject): EmbeddingAnswer;
  /** `request` is the client's; its model stands in answers that have a place for it. */
  encodeAnswer(answer: EmbeddingAnswer, request: EmbeddingRequest): JsonObject;
}
