/** Reads Anthropic's events out of the chunks in which Bedrock wraps them. */
import type { ChatEvent, ChatResponse, JsonObject } from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import { AWS_EXCEPTION } from "../../wire/aws-event-stream.ts";
import { createStreamDecoder } from "../anthropic-messages/decode-stream.ts";
import { decodeResponse } from "../anthropic-messages/response.ts";
import { disguisedAwsError, readAwsException } from "../shared/aws-errors.ts";
import { objectOr, parseJson, textOf } from "../shared/json.ts";
import { malformed } from "../shared/upstream-error.ts";

export function createChunkDecoder(): (frame: Frame | null) => ChatEvent[] {
  const decode = createStreamDecoder();
  let isDone = false;
  const tell = (events: ChatEvent[]): ChatEvent[] => {
    isDone ||= events.some(({ type }) => type === "response-end" || type === "error");
    return events;
  };
  return (frame) => {
    if (isDone) return [];
    if (frame === null) return tell(decode(null));
    if (frame.event === AWS_EXCEPTION) return tell([{ type: "error", error: readAwsException(frame) }]);
    if (frame.event !== "chunk") return [];
    const bytes = textOf(objectOr(parseJson(frame.data))["bytes"]);
    if (bytes === undefined) {
      return tell([{ type: "error", error: malformed("The upstream sent a chunk without bytes.") }]);
    }
    return tell(decode({ data: Buffer.from(bytes, "base64").toString() }));
  };
}

export function decodeInvokeResponse(body: JsonObject): ChatResponse {
  const error = Array.isArray(body["content"]) ? undefined : disguisedAwsError(body);
  if (error !== undefined) throw error;
  return decodeResponse(body);
}
