/** A vendor of each dialect on one loopback port: which one is asked follows from the path, what is answered from the words. */
import { events, type Received, type Reply, sse, startUpstream, type Upstream } from "./upstream.ts";

/** What every vendor here answers, in its own words. */
export const ANSWER = {
  text: "Let me look.",
  calls: [
    ["weather", { city: "Paris" }],
    ["now", {}],
  ],
  inputTokens: 20,
  outputTokens: 10,
} as const;

export type VendorDialect = "openai-chat" | "openai-responses" | "anthropic-messages" | "gemini";

/** The dialect a request was written in. */
export function dialectOf({ path }: Pick<Received, "path">): VendorDialect | undefined {
  if (path.endsWith("/chat/completions")) return "openai-chat";
  if (path.endsWith("/responses")) return "openai-responses";
  if (path.endsWith("/messages")) return "anthropic-messages";
  return /:(generateContent|streamGenerateContent)$/.test(path) ? "gemini" : undefined;
}

/**
 * Offered tools are called, both of them, after a few words; without any the words are all. "fail with NNN" fails with
 * that status, "break off" breaks the stream after its first words.
 */
export function startVendors(): Promise<Upstream> {
  return startUpstream(answer);
}

function answer(received: Received): Reply {
  const dialect = dialectOf(received);
  if (dialect === undefined) return { status: 404, json: { error: { message: "no such path" } } };
  const failure = /fail with (\d{3})/.exec(received.text)?.[1];
  if (failure !== undefined) return failureOf(dialect, Number(failure));
  const body = JSON.parse(received.text) as { stream?: boolean; tools?: unknown[] };
  const isStream = body.stream === true || received.path.endsWith(":streamGenerateContent");
  const vendor = VENDORS[dialect];
  const hasTools = (body.tools ?? []).length > 0;
  if (!isStream) return { json: vendor.whole(hasTools) };
  const chunks = vendor.stream(hasTools);
  return received.text.includes("break off") ? { chunks: chunks.slice(0, vendor.cut), end: "break" } : { chunks };
}

const REFUSALS: Readonly<Record<number, string>> = { 400: "That cannot be done.", 429: "Too many requests." };

function failureOf(dialect: VendorDialect, status: number): Reply {
  const message = REFUSALS[status] ?? "The vendor has a problem.";
  const type = status === 429 ? "rate_limit_error" : status >= 500 ? "api_error" : "invalid_request_error";
  const word = status === 429 ? "RESOURCE_EXHAUSTED" : status >= 500 ? "UNAVAILABLE" : "INVALID_ARGUMENT";
  switch (dialect) {
    case "anthropic-messages":
      return { status, json: { type: "error", error: { type, message } } };
    case "gemini":
      return { status, json: { error: { code: status, message, status: word } } };
    default:
      return { status, json: { error: { message, type, param: null, code: null } } };
  }
}

interface Vendor {
  whole(hasTools: boolean): object;
  /** One chunk per event. */
  stream(hasTools: boolean): string[];
  /** So many chunks hold the first words, and no more. */
  readonly cut: number;
}

const chatUsage = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 };
const chat: Vendor = {
  whole: (hasTools) => ({
    id: "chatcmpl-9",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "gpt-upstream",
    choices: [
      {
        index: 0,
        logprobs: null,
        finish_reason: hasTools ? "tool_calls" : "stop",
        message: {
          role: "assistant",
          content: ANSWER.text,
          refusal: null,
          ...(hasTools ? { tool_calls: [chatCall("a", "weather", '{"city":"Paris"}'), chatCall("b", "now", "")] } : {}),
        },
      },
    ],
    usage: chatUsage,
  }),
  stream(hasTools) {
    const chunk = (delta: object, finish: string | null = null) => ({
      id: "chatcmpl-9",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model: "gpt-upstream",
      choices: [{ index: 0, delta, finish_reason: finish }],
    });
    const calls = [
      chunk({ tool_calls: [{ index: 0, ...chatCall("a", "weather", "") }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] }),
      chunk({ tool_calls: [{ index: 1, ...chatCall("b", "now", "") }] }),
    ];
    const frames = [
      chunk({ role: "assistant", content: "" }),
      chunk({ content: "Let me " }),
      chunk({ content: "look." }),
      ...(hasTools ? calls : []),
      chunk({}, hasTools ? "tool_calls" : "stop"),
      { ...chunk({}), choices: [], usage: chatUsage },
      "[DONE]",
    ];
    return frames.map((frame) => sse(frame));
  },
  cut: 2,
};

function chatCall(id: string, name: string, args: string): object {
  return { id: `call_${id}`, type: "function", function: { name, arguments: args } };
}

