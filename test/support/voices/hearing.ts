/** What a request tells of earlier calls and their results, read in each dialect without the product's own reader. */
import type { Received } from "../upstream.ts";
import { dialectOf } from "./index.ts";

export interface Heard {
  /** Calls the model is told it has made. */
  readonly calls: readonly (readonly [id: string, name: string, input: unknown])[];
  /** Results by the id of their call; by its name where the dialect has no ids. */
  readonly results: readonly (readonly [id: string, text: string])[];
}

// biome-ignore lint/suspicious/noExplicitAny: requests of nine dialects, looked at as far as a test needs
type Any = any;

const textOf = (content: Any): string =>
  typeof content === "string"
    ? content
    : (content ?? []).map((part: Any) => part.text ?? part.document?.data ?? JSON.stringify(part.json ?? "")).join("");

/** What the request gives as the user's own, as JSON. */
export function usersWords({ text }: Received): string {
  const body: Any = JSON.parse(text);
  const turns: Any[] = body.messages ?? body.contents ?? body.input;
  return JSON.stringify(turns.filter(({ role }: Any) => role === "user"));
}

export function hear(received: Received): Heard {
  const dialect = dialectOf(received);
  const body: Any = JSON.parse(received.text);
  const blocks: Any[] = (body.messages ?? []).flatMap(({ content }: Any) => (Array.isArray(content) ? content : []));
  switch (dialect) {
    case "openai-chat":
    case "cohere":
      return {
        calls: body.messages.flatMap(({ tool_calls = [] }: Any) =>
          tool_calls.map(({ id, function: f }: Any) => [id, f.name, JSON.parse(f.arguments || "{}")]),
        ),
        results: body.messages.flatMap(({ role, tool_call_id, content }: Any) =>
          role === "tool" ? [[tool_call_id, textOf(content)]] : [],
        ),
      };
    case "openai-responses":
      return {
        calls: body.input.flatMap(({ type, call_id, name, arguments: input }: Any) =>
          type === "function_call" ? [[call_id, name, JSON.parse(input)]] : [],
        ),
        results: body.input.flatMap(({ type, call_id, output }: Any) =>
          type === "function_call_output" ? [[call_id, textOf(output)]] : [],
        ),
      };
    case "anthropic-messages":
    case "vertex-claude":
    case "bedrock-invoke-claude":
      return {
        calls: blocks.flatMap(({ type, id, name, input }) => (type === "tool_use" ? [[id, name, input] as const] : [])),
        results: blocks.flatMap(({ type, tool_use_id, content }) =>
          type === "tool_result" ? [[tool_use_id, textOf(content)] as const] : [],
        ),
      };
    case "bedrock-converse":
      return {
        calls: blocks.flatMap(({ toolUse }) =>
          toolUse === undefined ? [] : [[toolUse.toolUseId, toolUse.name, toolUse.input] as const],
        ),
        results: blocks.flatMap(({ toolResult }) =>
          toolResult === undefined ? [] : [[toolResult.toolUseId, textOf(toolResult.content)] as const],
        ),
      };
    case "ollama":
      return {
        calls: body.messages.flatMap(({ tool_calls = [] }: Any) =>
          tool_calls.map(({ function: f }: Any) => [f.name, f.name, f.arguments]),
        ),
        results: body.messages.flatMap(({ role, tool_name, content }: Any) =>
          role === "tool" ? [[tool_name, content]] : [],
        ),
      };
    case "gemini": {
      const parts: Any[] = body.contents.flatMap(({ parts = [] }: Any) => parts);
      return {
        calls: parts.flatMap(({ functionCall: call }) =>
          call === undefined ? [] : [[call.id ?? call.name, call.name, call.args] as const],
        ),
        results: parts.flatMap(({ functionResponse: told }) =>
          told === undefined
            ? []
            : [
                [
                  told.id ?? told.name,
                  told.response.output ?? told.response.result ?? JSON.stringify(told.response),
                ] as const,
              ],
        ),
      };
    }
    default:
      throw new Error(`no chat call: ${received.path}`);
  }
}
