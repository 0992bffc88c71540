/** What must survive a reload: cooldowns and counters, keyed by provider and key, never by generation. */

/** All instants are on the monotonic clock, in ms; 0 = not. */
export interface KeyState {
  /** Not used before this instant (429, or the provider's own hint). */
  coolingUntil: number;
  /** The upstream refused this key; used again only if there is no other, or after this instant. */
  refusedUntil: number;
  /** Models that the upstream refused this key alone, until when; made when there is one. */
  refusedModels: Map<string, number> | undefined;
  inFlight: number;
  requests: number;
  failures: number;
  /** Smooth weighted round-robin: the credit this key has saved up. */
  credit: number;
}

/** One for the life of the process. */
export class RoutingState {
  readonly #keys = new Map<string, KeyState>();

  key(provider: string, keyId: string): KeyState {
    const name = `${provider}\n${keyId}`;
    let state = this.#keys.get(name);
    if (state === undefined) {
      state = {
        coolingUntil: 0,
        refusedUntil: 0,
        refusedModels: undefined,
        inFlight: 0,
        requests: 0,
        failures: 0,
        credit: 0,
      };
      this.#keys.set(name, state);
    }
    return state;
  }

  /** Forgets keys that no generation knows any more. */
  keepOnly(known: ReadonlySet<string>): void {
    for (const name of this.#keys.keys()) if (!known.has(name)) this.#keys.delete(name);
  }

  static nameOf(provider: string, keyId: string): string {
    return `${provider}\n${keyId}`;
  }
}

/**
 * Bounds repeats to a share of traffic, so that a broken upstream is not hit several times as hard as a sound one.
 * Every call earns `share` of a repeat; up to `RESERVE` are saved, so that quiet relays may always repeat a few.
 */
export class RetryBudget {
  static readonly RESERVE = 20;
  #saved = RetryBudget.RESERVE;

  earn(share: number): void {
    this.#saved = Math.min(RetryBudget.RESERVE, this.#saved + share);
  }

  /** `share` 1 means unbounded. */
  take(share: number): boolean {
    if (share >= 1) return true;
    if (this.#saved < 1) return false;
    this.#saved -= 1;
    return true;
  }
}
