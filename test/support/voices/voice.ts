/** What a stand-in vendor can say, before any dialect: the form that every voice puts into its own words. */

/** Every dialect an upstream may speak. */
export type UpstreamDialect =
  | "openai-chat"
  | "openai-responses"
  | "anthropic-messages"
  | "gemini"
  | "bedrock-converse"
  | "bedrock-invoke-claude"
  | "vertex-claude"
  | "ollama"
  | "cohere";

export interface Call {
  readonly name: string;
  readonly input: object;
  /** Text of a tool of free form; only OpenAI's Responses has them. */
  readonly custom?: string;
}

export interface Said {
  /** Thoughts before the text; signed where the dialect signs. */
  readonly reasoning?: string;
  readonly text: string;
  readonly calls: readonly Call[];
  /** Tools of the vendor's own have run before the text, where it has any. */
  readonly hasHosted?: true;
  /** It ended at the limit of output. */
  readonly isCut?: true;
  /** The vendor declines, in these words where its dialect has a place for them; Ollama and Cohere just say them. */
  readonly isRefused?: true;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** How likely each of the text's pieces was, where that was asked for and the dialect tells it. */
  readonly logprobs?: readonly number[];
}

/** One dialect's way to say it. */
export interface Voice {
  readonly streamType: string;
  whole(said: Said): object;
  /** One chunk per event. */
  stream(said: Said): (string | Uint8Array)[];
  failure(status: number, message: string): object;
}

/** What vendors sign thoughts and calls with here. */
export const SIGNATURE = "c2lnbmVkLWJ5LXRoZS12ZW5kb3I=";

/** The id of a call, by its place in the answer and in the conversation; vendors without ids have none of it. */
export function callId(prefix: string, { name }: Call, index: number): string {
  return `${prefix}${name}_${index}`;
}

/** The pieces of the text, each with its number; OpenAI's form of it, which others have taken over. */
export function tokens({
  text,
  logprobs,
}: Said): { token: string; logprob: number; bytes: number[]; top_logprobs: [] }[] {
  if (logprobs === undefined) return [];
  return pieces(text).map((token, at) => ({
    ...{ token, logprob: logprobs[at]!, bytes: [...Buffer.from(token)], top_logprobs: [] },
  }));
}

/** Two pieces, so that somebody has to put them together. */
export function pieces(text: string): string[] {
  if (text.length < 2) return text === "" ? [] : [text];
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)];
}
