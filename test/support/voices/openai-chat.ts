/** OpenAI's chat completions, as a vendor says them. */
import { sse } from "../upstream.ts";
import { type Call, callId, pieces, type Said, tokens, type Voice } from "./voice.ts";

const head = (object: string) => ({ id: "chatcmpl-9", object, created: 1_700_000_000, model: "gpt-upstream" });
const usageOf = ({ inputTokens, outputTokens }: Said) => ({
  prompt_tokens: inputTokens,
  completion_tokens: outputTokens,
  total_tokens: inputTokens + outputTokens,
});
/** Of a call without any, a stream says nothing at all. */
const streamedArguments = ({ input }: Call): string => (Object.keys(input).length === 0 ? "" : JSON.stringify(input));
const finishOf = ({ calls, isCut }: Said): string => (isCut ? "length" : calls.length > 0 ? "tool_calls" : "stop");
const callOf = (call: Call, index: number, args: string) => ({
  id: callId("call_", call, index),
  type: "function",
  function: { name: call.name, arguments: args },
});

export const openaiChatVoice: Voice = {
  streamType: "text/event-stream",
  whole: (said) => ({
    ...head("chat.completion"),
    choices: [
      {
        index: 0,
        logprobs: said.logprobs === undefined ? null : { content: tokens(said), refusal: null },
        finish_reason: finishOf(said),
        message: {
          role: "assistant",
          content: said.isRefused ? null : said.text,
          refusal: said.isRefused ? said.text : null,
          ...(said.reasoning === undefined ? {} : { reasoning_content: said.reasoning }),
          ...(said.calls.length > 0
            ? { tool_calls: said.calls.map((call, index) => callOf(call, index, JSON.stringify(call.input))) }
            : {}),
        },
      },
    ],
    usage: usageOf(said),
  }),
  stream(said) {
    const chunk = (delta: object, finish: string | null = null, beside: object = {}) => ({
      ...head("chat.completion.chunk"),
      choices: [{ index: 0, delta, finish_reason: finish, ...beside }],
    });
    const beside = (at: number) =>
      said.logprobs === undefined ? {} : { logprobs: { content: [tokens(said)[at]], refusal: null } };
    const calls = said.calls.flatMap((call, index) => [
      chunk({ tool_calls: [{ index, ...callOf(call, index, "") }] }),
      ...pieces(streamedArguments(call)).map((piece) =>
        chunk({ tool_calls: [{ index, function: { arguments: piece } }] }),
      ),
    ]);
    const frames = [
      chunk({ role: "assistant", content: "" }),
      ...pieces(said.reasoning ?? "").map((piece) => chunk({ reasoning_content: piece })),
      ...pieces(said.text).map((piece, at) =>
        chunk(said.isRefused ? { refusal: piece } : { content: piece }, null, beside(at)),
      ),
      ...calls,
      chunk({}, finishOf(said)),
      { ...chunk({}), choices: [], usage: usageOf(said) },
      "[DONE]",
    ];
    return frames.map((frame) => sse(frame));
  },
  failure: openaiFailure,
};

export function openaiFailure(status: number, message: string): object {
  const type = status === 429 ? "rate_limit_error" : status >= 500 ? "api_error" : "invalid_request_error";
  return { error: { message, type, param: null, code: null } };
}
