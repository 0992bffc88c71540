/** What the chat lane remembers of a request while its answer is awaited. */
import type { Answer } from "../net/answer.ts";
import type { Codec, RelayError } from "../plugin/index.ts";
import type { PoolKey } from "../routing/key-pool.ts";
import type { Target } from "../routing/resolve.ts";
import type { TopLevel } from "./scan.ts";

/** A request of the pass-through lane that is on its way. */
export class Sent {
  constructor(
    readonly answer: Promise<Answer>,
    readonly target: Target,
    readonly key: PoolKey,
    readonly codec: Codec,
    readonly top: TopLevel,
    readonly hidesUsage: boolean,
  ) {}
}

export async function thrown(error: Promise<RelayError>): Promise<never> {
  throw await error;
}

export function codecOf(codecs: readonly Codec[], id: string): Codec | undefined {
  for (let index = 0; index < codecs.length; index += 1) if (codecs[index]!.id === id) return codecs[index];
  return undefined;
}
