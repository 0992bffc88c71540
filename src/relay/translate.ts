/** Translate lane: bytes to frames to events to frames to bytes, event by event. */
import { valueReader } from "../codec/answer-value.ts";
import { mediaReader } from "../codec/media-words.ts";
import { outputReader } from "../codec/output-tool.ts";
import { stopReader } from "../codec/stop-reader.ts";
import type { Answer } from "../net/answer.ts";
import {
  type ChatEvent,
  type ChatRequest,
  type ChatResponse,
  type Codec,
  type Frame,
  type Framing,
  type JsonObject,
  RelayError,
  type StreamEncoder,
} from "../plugin/index.ts";
import type { Call } from "./call.ts";
import type { Source } from "./client-stream.ts";
import { noteEvent } from "./estimated-usage.ts";
import { orAborted } from "./patience.ts";
import { noteLeftOut } from "./unsaid.ts";
import { failureOf } from "./upstream.ts";

/** Events as they come, several at a time; `null` = end. */
export interface EventReader {
  next(): Promise<readonly ChatEvent[] | null>;
  /** Lets what comes after the last event run out, so that the connection can be used again. */
  drain(): Promise<void>;
}

/** What an answer is read by. */
export interface Asked {
  /** As the client meant it. */
  readonly request: ChatRequest;
  /** As it went out. */
  readonly sent: JsonObject;
  /** The client's dialect. */
  readonly client: Codec;
  /** Called with the name of what an answer holds and the client does not get. */
  readonly leave: (name: string) => void;
}

/** @param sent the body as it went out */
export function askedOf(call: Call, request: ChatRequest, sent: JsonObject): Asked {
  return { request, sent, client: call.route.codec, leave: (name) => noteLeftOut(call, name) };
}

/** An upstream that has said everything gets this long to close its answer. */
const DRAIN_MAX_MS = 5000;

/** Reads an upstream's whole answer to this request. */
export function readAnswer(codec: Codec, body: JsonObject, asked: Asked): ChatResponse {
  const response = codec.egress!.decodeResponse(body);
  return readersOf(codec, asked).reduce((read, reader) => reader.response(read), response);
}

/** Reads an upstream's stream in its own dialect. */
export function readEvents(answer: Answer, framing: Framing, codec: Codec, asked: Asked): EventReader {
  const deframe = framing.decoder();
  const read = codec.egress!.streamDecoder();
  const readers = readersOf(codec, asked);
  const decode = (frame: Frame | null): readonly ChatEvent[] =>
    readers.reduce<readonly ChatEvent[]>(readOn, read(frame));
  let isDone = false;
  return {
    async next() {
      if (isDone) return null;
      const chunk = await answer.read();
      const events: ChatEvent[] = [];
      for (const frame of deframe(chunk)) for (const event of decode(frame)) events.push(event);
      if (chunk === null) {
        isDone = true;
        for (const event of decode(null)) events.push(event);
      }
      return events;
    },
    async drain() {
      // Of an answer that was ended here, every further word would be paid for.
      if (readers.some((reader) => reader.isCut?.() === true)) return answer.abort();
      while (!isDone) isDone = (await answer.read()) === null;
    },
  };
}

/** Most frames are one event or none. */
function readOn(told: readonly ChatEvent[], reader: AnswerReader): readonly ChatEvent[] {
  const [first] = told;
  if (first === undefined) return told;
  return told.length === 1 ? reader.event(first) : told.flatMap(reader.event);
}

interface AnswerReader {
  readonly event: (event: ChatEvent) => readonly ChatEvent[];
  readonly response: (response: ChatResponse) => ChatResponse;
  readonly isCut?: () => boolean;
}

/** What stands between the upstream's answer and the one that was asked for. */
function readersOf({ egress }: Codec, { request, sent, client, leave }: Asked): readonly AnswerReader[] {
  const stops = egress!.lacksStop ? stopReader(request) : undefined;
  return [outputReader(sent, leave), valueReader(request, leave), stops, mediaReader(client)].filter(
    (reader) => reader !== undefined,
  );
}

/** Reads the events of a provider that answers by itself. */
export function readLocalEvents(events: AsyncIterable<ChatEvent>, signal: AbortSignal): EventReader {
  const iterator = events[Symbol.asyncIterator]();
  return {
    async next() {
      const { done, value } = await orAborted(signal, iterator.next());
      return done === true ? null : [value];
    },
    async drain() {
      while ((await orAborted(signal, iterator.next())).done !== true) {
        // Nothing after the end is for anybody.
      }
    },
  };
}

/** Reads events that are all there. */
export function readTold(events: readonly ChatEvent[]): EventReader {
  let left: readonly ChatEvent[] | null = events;
  return {
    async next() {
      const all = left;
      left = null;
      return all;
    },
    async drain() {},
  };
}

/**
 * Waits for the first event, while a failure may still move on to another candidate, and returns the source of the
 * client's stream.
 */
export async function openTranslation(
  call: Call,
  events: EventReader,
  encode: StreamEncoder,
  framing: Framing,
  idleMs: number,
): Promise<Source> {
  const { preCommitBuffer } = call.snapshot.config.limits;
  let early: readonly ChatEvent[] = [];
  for (let rounds = 0; early.length === 0; rounds += 1) {
    const batch = await events.next();
    if (batch === null || rounds > preCommitBuffer) {
      throw new RelayError("upstream-malformed", "The upstream's stream ended before its first event.");
    }
    early = batch;
  }
  if (early[0]!.type === "error") throw early[0]!.error;
  call.firstByteMs = call.services.clock.monotonic();
  call.lastByteMs = call.services.active.now;
  call.idleMs = idleMs;

  const drain = (): void => {
    const timer = setTimeout(() => call.abandonAttempt(), DRAIN_MAX_MS);
    events
      .drain()
      .catch(() => {})
      .finally(() => clearTimeout(timer));
  };

  let isOver = false;
  const write = (batch: readonly ChatEvent[]): Uint8Array | undefined => {
    const frames = [];
    for (const event of batch) {
      if (isOver) break;
      if (event.type === "error") {
        // The frames before it still belong to the client; the failure form is written where the stream is ended.
        isOver = true;
        failure = event.error;
        break;
      }
      if (event.type === "response-end") isOver = true;
      for (const frame of encode(noteEvent(call, event))) frames.push(frame);
    }
    return frames.length === 0 ? undefined : framing.encode(frames);
  };
  let failure: RelayError | undefined;
  let pending: readonly ChatEvent[] | undefined = early;

  return {
    async next() {
      try {
        for (;;) {
          if (isOver) {
            if (failure !== undefined) throw failure;
            drain();
            return null;
          }
          const batch = pending ?? (await events.next());
          pending = undefined;
          if (batch === null) {
            throw new RelayError("upstream-malformed", "The upstream broke off its answer.");
          }
          call.lastByteMs = call.services.active.now;
          const bytes = write(batch);
          if (bytes !== undefined) return bytes;
        }
      } catch (cause) {
        throw failureOf(call, cause);
      }
    },
    failure: (error) => encode({ type: "error", error }),
    stop: () => call.abandonAttempt(),
  };
}
