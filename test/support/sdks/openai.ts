/** The SDK `openai`: chat completions and responses. */
import OpenAI from "openai";
import { CITY, likelihoods, PIXEL, type Question, type SdkClient, type Told, typedError, WEATHER } from "./client.ts";

const common = {
  statusOf: (error: unknown) => (error instanceof OpenAI.APIError ? error.status : undefined),
  classOf: (status: number) => typedError(OpenAI, status),
  isAbort: (error: unknown) => error instanceof OpenAI.APIUserAbortError,
};

export function openaiChat(client: OpenAI): SdkClient {
  type Message = OpenAI.ChatCompletionMessageParam;
  const turn = (messages: Message[], { model, stream, hasTools, wantsObject, wantsThoughts, ...rest }: Question) => {
    const request: Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, "stream"> = {
      model,
      messages,
      ...(hasTools
        ? {
            tools: [
              { type: "function", function: { name: "weather", parameters: CITY } },
              { type: "function", function: { name: "now" } },
            ],
          }
        : {}),
      ...(wantsObject
        ? { response_format: { type: "json_schema", json_schema: { name: "weather", schema: WEATHER, strict: true } } }
        : {}),
      ...(wantsThoughts ? { reasoning_effort: "low" } : {}),
      ...(rest.wantsLogprobs ? { logprobs: true } : {}),
    };
    const options = rest.signal === undefined ? {} : { signal: rest.signal };
    if (!stream) return client.chat.completions.create(request, options);
    return streamed({ ...request, stream_options: { include_usage: true } }, rest);
  };
  const streamed = async (
    request: Omit<OpenAI.ChatCompletionCreateParamsStreaming, "stream">,
    { signal, onText }: Pick<Question, "signal" | "onText">,
  ): Promise<OpenAI.ChatCompletion> => {
    let thoughts = "";
    const answer = await client.chat.completions
      .stream(request, signal === undefined ? {} : { signal })
      .on("content", (piece) => onText?.(piece))
      .on("chunk", ({ choices }) => {
        thoughts += (choices[0]?.delta as { reasoning_content?: string } | undefined)?.reasoning_content ?? "";
      })
      .finalChatCompletion();
    // Of a field it does not know the helper keeps the last piece.
    if (thoughts !== "") Object.assign(answer.choices[0]!.message, { reasoning_content: thoughts });
    return answer;
  };
  return {
    ...common,
    async ask(question) {
      const { text, hasPicture, results } = question;
      const image = { type: "image_url" as const, image_url: { url: `data:image/png;base64,${PIXEL}` } };
      const messages: Message[] = [
        ...(question.system === undefined ? [] : [{ role: "system" as const, content: question.system }]),
        { role: "user", content: hasPicture ? [{ type: "text", text }, image] : text },
      ];
      let answer = await turn(messages, question);
      if (results !== undefined) {
        const { message } = answer.choices[0]!;
        messages.push(message);
        for (const [index, { id }] of (message.tool_calls ?? []).entries()) {
          messages.push({ role: "tool", tool_call_id: id, content: results[index]! });
        }
        answer = await turn(messages, question);
      }
      return toldByChat(answer);
    },
    isStreamFailure: (error) => error instanceof OpenAI.APIError,
  };
}

function toldByChat({ choices, usage }: OpenAI.ChatCompletion): Told {
  const { message, finish_reason, logprobs } = choices[0]!;
  const calls = (message.tool_calls ?? []).flatMap((call) =>
    call.type === "function" ? [[call.function.name, JSON.parse(call.function.arguments || "{}")] as const] : [],
  );
  if ((finish_reason === "tool_calls") !== calls.length > 0) throw new Error(`calls, but ${finish_reason}`);
  return {
    text: message.content ?? "",
    calls,
    // No field of OpenAI's own, so that the SDK keeps it without knowing it.
    thoughts: (message as { reasoning_content?: string }).reasoning_content ?? "",
    inputTokens: usage?.prompt_tokens,
    outputTokens: usage?.completion_tokens,
    ...likelihoods(logprobs?.content),
  };
}

export function openaiResponses(client: OpenAI): SdkClient {
  type Input = OpenAI.Responses.ResponseInput;
  const turn = (input: Input, { model, stream, hasTools, wantsObject, wantsThoughts, ...rest }: Question) => {
    const request: Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, "stream"> = {
      model,
      input,
      ...(rest.system === undefined ? {} : { instructions: rest.system }),
      store: false,
      include: [
        "reasoning.encrypted_content",
        ...(rest.wantsLogprobs ? ["message.output_text.logprobs" as const] : []),
      ],
      ...(hasTools
        ? {
            tools: [
              { type: "function", name: "weather", parameters: CITY, strict: false },
              { type: "function", name: "now", parameters: null, strict: false },
            ],
          }
        : {}),
      ...(wantsObject
        ? { text: { format: { type: "json_schema", name: "weather", schema: WEATHER, strict: true } } }
        : {}),
      ...(wantsThoughts ? { reasoning: { effort: "low", summary: "auto" } } : {}),
    };
    const options = rest.signal === undefined ? {} : { signal: rest.signal };
    if (!stream) return client.responses.create(request, options);
    return client.responses
      .stream(request, options)
      .on("response.output_text.delta", ({ delta }) => rest.onText?.(delta))
      .finalResponse();
  };
  return {
    ...common,
    async ask(question) {
      const { text, hasPicture, results } = question;
      const image = {
        type: "input_image" as const,
        image_url: `data:image/png;base64,${PIXEL}`,
        detail: "auto" as const,
      };
      const content = [{ type: "input_text" as const, text }, ...(hasPicture ? [image] : [])];
      const input: Input = [{ role: "user", content }];
      let answer = await turn(input, question);
      if (results !== undefined) {
        const calls = answer.output.flatMap((item) => (item.type === "function_call" ? [item] : []));
        input.push(...(answer.output as Input));
        for (const [index, { call_id }] of calls.entries()) {
          input.push({ type: "function_call_output", call_id, output: results[index]! });
        }
        answer = await turn(input, question);
      }
      if (answer.status === "failed") throw new OpenAI.APIError(undefined, answer.error ?? undefined, "", undefined);
      return {
        text: answer.output_text,
        calls: answer.output.flatMap((item) =>
          item.type === "function_call" ? [[item.name, JSON.parse(item.arguments)] as const] : [],
        ),
        thoughts: answer.output
          .flatMap((item) => (item.type === "reasoning" ? item.summary.map((part) => part.text) : []))
          .join(""),
        inputTokens: answer.usage?.input_tokens,
        outputTokens: answer.usage?.output_tokens,
        ...likelihoods(
          answer.output.flatMap((item) =>
            item.type === "message"
              ? item.content.flatMap((part) => (part.type === "output_text" ? (part.logprobs ?? []) : []))
              : [],
          ),
        ),
      };
    },
    // The SDK's helper takes any final response; one without a status `completed` says that it failed.
    isStreamFailure: (error) => error instanceof Error,
  };
}
