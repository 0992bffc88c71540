/** What a request says outside of its body, in its path and query. */
import type { Framing } from "../plugin/index.ts";

/** What the path and query of a request say, where a dialect keeps it out of the body. */
export interface Said {
  readonly model?: string;
  readonly stream?: boolean;
  /** Of the object that the path names. */
  readonly id?: string;
  /** The path below the API root, where the route's own holds names. */
  readonly path?: string;
  /** The envelope asked for, where there is a choice; absent = the codec's own. */
  readonly framing?: Framing;
}
