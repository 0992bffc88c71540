/** Puts a passed-through stream into another envelope of the same dialect; what stands in the frames is not touched. */
import type { Framing } from "../plugin/index.ts";
import type { Source } from "./client-stream.ts";

/** The frames of a source whose bytes are whole events of `from`, in the envelope `to`. */
export function reframed(source: Source, from: Framing, to: Framing): Source {
  const read = from.decoder();
  const translate = (bytes: Uint8Array | null): Uint8Array | null | Promise<Uint8Array | null> => {
    const frames = read(bytes);
    if (frames.length > 0) return to.encode(frames);
    return bytes === null ? null : next();
  };
  let isOver = false;
  const next = (): Uint8Array | null | Promise<Uint8Array | null> => {
    if (isOver) return null;
    const bytes = source.next();
    return bytes instanceof Promise ? bytes.then(given) : given(bytes);
  };
  const given = (bytes: Uint8Array | null) => {
    isOver = bytes === null;
    return translate(bytes);
  };
  return {
    next,
    ...(source.isComplete === undefined ? {} : { isComplete: () => source.isComplete!() }),
    stop: () => source.stop(),
  };
}
