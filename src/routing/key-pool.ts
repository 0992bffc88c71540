/** The keys of one provider: which one pays for the next try, and which ones have to rest. */
import type { KeyStrategy, ProviderKeyConfig } from "../config/types.ts";
import type { OpenWay } from "../net/way-out.ts";
import type { KeyState } from "./state.ts";

/** A key the upstream refused is left alone this long, unless it is the only one left. */
export const REFUSED_PAUSE_MS = 300_000;
/** Refused models remembered per key: their names come from callers. */
const REFUSED_MODELS_MAX = 256;

export interface PoolKey {
  readonly id: string;
  readonly label: string;
  /** Empty for providers without keys. */
  readonly secret: string;
  readonly weight: number;
  /** ms since epoch; `null` = never. */
  readonly expiresAt: number | null;
  readonly state: KeyState;
  /** Its own way to the upstream; absent = the provider's. */
  readonly way: OpenWay | undefined;
}

export interface PoolClock {
  now(): number;
  monotonic(): number;
}

/** Why no key could be given, and when the first of them will be ready again (ms from now; `undefined` = never). */
export interface NoKey {
  readonly reason: "none" | "cooling" | "expired";
  readonly readyInMs?: number;
}

const KEYLESS: ProviderKeyConfig = {
  key: "",
  id: "",
  label: "",
  weight: 1,
  enabled: true,
  quotaLimit: 0,
  quotaUsed: 0,
  rateLimitRps: 0,
  usageWindowLimits: { window5h: 0, window1d: 0, window7d: 0 },
  expiresAt: null,
  metadata: {},
  proxy: null,
  rpm: 0,
  tpm: 0,
  concurrency: 0,
};

export class KeyPool {
  readonly keys: readonly PoolKey[];
  /** Keys as configured, disabled ones included; what `/health` counts. */
  readonly configured: number;
  #next = 0;

  constructor(
    keys: readonly ProviderKeyConfig[],
    private readonly options: {
      readonly strategy: KeyStrategy;
      /** The provider works without a key (then an empty list means one empty secret). */
      readonly keyless: boolean;
      readonly cooldownMs: number;
      readonly clock: PoolClock;
      readonly random: () => number;
      readonly stateOf: (keyId: string) => KeyState;
      /** `proxy`: of a key, as configured. */
      readonly wayOf: (proxy: string) => OpenWay;
    },
  ) {
    this.configured = keys.length;
    const enabled = keys.filter((key) => key.enabled);
    const usable = enabled.length === 0 && keys.length === 0 && options.keyless ? [KEYLESS] : enabled;
    this.keys = usable.map((key) => ({
      id: key.id,
      label: key.label,
      secret: key.key,
      weight: key.weight,
      expiresAt: key.expiresAt,
      state: options.stateOf(key.id),
      way: key.proxy === null ? undefined : options.wayOf(key.proxy),
    }));
  }

  /** The next key by the strategy, leaving out those already tried; `model`: what it is wanted for. */
  pick(tried: ReadonlySet<PoolKey> | undefined, model = ""): PoolKey | NoKey {
    const keys = this.keys;
    // The common case: one key, in order.
    if (keys.length === 1 && tried === undefined) {
      const only = keys[0]!;
      if (only.expiresAt === null && only.state.coolingUntil === 0) return only;
    }
    return this.#pickAmong(keys, tried, model);
  }

  #pickAmong(keys: readonly PoolKey[], tried: ReadonlySet<PoolKey> | undefined, model: string): PoolKey | NoKey {
    const now = this.options.clock.now();
    const monotonic = this.options.clock.monotonic();
    const ready = keys.filter((key) => tried?.has(key) !== true && this.#isReady(key, now, monotonic));
    const trusted = ready.filter(
      ({ state }) => state.refusedUntil <= monotonic && (state.refusedModels?.get(model) ?? 0) <= monotonic,
    );
    // A refused key is better than none: the upstream may have changed its mind, and its answer says more than ours.
    const choice = this.#choose(trusted.length > 0 ? trusted : ready);
    return choice ?? this.#whyNone(tried, now, monotonic);
  }

  /** 429: the key rests as long as the upstream said, else as configured. */
  cool(key: PoolKey, retryAfterMs: number | undefined): void {
    const until = this.options.clock.monotonic() + (retryAfterMs ?? this.options.cooldownMs);
    key.state.coolingUntil = Math.max(key.state.coolingUntil, until);
  }

  /** 401, 402, 403: the key leaves rotation; for one model alone if `model` says so. */
  refuse({ state }: PoolKey, model?: string): void {
    const until = this.options.clock.monotonic() + REFUSED_PAUSE_MS;
    if (model === undefined) {
      state.refusedUntil = until;
      return;
    }
    state.refusedModels ??= new Map();
    if (state.refusedModels.size >= REFUSED_MODELS_MAX) state.refusedModels.clear();
    state.refusedModels.set(model, until);
  }

  #isReady(key: PoolKey, now: number, monotonic: number): boolean {
    if (key.expiresAt !== null && key.expiresAt <= now) return false;
    return key.state.coolingUntil <= monotonic;
  }

  #choose(ready: readonly PoolKey[]): PoolKey | undefined {
    if (ready.length <= 1) return ready[0];
    switch (this.options.strategy) {
      case "random":
        return ready[Math.floor(this.options.random() * ready.length)];
      case "weighted": {
        // Smooth weighted round-robin: spreads a heavy key's turns instead of bunching them.
        let best: PoolKey | undefined;
        let total = 0;
        for (const key of ready) {
          total += key.weight;
          key.state.credit += key.weight;
          if (best === undefined || key.state.credit > best.state.credit) best = key;
        }
        if (best !== undefined) best.state.credit -= total;
        return best;
      }
      default: {
        // In turn over the configured order, so that a key that rests does not double its neighbour's share for good.
        for (let step = 0; step < this.keys.length; step += 1) {
          const key = this.keys[(this.#next + step) % this.keys.length]!;
          if (!ready.includes(key)) continue;
          this.#next = (this.#next + step + 1) % this.keys.length;
          return key;
        }
        return ready[0];
      }
    }
  }

  #whyNone(tried: ReadonlySet<PoolKey> | undefined, now: number, monotonic: number): NoKey {
    const alive = this.keys.filter((key) => key.expiresAt === null || key.expiresAt > now);
    if (this.keys.length === 0) return { reason: "none" };
    if (alive.length === 0) return { reason: "expired" };
    const waits = alive.filter((key) => tried?.has(key) !== true).map((key) => key.state.coolingUntil - monotonic);
    return waits.length === 0 ? { reason: "none" } : { reason: "cooling", readyInMs: Math.max(0, Math.min(...waits)) };
  }
}

export function isKey(picked: PoolKey | NoKey): picked is PoolKey {
  return "secret" in picked;
}
