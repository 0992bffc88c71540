/** Vercel's `ai` with its providers: the SDK runs the tools itself. */
import {
  APICallError,
  generateText,
  isStepCount,
  jsonSchema,
  type LanguageModel,
  type ModelMessage,
  Output,
  streamText,
  type ToolSet,
  tool,
} from "ai";
import { CITY, likelihoods, PIXEL, type Question, type SdkClient, type Told, WEATHER } from "./client.ts";

// It warns of every model it does not know, and ours are all made up.
(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;

/** Without results the tools are only offered. */
function toolsOf(results: readonly string[] | undefined): ToolSet {
  const run = (index: number) => (results === undefined ? {} : { execute: async () => results[index]! });
  return {
    weather: tool({ inputSchema: jsonSchema<{ city: string }>(CITY as never), ...run(0) } as never) as never,
    now: tool({ inputSchema: jsonSchema<object>({ type: "object", properties: {} }), ...run(1) } as never) as never,
  };
}

/** @param thinking what asks this provider for thoughts */
export function aiSdk(modelOf: (model: string) => LanguageModel, thinking: Record<string, object>): SdkClient {
  const requestOf = ({
    model,
    text,
    hasTools,
    results,
    hasPicture,
    wantsObject,
    wantsThoughts,
    wantsLogprobs,
    signal,
    system,
  }: Question) => {
    const image = { type: "file" as const, data: PIXEL, mediaType: "image/png" };
    const messages: ModelMessage[] = [
      { role: "user", content: hasPicture ? [{ type: "text" as const, text }, image] : text },
    ];
    return {
      model: modelOf(model),
      maxRetries: 0,
      messages,
      ...(system === undefined ? {} : { instructions: system }),
      ...(hasTools ? { tools: toolsOf(results), stopWhen: isStepCount(2) } : {}),
      ...(wantsObject ? { output: Output.object({ schema: jsonSchema<object>(WEATHER as never) }) } : {}),
      ...(wantsThoughts ? { providerOptions: thinking as never } : {}),
      // Only its provider for OpenAI can ask.
      ...(wantsLogprobs ? { providerOptions: { openai: { logprobs: 2, store: false } } } : {}),
      ...(signal === undefined ? {} : { abortSignal: signal }),
    };
  };
  const streamed = async (question: Question): Promise<Told> => {
    let failure: unknown;
    let isAborted = false;
    const answer = streamText({
      ...requestOf(question),
      onError: ({ error }: { error: unknown }) => {
        failure = error;
      },
    });
    for await (const part of answer.fullStream) {
      if (part.type === "text-delta") question.onText?.(part.text);
      if (part.type === "abort") isAborted = true;
    }
    if (isAborted) throw question.signal?.reason;
    if (failure !== undefined) throw failure;
    const { reasoningText, toolCalls, usage, providerMetadata } = (await answer.steps).at(-1)!;
    const text = question.wantsObject ? JSON.stringify(await answer.output) : await answer.text;
    return { ...told(text, reasoningText, toolCalls, usage), ...tokensOf(providerMetadata) };
  };
  return {
    async ask(question) {
      if (question.stream) return streamed(question);
      const answer = await generateText(requestOf(question));
      const { reasoningText, toolCalls, usage, providerMetadata } = answer.steps.at(-1)!;
      const text = question.wantsObject ? JSON.stringify(answer.output) : answer.text;
      return { ...told(text, reasoningText, toolCalls, usage), ...tokensOf(providerMetadata) };
    },
    statusOf: (error) => (APICallError.isInstance(error) ? error.statusCode : undefined),
    classOf: () => APICallError,
    // Inside a stream it hands on whatever the vendor's event held.
    isStreamFailure: (error) => error !== undefined,
    isAbort: (error) => error instanceof Error && error.name === "AbortError",
  };
}

/** One list, or one for each piece of the answer. */
function tokensOf(metadata: unknown): ReturnType<typeof likelihoods> {
  const { openai } = (metadata ?? {}) as { openai?: { logprobs?: unknown[] } };
  return likelihoods((openai?.logprobs ?? []).flat() as { token: string; logprob: number }[]);
}

function told(
  text: string,
  thoughts: string | undefined,
  calls: readonly { toolName: string; input: unknown }[],
  usage: { inputTokens: number | undefined; outputTokens: number | undefined },
): Told {
  return {
    text,
    calls: calls.map(({ toolName, input }) => [toolName, input] as const),
    thoughts: thoughts ?? "",
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
  };
}
