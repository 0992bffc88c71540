/** The client's end of a stream: pulled, never pushed; it ends exactly once, with the dialect's success or failure. */
import { type Frame, type Framing, RelayError } from "../plugin/index.ts";
import { mayHoldSecrets } from "./body-secrets.ts";
import type { Call } from "./call.ts";
import { streamHeaders } from "./headers.ts";

/** Where the bytes come from. */
export interface Source {
  /**
   * The next bytes for the client, or `null` after a good end; without a promise when they are there already.
   * `undefined` = not yet: `ready` is called once when it is worth asking again. Throws or rejects for a bad end. Called
   * again only after the last result.
   */
  next(ready: () => void): Uint8Array | null | undefined | Promise<Uint8Array | null>;
  /** All that the client needs has been given, whatever the connection still does. */
  isComplete?(): boolean;
  /** How this stream tells of its failure, if it must go on from what was said; else as the dialect always does. */
  failure?(error: RelayError): readonly Frame[];
  /** Stops the upstream; called at most once, when the client has left or the call was ended from outside. */
  stop(): void;
}

/**
 * Turns a source into the response of a call that is from now on committed: 200 and no way back. Without a framing the
 * bytes are nobody's events: no keep-alive, and a failure breaks the connection, as an end would look like success.
 */
export function streamToClient(
  call: Call,
  source: Source,
  framing: Framing | undefined,
  contentType: string,
): Response {
  const { ingress } = call.route.codec;
  const { limits } = call.snapshot.config;
  const { active } = call.services;
  const keepAlive = ingress === undefined ? undefined : framing?.encode([ingress.keepAlive]);
  let isOver = false;
  let isStopping = false;
  let sink: ReadableStreamDefaultController<Uint8Array>;
  const headers = streamHeaders(call, contentType);
  // A stream may last for an hour; its request is not kept that long for nothing.
  if (call.body !== undefined && !mayHoldSecrets(call.body)) call.body = undefined;

  const finish = (error: RelayError | undefined): void => {
    if (isOver) return;
    isOver = true;
    // The record comes before the close: it restores the idle timer while the connection still has its answer open.
    call.end(error?.status ?? 200, error);
    if (error !== undefined) {
      if (framing === undefined || ingress === undefined) return sink.error(error);
      const blamed = call.blame(error);
      const frames = source.failure?.(blamed) ?? ingress.encodeStreamError(blamed, call.id);
      if (frames.length > 0) sink.enqueue(framing.encode(frames));
    }
    if (framing?.end !== undefined) sink.enqueue(framing.end());
    sink.close();
  };
  const fail = (cause: unknown): void => finish(call.abortReason ?? RelayError.from(cause));
  /** One function for all chunks of the stream: a closure for each would cost more than the chunk. */
  const deliver = (bytes: Uint8Array | null): void => {
    if (isOver) return;
    call.isClientWaiting = false;
    if (bytes === null) return finish(undefined);
    call.bytesOut += bytes.length;
    call.lastWriteMs = active.now;
    if (call.bytesOut > limits.streamMaxSize) {
      source.stop();
      return finish(new RelayError("upstream-malformed", "The stream is larger than limits.stream_max_size."));
    }
    sink.enqueue(bytes);
  };

  /** Also called by the source itself: no promise stands between the upstream's bytes and the client. */
  const pump = (): void | Promise<void> => {
    if (isOver || isStopping) return;
    try {
      const next = source.next(pump);
      if (next === undefined) return;
      if (next instanceof Promise) return next.then(deliver, fail);
      deliver(next);
    } catch (cause) {
      fail(cause);
    }
  };

  call.endStep();
  call.lastWriteMs = active.now;
  call.limitTotal(limits.streamMaxDurationMs + active.now - call.startedMs);
  if (keepAlive !== undefined) {
    call.keepAlive = () => {
      // What still waits for the client keeps its connection alive as well as this would.
      if ((sink.desiredSize ?? -1) < 0) return;
      call.lastWriteMs = active.now;
      sink.enqueue(keepAlive);
    };
  }
  call.failStream = (error) => {
    const isComplete = source.isComplete?.() ?? false;
    // Stopping makes the source report a failure of its own making.
    isStopping = true;
    source.stop();
    finish(isComplete ? undefined : error);
  };

  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        sink = controller;
      },
      pull() {
        call.isClientWaiting = true;
        call.lastByteMs = active.now;
        return pump();
      },
      cancel() {
        if (isOver) return;
        isOver = true;
        source.stop();
        call.end(499, new RelayError("client-closed", "The client left before the end of its stream."));
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { status: 200, headers });
}
