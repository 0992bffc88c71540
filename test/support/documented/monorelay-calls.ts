/** MonoRelay's documented calls of models, in both families. */
import { expect } from "bun:test";
import type { Example } from "../documented.ts";
import { CHAT, JSON_HEADER, number, text } from "./monorelay-words.ts";

export const JSON_CALL = `-H "Authorization: Bearer <token>" \\\n  ${JSON_HEADER} \\\n`;
export const CALL_EXAMPLES: Example[] = [
  {
    what: "api/chat-completions: the documented parameters",
    shell: `curl https://<host>/v1/chat/completions \\
  ${JSON_CALL}  -d '{
    "model": "gpt-4o",
    "messages": [
      {"role": "system", "content": "Be brief."},
      {"role": "user", "content": "Hello!"}
    ],
    "temperature": 0.7, "max_tokens": 256, "n": 1, "stop": ["END"], "presence_penalty": 0, "frequency_penalty": 0
  }'`,
    status: 200,
    answer: CHAT,
  },
  {
    what: "api/completions: a plain prompt",
    shell: `curl https://<host>/v1/completions \\
  ${JSON_CALL}  -d '{
    "model": "gpt-3.5-turbo-instruct",
    "prompt": "Once upon a time",
    "max_tokens": 50
  }'`,
    status: 200,
    answer: { object: "text_completion", choices: [{ text, index: 0, finish_reason: text }], usage: {} },
  },
  {
    what: "api/overview: the Responses API",
    shell: `curl https://<host>/v1/responses ${JSON_CALL} -d '{"model": "gpt-4o", "input": "Hello!"}'`,
    status: 200,
    answer: { object: "response", status: "completed", output: [{ type: "message", role: "assistant" }] },
  },
  {
    what: "api/embeddings: two texts",
    shell: `curl https://<host>/v1/embeddings ${JSON_CALL} -d '{"model": "text-embedding-3-small", "input": ["one", "two"]}'`,
    status: 200,
    answer: {
      object: "list",
      data: [
        { object: "embedding", index: 0, embedding: [number, number] },
        { object: "embedding", index: 1, embedding: [number, number] },
      ],
      model: text,
      usage: { prompt_tokens: number, total_tokens: number },
    },
  },
  {
    what: "api/overview: moderations",
    shell: `curl https://<host>/v1/moderations ${JSON_CALL} -d '{"model": "omni-moderation-latest", "input": "a text"}'`,
    status: 200,
    answer: { id: text, model: text, results: [{ flagged: false }] },
  },
  {
    what: "api/models: credits",
    shell: `curl https://<host>/v1/credits \\
  -H "Authorization: Bearer <token>"`,
    status: 200,
    answer: { total_credits: 10, total_usage: 2.5, currency: "USD", provider: "openrouter" },
  },
  {
    what: "api/images: generations",
    shell: `curl https://<host>/v1/images/generations \\
  ${JSON_CALL}  -d '{
    "model": "dall-e-3",
    "prompt": "a rack of servers at night",
    "n": 1,
    "size": "1024x1024"
  }'`,
    status: 200,
    answer: { created: number, data: [{ url: text }] },
  },
  ...["variations", "edits"].map(
    (route): Example => ({
      what: `api/images: ${route}, as a form with the field file`,
      shell: `curl https://<host>/v1/images/${route} -H "Authorization: Bearer <token>" -F file=@picture.png -F model=dall-e-2 -F n=1 -F size=256x256${route === "edits" ? ' -F prompt="a sign" -F mask=@picture.png' : ""}`,
      status: 200,
      answer: { created: number, data: [{ url: text }] },
    }),
  ),
  ...["transcriptions", "translations"].map(
    (route): Example => ({
      what: `api/audio: ${route}`,
      shell: `curl https://<host>/v1/audio/${route} -H "Authorization: Bearer <token>" -F file=@speech.mp3 -F model=whisper-1 -F response_format=json`,
      status: 200,
      answer: { text },
    }),
  ),
  ...(["Authorization: Bearer <token>", "x-api-key: <token>"] as const).map(
    (header): Example => ({
      what: `api/anthropic-messages: a message, ${header}`,
      shell: `curl http://localhost:8787/v1/messages -H "${header}" ${JSON_HEADER} -d '{"model": "claude-opus-4-5", "max_tokens": 1024, "messages": [{"role": "user", "content": "Hello!"}]}'`,
      status: 200,
      answer: {
        id: text,
        type: "message",
        role: "assistant",
        model: text,
        content: [{ type: "text", text }],
        stop_reason: "end_turn",
        usage: { input_tokens: number, output_tokens: number },
      },
    }),
  ),
  {
    what: "api/anthropic-messages: the beta route with its header",
    shell: `curl http://localhost:8787/v1/messages/beta -H "x-api-key: <token>" -H "anthropic-beta: interleaved-thinking-2025-05-14" ${JSON_HEADER} -d '{"model": "claude-opus-4-5", "max_tokens": 1024, "messages": [{"role": "user", "content": "Hello!"}]}'`,
    status: 200,
    answer: { type: "message", content: [{ type: "text" }] },
  },
  {
    what: "api/anthropic-messages: the models of that provider",
    shell: `curl http://localhost:8787/v1/anthropic/models -H "x-api-key: <token>"`,
    status: 200,
    answer: { data: [{ type: "model", id: "claude-opus-4-5", display_name: text, created_at: text }], has_more: false },
  },
  {
    what: "api/anthropic-messages: no credential",
    shell: `curl http://localhost:8787/v1/messages ${JSON_HEADER} -d '{"model": "claude-opus-4-5", "max_tokens": 1, "messages": []}'`,
    status: 401,
    answer: '{"type":"error","error":{"type":"auth_error","message":"Unauthorized"}}',
  },
  {
    what: "api/overview: an upstream that fails, its provider named in front",
    shell: `curl https://<host>/v1/chat/completions ${JSON_CALL} -d '{"model": "gpt-4o", "messages": [{"role": "user", "content": "fail with 500"}]}'`,
    status: 502,
    answer: { error: { message: expect.stringMatching(/^\[openai\] /), type: "upstream_error" } },
    differs: "502 rather than 503, which is for what may be asked again at once; server.legacy_error_status keeps 503",
  },
];
