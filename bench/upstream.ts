/** A provider that costs as little as possible: fixed answers and paced streams in two dialects, on loopback. */
import {
  ANTHROPIC_ANSWER,
  ANTHROPIC_FRAMES,
  OPENAI_ANSWER,
  OPENAI_FRAMES,
  parseStreamModel,
  type StreamFrames,
  type StreamPlan,
} from "./payloads.ts";

const encoder = new TextEncoder();
const encode = ({ head, chunk, tail }: StreamFrames) => ({
  head: encoder.encode(head),
  chunk: encoder.encode(chunk),
  tail: encoder.encode(tail),
});

const DIALECTS = {
  "/v1/chat/completions": { answer: encoder.encode(OPENAI_ANSWER), frames: encode(OPENAI_FRAMES) },
  "/v1/messages": { answer: encoder.encode(ANTHROPIC_ANSWER), frames: encode(ANTHROPIC_FRAMES) },
} as const;

const JSON_HEADERS = { headers: { "content-type": "application/json", "x-request-id": "req_upstream_bench" } };
const SSE_HEADERS = { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } };

async function answer(request: Request): Promise<Response> {
  const body = Buffer.from(await request.arrayBuffer());
  const path = request.url.slice(request.url.indexOf("/", 8));
  const dialect = DIALECTS[path as keyof typeof DIALECTS];
  if (dialect === undefined) return new Response(`no such path: ${path}\n`, { status: 404 });
  const plan = parseStreamModel(modelOf(body));
  if (plan === undefined) return new Response(dialect.answer, JSON_HEADERS);
  return new Response(stream(dialect.frames, plan), SSE_HEADERS);
}

/** Without parsing: a large body would cost the upstream more than the proxy it is there to measure. */
function modelOf(body: Buffer): string {
  const at = body.indexOf('"model"');
  return at < 0 ? "" : body.toString("latin1", at, at + 80);
}

function stream(frames: ReturnType<typeof encode>, { chunks, pauseMs }: StreamPlan): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent === 0) controller.enqueue(frames.head);
      if (pauseMs > 0) await Bun.sleep(pauseMs);
      controller.enqueue(frames.chunk);
      sent += 1;
      if (sent < chunks) return;
      controller.enqueue(frames.tail);
      controller.close();
    },
  });
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  maxRequestBodySize: 64 * 1024 * 1024,
  fetch: answer,
});
console.log(server.port);
