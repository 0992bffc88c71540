/** A vendor of each dialect on one loopback port: which one is asked follows from the path, what is answered from the words. */
import { type Received, type Reply, type Script, startUpstream, type Upstream } from "./upstream.ts";
import { dialectOf, isStreamed, type Said, VOICES } from "./voices/index.ts";

export type { UpstreamDialect } from "./voices/index.ts";
export { dialectOf, SIGNATURE } from "./voices/index.ts";

/** What every vendor here answers, in its own words. */
export const ANSWER = {
  text: "Let me look.",
  reasoning: "The city is asked for.",
  calls: [
    ["weather", { city: "Paris" }],
    ["now", {}],
  ],
  /** Said once the results of both are there. */
  after: "It is sunny in Paris.",
  refusal: "That is not for me to say.",
  json: { city: "Paris", degrees: 21 },
  /** Of the two pieces of the text. */
  logprobs: [-0.25, -1.5],
  inputTokens: 20,
  outputTokens: 10,
} as const;

/** What a client tells as the results of the calls, in their order. */
export const RESULTS = ["sunny, 21 degrees", "high noon"] as const;

/** A token is lent below this path, whoever asks. */
export const TOKEN_PATH = "/token";
export const LENT_TOKEN = "ya29.whole-test-token-0123456789";

/** What stands in for structured output where a model has none: its input is the answer. */
const OUTPUT_TOOL = "monorelay_structured_output";

/**
 * Offered tools are called, both of them, after a few words; without any, or once results are told, words are all.
 * "fail with NNN" fails with that status, "break off" breaks the stream after its first words, "hang on" falls silent
 * there, "think first" tells thoughts before the words, "as an object" is answered in JSON, "stop early" ends at the
 * limit of output, "decline" is refused by the model, "use your own tools" lets those of the vendor run before the words.
 */
export function startVendors(): Promise<Upstream> {
  return startUpstream(answer);
}

function answer(received: Received): Reply {
  if (received.path === TOKEN_PATH) return { json: { access_token: LENT_TOKEN, expires_in: 3600 } };
  const dialect = dialectOf(received);
  if (dialect === undefined) return { status: 404, json: { error: { message: "no such path" } } };
  const failure = /fail with (\d{3})/.exec(received.text)?.[1];
  if (failure !== undefined) {
    const status = Number(failure);
    return { status, json: VOICES[dialect].failure(status, REFUSALS[status] ?? "The vendor has a problem.") };
  }
  const said = chosen(received.text);
  const reply = spoken(received, said) as Reply & { chunks: (string | Uint8Array)[] };
  if (!isStreamed(received)) return reply;
  const first = reply.chunks.slice(0, chunksOfFirstWords(received, said));
  if (received.text.includes("break off")) return { ...reply, chunks: first, end: "break" };
  return received.text.includes("hang on") ? { ...reply, chunks: first, end: "hang" } : reply;
}

/** This answer in the dialect that was asked, streamed if that was asked. */
export function spoken(received: Received, said: Said): Reply {
  const voice = VOICES[dialectOf(received)!];
  if (!isStreamed(received)) return { json: voice.whole(said) };
  return { headers: { "content-type": voice.streamType }, chunks: voice.stream(said) };
}

/** An upstream that answers chat calls in their dialects with what `say` says to them. */
export function startSpeaker(say: (received: Received) => Said | Promise<Said>, other?: Script): Promise<Upstream> {
  return startUpstream(async (received) => {
    if (received.path === TOKEN_PATH) return { json: { access_token: LENT_TOKEN, expires_in: 3600 } };
    if (dialectOf(received) !== undefined) return spoken(received, await say(received));
    return (typeof other === "function" ? await other(received) : other) ?? { status: 404, json: {} };
  });
}

const REFUSALS: Readonly<Record<number, string>> = { 400: "That cannot be done.", 429: "Too many requests." };

function chosen(text: string): Said {
  const counts = { inputTokens: ANSWER.inputTokens, outputTokens: ANSWER.outputTokens };
  const reasoning = text.includes("think first") ? { reasoning: ANSWER.reasoning } : {};
  if (text.includes(`"${OUTPUT_TOOL}"`)) {
    return { ...counts, text: "", calls: [{ name: OUTPUT_TOOL, input: ANSWER.json }] };
  }
  if (text.includes("stop early")) return { ...counts, ...reasoning, text: ANSWER.text, calls: [], isCut: true };
  if (text.includes("decline")) return { ...counts, text: ANSWER.refusal, calls: [], isRefused: true };
  if (text.includes("as an object")) return { ...counts, ...reasoning, text: JSON.stringify(ANSWER.json), calls: [] };
  if (text.includes(RESULTS[0])) return { ...counts, ...reasoning, text: ANSWER.after, calls: [] };
  if (text.includes("use your own tools")) {
    return { ...counts, ...reasoning, text: ANSWER.text, calls: [], hasHosted: true };
  }
  const body = JSON.parse(text) as Body;
  const hasTools = (body.tools ?? []).length > 0 || body.toolConfig !== undefined;
  const calls = hasTools ? ANSWER.calls.map(([name, input]) => ({ name, input })) : [];
  const logprobs = asksForLogprobs(body) ? { logprobs: ANSWER.logprobs } : {};
  return { ...counts, ...reasoning, ...logprobs, text: ANSWER.text, calls };
}

interface Body {
  readonly tools?: unknown[];
  readonly toolConfig?: unknown;
  readonly logprobs?: unknown;
  readonly include?: readonly string[];
  readonly generationConfig?: { readonly responseLogprobs?: boolean };
}

function asksForLogprobs({ logprobs, include = [], generationConfig }: Body): boolean {
  if (logprobs === true || generationConfig?.responseLogprobs === true) return true;
  return include.includes("message.output_text.logprobs");
}

/** A stream that says something else is the same up to there. */
function chunksOfFirstWords(received: Received, said: Said): number {
  const voice = VOICES[dialectOf(received)!];
  const other = voice.stream({ ...said, text: `${said.text.replace(/./g, "#")}` });
  return voice.stream(said).findIndex((chunk, at) => !Buffer.from(chunk).equals(Buffer.from(other[at] ?? ""))) + 1;
}
