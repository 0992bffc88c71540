/** The official SDKs behind one face: the same four questions, asked by each in its own way; only base URL and key are ours. */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogle } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { ApiError, GoogleGenAI } from "@google/genai";
import { APICallError, generateText, jsonSchema, type LanguageModel, streamText, type ToolSet, tool } from "ai";
import OpenAI from "openai";

export const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const CITY = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
} as const;

export interface Question {
  readonly model: string;
  readonly text: string;
  readonly stream: boolean;
  /** Offers `weather(city)` and `now()`. */
  readonly tools?: boolean;
  /** Shows a picture of one pixel as well. */
  readonly picture?: boolean;
}

export interface Told {
  readonly text: string;
  /** Name and input of each call, in order. */
  readonly calls: readonly (readonly [name: string, input: unknown])[];
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
}

export interface SdkClient {
  readonly name: string;
  ask(question: Question): Promise<Told>;
  /** The HTTP status that an error of this SDK's own class names; `undefined` for one of another class. */
  statusOf(error: unknown): number | undefined;
  /** Is it this SDK's way to say that a stream went wrong? */
  isStreamFailure(error: unknown): boolean;
}

export function sdkClients(url: string, key: string): SdkClient[] {
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
  const google = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
  const viaOpenai = createOpenAI({ baseURL: `${url}/v1`, apiKey: key });
  const viaAnthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey: key });
  const viaGoogle = createGoogle({ baseURL: `${url}/v1beta`, apiKey: key });
  return [
    openaiChat(openai),
    openaiResponses(openai),
    anthropicMessages(anthropic),
    genai(google),
    aiSdk("ai with @ai-sdk/openai, responses", (model) => viaOpenai(model)),
    aiSdk("ai with @ai-sdk/openai, chat", (model) => viaOpenai.chat(model)),
    aiSdk("ai with @ai-sdk/anthropic", (model) => viaAnthropic(model)),
    aiSdk("ai with @ai-sdk/google", (model) => viaGoogle(model)),
  ];
}

const statusOfOpenai = (error: unknown) => (error instanceof OpenAI.APIError ? error.status : undefined);

function openaiChat(client: OpenAI): SdkClient {
  return {
    name: "openai, chat",
    async ask({ model, text, stream, tools, picture }) {
      const image = { type: "image_url" as const, image_url: { url: `data:image/png;base64,${PIXEL}` } };
      const request: Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, "stream"> = {
        model,
        messages: [{ role: "user", content: picture ? [{ type: "text", text }, image] : text }],
        ...(tools
          ? {
              tools: [
                { type: "function", function: { name: "weather", parameters: CITY } },
                { type: "function", function: { name: "now" } },
              ],
            }
          : {}),
      };
      const answer = stream
        ? await client.chat.completions
            .stream({ ...request, stream_options: { include_usage: true } })
            .finalChatCompletion()
        : await client.chat.completions.create(request);
      const { message, finish_reason } = answer.choices[0]!;
      const calls = (message.tool_calls ?? []).flatMap((call) =>
        call.type === "function" ? [[call.function.name, JSON.parse(call.function.arguments || "{}")] as const] : [],
      );
      if ((finish_reason === "tool_calls") !== calls.length > 0) throw new Error(`calls, but ${finish_reason}`);
      return {
        text: message.content ?? "",
        calls,
        inputTokens: answer.usage?.prompt_tokens,
        outputTokens: answer.usage?.completion_tokens,
      };
    },
    statusOf: statusOfOpenai,
    isStreamFailure: (error) => error instanceof OpenAI.APIError,
  };
}

function openaiResponses(client: OpenAI): SdkClient {
  return {
    name: "openai, responses",
    async ask({ model, text, stream, tools, picture }) {
      const image = {
        type: "input_image" as const,
        image_url: `data:image/png;base64,${PIXEL}`,
        detail: "auto" as const,
      };
      const request: Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, "stream"> = {
        model,
        input: picture ? [{ role: "user", content: [{ type: "input_text", text }, image] }] : text,
        ...(tools
          ? {
              tools: [
                { type: "function", name: "weather", parameters: CITY, strict: false },
                { type: "function", name: "now", parameters: null, strict: false },
              ],
            }
          : {}),
      };
      const answer = stream
        ? await client.responses.stream(request).finalResponse()
        : await client.responses.create(request);
      if (answer.status === "failed") throw new OpenAI.APIError(undefined, answer.error ?? undefined, "", undefined);
      return {
        text: answer.output_text,
        calls: answer.output.flatMap((item) =>
          item.type === "function_call" ? [[item.name, JSON.parse(item.arguments)] as const] : [],
        ),
        inputTokens: answer.usage?.input_tokens,
        outputTokens: answer.usage?.output_tokens,
      };
    },
    statusOf: statusOfOpenai,
    // The SDK's helper takes any final response; one without a status `completed` says that it failed.
    isStreamFailure: (error) => error instanceof Error,
  };
}

