/** Pass-through lane: the client receives the upstream's own bytes; we only read over its shoulder. */
import { type Framing, RelayError, type StreamWatcher } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import { lastFrameBoundary } from "../wire/sse.ts";
import { concat } from "./body.ts";
import type { Call } from "./call.ts";
import type { Source } from "./client-stream.ts";
import { Tail } from "./tail.ts";
import { failureOf } from "./upstream.ts";

/** Of a finished stream, so much is read for usage, finish reason and end mark. */
const TAIL_BYTES = 16 * 1024;
/** An unfinished event larger than this ends the stream with an error. */
const EVENT_BYTES_MAX = 4 * 1024 * 1024;

const CHOICES = Buffer.from('"choices"');

export interface PassThrough {
  readonly call: Call;
  readonly entry: ProviderEntry;
  readonly response: Response;
  readonly framing: Framing;
  readonly watcher: StreamWatcher;
  readonly signal: AbortSignal;
  /** Drop the chunk that carries nothing but usage: it was asked for on our account. */
  readonly hidesUsage: boolean;
}

/**
 * Reads until the first event that commits the upstream. Throws what the upstream says instead, while another
 * candidate may still answer. Only whole events are ever released, so that an error never lands inside one.
 */
export async function openPassThrough(options: PassThrough): Promise<Source> {
  const { call, entry, response, framing, watcher, signal } = options;
  if (response.body === null) throw new RelayError("upstream-malformed", "The upstream's stream is empty.");
  const reader = response.body.getReader();
  const { preCommitBuffer } = call.snapshot.config.limits;
  const deframe = framing.decoder();
  let held: Uint8Array[] = [];
  let heldBytes = 0;

  while (!watcher.started) {
    const { done, value } = await reader.read();
    for (const frame of deframe(done ? null : value)) watcher.see(frame);
    if (watcher.error !== undefined && !watcher.started) throw watcher.error;
    if (watcher.started && done) held.push(new Uint8Array(0));
    if (done) {
      if (watcher.started) break;
      throw new RelayError("upstream-malformed", "The upstream's stream ended before its first event.");
    }
    held.push(value);
    heldBytes += value.length;
    if (heldBytes > preCommitBuffer && !watcher.started) {
      throw new RelayError("upstream-malformed", "The upstream sent no event within limits.pre_commit_buffer.");
    }
  }
  call.deadline = undefined;
  call.firstByteMs = call.services.clock.monotonic();
  call.lastByteMs = call.services.active.now;
  call.idleMs = entry.timeouts.idleMs;

  const tail = new Tail(TAIL_BYTES);
  /** An event that has begun and not yet ended. */
  let rest: Uint8Array<ArrayBuffer> | undefined;
  let early: Uint8Array<ArrayBuffer> | undefined = concat(held, heldBytes);
  held = [];

  const release = (chunk: Uint8Array<ArrayBuffer>): Uint8Array | undefined => {
    let bytes = chunk;
    if (rest !== undefined) {
      bytes = concat([rest, chunk], rest.length + chunk.length);
      rest = undefined;
    }
    const end = lastFrameBoundary(bytes);
    if (end !== bytes.length) {
      rest = end <= 0 ? bytes : bytes.slice(end);
      if (rest.length > EVENT_BYTES_MAX) {
        throw new RelayError("upstream-malformed", "The upstream sent an event that does not end.");
      }
      if (end <= 0) return undefined;
      bytes = bytes.subarray(0, end);
    }
    tail.push(bytes);
    if (options.hidesUsage && hasEmptyChoices(bytes)) return withoutUsage(bytes, framing);
    return bytes;
  };

  const readTail = (): void => {
    const read = framing.decoder();
    const bytes = tail.bytes();
    // Where the beginning was lost, the first event is not whole.
    const from = tail.hasLost ? Math.max(0, firstFrameBoundary(bytes)) : 0;
    const frames = [...read(bytes.subarray(from)), ...read(null)];
    for (const frame of frames) watcher.see(frame);
    call.usage = watcher.usage;
    call.finish = watcher.finish;
  };

  /** After the last byte: what the end of the stream says decides between success and failure. */
  const conclude = (): Uint8Array | null => {
    if (rest !== undefined) tail.push(rest);
    readTail();
    if (watcher.error !== undefined) {
      // The client has already been told in the upstream's own words.
      call.end(watcher.error.status, watcher.error);
      return rest ?? null;
    }
    if (!watcher.ended) throw new RelayError("upstream-malformed", "The upstream broke off its answer.");
    const last: Uint8Array[] = [];
    // An event without its closing blank line is whole, as its end mark says; clients drop it unless it is closed.
    if (rest !== undefined) last.push(rest, LINE_BREAKS);
    const { endMark } = call.route.codec.ingress ?? {};
    if (!watcher.marked && endMark !== undefined) last.push(framing.encode([endMark]));
    rest = undefined;
    return last.length === 0
      ? null
      : concat(
          last,
          last.reduce((sum, part) => sum + part.length, 0),
        );
  };

  let isConcluded = false;
  return {
    async next() {
      if (isConcluded) return null;
      if (early !== undefined) {
        const bytes = release(early);
        early = undefined;
        if (bytes !== undefined && bytes.length > 0) return bytes;
      }
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) {
            isConcluded = true;
            return conclude();
          }
          call.lastByteMs = call.services.active.now;
          const bytes = release(value as Uint8Array<ArrayBuffer>);
          if (bytes !== undefined && bytes.length > 0) return bytes;
        }
      } catch (cause) {
        throw failureOf(call, signal, cause);
      }
    },
    isComplete() {
      if (isConcluded) return true;
      readTail();
      return watcher.marked;
    },
    stop: () => {
      readTail();
      call.abandonAttempt();
    },
  };
}

