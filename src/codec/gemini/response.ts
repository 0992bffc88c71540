/** Whole Gemini answers, both ways. */
import type { ChatResponse, JsonObject } from "../../contract/chat.ts";
import type { AnswerContext } from "../../contract/codec.ts";
import { collect } from "../fold.ts";
import { readWholeAnswer } from "./decode-stream.ts";
import { AnswerPartWriter, ownExtras, writeCandidate, writeCandidates, writeCounts } from "./encode-answer.ts";

/** A whole answer is read like a stream of one chunk: each chunk has the form of an answer. */
export function decodeResponse(body: JsonObject): ChatResponse {
  return collect(readWholeAnswer(body));
}

export function encodeResponse(response: ChatResponse, context: AnswerContext): JsonObject {
  const extras = ownExtras(response.vendor);
  const first = writeCandidate(response, 0, new AnswerPartWriter(context).all(response.parts));
  return {
    ...writeCandidates(first, response, extras, context),
    ...writeCounts(response.usage, extras.usage, response.serviceTier),
    modelVersion: response.model || context.request.model,
    responseId: response.id || context.seed,
    ...extras.body,
  };
}