function anthropicMessages(client: Anthropic): SdkClient {
  return {
    name: "@anthropic-ai/sdk",
    async ask({ model, text, stream, tools, picture }) {
      const source = { type: "base64" as const, media_type: "image/png" as const, data: PIXEL };
      const request: Anthropic.MessageCreateParamsNonStreaming = {
        model,
        max_tokens: 256,
        messages: [
          {
            role: "user",
            content: picture
              ? [
                  { type: "text", text },
                  { type: "image", source },
                ]
              : text,
          },
        ],
        ...(tools
          ? {
              tools: [
                { name: "weather", input_schema: { ...CITY, required: ["city"] } },
                { name: "now", input_schema: { type: "object" } },
              ],
            }
          : {}),
      };
      const answer = stream
        ? await client.messages.stream(request).finalMessage()
        : await client.messages.create(request);
      const calls = answer.content.flatMap((block) =>
        block.type === "tool_use" ? [[block.name, block.input] as const] : [],
      );
      if ((answer.stop_reason === "tool_use") !== calls.length > 0) throw new Error(`calls, but ${answer.stop_reason}`);
      return {
        text: answer.content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join(""),
        calls,
        inputTokens: answer.usage.input_tokens,
        outputTokens: answer.usage.output_tokens,
      };
    },
    statusOf: (error) => (error instanceof Anthropic.APIError ? error.status : undefined),
    isStreamFailure: (error) => error instanceof Anthropic.AnthropicError,
  };
}

function genai(client: GoogleGenAI): SdkClient {
  return {
    name: "@google/genai",
    async ask({ model, text, stream, tools, picture }) {
      const image = { inlineData: { mimeType: "image/png", data: PIXEL } };
      const request = {
        model,
        contents: [{ role: "user", parts: picture ? [{ text }, image] : [{ text }] }],
        ...(tools
          ? {
              config: {
                tools: [{ functionDeclarations: [{ name: "weather", parametersJsonSchema: CITY }, { name: "now" }] }],
              },
            }
          : {}),
      };
      const chunks = stream
        ? await Array.fromAsync(await client.models.generateContentStream(request))
        : [await client.models.generateContent(request)];
      const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
      const usage = chunks.findLast((chunk) => chunk.usageMetadata !== undefined)?.usageMetadata;
      if (chunks.at(-1)?.candidates?.[0]?.finishReason === undefined) throw new Error("no finish reason at the end");
      return {
        text: parts.map((part) => (part.thought ? "" : (part.text ?? ""))).join(""),
        calls: parts.flatMap(({ functionCall }) =>
          functionCall === undefined ? [] : [[functionCall.name ?? "", functionCall.args ?? {}] as const],
        ),
        inputTokens: usage?.promptTokenCount,
        outputTokens: usage?.candidatesTokenCount,
      };
    },
    statusOf: (error) => (error instanceof ApiError ? error.status : undefined),
    isStreamFailure: (error) => error instanceof ApiError,
  };
}

// It warns of every model it does not know, and ours are all made up.
(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;

const AI_TOOLS: ToolSet = {
  weather: tool({ inputSchema: jsonSchema<{ city: string }>(CITY as never) }) as never,
  now: tool({ inputSchema: jsonSchema<object>({ type: "object", properties: {} }) }) as never,
};

function aiSdk(name: string, modelOf: (model: string) => LanguageModel): SdkClient {
  return {
    name,
    async ask({ model, text, stream, tools, picture }) {
      const image = { type: "file" as const, data: PIXEL, mediaType: "image/png" };
      const request = {
        model: modelOf(model),
        maxRetries: 0,
        messages: [{ role: "user" as const, content: picture ? [{ type: "text" as const, text }, image] : text }],
        ...(tools ? { tools: AI_TOOLS } : {}),
      };
      if (!stream) {
        const { text: said, toolCalls, usage } = await generateText(request);
        return told(said, toolCalls, usage);
      }
      let failure: unknown;
      const answer = streamText({
        ...request,
        onError: ({ error }) => {
          failure = error;
        },
      });
      await answer.consumeStream();
      if (failure !== undefined) throw failure;
      return told(await answer.text, await answer.toolCalls, await answer.usage);
    },
    statusOf: (error) => (APICallError.isInstance(error) ? error.statusCode : undefined),
    // Inside a stream it hands on whatever the vendor's event held.
    isStreamFailure: (error) => error !== undefined,
  };
}

function told(
  text: string,
  calls: readonly { toolName: string; input: unknown }[],
  usage: { inputTokens: number | undefined; outputTokens: number | undefined },
): Told {
  return {
    text,
    calls: calls.map(({ toolName, input }) => [toolName, input] as const),
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
  };
}
