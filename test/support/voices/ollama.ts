/** Ollama's own chat, as a vendor says it. */
import { pieces, type Said, tokens, type Voice } from "./voice.ts";

const line = (message: object, end?: object): object => ({
  ...{ model: "llama-upstream", created_at: "2026-03-01T10:00:00Z", done: end !== undefined },
  message: { role: "assistant", ...message },
  ...end,
});
const endOf = ({ inputTokens, outputTokens, isCut }: Said) => ({
  ...{ done_reason: isCut ? "length" : "stop", prompt_eval_count: inputTokens, eval_count: outputTokens },
});
const callsOf = ({ calls }: Said) => calls.map(({ name, input }) => ({ function: { name, arguments: input } }));

export const ollamaVoice: Voice = {
  streamType: "application/x-ndjson",
  whole: (said) =>
    line(
      {
        content: said.text,
        ...(said.reasoning === undefined ? {} : { thinking: said.reasoning }),
        ...(said.calls.length > 0 ? { tool_calls: callsOf(said) } : {}),
      },
      { ...endOf(said), ...(said.logprobs === undefined ? {} : { logprobs: tokens(said) }) },
    ),
  stream: (said) =>
    [
      ...pieces(said.reasoning ?? "").map((thinking) => line({ content: "", thinking })),
      ...pieces(said.text).map((content, at) => ({
        ...line({ content }),
        ...(said.logprobs === undefined ? {} : { logprobs: tokens(said).slice(at, at + 1) }),
      })),
      ...callsOf(said).map((call) => line({ content: "", tool_calls: [call] })),
      line({ content: "" }, endOf(said)),
    ].map((value) => `${JSON.stringify(value)}\n`),
  failure: (_status, message) => ({ error: message }),
};
