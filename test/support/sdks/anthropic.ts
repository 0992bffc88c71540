/** The SDK `@anthropic-ai/sdk`: messages. */
import Anthropic from "@anthropic-ai/sdk";
import { CITY, PIXEL, type Question, type SdkClient, typedError, WEATHER } from "./client.ts";

export function anthropicMessages(client: Anthropic): SdkClient {
  const turn = (
    messages: Anthropic.MessageParam[],
    { model, stream, hasTools, wantsObject, wantsThoughts, ...rest }: Question,
  ) => {
    const request: Anthropic.MessageCreateParamsNonStreaming = {
      model,
      max_tokens: 4096,
      messages,
      ...(rest.system === undefined ? {} : { system: rest.system }),
      ...(hasTools
        ? {
            tools: [
              { name: "weather", input_schema: { ...CITY, required: ["city"] } },
              { name: "now", input_schema: { type: "object" } },
            ],
          }
        : {}),
      ...(wantsObject ? { output_config: { format: { type: "json_schema", schema: WEATHER } } } : {}),
      ...(wantsThoughts ? { thinking: { type: "enabled", budget_tokens: 1024 } } : {}),
    };
    const options = rest.signal === undefined ? {} : { signal: rest.signal };
    if (!stream) return client.messages.create(request, options);
    return client.messages
      .stream(request, options)
      .on("text", (piece) => rest.onText?.(piece))
      .finalMessage();
  };
  return {
    async ask(question) {
      const { text, hasPicture, results } = question;
      const source = { type: "base64" as const, media_type: "image/png" as const, data: PIXEL };
      const picture = hasPicture ? [{ type: "image" as const, source }] : [];
      const messages: Anthropic.MessageParam[] = [{ role: "user", content: [{ type: "text", text }, ...picture] }];
      let answer = await turn(messages, question);
      if (results !== undefined) {
        const calls = answer.content.filter((block) => block.type === "tool_use");
        messages.push(
          { role: "assistant", content: answer.content },
          {
            role: "user",
            content: calls.map(({ id }, index) => ({
              ...{ type: "tool_result" as const, tool_use_id: id, content: results[index]! },
            })),
          },
        );
        answer = await turn(messages, question);
      }
      const { content, stop_reason, usage } = answer;
      const calls = content.flatMap((block) => (block.type === "tool_use" ? [[block.name, block.input] as const] : []));
      if ((stop_reason === "tool_use") !== calls.length > 0) throw new Error(`calls, but ${stop_reason}`);
      return {
        text: content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join(""),
        calls,
        thoughts: content.flatMap((block) => (block.type === "thinking" ? [block.thinking] : [])).join(""),
        inputTokens: usage.input_tokens,
        outputTokens: usage.output_tokens,
      };
    },
    statusOf: (error) => (error instanceof Anthropic.APIError ? error.status : undefined),
    classOf: (status) => typedError(Anthropic, status),
    isStreamFailure: (error) => error instanceof Anthropic.AnthropicError,
    isAbort: (error) => error instanceof Anthropic.APIUserAbortError,
  };
}
