/** Bedrock's Converse, as a vendor says it. */
import type { Frame } from "../../../src/contract/codec.ts";
import { awsEventStream } from "../../../src/wire/aws-event-stream.ts";
import { callId, pieces, type Said, SIGNATURE, type Voice } from "./voice.ts";

const usageOf = ({ inputTokens, outputTokens }: Said) => ({
  inputTokens,
  outputTokens,
  totalTokens: inputTokens + outputTokens,
});
const stopOf = ({ calls, isCut, isRefused }: Said): string =>
  isRefused ? "content_filtered" : isCut ? "max_tokens" : calls.length > 0 ? "tool_use" : "end_turn";

export const bedrockConverseVoice: Voice = {
  streamType: awsEventStream.contentType,
  whole: (said) => ({
    output: {
      message: {
        role: "assistant",
        content: [
          ...(said.reasoning === undefined
            ? []
            : [{ reasoningContent: { reasoningText: { text: said.reasoning, signature: SIGNATURE } } }]),
          ...(said.text === "" ? [] : [{ text: said.text }]),
          ...said.calls.map((call, index) => ({
            toolUse: { toolUseId: callId("tooluse_", call, index), name: call.name, input: call.input },
          })),
        ],
      },
    },
    stopReason: stopOf(said),
    usage: usageOf(said),
    metrics: { latencyMs: 300 },
  }),
  stream(said) {
    const event = (name: string, body: object): Frame => ({ event: name, data: JSON.stringify({ ...body, p: "abc" }) });
    let contentBlockIndex = -1;
    const block = (deltas: readonly object[], start?: object): Frame[] => {
      contentBlockIndex += 1;
      return [
        ...(start === undefined ? [] : [event("contentBlockStart", { contentBlockIndex, start })]),
        ...deltas.map((delta) => event("contentBlockDelta", { contentBlockIndex, delta })),
        event("contentBlockStop", { contentBlockIndex }),
      ];
    };
    const frames = [
      event("messageStart", { role: "assistant" }),
      ...(said.reasoning === undefined
        ? []
        : block([
            ...pieces(said.reasoning).map((text) => ({ reasoningContent: { text } })),
            { reasoningContent: { signature: SIGNATURE } },
          ])),
      ...(said.text === "" ? [] : block(pieces(said.text).map((text) => ({ text })))),
      ...said.calls.flatMap((call, index) =>
        block(
          pieces(JSON.stringify(call.input)).map((input) => ({ toolUse: { input } })),
          { toolUse: { toolUseId: callId("tooluse_", call, index), name: call.name } },
        ),
      ),
      event("messageStop", { stopReason: stopOf(said) }),
      event("metadata", { usage: usageOf(said), metrics: { latencyMs: 300 } }),
    ];
    return frames.map((frame) => awsEventStream.encode([frame]));
  },
  failure: (_status, message) => ({ message }),
};
