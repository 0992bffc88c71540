/** The inference table of the HTTP contract as data: what is asked of the relay, what that asks of an upstream, what comes back. */
import { type Reply, sse } from "../support/upstream.ts";

export const CHAT = {
  ...{ id: "c1", object: "chat.completion", created: 1, model: "gpt-4o" },
  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 2, completion_tokens: 1, total_tokens: 3 },
};
const RESPONSE = {
  ...{ id: "resp_1", object: "response", created_at: 1, status: "completed", model: "full" },
  output: [{ type: "message", id: "m1", role: "assistant", status: "completed", content: [] }],
  usage: { input_tokens: 2, output_tokens: 1, total_tokens: 3 },
};
const MESSAGE = {
  ...{
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-x",
    stop_reason: "end_turn",
    stop_sequence: null,
  },
  content: [{ type: "text", text: "hi" }],
  usage: { input_tokens: 2, output_tokens: 1 },
};
const GENERATED = {
  candidates: [{ index: 0, content: { role: "model", parts: [{ text: "hi" }] }, finishReason: "STOP" }],
  usageMetadata: { promptTokenCount: 2, candidatesTokenCount: 1, totalTokenCount: 3 },
};
/** Of a streamed chat answer. */
export const chunk = (delta: object, finish: string | null = null) => ({
  ...{ id: "c1", object: "chat.completion.chunk", created: 1, model: "gpt-4o" },
  choices: [{ index: 0, delta, finish_reason: finish }],
});
export const STREAMED = [sse(chunk({ role: "assistant", content: "hi" })), sse(chunk({}, "stop")), sse("[DONE]")];
const COMPLETION = { id: "cmpl_1", object: "text_completion", created: 1, model: "gpt-4o", choices: [] };
export const user = [{ role: "user", content: "hello" }];
const contents = [{ role: "user", parts: [{ text: "hello" }] }];
const batch = { custom_id: "1", params: { model: "claude-x", max_tokens: 1, messages: user } };

export interface Row {
  /** As the contract names it. */
  readonly row: string;
  readonly method?: string;
  readonly path: string;
  readonly body?: object;
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Record<string, string>;
  readonly reply?: Reply;
  /** `METHOD path?query` of the only upstream call; absent = nobody is asked. */
  readonly asks?: string;
  readonly status?: number;
  /** What the answer holds; a text must be its whole body. */
  readonly answer?: object | string;
  readonly answered?: Record<string, string>;
}

