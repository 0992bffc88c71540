/** Anthropic's count_tokens: a request without what only its answer needs. */
import type { ChatRequest, JsonObject } from "../../contract/chat.ts";
import type { RequestHints, TokenCounting } from "../../contract/codec.ts";
import { numberOf, pick } from "../shared/json.ts";
import { malformed } from "../shared/upstream-error.ts";
import { decodeRequest } from "./decode-request.ts";
import { encodeRequest } from "./encode-request.ts";
import { disguisedError } from "./response.ts";

/** The fields that count. */
const FIELDS = ["model", "messages", "system", "tools", "tool_choice", "thinking"] as const;

export const messagesCounting: TokenCounting = {
  path: "/messages/count_tokens",
  decodeRequest(body: JsonObject, hints: RequestHints = {}): ChatRequest {
    return decodeRequest({ max_tokens: 1, ...body }, hints);
  },
  encodeRequest(request, target): JsonObject {
    // What stands for a server's tools means nothing without the server, and is refused without its beta.
    const tools = request.tools.filter(({ mcp }) => mcp === undefined);
    return pick(encodeRequest({ ...request, tools }, target), FIELDS);
  },
  decodeCount(body: JsonObject): number {
    const error = disguisedError(body);
    if (error !== undefined) throw error;
    const tokens = numberOf(body["input_tokens"]);
    if (tokens === undefined) throw malformed("The upstream's answer holds no count.");
    return tokens;
  },
  encodeCount: (tokens) => ({ input_tokens: tokens }),
};
