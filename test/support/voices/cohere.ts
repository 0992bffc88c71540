/** Cohere's chat, as a vendor says it. */
import { events } from "../upstream.ts";
import { callId, pieces, type Said, tokens, type Voice } from "./voice.ts";

const usageOf = ({ inputTokens, outputTokens }: Said) => ({
  tokens: { input_tokens: inputTokens, output_tokens: outputTokens },
});
const finishOf = ({ calls, isCut }: Said): string =>
  isCut ? "MAX_TOKENS" : calls.length > 0 ? "TOOL_CALL" : "COMPLETE";
const callsOf = ({ calls }: Said) =>
  calls.map((call, index) => ({
    ...{ id: callId("", call, index), type: "function" },
    function: { name: call.name, arguments: JSON.stringify(call.input) },
  }));
const likelyOf = (said: Said) =>
  tokens(said).map(({ token, logprob }) => ({ token_ids: [7], text: token, logprobs: [logprob] }));
/** Before calls it tells its plan, which is no content. */
const hasPlan = ({ calls }: Said): boolean => calls.length > 0;

export const cohereVoice: Voice = {
  streamType: "text/event-stream",
  whole: (said) => ({
    id: "c-9",
    finish_reason: finishOf(said),
    message: {
      role: "assistant",
      content: [
        ...(said.reasoning === undefined ? [] : [{ type: "thinking", thinking: said.reasoning }]),
        ...(hasPlan(said) ? [] : [{ type: "text", text: said.text }]),
      ],
      ...(hasPlan(said) ? { tool_plan: said.text, tool_calls: callsOf(said) } : {}),
    },
    usage: usageOf(said),
    ...(said.logprobs === undefined ? {} : { logprobs: likelyOf(said) }),
  }),
  stream(said) {
    let index = -1;
    const block = (type: "text" | "thinking", text: string): object[] => {
      index += 1;
      return [
        { type: "content-start", index, delta: { message: { content: { type, [type]: "" } } } },
        ...pieces(text).map((piece, at) => ({
          ...{ type: "content-delta", index, delta: { message: { content: { [type]: piece } } } },
          ...(said.logprobs === undefined || type !== "text" ? {} : { logprobs: likelyOf(said)[at] }),
        })),
        { type: "content-end", index },
      ];
    };
    const calls = callsOf(said).flatMap(({ function: { arguments: input, name }, ...call }, place) => [
      {
        type: "tool-call-start",
        index: place,
        delta: { message: { tool_calls: { ...call, function: { name, arguments: "" } } } },
      },
      ...pieces(input).map((piece) => ({
        type: "tool-call-delta",
        index: place,
        delta: { message: { tool_calls: { function: { arguments: piece } } } },
      })),
      { type: "tool-call-end", index: place },
    ]);
    return [
      { type: "message-start", id: "c-9", delta: { message: { role: "assistant" } } },
      ...(said.reasoning === undefined ? [] : block("thinking", said.reasoning)),
      ...(hasPlan(said)
        ? pieces(said.text).map((piece) => ({ type: "tool-plan-delta", delta: { message: { tool_plan: piece } } }))
        : block("text", said.text)),
      ...calls,
      { type: "message-end", delta: { finish_reason: finishOf(said), usage: usageOf(said) } },
    ].map((event) => events(event as { type: string }));
  },
  failure: (_status, message) => ({ message }),
};
