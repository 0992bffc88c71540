/** Where the entries of threads lie: in the binary beside its first entry, from the sources above this folder. */
import { IS_COMPILED } from "./build-info.ts";

/** @param entry file name of an entry of the build, e.g. `plugin-worker.ts` */
export function threadUrl(entry: string): string {
  return new URL(`${IS_COMPILED ? "./" : "../"}${entry}`, import.meta.url).href;
}
