/** Sorting documents by how well they fit a query, in the house language, and what a vendor's form must say to translate it. */
import type { Json, JsonObject } from "./chat.ts";
import type { EmbeddingTarget } from "./embeddings.ts";

export interface RerankRequest {
  readonly query: string;
  /** 1 to 1000 texts. */
  readonly documents: readonly string[];
  /** So many of the best are wanted. Absent = all. */
  readonly topN?: number;
}

export interface RerankResult {
  /** Place of the document among those that were sent, from 0. */
  readonly index: number;
  /** The vendor's own measure: larger fits better; most stay between 0 and 1. */
  readonly score: number;
}

export interface RerankAnswer {
  readonly id?: string;
  readonly results: readonly RerankResult[];
  /** `undefined` = the upstream did not say. */
  readonly inputTokens?: number;
  /** Billed units of a vendor that bills searches. */
  readonly searchUnits?: number;
}

/** How a vendor is asked to sort, and answers; pure and synchronous, as codecs are. */
export interface Rerank {
  /** Below the API root. */
  readonly path: string;
  /** Absent: the vendor takes what clients send, and it is passed on as it is. */
  encodeRequest?(request: RerankRequest, target: EmbeddingTarget): JsonObject;
  /** Further fields that the vendor knows by the name and in the form that clients send. */
  readonly fields?: readonly string[];
  /** @throws the error of a body that carries one, or RelayError `upstream-malformed` */
  decodeAnswer(body: Json): RerankAnswer;
}
