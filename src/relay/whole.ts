/** Reads whole answers of upstreams within their limits. */
import { join } from "../net/bytes.ts";
import type { Answer } from "../net/answer.ts";
import { RelayError } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { Call } from "./call.ts";

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