const LINE_BREAKS = Uint8Array.of(0x0a, 0x0a);

function firstFrameBoundary(bytes: Uint8Array): number {
  for (let at = 0; at + 1 < bytes.length; at += 1) {
    if (bytes[at] === 0x0a && bytes[at + 1] === 0x0a) return at + 2;
    if (bytes[at] === 0x0d && bytes[at + 1] === 0x0d) return at + 2;
    if (bytes[at] === 0x0a && bytes[at + 1] === 0x0d && bytes[at + 2] === 0x0a) return at + 3;
  }
  return bytes.length;
}

/** `"choices":[]` somewhere in these events, white space allowed. */
function hasEmptyChoices(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = buffer.indexOf(CHOICES); at >= 0; at = buffer.indexOf(CHOICES, at + 1)) {
    let next = skipSpace(buffer, at + CHOICES.length);
    if (buffer[next] !== 0x3a) continue;
    next = skipSpace(buffer, next + 1);
    if (buffer[next] === 0x5b && buffer[skipSpace(buffer, next + 1)] === 0x5d) return true;
  }
  return false;
}

function skipSpace(buffer: Buffer, from: number): number {
  let at = from;
  while (buffer[at] === 0x20 || buffer[at] === 0x09) at += 1;
  return at;
}

/** The same events without the one that only reports usage. */
function withoutUsage(bytes: Uint8Array, framing: Framing): Uint8Array {
  const read = framing.decoder();
  const frames = [...read(bytes), ...read(null)];
  const kept = frames.filter((frame) => !isUsageChunk(frame.data));
  return kept.length === frames.length ? bytes : framing.encode(kept);
}

function isUsageChunk(data: string): boolean {
  if (!data.includes('"usage"')) return false;
  try {
    const chunk = JSON.parse(data) as { choices?: unknown; usage?: unknown };
    return (
      Array.isArray(chunk.choices) &&
      chunk.choices.length === 0 &&
      typeof chunk.usage === "object" &&
      chunk.usage !== null
    );
  } catch {
    return false;
  }
}
