/** Vendors whose dialects no client speaks, on one loopback port; they answer what those of `vendors.ts` answer. */
import type { Codec, Frame } from "../../src/contract/codec.ts";
import { awsEventStream } from "../../src/wire/aws-event-stream.ts";
import { events, type Received, type Reply, sse, startUpstream, type Upstream } from "./upstream.ts";
import { ANSWER } from "./vendors.ts";

export type CloudDialect = "bedrock-converse" | "bedrock-invoke-claude" | "vertex-claude" | "ollama" | "cohere";

/** A token is lent below this path, whoever asks. */
export const TOKEN_PATH = "/token";
export const LENT_TOKEN = "ya29.whole-test-token-0123456789";

const PATHS: readonly (readonly [end: RegExp, dialect: CloudDialect, isStreamed?: boolean])[] = [
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
export function cloudDialectOf({ path }: Pick<Received, "path">): CloudDialect | undefined {
  return PATHS.find(([end]) => end.test(path))?.[1];
}

/** "fail with NNN" fails with that status, "break off" breaks the stream after its first words. */
export function startCloudVendors(): Promise<Upstream> {
  return startUpstream((received) => {
    if (received.path === TOKEN_PATH) return { json: { access_token: LENT_TOKEN, expires_in: 3600 } };
    const found = PATHS.find(([end]) => end.test(received.path));
    if (found === undefined) return { status: 404, json: { message: "no such path" } };
    const [, dialect, isStreamed] = found;
    const failure = /fail with (\d{3})/.exec(received.text)?.[1];
    if (failure !== undefined) return failureOf(dialect, Number(failure));
    const body = JSON.parse(received.text) as { stream?: boolean; tools?: unknown[]; toolConfig?: unknown };
    const hasTools = (body.tools ?? []).length > 0 || body.toolConfig !== undefined;
    const vendor = VENDORS[dialect];
    if (!(isStreamed ?? body.stream === true)) return { json: vendor.whole(hasTools) };
    const chunks = vendor.stream(hasTools);
    const reply = { headers: { "content-type": vendor.streamType }, chunks };
    return received.text.includes("break off")
      ? { ...reply, chunks: chunks.slice(0, vendor.cut), end: "break" }
      : reply;
  });
}

const REFUSALS: Readonly<Record<number, string>> = { 400: "That cannot be done.", 429: "Too many requests." };

function failureOf(dialect: CloudDialect, status: number): Reply {
  const message = REFUSALS[status] ?? "The vendor has a problem.";
  if (dialect === "ollama") return { status, json: { error: message } };
  if (dialect === "vertex-claude") return { status, json: { type: "error", error: { type: "some_error", message } } };
  return { status, json: { message } };
}

interface Vendor {
  readonly streamType: string;
  whole(hasTools: boolean): object;
  /** One chunk per event. */
  stream(hasTools: boolean): (string | Uint8Array)[];
  /** So many chunks hold the first words, and no more. */
  readonly cut: number;
}

const [[WEATHER, CITY], [NOW]] = ANSWER.calls;
const EVENT_STREAM = awsEventStream.contentType;
const framed = (framing: Codec["framing"], ...frames: Frame[]): Uint8Array[] =>
  frames.map((frame) => framing.encode([frame]));

const converseUsage = { inputTokens: ANSWER.inputTokens, outputTokens: ANSWER.outputTokens, totalTokens: 30 };
const converse: Vendor = {
  streamType: EVENT_STREAM,
  cut: 2,
  whole: (hasTools) => ({
    output: {
      message: {
        role: "assistant",
        content: [
          { text: ANSWER.text },
          ...(hasTools
            ? [
                { toolUse: { toolUseId: "tooluse_1", name: WEATHER, input: CITY } },
                { toolUse: { toolUseId: "tooluse_2", name: NOW, input: {} } },
              ]
            : []),
        ],
      },
    },
    stopReason: hasTools ? "tool_use" : "end_turn",
    usage: converseUsage,
  }),
  stream(hasTools) {
    const event = (name: string, body: object): Frame => ({ event: name, data: JSON.stringify({ ...body, p: "abc" }) });
    const call = (index: number, name: string, input: string): Frame[] => [
      event("contentBlockStart", {
        contentBlockIndex: index,
        start: { toolUse: { toolUseId: `tooluse_${index}`, name } },
      }),
      event("contentBlockDelta", { contentBlockIndex: index, delta: { toolUse: { input } } }),
      event("contentBlockStop", { contentBlockIndex: index }),
    ];
    return framed(
      awsEventStream,
      event("messageStart", { role: "assistant" }),
      event("contentBlockDelta", { contentBlockIndex: 0, delta: { text: ANSWER.text.slice(0, 4) } }),
      event("contentBlockDelta", { contentBlockIndex: 0, delta: { text: ANSWER.text.slice(4) } }),
      event("contentBlockStop", { contentBlockIndex: 0 }),
      ...(hasTools ? [...call(1, WEATHER, JSON.stringify(CITY)), ...call(2, NOW, "{}")] : []),
      event("messageStop", { stopReason: hasTools ? "tool_use" : "end_turn" }),
      event("metadata", { usage: converseUsage }),
    );
  },
};

const claudeUsage = { input_tokens: ANSWER.inputTokens, output_tokens: ANSWER.outputTokens };
function claudeEvents(hasTools: boolean): { type: string }[] {
  const block = (index: number, start: object, delta: object): { type: string }[] => [
    { type: "content_block_start", index, content_block: start } as { type: string },
    { type: "content_block_delta", index, delta } as { type: string },
    { type: "content_block_stop", index } as { type: string },
  ];
  const call = (index: number, name: string, json: string) =>
    block(
      index,
      { type: "tool_use", id: `toolu_${index}`, name, input: {} },
      { type: "input_json_delta", partial_json: json },
    );
  const message = { id: "msg_9", type: "message", role: "assistant", model: "claude-upstream", content: [] };
  return [
    { type: "message_start", message: { ...message, usage: { ...claudeUsage, output_tokens: 1 } } } as { type: string },
    ...block(0, { type: "text", text: "" }, { type: "text_delta", text: ANSWER.text }),
    ...(hasTools ? [...call(1, WEATHER, JSON.stringify(CITY)), ...call(2, NOW, "")] : []),
    {
      type: "message_delta",
      delta: { stop_reason: hasTools ? "tool_use" : "end_turn", stop_sequence: null },
      usage: { output_tokens: ANSWER.outputTokens },
    } as { type: string },
    { type: "message_stop" },
  ];
}
const wholeClaude = (hasTools: boolean): object => ({
  ...{ id: "msg_9", type: "message", role: "assistant", model: "claude-upstream" },
  content: [
    { type: "text", text: ANSWER.text },
    ...(hasTools
      ? [
          { type: "tool_use", id: "toolu_1", name: WEATHER, input: CITY },
          { type: "tool_use", id: "toolu_2", name: NOW, input: {} },
        ]
      : []),
  ],
  stop_reason: hasTools ? "tool_use" : "end_turn",
  stop_sequence: null,
  usage: claudeUsage,
});
const vertex: Vendor = {
  streamType: "text/event-stream",
  cut: 3,
  whole: wholeClaude,
  stream: (hasTools) => claudeEvents(hasTools).map((event) => events(event)),
};
const invoke: Vendor = {
  streamType: EVENT_STREAM,
  cut: 3,
  whole: wholeClaude,
  stream: (hasTools) =>
    framed(
      awsEventStream,
      ...claudeEvents(hasTools).map((event) => ({
        event: "chunk",
        data: JSON.stringify({ bytes: Buffer.from(JSON.stringify(event)).toString("base64") }),
      })),
    ),
};

const calls = [{ function: { name: WEATHER, arguments: CITY } }, { function: { name: NOW, arguments: {} } }];
const line = (message: object, end?: object): object => ({
  ...{ model: "llama-upstream", created_at: "2026-03-01T10:00:00Z", done: end !== undefined },
  message: { role: "assistant", ...message },
  ...end,
});
const ollamaEnd = { done_reason: "stop", prompt_eval_count: ANSWER.inputTokens, eval_count: ANSWER.outputTokens };
const ollama: Vendor = {
  streamType: "application/x-ndjson",
  cut: 1,
  whole: (hasTools) => line({ content: ANSWER.text, ...(hasTools ? { tool_calls: calls } : {}) }, ollamaEnd),
  stream: (hasTools) =>
    [
      line({ content: ANSWER.text.slice(0, 4) }),
      line({ content: ANSWER.text.slice(4) }),
      ...(hasTools ? calls.map((call) => line({ content: "", tool_calls: [call] })) : []),
      line({ content: "" }, ollamaEnd),
    ].map((value) => `${JSON.stringify(value)}\n`),
};

const cohereUsage = { tokens: { input_tokens: ANSWER.inputTokens, output_tokens: ANSWER.outputTokens } };
const cohereCalls = [
  { id: "weather_1", type: "function", function: { name: WEATHER, arguments: JSON.stringify(CITY) } },
  { id: "now_1", type: "function", function: { name: NOW, arguments: "{}" } },
];
const cohere: Vendor = {
  streamType: "text/event-stream",
  cut: 3,
  whole: (hasTools) => ({
    id: "c-9",
    finish_reason: hasTools ? "TOOL_CALL" : "COMPLETE",
    message: hasTools
      ? { role: "assistant", tool_plan: ANSWER.text, tool_calls: cohereCalls }
      : { role: "assistant", content: [{ type: "text", text: ANSWER.text }] },
    usage: cohereUsage,
  }),
  stream(hasTools) {
    const content = (text: string) => ({ delta: { message: { content: { text } } } });
    const words = hasTools
      ? [{ type: "tool-plan-delta", delta: { message: { tool_plan: ANSWER.text } } }]
      : [
          { type: "content-start", index: 0, delta: { message: { content: { type: "text", text: "" } } } },
          { type: "content-delta", index: 0, ...content(ANSWER.text) },
          { type: "content-end", index: 0 },
        ];
    const told = cohereCalls.flatMap(({ function: { arguments: input, ...called }, ...call }, index) => [
      {
        type: "tool-call-start",
        index,
        delta: { message: { tool_calls: { ...call, function: { ...called, arguments: "" } } } },
      },
      { type: "tool-call-delta", index, delta: { message: { tool_calls: { function: { arguments: input } } } } },
      { type: "tool-call-end", index },
    ]);
    return [
      { type: "message-start", id: "c-9", delta: { message: { role: "assistant" } } },
      ...words,
      ...(hasTools ? told : []),
      { type: "message-end", delta: { finish_reason: hasTools ? "TOOL_CALL" : "COMPLETE", usage: cohereUsage } },
    ].map((event) => sse(event));
  },
};

const VENDORS: { readonly [Dialect in CloudDialect]: Vendor } = {
  "bedrock-converse": converse,
  "bedrock-invoke-claude": invoke,
  "vertex-claude": vertex,
  ollama,
  cohere,
};
