/** Reads whole answers of upstreams within their limits. */
import { type JsonObject, RelayError } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import { concat } from "./body.ts";
import type { Call } from "./call.ts";

/** A declared answer up to this size is read in one go; others chunk by chunk, under the silence limit. */
const ONE_GO_BYTES = 1024 * 1024;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The answer's bytes. Throws `upstream-malformed` when it is larger than `limits.stream_max_size`. */
export async function readWhole(
  call: Call,
  entry: ProviderEntry,
  response: Response,
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = response.headers.get("content-length");
  const limit = call.snapshot.config.limits.streamMaxSize;
  const { idleMs } = entry.timeouts;
  if (declared !== null && Number(declared) <= ONE_GO_BYTES) {
    call.deadline = {
      at: call.services.active.now + idleMs,
      error: () => new RelayError("upstream-timeout", "The upstream fell silent in the middle of its answer."),
    };
    const bytes = (await response.bytes()) as Uint8Array<ArrayBuffer>;
    call.deadline = undefined;
    return bytes;
  }
  if (response.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body.getReader();
  call.lastByteMs = call.services.active.now;
  call.idleMs = idleMs;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    call.lastByteMs = call.services.active.now;
    size += value.length;
    if (size > limit) {
      reader.cancel().catch(() => {});
      throw new RelayError("upstream-malformed", "The upstream's answer is larger than limits.stream_max_size.");
    }
    chunks.push(value);
  }
  call.idleMs = 0;
  return chunks.length === 1 ? (chunks[0] as Uint8Array<ArrayBuffer>) : concat(chunks, size);
}

/** Throws `upstream-malformed` for anything but a JSON object. */
export function parseAnswer(bytes: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new RelayError("upstream-malformed", "The upstream's answer is not JSON.", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RelayError("upstream-malformed", "The upstream's answer is not a JSON object.");
  }
  return value as JsonObject;
}
