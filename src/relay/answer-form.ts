/** Whether an answer comes as a stream or whole. */
import type { Framing } from "../plugin/index.ts";

const EVENT_STREAM = /^text\/event-stream\b/i;

/** Does the answer come in the envelope that its dialect streams in? */
export function isStreamOf(framing: Framing, contentType: string): boolean {
  return EVENT_STREAM.test(contentType) || contentType.startsWith(framing.contentType);
}
