/** One question in several pieces, for upstreams that take only so much at a time: asked side by side, answered in order. */
import type { Answer } from "../net/answer.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { PoolKey } from "../routing/key-pool.ts";
import { RelayError } from "../plugin/index.ts";
import type { Call } from "./call.ts";
import { answerFrom, answerWithin, type Carrier, type Shape } from "./upstream.ts";
import { readWhole } from "./whole.ts";

/** So many pieces are under way at once: more than a few look like an attack to a vendor that counts requests. */
const PARALLEL_MAX = 8;

interface Piece {
  readonly shape: Shape;
  /** How many results are asked for. */
  readonly inputs: number;
}

/** Gives up all exchanges of one attempt, those included that are still to come. */
class Group implements Carrier {
  readonly #sendings: { abort(): void }[] = [];
  isOver = false;

  carryBy(sending: { abort(): void }): void {
    this.#sendings.push(sending);
    if (this.isOver) sending.abort();
  }

  abort(): void {
    this.isOver = true;
    for (const sending of this.#sendings) sending.abort();
  }
}

/**
 * One attempt for all pieces: the first failure ends the others. `read` makes of each whole answer what it says.
 * Rejects with what went wrong, as a single call would.
 */
export async function askTogether<T extends { readonly vectors: readonly unknown[] }>(
  call: Call,
  entry: ProviderEntry,
  key: PoolKey,
  pieces: readonly Piece[],
  read: (bytes: Uint8Array, answer: Pick<Answer, "header">) => T,
): Promise<T[]> {
  const [only] = pieces;
  if (pieces.length === 1) {
    const answer = await answerFrom(call, entry, key, only!.shape);
    return [read(await readWhole(call, entry, answer), { header: (name) => answer.header(name) })];
  }
  call.beginAttempt(entry);
  call.limitTotal(entry.timeouts.totalMs);
  const group = new Group();
  call.carryBy(group);
  const results: T[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < pieces.length && !group.isOver) {
      const at = next++;
      const { shape, inputs } = pieces[at]!;
      // Any piece that comes in is a sign of life of the upstream.
      call.limitStep("first-byte", entry.timeouts.firstTokenMs);
      const answer = await answerWithin(call, entry, key, shape, group);
      const bytes = await answer.bytes(call.snapshot.config.limits.streamMaxSize);
      const result = read(bytes, { header: (name) => answer.header(name) });
      if (result.vectors.length !== inputs) throw wrongCount();
      results[at] = result;
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(PARALLEL_MAX, pieces.length) }, work));
  } catch (cause) {
    group.abort();
    throw cause;
  }
  call.endStep();
  if (group.isOver) throw call.abortReason ?? call.attemptReason ?? wrongCount();
  return results;
}

/** Results that cannot be told to whom they belong are none. */
export function wrongCount(): RelayError {
  return new RelayError("upstream-malformed", "The upstream gave another number of vectors than it was asked for.");
}