const speech = new Uint8Array(3000).map((_, index) => (index * 7) & 255);
const openaiRows: Row[] = [
  {
    row: "chat",
    path: "/v1/chat/completions",
    body: { model: "gpt-4o", messages: user },
    reply: { json: CHAT },
    asks: "POST /v1/chat/completions",
    answer: CHAT,
    answered: { "x-relay-lane": "pass-through" },
  },
  { row: "chat, no messages", path: "/v1/chat/completions", body: { model: "gpt-4o", messages: [] }, status: 400 },
  {
    row: "chat, a responses-shaped body",
    path: "/v1/chat/completions",
    body: { model: "gpt-4o", input: "hello" },
    reply: { json: CHAT },
    asks: "POST /v1/chat/completions",
    answer: { object: "response", status: "completed" },
  },
  {
    row: "chat, a messages-shaped body",
    path: "/v1/chat/completions",
    body: { model: "claude-x", system: "s", messages: user, max_tokens: 5 },
    reply: { json: MESSAGE },
    asks: "POST /v1/messages",
    answer: MESSAGE,
  },
  {
    row: "responses",
    path: "/v1/responses",
    body: { model: "full", input: "hello" },
    reply: { json: RESPONSE },
    asks: "POST /full/v1/responses",
    answer: RESPONSE,
  },
  ...["previous_response_id", "conversation", "background"].map(
    (field): Row => ({
      row: `responses with ${field} at another dialect`,
      path: "/v1/responses",
      body: { model: "gpt-4o", input: "x", [field]: field === "background" ? true : "resp_other_1" },
      status: 400,
      answer: { error: { code: "previous_response_not_supported", param: field } },
    }),
  ),
  {
    row: "responses as a WebSocket",
    method: "GET",
    path: "/v1/responses",
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-key": "eA==",
      "sec-websocket-version": "13",
    },
    status: 426,
  },
  ...(
    [
      ["GET", "/resp_1"],
      ["POST", "/resp_1/cancel"],
      ["GET", "/resp_1/input_items"],
      ["DELETE", "/resp_1"],
    ] as const
  ).flatMap(([method, rest]): Row[] => [
    {
      row: `responses, ${method} ${rest}`,
      method,
      path: `/v1/responses${rest}`,
      reply: { json: { id: "resp_1", x_new: 1 } },
      asks: `${method} /full/v1/responses${rest}`,
      answer: { id: "resp_1", x_new: 1 },
    },
    {
      row: `responses, ${method} ${rest}, of nobody`,
      method,
      path: `/v1/responses${rest.replace("resp_1", "resp_2")}`,
      status: 404,
      answer: { error: { code: "not_found" } },
    },
  ]),
  {
    row: "completions",
    path: "/v1/completions",
    body: { model: "gpt-4o", prompt: "x" },
    reply: { json: COMPLETION },
    asks: "POST /v1/completions",
    answer: COMPLETION,
  },
  {
    row: "completions, streamed",
    path: "/v1/completions",
    body: { model: "gpt-4o", prompt: "x", stream: true },
    reply: {
      chunks: [sse({ ...COMPLETION, choices: [{ index: 0, text: "hi", finish_reason: "stop" }] }), sse("[DONE]")],
    },
    asks: "POST /v1/completions",
    answered: { "content-type": "text/event-stream" },
  },
  {
    row: "completions by one that only chats",
    path: "/v1/completions",
    body: { model: "claude-x", prompt: "x" },
    reply: { json: MESSAGE },
    asks: "POST /v1/messages",
    answer: { object: "text_completion", choices: [{ text: "hi" }] },
  },
  {
    row: "completions, more than a plain prompt",
    path: "/v1/completions",
    body: { model: "claude-x", prompt: ["x", "y"] },
    status: 400,
  },
  {
    row: "embeddings",
    path: "/v1/embeddings",
    body: { model: "gpt-4o", input: [[1, 2]] },
    reply: {
      json: {
        object: "list",
        data: [{ object: "embedding", index: 0, embedding: [0.5] }],
        usage: { prompt_tokens: 2, total_tokens: 2 },
      },
    },
    asks: "POST /v1/embeddings",
    answer: { data: [{ embedding: [0.5] }] },
  },
  {
    row: "moderations",
    path: "/v1/moderations",
    body: { model: "gpt-4o", input: "x" },
    reply: { json: { id: "modr_1", results: [] } },
    asks: "POST /v1/moderations",
    answer: { id: "modr_1" },
  },
  {
    row: "moderations without a model",
    path: "/v1/moderations",
    body: { input: "x" },
    reply: { json: { id: "modr_1", results: [] } },
    asks: "POST /v1/moderations",
    answer: { id: "modr_1" },
  },
  {
    row: "images/generations",
    path: "/v1/images/generations",
    body: { model: "gpt-image-1", prompt: "x" },
    reply: { json: { created: 1, data: [{ b64_json: "eA==" }] } },
    asks: "POST /v1/images/generations",
    answer: { data: [{ b64_json: "eA==" }] },
  },
  {
    row: "images/edits",
    path: "/v1/images/edits",
    form: { model: "gpt-image-1", prompt: "x", "image[]": "@" },
    reply: { json: { created: 1, data: [] } },
    asks: "POST /v1/images/edits",
    answer: { data: [] },
  },
  {
    row: "images/variations",
    path: "/v1/images/variations",
    form: { image: "@", model: "gpt-image-1" },
    reply: { json: { created: 1, data: [] } },
    asks: "POST /v1/images/variations",
    answer: { data: [] },
  },
  {
    row: "audio/transcriptions",
    path: "/v1/audio/transcriptions",
    form: { file: "@", model: "gpt-4o", response_format: "vtt" },
    reply: { text: "WEBVTT\n", headers: { "content-type": "text/vtt" } },
    asks: "POST /v1/audio/transcriptions",
    answer: "WEBVTT\n",
    answered: { "content-type": "text/vtt" },
  },
  {
    row: "audio/translations",
    path: "/v1/audio/translations",
    form: { file: "@", model: "gpt-4o" },
    reply: { json: { text: "hi" } },
    asks: "POST /v1/audio/translations",
    answer: { text: "hi" },
  },
  {
    row: "audio/speech",
    path: "/v1/audio/speech",
    body: { model: "gpt-4o", input: "x", voice: "alloy" },
    reply: { chunks: [speech], headers: { "content-type": "audio/mpeg" } },
    asks: "POST /v1/audio/speech",
    answered: { "content-type": "audio/mpeg" },
  },
  {
    row: "models",
    method: "GET",
    path: "/v1/models",
    answer: {
      object: "list",
      data: [{ id: "org/slash", object: "model", created: 1710000000, owned_by: "chat" }, { id: "full" }],
    },
  },
  {
    row: "models, one whose id has a slash",
    method: "GET",
    path: "/v1/models/org/slash",
    answer: { id: "org/slash", object: "model" },
  },
  {
    row: "models, one that a pattern serves",
    method: "GET",
    path: "/v1/models/gpt-4o",
    answer: { id: "gpt-4o", object: "model", owned_by: "chat" },
  },
  {
    row: "models, an unknown one",
    method: "GET",
    path: "/v1/models/nobodys",
    status: 404,
    answer: { error: { code: "model_not_found" } },
  },
  { row: "models for Codex", method: "GET", path: "/v1/models?client_version=1.2.3", answer: '{"models":[]}' },
  {
    row: "models for Anthropic's clients",
    method: "GET",
    path: "/v1/models?limit=1",
    headers: { "anthropic-version": "2023-06-01" },
    answer: { data: [{ type: "model", id: "org/slash" }], has_more: true, first_id: "org/slash", last_id: "org/slash" },
  },
  {
    row: "credits",
    method: "GET",
    path: "/v1/credits",
    reply: { json: { data: { total_credits: 20, total_usage: 5.5 } } },
    asks: "GET /router/v1/credits",
    answer: { object: "credit_summary", provider: "router", total_available: 14.5 },
  },
  {
    row: "rerank",
    path: "/v1/rerank",
    body: { model: "gpt-4o", query: "q", documents: ["a", { text: "b" }], return_documents: true },
    reply: { json: { results: [{ index: 1, relevance_score: 1 }] } },
    asks: "POST /v1/rerank",
    answer: { model: "gpt-4o", results: [{ index: 1, relevance_score: 1, document: { text: "b" } }] },
  },
  {
    row: "rerank without documents",
    path: "/v1/rerank",
    body: { model: "gpt-4o", query: "q", documents: [] },
    status: 400,
    answer: { error: { param: "documents" } },
  },
  { row: "realtime without a WebSocket", method: "GET", path: "/v1/realtime?model=gpt-4o", status: 426 },
  {
    row: "realtime secrets",
    path: "/v1/realtime/client_secrets",
    body: {},
    status: 404,
    answer: { error: { code: "unknown_url" } },
  },
  {
    row: "responses/compact",
    path: "/v1/responses/compact",
    body: { model: "full", input: "hello" },
    reply: { json: { id: "resp_2", object: "response.compaction", output: [] } },
    asks: "POST /full/v1/responses/compact",
    answer: { object: "response.compaction" },
  },
  {
    row: "responses/input_tokens",
    path: "/v1/responses/input_tokens",
    body: { model: "full", input: "hello" },
    reply: { json: { object: "response.input_tokens", input_tokens: 9 } },
    asks: "POST /full/v1/responses/input_tokens",
    answer: { object: "response.input_tokens", input_tokens: 9 },
  },
  {
    row: "conversations",
    path: "/v1/conversations",
    body: {},
    reply: { json: { id: "conv_row", object: "conversation" } },
    asks: "POST /full/v1/conversations",
    answer: { id: "conv_row" },
  },
  {
    row: "anything else",
    path: "/v1/nothing_of_the_kind",
    body: {},
    status: 404,
    answer: { error: { code: "unknown_url" } },
  },
];
const anthropicRows: Row[] = [
  {
    row: "messages",
    path: "/v1/messages?beta=true",
    body: { model: "claude-x", max_tokens: 5, messages: user },
    headers: { "anthropic-version": "2023-01-01", "anthropic-beta": "b-1" },
    reply: { json: MESSAGE },
    asks: "POST /v1/messages?beta=true",
    answer: MESSAGE,
  },
  {
    row: "messages, no max_tokens",
    path: "/v1/messages",
    body: { model: "claude-x", messages: user },
    status: 400,
    answer: { type: "error", error: { type: "invalid_request_error" } },
  },
  {
    row: "messages/beta",
    path: "/v1/messages/beta",
    body: { model: "claude-x", max_tokens: 5, messages: user, beta: ["b-1", "b-2"] },
    reply: { json: MESSAGE },
    asks: "POST /v1/messages",
    answer: MESSAGE,
  },
  {
    row: "messages/count_tokens",
    path: "/v1/messages/count_tokens",
    body: { model: "claude-x", messages: user },
    reply: { json: { input_tokens: 7 } },
    asks: "POST /v1/messages/count_tokens",
    answer: '{"input_tokens":7}',
  },
  {
    row: "messages/count_tokens where nobody counts",
    path: "/v1/messages/count_tokens",
    body: { model: "gpt-4o", messages: user },
    status: 404,
    answer: { type: "error", error: { type: "not_found_error" } },
  },
  {
    row: "anthropic/models",
    method: "GET",
    path: "/v1/anthropic/models",
    reply: { json: { data: [{ id: "claude-x" }], has_more: false } },
    asks: "GET /v1/models?limit=1000",
    answer: { data: [{ type: "model", id: "claude-x" }] },
  },
  {
    row: "messages/batches",
    path: "/v1/messages/batches",
    body: { requests: [batch] },
    reply: { json: { id: "msgbatch_1", type: "message_batch" } },
    asks: "POST /v1/messages/batches",
    answer: { id: "msgbatch_1" },
  },
  {
    row: "messages/batches, the list",
    method: "GET",
    path: "/v1/messages/batches?limit=5",
    reply: { json: { data: [{ id: "msgbatch_1" }, { id: "others" }], has_more: false } },
    asks: "GET /v1/messages/batches?limit=100",
    answer: '{"data":[{"id":"msgbatch_1"}],"has_more":false,"first_id":"msgbatch_1","last_id":"msgbatch_1"}',
  },
  {
    row: "messages/batches, one",
    method: "GET",
    path: "/v1/messages/batches/msgbatch_1",
    reply: { json: { id: "msgbatch_1" } },
    asks: "GET /v1/messages/batches/msgbatch_1",
    answer: { id: "msgbatch_1" },
  },
  {
    row: "messages/batches, results",
    method: "GET",
    path: "/v1/messages/batches/msgbatch_1/results",
    reply: {
      chunks: ['{"custom_id":"1"}\n', '{"custom_id":"2"}\n'],
      headers: { "content-type": "application/x-jsonl" },
    },
    asks: "GET /v1/messages/batches/msgbatch_1/results",
    answer: '{"custom_id":"1"}\n{"custom_id":"2"}\n',
    answered: { "content-type": "application/x-jsonl" },
  },
  {
    row: "messages/batches, cancel",
    path: "/v1/messages/batches/msgbatch_1/cancel",
    reply: { json: { id: "msgbatch_1" } },
    asks: "POST /v1/messages/batches/msgbatch_1/cancel",
  },
  {
    row: "messages/batches, deleted",
    method: "DELETE",
    path: "/v1/messages/batches/msgbatch_1",
    reply: { json: { id: "msgbatch_1", type: "message_batch_deleted" } },
    asks: "DELETE /v1/messages/batches/msgbatch_1",
  },
  {
    row: "messages/batches, once deleted",
    method: "GET",
    path: "/v1/messages/batches/msgbatch_1",
    status: 404,
    answer: { type: "error", error: { type: "not_found_error" } },
  },
];
const geminiRows: Row[] = ["v1beta", "v1alpha"].flatMap((version): Row[] => [
  {
    row: `${version} models`,
    method: "GET",
    path: `/${version}/models?pageSize=1`,
    answer: { models: [{ name: "models/org/slash", displayName: "org/slash" }], nextPageToken: "1" },
  },
  {
    row: `${version} models, one`,
    method: "GET",
    path: `/${version}/models/org/slash`,
    answer: {
      name: "models/org/slash",
      supportedGenerationMethods: ["generateContent", "streamGenerateContent", "countTokens"],
    },
  },
  {
    row: `${version} models, an unknown one`,
    method: "GET",
    path: `/${version}/models/nobodys`,
    status: 404,
    answer: { error: { code: 404, status: "NOT_FOUND" } },
  },
]);
for (const version of ["v1beta", "v1alpha", "v1"]) {
  const at = `/${version}/models/gemini-x`;
  geminiRows.push(
    {
      row: `${version} generateContent`,
      path: `${at}:generateContent`,
      body: { contents },
      reply: { json: GENERATED },
      asks: "POST /v1beta/models/gemini-x:generateContent",
      answer: GENERATED,
    },
    {
      row: `${version} streamGenerateContent, as events`,
      path: `${at}:streamGenerateContent?alt=sse`,
      body: { contents },
      reply: { chunks: [sse(GENERATED)] },
      asks: "POST /v1beta/models/gemini-x:streamGenerateContent?alt=sse",
      answer: sse(GENERATED),
      answered: { "content-type": "text/event-stream" },
    },
    {
      row: `${version} streamGenerateContent, as an array`,
      path: `${at}:streamGenerateContent`,
      body: { contents },
      reply: { chunks: [sse(GENERATED)] },
      asks: "POST /v1beta/models/gemini-x:streamGenerateContent?alt=sse",
      answer: [GENERATED],
      answered: { "content-type": "application/json" },
    },
    {
      row: `${version} countTokens`,
      path: `${at}:countTokens`,
      body: { contents },
      reply: { json: { totalTokens: 7 } },
      asks: "POST /v1beta/models/gemini-x:countTokens",
      answer: { totalTokens: 7 },
    },
    {
      row: `${version} embedContent`,
      path: `${at}:embedContent`,
      body: { content: { parts: [{ text: "x" }] } },
      reply: { json: { embedding: { values: [1] } } },
      asks: "POST /v1beta/models/gemini-x:embedContent",
      answer: { embedding: { values: [1] } },
    },
    {
      row: `${version} batchEmbedContents`,
      path: `${at}:batchEmbedContents`,
      body: { requests: [{ model: "models/gemini-x", content: { parts: [{ text: "x" }] } }] },
      reply: { json: { embeddings: [{ values: [1] }] } },
      asks: "POST /v1beta/models/gemini-x:batchEmbedContents",
      answer: { embeddings: [{ values: [1] }] },
    },
    {
      row: `${version} another verb`,
      path: `${at}:dance`,
      body: {},
      status: 404,
      answer: { error: { code: 404, status: "NOT_FOUND" } },
    },
    {
      row: `${version} too fast`,
      path: `/${version}/models/slow-x:generateContent`,
      body: { contents: [{ role: "user", parts: [{ text: version }] }] },
      reply: {
        status: 429,
        json: {
          error: {
            code: 429,
            message: "slow",
            status: "RESOURCE_EXHAUSTED",
            details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "0.001s" }],
          },
        },
      },
      asks: "POST /slow/v1beta/models/slow-x:generateContent",
      status: 429,
      answer: { error: { code: 429, status: "RESOURCE_EXHAUSTED" } },
      answered: { "retry-after-ms": "1" },
    },
  );
}

/** Each family with its exact answer to whoever it does not know. */
export const FAMILIES: readonly (readonly [name: string, rows: readonly Row[], unauthorized: string])[] = [
  ["OpenAI", openaiRows, '{"error":{"message":"Unauthorized","type":"auth_error"}}'],
  ["Anthropic", anthropicRows, '{"type":"error","error":{"type":"auth_error","message":"Unauthorized"}}'],
  ["Gemini", geminiRows, '{"error":{"code":401,"message":"Unauthorized","status":"UNAUTHENTICATED"}}'],
];
