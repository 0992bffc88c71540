/** All voices by dialect, and which dialect a request was written in. */
import type { Received } from "../upstream.ts";
import { bedrockConverseVoice } from "./bedrock-converse.ts";
import { anthropicVoice, bedrockClaudeVoice } from "./claude.ts";
import { cohereVoice } from "./cohere.ts";
import { geminiVoice } from "./gemini.ts";
import { ollamaVoice } from "./ollama.ts";
import { openaiChatVoice } from "./openai-chat.ts";
import { openaiResponsesVoice } from "./openai-responses.ts";
import type { UpstreamDialect, Voice } from "./voice.ts";

export type { Call, Said, UpstreamDialect, Voice } from "./voice.ts";
export { SIGNATURE } from "./voice.ts";

export const VOICES: Readonly<Record<UpstreamDialect, Voice>> = {
  "openai-chat": openaiChatVoice,
  "openai-responses": openaiResponsesVoice,
  "anthropic-messages": anthropicVoice,
  gemini: geminiVoice,
  "bedrock-converse": bedrockConverseVoice,
  "bedrock-invoke-claude": bedrockClaudeVoice,
  "vertex-claude": anthropicVoice,
  ollama: ollamaVoice,
  cohere: cohereVoice,
};

/** `isStreamed` where the address says it, and not the body. */
const PATHS: readonly (readonly [end: RegExp, dialect: UpstreamDialect, isStreamed?: boolean])[] = [
  [/\/chat\/completions$/, "openai-chat"],
  [/\/responses$/, "openai-responses"],
  [/\/messages$/, "anthropic-messages"],
  [/:generateContent$/, "gemini", false],
  [/:streamGenerateContent$/, "gemini", true],
  [/\/converse$/, "bedrock-converse", false],
  [/\/converse-stream$/, "bedrock-converse", true],
  [/\/invoke$/, "bedrock-invoke-claude", false],
  [/\/invoke-with-response-stream$/, "bedrock-invoke-claude", true],
  [/:rawPredict$/, "vertex-claude", false],
  [/:streamRawPredict$/, "vertex-claude", true],
  [/\/api\/chat$/, "ollama"],
  [/\/v2\/chat$/, "cohere"],
];

/** The dialect a request was written in. */
export function dialectOf({ path }: Pick<Received, "path">): UpstreamDialect | undefined {
  return PATHS.find(([end]) => end.test(path))?.[1];
}

/** Whether it asks for a stream; Ollama streams unless told not to. */
export function isStreamed({ path, text }: Pick<Received, "path" | "text">): boolean {
  const found = PATHS.find(([end]) => end.test(path));
  if (found?.[2] !== undefined) return found[2];
  const { stream } = JSON.parse(text) as { stream?: boolean };
  return stream ?? found?.[1] === "ollama";
}
