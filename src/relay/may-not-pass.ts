/** What in a body keeps it from being passed to an upstream of its own dialect as it is. */
import type { Codec } from "../plugin/index.ts";
import type { Target } from "../routing/resolve.ts";
import { bufferOf } from "../wire/part.ts";

/** Asked of every call that would pass through, so that only bytes are looked at. */
export function mayNotPass(body: Uint8Array, asked: Codec, upstream: Codec, { entry, model }: Target): boolean {
  // Something of ours came back in the history: it must not reach an upstream that takes it for its own.
  const mark = asked.ingress?.ownMark;
  if (mark !== undefined && bufferOf(body).includes(mark)) return true;
  return upstream.egress!.mustRewrite?.(body, entry.traits, model) === true;
}
