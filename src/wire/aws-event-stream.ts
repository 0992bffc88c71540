/** AWS event stream: binary messages of headers and a payload, each with its length and two checksums. */
import type { Frame, Framing } from "../contract/codec.ts";
import { RelayError } from "../contract/errors.ts";

/**
 * Most bytes of one message, in either direction.
 * https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html and the smithy specification of the encoding
 */
export const AWS_MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** Most bytes of the headers of one message, as the specification has it. */
export const AWS_HEADERS_BYTES_MAX = 128 * 1024;

/** Lengths of message and headers, and the checksum of both. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
const MESSAGE_BYTES_MIN = PRELUDE_BYTES + CHECKSUM_BYTES;

/** Name under which a frame tells a failure that the envelope, not the payload, gives away. */
export const AWS_EXCEPTION = "exception";

/** Bytes behind the type of a header's value; -1 = told by two bytes of length. */
const VALUE_BYTES = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16] as const;
const STRING = 7;

function malformed(what: string): RelayError {
  return new RelayError("upstream-malformed", `The upstream sent a message of an event stream ${what}.`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const utf8 = new TextDecoder();

/** Only texts are of interest; values of other types are stepped over. */
function readHeaders(bytes: Uint8Array): Map<string, string> {
  const view = viewOf(bytes);
  const headers = new Map<string, string>();
  const need = (end: number): number => {
    if (end > bytes.length) throw malformed("whose headers do not end");
    return end;
  };
  for (let at = 0; at < bytes.length; ) {
    const nameEnd = need(at + 1 + bytes[at]!);
    const name = utf8.decode(bytes.subarray(at + 1, nameEnd));
    const type = bytes[need(nameEnd + 1) - 1]!;
    const fixed = VALUE_BYTES[type];
    if (fixed === undefined) throw malformed("with a header of an unknown type");
    const start = fixed < 0 ? need(nameEnd + 3) : nameEnd + 1;
    const end = need(start + (fixed < 0 ? view.getUint16(nameEnd + 1) : fixed));
    if (type === STRING) headers.set(name, utf8.decode(bytes.subarray(start, end)));
    at = end;
  }
  return headers;
}

/** What the envelope itself calls a failure, in one shape: `{type, message}`, with what else the payload says. */
function failureFrame(type: string, payload: string, message: string | undefined): Frame {
  let said: object = {};
  try {
    const value: unknown = JSON.parse(payload);
    if (typeof value === "object" && value !== null) said = value;
  } catch {
    // an empty payload, or words: the type says enough
  }
  return {
    event: AWS_EXCEPTION,
    data: JSON.stringify({ ...(message === undefined ? {} : { message }), ...said, type }),
  };
}

function readMessage(bytes: Uint8Array): Frame {
  const view = viewOf(bytes);
  const end = bytes.length - CHECKSUM_BYTES;
  if (Bun.hash.crc32(bytes.subarray(0, end)) !== view.getUint32(end)) throw malformed("whose checksum is wrong");
  const payloadStart = PRELUDE_BYTES + view.getUint32(4);
  const headers = readHeaders(bytes.subarray(PRELUDE_BYTES, payloadStart));
  const payload = utf8.decode(bytes.subarray(payloadStart, end));
  switch (headers.get(":message-type")) {
    case "exception":
      return failureFrame(headers.get(":exception-type") ?? "exception", payload, undefined);
    case "error":
      return failureFrame(headers.get(":error-code") ?? "error", payload, headers.get(":error-message"));
    default: {
      const event = headers.get(":event-type");
      return event === undefined ? { data: payload } : { event, data: payload };
    }
  }
}

/** Length of the message whose prelude this is. */
function readLength(prelude: Uint8Array): number {
  const view = viewOf(prelude);
  const [length, headersLength] = [view.getUint32(0), view.getUint32(4)];
  // Checked before the lengths are believed: a body that is no event stream at all ends here.
  if (Bun.hash.crc32(prelude.subarray(0, 8)) !== view.getUint32(8)) throw malformed("whose beginning is broken");
  if (length > AWS_MESSAGE_BYTES_MAX) throw malformed("that is larger than 4 MiB");
  if (headersLength > AWS_HEADERS_BYTES_MAX) throw malformed("whose headers are larger than 128 KiB");
  if (length < MESSAGE_BYTES_MIN + headersLength) throw malformed("whose lengths contradict each other");
  return length;
}

/** Gives out `count` bytes at a time, however the bytes came. */
class ByteQueue {
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  get size(): number {
    return this.#bytes;
  }

  /** The first `count` bytes, which stay where they are. */
  peek(count: number): Uint8Array {
    const [first] = this.#pieces;
    if (first !== undefined && first.length >= count) return first.subarray(0, count);
    const joined = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      joined.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [joined];
    return joined.subarray(0, count);
  }

  drop(count: number): void {
    const rest = this.peek(this.#bytes).subarray(count);
    this.#bytes -= count;
    this.#pieces = rest.length === 0 ? [] : [rest];
  }

  /** What waits for more is copied: the caller may use the memory of a chunk again. */
  settle(): void {
    const last = this.#pieces.at(-1);
    if (last !== undefined) this.#pieces[this.#pieces.length - 1] = last.slice();
  }
}

function createDecoder(): (bytes: Uint8Array | null) => Frame[] {
  const queue = new ByteQueue();
  let length = 0;
  return (bytes) => {
    const frames: Frame[] = [];
    // Half a message at the end says nothing: the codec misses its end mark.
    if (bytes === null) return frames;
    queue.push(bytes);
    for (;;) {
      if (length === 0) {
        if (queue.size < PRELUDE_BYTES) break;
        length = readLength(queue.peek(PRELUDE_BYTES));
      }
      if (queue.size < length) break;
      frames.push(readMessage(queue.peek(length)));
      queue.drop(length);
      length = 0;
    }
    queue.settle();
    return frames;
  };
}

const encoder = new TextEncoder();

function headerBytes(headers: readonly (readonly [name: string, value: string])[]): number[] {
  return headers.flatMap(([name, value]) => {
    const [nameBytes, valueBytes] = [encoder.encode(name), encoder.encode(value)];
    const length = [valueBytes.length >> 8, valueBytes.length & 255];
    return [nameBytes.length, ...nameBytes, STRING, ...length, ...valueBytes];
  });
}

function writeMessage({ event, data }: Frame): Uint8Array {
  const isFailure = event === AWS_EXCEPTION;
  const type = isFailure ? String((JSON.parse(data) as { type?: unknown }).type) : (event ?? "");
  const headers = headerBytes([
    [isFailure ? ":exception-type" : ":event-type", type],
    [":content-type", "application/json"],
    [":message-type", isFailure ? "exception" : "event"],
  ]);
  const payload = encoder.encode(data);
  const bytes = new Uint8Array(MESSAGE_BYTES_MIN + headers.length + payload.length);
  const view = viewOf(bytes);
  view.setUint32(0, bytes.length);
  view.setUint32(4, headers.length);
  view.setUint32(8, Bun.hash.crc32(bytes.subarray(0, 8)));
  bytes.set(headers, PRELUDE_BYTES);
  bytes.set(payload, PRELUDE_BYTES + headers.length);
  view.setUint32(bytes.length - CHECKSUM_BYTES, Bun.hash.crc32(bytes.subarray(0, bytes.length - CHECKSUM_BYTES)));
  return bytes;
}

/** Frames name the `:event-type`; a message of the type exception or error is a frame named `exception`. */
export const awsEventStream: Framing = {
  id: "aws-event-stream",
  contentType: "application/vnd.amazon.eventstream",
  decoder: createDecoder,
  encode(frames) {
    const messages = frames.filter(({ data, event }) => data !== "" || event !== undefined).map(writeMessage);
    const bytes = new Uint8Array(messages.reduce((sum, message) => sum + message.length, 0));
    let at = 0;
    for (const message of messages) {
      bytes.set(message, at);
      at += message.length;
    }
    return bytes;
  },
};
