/** Guesses how many tokens a request has, where nobody counts them. */
import type { ChatRequest, Part } from "../plugin/index.ts";

/** Seen over many languages and tokenizers; code and English are near it. */
const BYTES_PER_TOKEN = 4;
/** What a picture of usual size costs with the vendors that tell. */
const MEDIA_TOKENS = 1500;
/** Role, separators and the like. */
const MESSAGE_TOKENS = 4;

/** At least 1: a guess of nothing would tell clients that they have all the room there is. */
export function estimateTokens({ system, messages, tools }: ChatRequest): number {
  let tokens = textTokens(system);
  for (const { parts } of messages) tokens += MESSAGE_TOKENS + textTokens(parts);
  for (const { name, description = "", schema = {} } of tools) {
    tokens += MESSAGE_TOKENS + bytesTokens(name) + bytesTokens(description) + bytesTokens(JSON.stringify(schema));
  }
  return Math.max(1, Math.ceil(tokens));
}

function textTokens(parts: readonly Part[]): number {
  let tokens = 0;
  for (const part of parts) {
    switch (part.type) {
      case "text":
      case "reasoning":
      case "refusal":
        tokens += bytesTokens(part.text);
        break;
      case "tool-call":
        tokens += bytesTokens(part.name) + bytesTokens(part.inputJson);
        break;
      case "tool-result":
        tokens += MESSAGE_TOKENS + textTokens(part.parts);
        break;
      case "media":
        tokens += part.source.type === "text" ? bytesTokens(part.source.text) : MEDIA_TOKENS;
        break;
      case "hosted-call":
        tokens += bytesTokens(JSON.stringify(part.work));
        break;
      case "opaque":
        tokens += bytesTokens(JSON.stringify(part.value));
    }
  }
  return tokens;
}

function bytesTokens(text: string): number {
  return Buffer.byteLength(text) / BYTES_PER_TOKEN;
}
