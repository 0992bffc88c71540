/** The dialect of OpenAI's old Completions, for clients only: a prompt asks, and a chat upstream may answer it. */
import type { ChatEvent, ChatRequest, ChatResponse, JsonObject } from "../../contract/chat.ts";
import type { AnswerContext, Codec, Frame, RequestHints, StreamEncoder } from "../../contract/codec.ts";
import { sse } from "../../wire/sse.ts";
import { decodeRequest as decodeChat } from "../openai-chat/decode-request.ts";
import { END_MARK } from "../openai-chat/encode-stream.ts";
import { encodeError, encodeStreamError, readsError } from "../openai-chat/errors.ts";
import { chatLayout } from "../openai-chat/layout.ts";
import { writeFinishReason } from "../openai-chat/wire.ts";
import { badRequest } from "../shared/check.ts";
import { brokenOff } from "../shared/upstream-error.ts";
import { mergeUsage, writeChatUsage } from "../shared/usage.ts";

/** Fields that a chat cannot answer, and what they may be all the same. */
const UNANSWERABLE: { readonly [field: string]: (value: unknown) => boolean } = {
  suffix: (value) => value === "",
  echo: (value) => value === false,
  logprobs: () => false,
  n: (value) => value === 1,
  best_of: (value) => value === 1,
};

function decodeRequest(body: JsonObject, hints: RequestHints = {}): ChatRequest {
  const { prompt, ...rest } = body;
  const text = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt;
  if (typeof text !== "string") {
    throw badRequest("The upstream chosen for this model takes one prompt at a time, as a text.", "prompt");
  }
  for (const [field, isHarmless] of Object.entries(UNANSWERABLE)) {
    const value = rest[field];
    delete rest[field];
    if (value === undefined || value === null || isHarmless(value)) continue;
    throw badRequest(`'${field}' is not supported by the upstream chosen for this model.`, field);
  }
  return decodeChat({ ...rest, messages: [{ role: "user", content: text }] }, hints);
}

function encodeResponse(
  { id, createdAt, model, parts, finish, usage }: ChatResponse,
  context: AnswerContext,
): JsonObject {
  const failure = brokenOff(finish);
  if (failure !== undefined) throw failure;
  const text = parts.map((part) => (part.type === "text" || part.type === "refusal" ? part.text : "")).join("");
  const counts = writeChatUsage(usage);
  return {
    id: id || `cmpl-${context.seed}`,
    object: "text_completion",
    created: createdAt ?? context.createdAt,
    model: model || context.request.model,
    choices: [{ text, index: 0, logprobs: null, finish_reason: writeFinishReason(finish) }],
    ...(counts === undefined ? {} : { usage: counts }),
  };
}

function streamEncoder(context: AnswerContext): StreamEncoder {
  let identity: JsonObject = {};
  let start: Extract<ChatEvent, { type: "response-start" }> | undefined;
  let isSaid = false;
  const chunk = (text: string, reason: string | null): Frame => ({
    data: JSON.stringify({ ...identity, choices: [{ text, index: 0, logprobs: null, finish_reason: reason }] }),
  });
  return (event) => {
    switch (event.type) {
      case "response-start":
        start = event;
        identity = {
          id: event.id || `cmpl-${context.seed}`,
          object: "text_completion",
          created: event.createdAt ?? context.createdAt,
          model: event.model || context.request.model,
        };
        return [];
      case "part-start":
        isSaid = event.head.type === "text" || event.head.type === "refusal";
        return [];
      case "part-delta":
        return isSaid && event.delta !== "" ? [chunk(event.delta, null)] : [];
      case "part-end":
        return [];
      case "response-end": {
        const failure = brokenOff(event.finish);
        if (failure !== undefined) return encodeStreamError(failure, context.requestId ?? "");
        const counts = context.request.includeUsage ? writeChatUsage(mergeUsage(start?.usage, event.usage)) : undefined;
        const usage =
          counts === undefined ? [] : [{ data: JSON.stringify({ ...identity, choices: [], usage: counts }) }];
        return [chunk("", writeFinishReason(event.finish)), ...usage, END_MARK];
      }
      case "error":
        return encodeStreamError(event.error, context.requestId ?? "");
    }
  };
}

export const openaiCompletions = {
  id: "openai-completions",
  framing: sse,
  ingress: {
    decodeRequest,
    encodeResponse,
    streamEncoder,
    encodeError,
    encodeStreamError,
    readsError,
    keepAlive: { data: "", comment: "keep-alive" },
    endMark: END_MARK,
  },
  // A prompt has no place for instructions beside it.
  layout: { place: chatLayout.place, systemPrompt: () => ({}) },
} as const satisfies Codec;