const responsesItems = (hasTools: boolean) => [
  {
    id: "msg_9",
    type: "message",
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text: ANSWER.text, annotations: [], logprobs: [] }],
  },
  ...(hasTools
    ? [
        {
          id: "fc_a",
          type: "function_call",
          status: "completed",
          call_id: "call_a",
          name: "weather",
          arguments: '{"city":"Paris"}',
        },
        { id: "fc_b", type: "function_call", status: "completed", call_id: "call_b", name: "now", arguments: "{}" },
      ]
    : []),
];
const responses: Vendor = {
  whole: (hasTools) => responseObject("completed", responsesItems(hasTools)),
  stream(hasTools) {
    const frames: object[] = [
      { type: "response.created", response: responseObject("in_progress", []) },
      { type: "response.in_progress", response: responseObject("in_progress", []) },
    ];
    for (const [index, item] of responsesItems(hasTools).entries()) {
      const place = { output_index: index, item_id: item.id };
      if (item.type === "message") {
        const part = { type: "output_text", text: "", annotations: [], logprobs: [] };
        const text = { ...place, content_index: 0 };
        frames.push(
          added(index, { ...item, status: "in_progress", content: [] }),
          { type: "response.content_part.added", ...text, part },
          { type: "response.output_text.delta", ...text, delta: "Let me ", logprobs: [] },
          { type: "response.output_text.delta", ...text, delta: "look.", logprobs: [] },
          { type: "response.output_text.done", ...text, text: ANSWER.text, logprobs: [] },
          { type: "response.content_part.done", ...text, part: { ...part, text: ANSWER.text } },
        );
      } else {
        const args = "arguments" in item ? item.arguments : "";
        frames.push(
          added(index, { ...item, status: "in_progress", arguments: "" }),
          { type: "response.function_call_arguments.delta", ...place, delta: args },
          { type: "response.function_call_arguments.done", ...place, arguments: args },
        );
      }
      frames.push({ type: "response.output_item.done", output_index: index, item });
    }
    frames.push({ type: "response.completed", response: responseObject("completed", responsesItems(hasTools)) });
    return frames.map((frame, sequence_number) => events({ ...frame, sequence_number } as never));
  },
  cut: 5,
};

function added(index: number, item: object): object {
  return { type: "response.output_item.added", output_index: index, item };
}

function responseObject(status: string, output: readonly object[]): object {
  const usage = {
    input_tokens: 20,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 10,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 30,
  };
  return {
    id: "resp_9",
    object: "response",
    created_at: 1_700_000_000,
    status,
    error: null,
    incomplete_details: null,
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
    usage: status === "completed" ? usage : null,
    metadata: {},
  };
}

const messages: Vendor = {
  whole: (hasTools) => ({
    id: "msg_9",
    type: "message",
    role: "assistant",
    model: "claude-upstream",
    content: [
      { type: "text", text: ANSWER.text },
      ...(hasTools
        ? [
            { type: "tool_use", id: "toolu_a", name: "weather", input: { city: "Paris" } },
            { type: "tool_use", id: "toolu_b", name: "now", input: {} },
          ]
        : []),
    ],
    stop_reason: hasTools ? "tool_use" : "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 20, output_tokens: 10 },
  }),
  stream(hasTools) {
    const call = (index: number, id: string, name: string, json: string) => [
      { type: "content_block_start", index, content_block: { type: "tool_use", id, name, input: {} } },
      { type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json: "" } },
      ...(json === ""
        ? []
        : [{ type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json: json } }]),
      { type: "content_block_stop", index },
    ];
    const begun = { ...messages.whole(false), content: [], stop_reason: null };
    const frames = [
      { type: "message_start", message: { ...begun, usage: { input_tokens: 20, output_tokens: 1 } } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "ping" },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Let me " } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "look." } },
      { type: "content_block_stop", index: 0 },
      ...(hasTools ? [...call(1, "toolu_a", "weather", '{"city":"Paris"}'), ...call(2, "toolu_b", "now", "")] : []),
      {
        type: "message_delta",
        delta: { stop_reason: hasTools ? "tool_use" : "end_turn", stop_sequence: null },
        usage: { output_tokens: 10 },
      },
      { type: "message_stop" },
    ];
    return frames.map((frame) => events(frame));
  },
  cut: 4,
};

const geminiCalls = [
  { functionCall: { name: "weather", args: { city: "Paris" } }, thoughtSignature: "c2lnbmVk" },
  { functionCall: { name: "now", args: {} } },
];
const geminiChunk = (parts: object[], rest: object = {}) => ({
  candidates: [{ content: { role: "model", parts }, index: 0, ...rest }],
  usageMetadata: { promptTokenCount: 20, candidatesTokenCount: 10, totalTokenCount: 30 },
  modelVersion: "gemini-upstream",
  responseId: "answer-9",
});
const gemini: Vendor = {
  whole: (hasTools) => geminiChunk([{ text: ANSWER.text }, ...(hasTools ? geminiCalls : [])], { finishReason: "STOP" }),
  stream: (hasTools) =>
    [
      geminiChunk([{ text: "Let me " }]),
      geminiChunk([{ text: "look." }]),
      ...(hasTools ? geminiCalls.map((call) => geminiChunk([call])) : []),
      geminiChunk([{ text: "" }], { finishReason: "STOP" }),
    ].map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`),
  cut: 1,
};

const VENDORS: Readonly<Record<VendorDialect, Vendor>> = {
  "openai-chat": chat,
  "openai-responses": responses,
  "anthropic-messages": messages,
  gemini,
};
