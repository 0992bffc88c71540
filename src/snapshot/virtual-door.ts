/** Serves `monorelay/plugin` to files that are loaded at run time: the very classes and codecs the built-ins use. */
import * as door from "../plugin/index.ts";

export const DOOR = "monorelay/plugin";

/** Names that a plugin can import, types aside. */
export const DOOR_EXPORTS: readonly string[] = Object.keys(door);

let isServed = false;

/** Once per thread: a worker has modules of its own. The first import of a plugin must come after it. */
export function serveDoor(): void {
  if (isServed) return;
  isServed = true;
  Bun.plugin({
    name: DOOR,
    setup(build) {
      build.module(DOOR, () => ({ loader: "object", exports: { ...door } }));
    },
  });
}
