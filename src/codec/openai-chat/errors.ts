/** Errors in the form of Chat Completions: bodies, and the last chunk of a stream that failed. */
import type { Frame } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { encodeOpenAiError, openAiError, readsOpenAiError } from "../shared/openai-errors.ts";

export { decodeErrorResponse as decodeError } from "../shared/upstream-error.ts";
export { encodeOpenAiError as encodeError, readsOpenAiError as readsError };

/** No `[DONE]` follows it: that mark means success. */
export function encodeStreamError(error: RelayError, requestId: string): Frame[] {
  return [{ data: JSON.stringify({ error: openAiError(error, requestId) }) }];
}
