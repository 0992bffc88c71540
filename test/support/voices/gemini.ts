/** Gemini, as a vendor says it. */
import { GROUNDING, HOSTED_PARTS } from "./hosted.ts";
import { pieces, type Said, SIGNATURE, tokens, type Voice } from "./voice.ts";

const chunk = ({ inputTokens, outputTokens }: Said, parts: readonly object[], rest: object = {}) => ({
  candidates: [{ content: { role: "model", parts }, index: 0, ...rest }],
  usageMetadata: {
    promptTokenCount: inputTokens,
    candidatesTokenCount: outputTokens,
    totalTokenCount: inputTokens + outputTokens,
  },
  modelVersion: "gemini-upstream",
  responseId: "answer-9",
});
const finishOf = ({ isCut, isRefused }: Said): string => (isRefused ? "SAFETY" : isCut ? "MAX_TOKENS" : "STOP");
/** The first call of a turn is signed, the others are not. */
const partsOf = ({ calls }: Said): object[] =>
  calls.map(({ name, input }, index) => ({
    functionCall: { name, args: input },
    ...(index === 0 ? { thoughtSignature: SIGNATURE } : {}),
  }));

const beside = (said: Said, from?: number, to?: number): object => {
  const chosenCandidates = tokens(said)
    .slice(from, to)
    .map(({ token, logprob }) => ({ token, tokenId: 7, logProbability: logprob }));
  return said.logprobs === undefined ? {} : { logprobsResult: { chosenCandidates } };
};

export const geminiVoice: Voice = {
  streamType: "text/event-stream",
  whole: (said) =>
    chunk(
      said,
      [
        ...(said.reasoning === undefined ? [] : [{ text: said.reasoning, thought: true }]),
        ...(said.hasHosted ? HOSTED_PARTS : []),
        ...(said.text === "" ? [] : [{ text: said.text }]),
        ...partsOf(said),
      ],
      { finishReason: finishOf(said), ...beside(said), ...(said.hasHosted ? GROUNDING : {}) },
    ),
  stream: (said) =>
    [
      ...pieces(said.reasoning ?? "").map((text) => chunk(said, [{ text, thought: true }])),
      ...(said.hasHosted ? HOSTED_PARTS : []).map((part) => chunk(said, [part])),
      ...pieces(said.text).map((text, at) => chunk(said, [{ text }], beside(said, at, at + 1))),
      ...partsOf(said).map((part) => chunk(said, [part])),
      chunk(said, [{ text: "" }], { finishReason: finishOf(said), ...(said.hasHosted ? GROUNDING : {}) }),
    ].map((each) => `data: ${JSON.stringify(each)}\r\n\r\n`),
  failure(status, message) {
    const word = status === 429 ? "RESOURCE_EXHAUSTED" : status >= 500 ? "UNAVAILABLE" : "INVALID_ARGUMENT";
    return { error: { code: status, message, status: word } };
  },
};
