/** Gemini's countTokens: the question as a chat request, the answer as a number. */
import type { ChatRequest, JsonObject } from "../../contract/chat.ts";
import type { EncodeTarget, RequestHints, TokenCounting } from "../../contract/codec.ts";
import { isObject, numberOf, pick } from "../shared/json.ts";
import { malformed } from "../shared/upstream-error.ts";
import { decodeRequest } from "./decode-request.ts";
import { disguisedError } from "./decode-stream.ts";
import { encodeRequest } from "./encode-request.ts";
import { camelFields } from "./wire.ts";

/**
 * What is to be counted: bare contents, or a whole request with instructions and tools.
 * @throws RelayError `bad-request` as for a request that is to be answered
 */
function decodeCountRequest(body: JsonObject, hints: RequestHints = {}): ChatRequest {
  const whole = camelFields(body)["generateContentRequest"];
  return decodeRequest(isObject(whole) ? whole : body, hints);
}

/** Bare contents where nothing else counts; else the whole request, which must name its model. */
function encodeCountRequest(request: ChatRequest, target: EncodeTarget): JsonObject {
  const body = encodeRequest(request, target);
  const whole = pick(body, ["contents", "systemInstruction", "tools", "toolConfig", "cachedContent"]);
  if (Object.keys(whole).length === 1) return whole;
  return { generateContentRequest: { model: `models/${target.model}`, ...whole } };
}

/** Tokens, ≥ 0. @throws the error of a body that carries one, or RelayError `upstream-malformed` */
function decodeCount(body: JsonObject): number {
  const error = disguisedError(body);
  if (error !== undefined) throw error;
  const total = numberOf(body["totalTokens"]);
  if (total === undefined) throw malformed("The upstream's answer holds no count.");
  return total;
}

function encodeCount(tokens: number): JsonObject {
  return { totalTokens: tokens };
}

export const geminiCounting: TokenCounting = {
  path: ":countTokens",
  decodeRequest: decodeCountRequest,
  encodeRequest: encodeCountRequest,
  decodeCount,
  encodeCount,
};
