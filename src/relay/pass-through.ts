/** Pass-through lane: the client receives the upstream's own bytes; we only read over its shoulder. */
import { join } from "../net/bytes.ts";
import type { Answer } from "../net/answer.ts";
import { type Egress, type Frame, type Framing, RelayError, type StreamWatcher } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import { lastFrameBoundary } from "../wire/sse.ts";
import type { Call } from "./call.ts";
import type { Source } from "./client-stream.ts";
import { firstFrameBoundary, MarkedTail, Tail } from "./tail.ts";
import { failureOf } from "./upstream.ts";
import { bufferOf } from "../wire/part.ts";

/** Of a finished stream, so much is read for usage, finish reason and end mark. */
const TAIL_BYTES = 16 * 1024;
/** And of that, this much mostly suffices. */
const LAST_BYTES = 1024;
/** An unfinished event larger than this ends the stream with an error. */
const EVENT_BYTES_MAX = 4 * 1024 * 1024;

const CHOICES = Buffer.from('"choices"');

export interface PassThrough {
  readonly call: Call;
  readonly entry: ProviderEntry;
  readonly answer: Answer;
  readonly framing: Framing;
  readonly egress: Egress;
  /** Drop the chunk that carries nothing but usage: it was asked for on our account. */
  readonly hidesUsage: boolean;
}

/**
 * Reads until the first event that commits the upstream. Throws what the upstream says instead, while another
 * candidate may still answer. Only whole events are ever released, so that an error never lands inside one.
 */
export async function openPassThrough(options: PassThrough): Promise<OpenedSource> {
  const { call, entry, answer, framing, egress } = options;
  const watcher = egress.watcher();
  const { preCommitBuffer } = call.snapshot.config.limits;
  const deframe = framing.decoder();
  const held: Uint8Array[] = [];
  let heldBytes = 0;

  while (!watcher.started) {
    const chunk = await answer.read();
    for (const frame of deframe(chunk)) watcher.see(frame);
    if (watcher.error !== undefined && !watcher.started) throw watcher.error;
    if (chunk === null) {
      if (watcher.started) break;
      throw new RelayError("upstream-malformed", "The upstream's stream ended before its first event.");
    }
    held.push(chunk);
    heldBytes += chunk.length;
    if (heldBytes > preCommitBuffer && !watcher.started) {
      throw new RelayError("upstream-malformed", "The upstream sent no event within limits.pre_commit_buffer.");
    }
  }
  call.firstByteMs = call.services.clock.monotonic();
  call.lastByteMs = call.services.active.now;
  call.idleMs = entry.timeouts.idleMs;
  return new PassThroughSource(options, watcher, held.length === 1 ? held[0]! : join(held, heldBytes));
}

/** A source whose beginning is known already. */
export interface OpenedSource extends Source {
  /** What came before the commitment: whole events and perhaps the beginning of another. */
  readonly head: Uint8Array;
}

class PassThroughSource implements OpenedSource {
  readonly head: Uint8Array;
  readonly #options: PassThrough;
  readonly #answer: Answer;
  readonly #call: Call;
  readonly #hidesUsage: boolean;
  readonly #watcher: StreamWatcher;
  readonly #tail: Tail;
  /** What was read before the commitment. */
  #early: Uint8Array | undefined;
  /** An event that has begun and not yet ended. */
  #rest: Uint8Array | undefined;
  #isConcluded = false;
  #ready: (() => void) | undefined;
  readonly #take = (chunk: Uint8Array | null): Uint8Array | null | Promise<Uint8Array | null> =>
    // Where there is no `take`, there is always a promise instead of `undefined`.
    this.#taken(chunk) as Uint8Array | null | Promise<Uint8Array | null>;
  readonly #fail = (cause: unknown): never => {
    throw failureOf(this.#call, cause);
  };

  constructor(options: PassThrough, watcher: StreamWatcher, early: Uint8Array) {
    this.#options = options;
    this.#watcher = watcher;
    const { endTexts } = options.egress;
    this.#tail = endTexts === undefined ? new Tail(TAIL_BYTES) : new MarkedTail(TAIL_BYTES, endTexts);
    this.#answer = options.answer;
    this.#call = options.call;
    this.#hidesUsage = options.hidesUsage;
    this.#early = early;
    this.head = early;
  }

