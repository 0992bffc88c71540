/** Finds the name that was probably meant: the nearest one by edits, if it is near enough to be worth saying. */

/** Longer inputs are no slips of the pen, and comparing them costs time. */
const COMPARED_LENGTH_MAX = 64;

/** Names that differ only in case, `-` and `_` are the same name to people, and to routing. */
export function normalizeName(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, "");
}

/**
 * The nearest of `candidates`, or `null` when none is near: at most one edit in three characters (a swap of two
 * neighbours is one edit). A longer candidate that begins with the whole input counts as near.
 */
export function suggest(input: string, candidates: Iterable<string>): string | null {
  if (input.length === 0 || input.length > COMPARED_LENGTH_MAX) return null;
  const wanted = normalizeName(input);
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  let completion: string | null = null;
  for (const candidate of candidates) {
    const name = normalizeName(candidate);
    if (name === wanted) return candidate;
    if (Math.abs(name.length - wanted.length) < bestDistance) {
      const distance = countEdits(wanted, name);
      if (distance < bestDistance) {
        best = candidate;
        bestDistance = distance;
      }
    }
    if (completion === null && wanted.length >= 4 && name.startsWith(wanted)) completion = candidate;
  }
  return best ?? completion;
}

/** Optimal string alignment: insert, delete, replace, swap neighbours. */
function countEdits(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const isSame = left[row - 1] === right[column - 1];
      let edits = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (isSame ? 0 : 1));
      const isSwap =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (isSwap) edits = Math.min(edits, beforeLast[column - 2]! + 1);
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length]!;
}
