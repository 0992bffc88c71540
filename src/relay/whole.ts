/** Whole answers: those of upstreams read within their limits, ours sent to the client. */
import { join } from "../net/bytes.ts";
import type { Answer } from "../net/answer.ts";
import { type JsonObject, RelayError } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { Call } from "./call.ts";
import { wholeResponse } from "./headers.ts";

/** A declared answer up to this size is read in one go; others chunk by chunk, under the silence limit. */
const ONE_GO_BYTES = 1024 * 1024;

/** The answer's bytes. Throws `upstream-malformed` when it is larger than `limits.stream_max_size`. */
export function readWhole(
  call: Call,
  entry: ProviderEntry,
  answer: Answer,
): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> {
  if (answer.length === undefined || answer.length > ONE_GO_BYTES) return readByChunk(call, entry, answer);
  call.limitStep("answer", entry.timeouts.idleMs);
  return answer.bytes(ONE_GO_BYTES);
}

async function readByChunk(call: Call, entry: ProviderEntry, answer: Answer): Promise<Uint8Array<ArrayBuffer>> {
  const limit = call.snapshot.config.limits.streamMaxSize;
  const chunks: Uint8Array[] = [];
  let size = 0;
  call.endStep();
  call.lastByteMs = call.services.active.now;
  call.idleMs = entry.timeouts.idleMs;
  for (;;) {
    const read = answer.read();
    const chunk = read instanceof Promise ? await read : read;
    if (chunk === null) break;
    call.lastByteMs = call.services.active.now;
    size += chunk.length;
    if (size > limit) {
      answer.abort();
      throw new RelayError("upstream-malformed", "The upstream's answer is larger than limits.stream_max_size.");
    }
    chunks.push(chunk);
  }
  call.idleMs = 0;
  return chunks.length === 1 ? (chunks[0] as Uint8Array<ArrayBuffer>) : join(chunks, size);
}

/** What an upstream has said, as the client gets it. The call ends with it. */
export function answerWhole(call: Call, bytes: Uint8Array<ArrayBuffer>, contentType = "application/json"): Response {
  call.firstByteMs = call.services.clock.monotonic();
  return endWith(call, bytes, contentType);
}

const encoder = new TextEncoder();

/** What the relay itself tells. The call ends with it. */
export function answerOwn(call: Call, body: JsonObject): Response {
  return endWith(call, encoder.encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>, "application/json");
}

function endWith(call: Call, bytes: Uint8Array<ArrayBuffer>, contentType: string): Response {
  call.bytesOut = bytes.length;
  const response = wholeResponse(call, contentType, bytes);
  call.end(200);
  return response;
}