  next(ready: () => void): Uint8Array | null | undefined | Promise<Uint8Array | null> {
    this.#ready = ready;
    if (this.#isConcluded) return null;
    const early = this.#early;
    if (early !== undefined) {
      this.#early = undefined;
      return this.#taken(early);
    }
    return this.#read();
  }

  #read(): Uint8Array | null | undefined | Promise<Uint8Array | null> {
    const answer = this.#answer;
    if (answer.take === undefined) {
      const chunk = answer.read();
      return chunk instanceof Promise ? chunk.then(this.#take, this.#fail) : this.#taken(chunk);
    }
    let chunk: Uint8Array | null | undefined;
    try {
      chunk = answer.take(this.#ready!);
    } catch (cause) {
      throw failureOf(this.#call, cause);
    }
    return chunk === undefined ? undefined : this.#taken(chunk);
  }

  isComplete(): boolean {
    if (this.#isConcluded) return true;
    this.#readTail();
    return this.#watcher.marked;
  }

  stop(): void {
    this.#readTail();
    this.#call.abandonAttempt();
  }

  failure(error: RelayError): readonly Frame[] {
    const call = this.#call;
    return call.route.codec.ingress!.encodeStreamError(error, call.id, this.#told());
  }

  #taken(chunk: Uint8Array | null): Uint8Array | null | undefined | Promise<Uint8Array | null> {
    if (chunk === null) {
      this.#isConcluded = true;
      return this.#conclude();
    }
    this.#call.lastByteMs = this.#call.services.active.now;
    // The common case: the chunk ends where an event ends.
    if (this.#rest === undefined && !this.#hidesUsage && lastFrameBoundary(chunk) === chunk.length) {
      this.#tail.push(chunk);
      return chunk;
    }
    const bytes = this.#release(chunk);
    return bytes === undefined || bytes.length === 0 ? this.#read() : bytes;
  }

  /** The whole events in what has come so far; the rest waits for its end. */
  #release(chunk: Uint8Array): Uint8Array | undefined {
    let bytes = chunk;
    if (this.#rest !== undefined) {
      bytes = join([this.#rest, chunk], this.#rest.length + chunk.length);
      this.#rest = undefined;
    }
    const end = lastFrameBoundary(bytes);
    if (end !== bytes.length) {
      this.#rest = end <= 0 ? bytes : bytes.slice(end);
      if (this.#rest.length > EVENT_BYTES_MAX) {
        throw new RelayError("upstream-malformed", "The upstream sent an event that does not end.");
      }
      if (end <= 0) return undefined;
      bytes = bytes.subarray(0, end);
    }
    this.#tail.push(bytes);
    return this.#hidesUsage && hasEmptyChoices(bytes) ? withoutUsage(bytes, this.#options.framing) : bytes;
  }

  #readTail(): void {
    const watcher = this.#watcher;
    // Mostly the very last events say it all; the others are read only when these leave something open.
    const last = this.#tail.last(LAST_BYTES);
    if (last !== undefined) this.#see(last);
    if (last === undefined || !watcher.ended || watcher.usage === undefined) {
      const bytes = this.#tail.bytes();
      // Where the beginning was lost, the first event is not whole.
      this.#see(this.#tail.hasLost ? bytes.subarray(firstFrameBoundary(bytes)) : bytes);
    }
    this.#call.usage = watcher.usage;
    this.#call.finish = watcher.finish;
  }

  #see(bytes: Uint8Array): void {
    for (const frame of this.#framesIn(bytes)) this.#watcher.see(frame);
  }

  /** The events that were released and are still here: the first ones, if the others have pushed them out, and the last. */
  #told(): readonly Frame[] {
    const kept = this.#tail.bytes();
    if (!this.#tail.hasLost) return this.#framesIn(kept);
    const { head } = this;
    const first = this.#framesIn(head.subarray(0, Math.max(0, lastFrameBoundary(head))));
    const last = this.#framesIn(kept.subarray(firstFrameBoundary(kept)));
    return last.length > 0 ? [...first, ...last] : [...first, { data: bufferOf(kept).toString() }];
  }

  #framesIn(bytes: Uint8Array): Frame[] {
    const read = this.#options.framing.decoder();
    return [...read(bytes), ...read(null)];
  }

  /** After the last byte: what the end of the stream says decides between success and failure. */
  #conclude(): Uint8Array | null {
    const { framing } = this.#options;
    const watcher = this.#watcher;
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.#tail.push(rest);
    this.#readTail();
    if (watcher.error !== undefined) {
      // The client has already been told in the upstream's own words.
      this.#call.end(watcher.error.status, watcher.error);
      return rest ?? null;
    }
    if (!watcher.ended) throw new RelayError("upstream-malformed", "The upstream broke off its answer.");
    const last: Uint8Array[] = [];
    // An event without its closing blank line is whole, as its end mark says; clients drop it unless it is closed.
    if (rest !== undefined) last.push(rest, LINE_BREAKS);
    const { endMark } = this.#call.route.codec.ingress ?? {};
    if (!watcher.marked && endMark !== undefined) last.push(framing.encode([endMark]));
    return last.length === 0
      ? null
      : join(
          last,
          last.reduce((sum, part) => sum + part.length, 0),
        );
  }
}

const LINE_BREAKS = Uint8Array.of(0x0a, 0x0a);

/** `"choices":[]` somewhere in these events, white space allowed. */
function hasEmptyChoices(bytes: Uint8Array): boolean {
  const buffer = bufferOf(bytes);
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
