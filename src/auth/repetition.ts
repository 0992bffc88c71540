/** Tells what was said a moment ago from what is new, so that asking again and again fills no log that is kept for good. */
import type { Clock } from "../support/clock.ts";

/** Who tries again and again leaves one line for each kind of refusal in this time. */
const REPEATED_MS = 60_000;
const REMEMBERED_MAX = 10_000;

/** `true`: the same was asked less than a minute ago, and said then. A clock that is set back repeats nothing. */
export type IsRepeated = (...parts: readonly (string | null)[]) => boolean;

export function createRepetition(clock: Pick<Clock, "now">): IsRepeated {
  const lately = new Map<string, number>();
  return (...parts) => {
    const name = JSON.stringify(parts);
    const now = clock.now();
    const last = lately.get(name);
    if (last !== undefined && Math.abs(now - last) < REPEATED_MS) return true;
    if (lately.size >= REMEMBERED_MAX) lately.clear();
    lately.set(name, now);
    return false;
  };
}
