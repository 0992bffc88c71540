/** The bodies that travel in the benchmarks: requests by size, answers and stream chunks in both dialects. */

/** `bench-whole`, or `bench-stream-<chunks>x<pause>` with a pause like `10ms`; `0ms` = as fast as they are taken. */
export const WHOLE_MODEL = "bench-whole";

/** Models of this prefix are configured behind the upstream's other dialect, so that calls to them are translated. */
export const TRANSLATED_PREFIX = "claude-";

export interface StreamPlan {
  readonly chunks: number;
  readonly pauseMs: number;
}

export function streamModel({ chunks, pauseMs }: StreamPlan): string {
  return `bench-stream-${chunks}x${pauseMs}ms`;
}

export function parseStreamModel(model: string): StreamPlan | undefined {
  const [, chunks, pauseMs] = /bench-stream-(\d+)x(\d+)ms/.exec(model) ?? [];
  return chunks === undefined ? undefined : { chunks: Number(chunks), pauseMs: Number(pauseMs) };
}

const SENTENCE = "The quick brown fox jumps over the lazy dog while the relay counts what passes by. ";

/** Plain prose: hardly anything in it needs an escape in JSON. */
export function proseOf(length: number): string {
  return SENTENCE.repeat(Math.ceil(length / SENTENCE.length)).slice(0, length);
}

/** Code, as agents send it: a line break and quotes every few words. */
function codeOf(length: number): string {
  const line = 'if (name === "a\\tb") {\n\treturn "C:\\\\temp\\\\" + name; // "quoted"\n}\n';
  return line.repeat(Math.ceil(length / line.length)).slice(0, length);
}

interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

export function chatBody(model: string, messages: readonly Message[], isStream: boolean): string {
  const stream = isStream ? { stream: true, stream_options: { include_usage: true } } : {};
  return JSON.stringify({ model, ...stream, max_tokens: 1000, messages });
}

/** One user message that fills the body up to about this many bytes. */
export function oneMessage(bytes: number): Message[] {
  return [{ role: "user", content: proseOf(bytes) }];
}

/** A long conversation about code, about this many bytes in 200 messages. */
export function manyMessages(bytes: number): Message[] {
  const each = Math.floor(bytes / 200 / 1.35);
  return Array.from({ length: 200 }, (_, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content: codeOf(each) }));
}

/** Whole answers of 1,000 bytes or a little more. */
export const OPENAI_ANSWER = JSON.stringify({
  id: "chatcmpl-bench",
  object: "chat.completion",
  created: 1_750_000_000,
  model: WHOLE_MODEL,
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: proseOf(690), refusal: null },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage: { prompt_tokens: 120, completion_tokens: 150, total_tokens: 270 },
  system_fingerprint: "fp_bench",
});

export const ANTHROPIC_ANSWER = JSON.stringify({
  id: "msg_bench",
  type: "message",
  role: "assistant",
  model: WHOLE_MODEL,
  content: [{ type: "text", text: proseOf(760) }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 120, output_tokens: 150, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
});

/** What goes before, during and after the content of a stream. */
export interface StreamFrames {
  readonly head: string;
  readonly chunk: string;
  readonly tail: string;
}

const openaiFrame = (delta: object, finish: string | null) => {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
  const head = { id: "chatcmpl-bench", object: "chat.completion.chunk", created: 1_750_000_000, model: WHOLE_MODEL };
  return `data: ${JSON.stringify({ ...head, choices, usage: null })}\n\n`;
};

export const OPENAI_FRAMES: StreamFrames = {
  head: openaiFrame({ role: "assistant", content: "" }, null),
  chunk: openaiFrame({ content: "some words " }, null),
  tail:
    openaiFrame({}, "stop") +
    `data: ${JSON.stringify({
      id: "chatcmpl-bench",
      object: "chat.completion.chunk",
      created: 1_750_000_000,
      model: WHOLE_MODEL,
      choices: [],
      usage: { prompt_tokens: 120, completion_tokens: 100, total_tokens: 220 },
    })}\n\ndata: [DONE]\n\n`,
};

const anthropicFrame = (data: { readonly type: string; readonly [field: string]: unknown }) =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;

export const ANTHROPIC_FRAMES: StreamFrames = {
  head:
    anthropicFrame({
      type: "message_start",
      message: {
        id: "msg_bench",
        type: "message",
        role: "assistant",
        model: WHOLE_MODEL,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 120, output_tokens: 1 },
      },
    }) + anthropicFrame({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
  chunk: anthropicFrame({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "some words " } }),
  tail:
    anthropicFrame({ type: "content_block_stop", index: 0 }) +
    anthropicFrame({
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: 100 },
    }) +
    anthropicFrame({ type: "message_stop" }),
};
