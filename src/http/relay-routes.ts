/** The relay's routes: which dialect, which operation, which scope, which lane. */
import type { Scope } from "../config/scopes.ts";
import {
  anthropicMessages,
  type Codec,
  gemini,
  type Operation,
  openaiChat,
  openaiCompletions,
  openaiResponses,
} from "../plugin/index.ts";
import type { FieldKind, RelayRoute } from "../relay/route.ts";

type Kinds = Readonly<Record<string, FieldKind>>;

const CHAT_OPTIONAL: Kinds = {
  stream: "boolean",
  stream_options: "object",
  temperature: "number",
  top_p: "number",
  max_tokens: "number",
  max_completion_tokens: "number",
  n: "number",
  seed: "number",
  stop: "string or array",
  tools: "array",
  functions: "array",
  response_format: "object",
  logprobs: "boolean",
  top_logprobs: "number",
  presence_penalty: "number",
  frequency_penalty: "number",
  parallel_tool_calls: "boolean",
};

const MESSAGES_OPTIONAL: Kinds = {
  stream: "boolean",
  system: "string or array",
  temperature: "number",
  top_p: "number",
  top_k: "number",
  stop_sequences: "array",
  tools: "array",
  tool_choice: "object",
  metadata: "object",
  thinking: "object",
};

const RESPONSES_OPTIONAL: Kinds = {
  input: "string or array",
  stream: "boolean",
  temperature: "number",
  top_p: "number",
  max_output_tokens: "number",
  tools: "array",
  text: "object",
  reasoning: "object",
  include: "array",
  parallel_tool_calls: "boolean",
  previous_response_id: "string",
  background: "boolean",
  store: "boolean",
};

const CONVERSATION: Kinds = { input: "string or array", previous_response_id: "string" };
const NOTHING: Kinds = {};
const MODEL: Kinds = { model: "string" };

function post(
  path: string,
  codec: Codec,
  operation: Operation,
  scope: Scope,
  body: RelayRoute["body"],
  required: Kinds,
  optional: Kinds = NOTHING,
): RelayRoute {
  return { path, method: "POST", codec, operation, scope, body, required, optional };
}

const MESSAGES_REQUIRED: Kinds = { ...MODEL, messages: "filled array", max_tokens: "number" };

function messages(path: string): RelayRoute {
  return post(path, anthropicMessages, "chat", "chat:write", "chat", MESSAGES_REQUIRED, MESSAGES_OPTIONAL);
}

function responses(path: string): RelayRoute {
  return post(path, openaiResponses, "chat", "chat:write", "chat", MODEL, RESPONSES_OPTIONAL);
}

function completions(): RelayRoute {
  const path = "/v1/completions";
  const required: Kinds = { ...MODEL, prompt: "any" };
  const optional: Kinds = { stream: "boolean" };
  const route = post(path, openaiChat, "completions", "chat:write", "completions", required, optional);
  return { ...route, asChat: { ...route, codec: openaiCompletions, body: "chat" } };
}

const CHAT_PATH = "/v1/chat/completions";

/** In the order of `http-api.md` sections 13 and 14. */
export const RELAY_ROUTES: readonly RelayRoute[] = [
  {
    ...post(CHAT_PATH, openaiChat, "chat", "chat:write", "chat", { ...MODEL, messages: "filled array" }, CHAT_OPTIONAL),
    // Some editors send every dialect here and want the answer in the one they sent.
    alsoTakes: [
      { field: "input", unless: "messages", route: responses(CHAT_PATH) },
      { field: "system", route: messages(CHAT_PATH) },
    ],
  },
  responses("/v1/responses"),
  post("/v1/responses/compact", openaiResponses, "responses", "chat:write", "compact", MODEL, CONVERSATION),
  post("/v1/responses/input_tokens", openaiResponses, "count-tokens", "chat:write", "count-tokens", MODEL, {
    ...CONVERSATION,
    tools: "array",
  }),
  completions(),
  post("/v1/embeddings", openaiChat, "embeddings", "embeddings:write", "embeddings", {
    ...MODEL,
    input: "string or array",
  }),
  {
    ...post("/v1/moderations", openaiChat, "moderations", "moderations:write", "json", { ...MODEL, input: "any" }),
    usualModel: "omni-moderation-latest",
  },
  {
    ...post(
      "/v1/images/generations",
      openaiChat,
      "images",
      "images:write",
      "json",
      { ...MODEL, prompt: "string" },
      { stream: "boolean" },
    ),
    usualModel: "dall-e-2",
    unusualWith: ["background", "moderation", "output_compression", "output_format", "partial_images", "stream"],
  },
  {
    ...post("/v1/images/edits", openaiChat, "images", "images:write", "multipart", NOTHING),
    usualModel: "gpt-image-1.5",
    alsoJson: true,
  },
  {
    ...post("/v1/images/variations", openaiChat, "images", "images:write", "multipart", NOTHING),
    usualModel: "dall-e-2",
  },
  post("/v1/audio/transcriptions", openaiChat, "audio", "audio:write", "multipart", NOTHING),
  post("/v1/audio/translations", openaiChat, "audio", "audio:write", "multipart", NOTHING),
  post("/v1/audio/speech", openaiChat, "audio", "audio:write", "json", { ...MODEL, input: "string" }),
  post(
    "/v1/rerank",
    openaiChat,
    "rerank",
    "rerank:write",
    "rerank",
    { ...MODEL, query: "string", documents: "filled array" },
    { top_n: "number", return_documents: "boolean" },
  ),
  messages("/v1/messages"),
  { ...messages("/v1/messages/beta"), headerField: { field: "beta", header: "anthropic-beta" } },
  post("/v1/messages/count_tokens", anthropicMessages, "count-tokens", "chat:write", "count-tokens", {
    ...MODEL,
    messages: "filled array",
  }),
];

const geminiPath = (verb: string): string => `/v1beta/models/{model}:${verb}`;

function embed(verb: string, required: Kinds): RelayRoute {
  const route = post(geminiPath(verb), gemini, "embeddings", "embeddings:write", "embeddings", required);
  return { ...route, upstreamPath: `:${verb}` };
}

function generate(verb: string): RelayRoute {
  return post(geminiPath(verb), gemini, "chat", "chat:write", "chat", { contents: "any" });
}

/** By verb; the model stands in the path. `http-api.md` section 15. */
export const GEMINI_ROUTES: ReadonlyMap<string, RelayRoute> = new Map([
  ["generateContent", generate("generateContent")],
  ["streamGenerateContent", { ...generate("streamGenerateContent"), streams: true }],
  ["countTokens", post(geminiPath("countTokens"), gemini, "count-tokens", "chat:write", "count-tokens", NOTHING)],
  ["embedContent", embed("embedContent", { content: "any" })],
  ["batchEmbedContents", embed("batchEmbedContents", { requests: "filled array" })],
]);

/** What is asked for without a body. */
export const CREDITS_ROUTE: RelayRoute = {
  ...post("/v1/credits", openaiChat, "credits", "credits:read", "credits", NOTHING),
  method: "GET",
};

/** `http-api.md` section 13.3. */
export const REALTIME_ROUTE: RelayRoute = {
  ...post("/v1/realtime", openaiChat, "realtime", "realtime:write", "realtime", NOTHING),
  method: "GET",
};
