/** Responses' input_tokens: a request without what only its answer needs. */
import type { JsonObject } from "../../contract/chat.ts";
import type { TokenCounting } from "../../contract/codec.ts";
import { numberOf, pick } from "../shared/json.ts";
import { malformed } from "../shared/upstream-error.ts";
import { decodeRequest } from "./decode-request.ts";
import { encodeRequest } from "./encode-request.ts";
import { disguisedError } from "./response.ts";

/** The fields that count. */
const FIELDS = ["model", "input", "instructions", "tools", "tool_choice", "text", "reasoning"] as const;

export const responsesCounting: TokenCounting = {
  path: "/responses/input_tokens",
  decodeRequest,
  encodeRequest: (request, target) => pick(encodeRequest(request, target), FIELDS),
  decodeCount(body: JsonObject): number {
    const error = disguisedError(body);
    if (error !== undefined) throw error;
    const tokens = numberOf(body["input_tokens"]);
    if (tokens === undefined) throw malformed("The upstream's answer holds no count.");
    return tokens;
  },
  encodeCount: (tokens) => ({ object: "response.input_tokens", input_tokens: tokens }),
};
