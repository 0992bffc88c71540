/** Claude, as its maker and two clouds say it: one message, three envelopes. */
import { awsEventStream } from "../../../src/wire/aws-event-stream.ts";
import { events } from "../upstream.ts";
import { HOSTED_BLOCKS } from "./hosted.ts";
import { callId, pieces, type Said, SIGNATURE, type Voice } from "./voice.ts";

type Event = { readonly type: string; readonly [field: string]: unknown };

const usageOf = ({ inputTokens, outputTokens }: Said) => ({
  input_tokens: inputTokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: outputTokens,
  service_tier: "standard",
});
const stopOf = ({ calls, isCut, isRefused }: Said): string =>
  isRefused ? "refusal" : isCut ? "max_tokens" : calls.length > 0 ? "tool_use" : "end_turn";

function whole(said: Said): object {
  return {
    id: "msg_9",
    type: "message",
    role: "assistant",
    model: "claude-upstream",
    content: [
      ...(said.reasoning === undefined ? [] : [{ type: "thinking", thinking: said.reasoning, signature: SIGNATURE }]),
      ...(said.hasHosted ? HOSTED_BLOCKS : []),
      ...(said.text === "" ? [] : [{ type: "text", text: said.text }]),
      ...said.calls.map((call, index) => ({
        ...{ type: "tool_use", id: callId("toolu_", call, index), name: call.name, input: call.input },
      })),
    ],
    stop_reason: stopOf(said),
    stop_sequence: null,
    usage: usageOf(said),
  };
}

function eventsOf(said: Said): Event[] {
  let index = -1;
  const block = (content_block: object, deltas: readonly object[]): Event[] => {
    index += 1;
    return [
      { type: "content_block_start", index, content_block },
      ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
      { type: "content_block_stop", index },
    ];
  };
  const message = { ...whole(said), content: [], stop_reason: null };
  return [
    { type: "message_start", message: { ...message, usage: { ...usageOf(said), output_tokens: 1 } } },
    { type: "ping" },
    ...(said.reasoning === undefined
      ? []
      : block({ type: "thinking", thinking: "", signature: "" }, [
          ...pieces(said.reasoning).map((thinking) => ({ type: "thinking_delta", thinking })),
          { type: "signature_delta", signature: SIGNATURE },
        ])),
    ...(said.hasHosted ? HOSTED_BLOCKS : []).flatMap((each) => {
      const { input, ...rest } = each as { input?: object };
      if (input === undefined) return block(each, []);
      const deltas = pieces(JSON.stringify(input)).map((partial_json) => ({ type: "input_json_delta", partial_json }));
      return block({ ...rest, input: {} }, deltas);
    }),
    ...(said.text === ""
      ? []
      : block(
          { type: "text", text: "" },
          pieces(said.text).map((text) => ({ type: "text_delta", text })),
        )),
    ...said.calls.flatMap((call, place) =>
      block({ type: "tool_use", id: callId("toolu_", call, place), name: call.name, input: {} }, [
        { type: "input_json_delta", partial_json: "" },
        // A call without arguments gets no more than that.
        ...pieces(Object.keys(call.input).length === 0 ? "" : JSON.stringify(call.input)).map((partial_json) => ({
          ...{ type: "input_json_delta", partial_json },
        })),
      ]),
    ),
    {
      type: "message_delta",
      delta: { stop_reason: stopOf(said), stop_sequence: null },
      usage: { output_tokens: said.outputTokens },
    },
    { type: "message_stop" },
  ];
}

export const anthropicVoice: Voice = {
  streamType: "text/event-stream",
  whole,
  stream: (said) => eventsOf(said).map((event) => events(event)),
  failure(status, message) {
    const type = status === 429 ? "rate_limit_error" : status >= 500 ? "api_error" : "invalid_request_error";
    return { type: "error", error: { type, message }, request_id: "req_of_the_vendor" };
  },
};

export const bedrockClaudeVoice: Voice = {
  streamType: awsEventStream.contentType,
  whole,
  stream: (said) =>
    eventsOf(said).map((event) => {
      const bytes = Buffer.from(JSON.stringify(event)).toString("base64");
      return awsEventStream.encode([{ event: "chunk", data: JSON.stringify({ bytes, p: "abc" }) }]);
    }),
  failure: (_status, message) => ({ message }),
};
