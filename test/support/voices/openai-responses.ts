/** OpenAI's responses, as a vendor says them. */
import { events } from "../upstream.ts";
import { HOSTED_ITEMS } from "./hosted.ts";
import { openaiFailure } from "./openai-chat.ts";
import { type Call, callId, pieces, type Said, SIGNATURE, tokens, type Voice } from "./voice.ts";

interface Item {
  readonly id: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

const ORIGIN = "openai-responses";

function itemOf(call: Call, index: number): Item {
  const common = { status: "completed", call_id: callId("call_", call, index), name: call.name };
  return call.custom === undefined
    ? { id: `fc_${index}`, type: "function_call", ...common, arguments: JSON.stringify(call.input) }
    : { id: `ctc_${index}`, type: "custom_tool_call", ...common, input: call.custom };
}

function itemsOf(said: Said): Item[] {
  const content = said.isRefused
    ? [{ type: "refusal", refusal: said.text }]
    : [{ type: "output_text", text: said.text, annotations: [], logprobs: tokens(said) }];
  const summary = [{ type: "summary_text", text: said.reasoning }];
  return [
    ...(said.reasoning === undefined
      ? []
      : [{ id: "rs_9", type: "reasoning", summary, encrypted_content: `${ORIGIN}-${SIGNATURE}` }]),
    ...(said.hasHosted ? HOSTED_ITEMS : []),
    ...(said.text === "" ? [] : [{ id: "msg_9", type: "message", role: "assistant", status: "completed", content }]),
    ...said.calls.map(itemOf),
  ];
}

export const openaiResponsesVoice: Voice = {
  streamType: "text/event-stream",
  whole: (said) => responseObject(said, statusOf(said), itemsOf(said)),
  stream(said) {
    const frames: object[] = [
      { type: "response.created", response: responseObject(said, "in_progress", []) },
      { type: "response.in_progress", response: responseObject(said, "in_progress", []) },
    ];
    for (const [index, item] of itemsOf(said).entries()) {
      const done = { type: "response.output_item.done", output_index: index, item };
      frames.push(...told(said, index, item), done);
    }
    frames.push({ type: `response.${statusOf(said)}`, response: responseObject(said, statusOf(said), itemsOf(said)) });
    return frames.map((frame, sequence_number) => events({ ...frame, sequence_number } as never));
  },
  failure: openaiFailure,
};

/** The events of one item before its end. */
function told(said: Said, index: number, item: Item): object[] {
  const place = { output_index: index, item_id: item.id };
  const added = (fields: object) => ({
    type: "response.output_item.added",
    output_index: index,
    item: { ...item, ...fields },
  });
  switch (item.type) {
    case "message": {
      const part = { type: "output_text", text: "", annotations: [], logprobs: [] };
      const text = { ...place, content_index: 0 };
      if (said.isRefused) {
        return [
          added({ status: "in_progress", content: [] }),
          { type: "response.content_part.added", ...text, part: { type: "refusal", refusal: "" } },
          ...pieces(said.text).map((delta) => ({ type: "response.refusal.delta", ...text, delta })),
          { type: "response.refusal.done", ...text, refusal: said.text },
          { type: "response.content_part.done", ...text, part: { type: "refusal", refusal: said.text } },
        ];
      }
      return [
        added({ status: "in_progress", content: [] }),
        { type: "response.content_part.added", ...text, part },
        ...pieces(said.text).map((delta, at) => ({
          ...{ type: "response.output_text.delta", ...text, delta, logprobs: tokens(said).slice(at, at + 1) },
        })),
        { type: "response.output_text.done", ...text, text: said.text, logprobs: tokens(said) },
        { type: "response.content_part.done", ...text, part: { ...part, text: said.text, logprobs: tokens(said) } },
      ];
    }
    case "reasoning": {
      const text = { ...place, summary_index: 0 };
      const part = { type: "summary_text", text: "" };
      return [
        added({ summary: [] }),
        { type: "response.reasoning_summary_part.added", ...text, part },
        ...pieces(said.reasoning ?? "").map((delta) => ({
          ...{ type: "response.reasoning_summary_text.delta", ...text, delta },
        })),
        { type: "response.reasoning_summary_text.done", ...text, text: said.reasoning },
        { type: "response.reasoning_summary_part.done", ...text, part: { ...part, text: said.reasoning } },
      ];
    }
    case "web_search_call":
    case "mcp_call":
      return [added({ status: "in_progress" }), { type: `response.${item.type}.in_progress`, ...place }];
    case "code_interpreter_call":
      return [
        added({ status: "in_progress", code: "", outputs: null }),
        ...pieces(String(item["code"])).map((delta) => ({
          ...{ type: "response.code_interpreter_call_code.delta", ...place, delta },
        })),
        { type: "response.code_interpreter_call_code.done", ...place, code: item["code"] },
      ];
    case "custom_tool_call":
      return [
        added({ status: "in_progress", input: "" }),
        ...pieces(String(item["input"])).map((delta) => ({
          ...{ type: "response.custom_tool_call_input.delta", ...place, delta },
        })),
        { type: "response.custom_tool_call_input.done", ...place, input: item["input"] },
      ];
    default:
      return [
        added({ status: "in_progress", arguments: "" }),
        ...pieces(String(item["arguments"])).map((delta) => ({
          ...{ type: "response.function_call_arguments.delta", ...place, delta },
        })),
        { type: "response.function_call_arguments.done", ...place, arguments: item["arguments"] },
      ];
  }
}

function statusOf({ isCut }: Said): string {
  return isCut ? "incomplete" : "completed";
}

function responseObject(said: Said, status: string, output: readonly object[]): object {
  const usage = {
    input_tokens: said.inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: said.outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: said.inputTokens + said.outputTokens,
  };
  return {
    id: "resp_9",
    object: "response",
    created_at: 1_700_000_000,
    status,
    error: null,
    incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
    instructions: null,
    max_output_tokens: null,
    model: "gpt-upstream",
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: 1,
    text: { format: { type: "text" } },
    tool_choice: "auto",
    tools: [],
    top_p: 1,
    truncation: "disabled",
    usage: status === "in_progress" ? null : usage,
    metadata: {},
  };
}
