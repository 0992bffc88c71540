/** The official SDKs as their documentation sets them up; only base URL and key are ours. */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogle } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { anthropicMessages } from "./anthropic.ts";
import type { SdkClient } from "./client.ts";
import { genai } from "./google.ts";
import { openaiChat, openaiResponses } from "./openai.ts";
import { aiSdk } from "./vercel.ts";

export { PIXEL, type Question, type SdkClient, type Told } from "./client.ts";

export const SDKS = [
  "openai, chat",
  "openai, responses",
  "@anthropic-ai/sdk",
  "@google/genai",
  "ai with @ai-sdk/openai, responses",
  "ai with @ai-sdk/openai, chat",
  "ai with @ai-sdk/anthropic",
  "ai with @ai-sdk/google",
] as const;
export type SdkName = (typeof SDKS)[number];

export function sdkClients(url: string, key: string): Readonly<Record<SdkName, SdkClient>> {
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
  const google = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
  const viaOpenai = createOpenAI({ baseURL: `${url}/v1`, apiKey: key });
  const viaAnthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey: key });
  const viaGoogle = createGoogle({ baseURL: `${url}/v1beta`, apiKey: key });
  const openaiThinking = { openai: { reasoningEffort: "low", reasoningSummary: "auto", forceReasoning: true } };
  const openaiStateless = { openai: { ...openaiThinking.openai, store: false } };
  return {
    "openai, chat": openaiChat(openai),
    "openai, responses": openaiResponses(openai),
    "@anthropic-ai/sdk": anthropicMessages(anthropic),
    "@google/genai": genai(google),
    "ai with @ai-sdk/openai, responses": aiSdk((model) => viaOpenai(model), openaiStateless),
    "ai with @ai-sdk/openai, chat": aiSdk((model) => viaOpenai.chat(model), openaiThinking),
    "ai with @ai-sdk/anthropic": aiSdk((model) => viaAnthropic(model), {
      anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } },
    }),
    "ai with @ai-sdk/google": aiSdk((model) => viaGoogle(model), {
      google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } },
    }),
  };
}
