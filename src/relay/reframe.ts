/** Puts a passed-through stream into another envelope of the same dialect; what stands in the frames is not touched. */
import type { Framing, RelayError } from "../plugin/index.ts";
import type { Source } from "./client-stream.ts";

/** The frames of a source whose bytes are whole events of `from`, in the envelope `to`. */
export function reframed(source: Source, from: Framing, to: Framing): Source {
  const read = from.decoder();
  let isOver = false;
  const translated = (bytes: Uint8Array | null): Uint8Array | null | undefined => {
    isOver = bytes === null;
    const frames = read(bytes);
    if (frames.length > 0) return to.encode(frames);
    return bytes === null ? null : undefined;
  };
  const next: Source["next"] = (ready) => {
    while (!isOver) {
      const bytes = source.next(ready);
      if (bytes === undefined) return undefined;
      if (bytes instanceof Promise) return later(bytes, ready);
      const given = translated(bytes);
      if (given !== undefined) return given;
    }
    return null;
  };
  const later = async (promise: Promise<Uint8Array | null>, ready: () => void): Promise<Uint8Array | null> => {
    const given = translated(await promise);
    // A source that gives promises never answers `undefined`.
    return given === undefined ? ((await next(ready)) as Uint8Array | null) : given;
  };
  return {
    next,
    ...(source.isComplete === undefined ? {} : { isComplete: () => source.isComplete!() }),
    ...(source.failure === undefined ? {} : { failure: (error: RelayError) => source.failure!(error) }),
    stop: () => source.stop(),
  };
}
