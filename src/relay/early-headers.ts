/** Sends the headers of a stream before its first event when that takes long; later failures then appear in the stream. */
import { RelayError } from "../plugin/index.ts";
import type { Call } from "./call.ts";
import { streamHeaders } from "./headers.ts";

/**
 * Waits for the answer up to `timeouts.early_headers`. After that the client gets 200 and keep-alives, and the attempts
 * go on behind it: the next candidate may still answer, but a failure can no longer have a status.
 */
export function withEarlyHeaders(call: Call, answer: Promise<Response>): Promise<Response> {
  return hasEarlyHeaders(call) ? waitAtMost(call.snapshot.config.timeouts.earlyHeadersMs, call, answer) : answer;
}

export function hasEarlyHeaders(call: Call): boolean {
  return call.streaming && call.snapshot.config.timeouts.earlyHeadersMs > 0;
}

async function waitAtMost(earlyHeadersMs: number, call: Call, answer: Promise<Response>): Promise<Response> {
  const late = Symbol("late");
  const { promise, resolve } = Promise.withResolvers<typeof late>();
  const timer = setTimeout(
    () => resolve(late),
    Math.max(0, earlyHeadersMs - (call.services.clock.monotonic() - call.startedMs)),
  );
  try {
    const first = await Promise.race([answer, promise]);
    return first === late ? commitEarly(call, answer) : (first as Response);
  } finally {
    clearTimeout(timer);
  }
}

function commitEarly(call: Call, answer: Promise<Response>): Response {
  const { framing } = call;
  const { ingress } = call.route.codec;
  const keepAlive = framing.encode([ingress!.keepAlive]);
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let sink: ReadableStreamDefaultController<Uint8Array>;

  const waiting = answer.then(
    (response) => {
      reader = response.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    },
    (cause) => {
      const error = call.abortReason ?? RelayError.from(cause);
      call.end(error.status, error);
      sink.enqueue(framing.encode(ingress!.encodeStreamError(call.blame(error), call.id)));
      if (framing.end !== undefined) sink.enqueue(framing.end());
      sink.close();
    },
  );
  call.lastWriteMs = call.services.active.now;
  call.isClientWaiting = true;
  call.keepAlive = () => {
    if ((sink.desiredSize ?? -1) < 0) return;
    call.lastWriteMs = call.services.active.now;
    sink.enqueue(keepAlive);
  };

  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        sink = controller;
      },
      async pull() {
        if (reader === undefined) await waiting;
        if (reader === undefined) return;
        const { done, value } = await reader.read();
        if (done) sink.close();
        else sink.enqueue(value);
      },
      async cancel() {
        call.abort(new RelayError("client-closed", "The client left before the end of its stream."));
        await reader?.cancel();
        call.end(499, call.abortReason);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { status: 200, headers: streamHeaders(call, framing.contentType) });
}
