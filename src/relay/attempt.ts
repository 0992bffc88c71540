/** Tries candidates in order until one has begun to answer; after that there is no way back. */
import type { ProviderConfig } from "../config/types.ts";
import { RelayError } from "../contract/errors.ts";
import { isKey, type NoKey, type PoolKey } from "../routing/key-pool.ts";
import type { Resolution, Target } from "../routing/resolve.ts";
import { payable } from "./admission.ts";
import type { Call } from "./call.ts";
import { reachable } from "./reach.ts";

/** Share by which a waiting time is spread, so that many callers do not return at the same instant. */
const JITTER = 0.2;
/** Clients ignore hints outside this range, `http-api.md` section 2.2. */
const HINT_MIN_MS = 1000;
const HINT_MAX_MS = 60_000;

/** When to come back, as far as a client will listen, ms. */
export function boundedHint(ms: number): number {
  return Math.min(HINT_MAX_MS, Math.max(HINT_MIN_MS, ms));
}

export interface Work<T> {
  /** Resolves once the answer is committed to the client, and rejects with a `RelayError` before. */
  tryOne(target: Target, key: PoolKey): Promise<T>;
}

/**
 * Which candidate is next. A failure whose `retry` is `next` moves on to the next key, then the next provider, then the
 * fallback models, as far as `model_routing.failover` and the retry budget allow; a provider's own `retry` repeats the
 * same key before that.
 */
export class Attempts {
  /** What is tried now; set by `next`. */
  target!: Target;
  key!: PoolKey;

  readonly #call: Call;
  readonly #resolution: Resolution;
  readonly #triesMax: number;
  #targets: readonly Target[];
  #at = 0;
  #isFallback = false;
  #tries = 0;
  /** Keys of the present target that have failed. */
  #tried: Set<PoolKey> | undefined;
  #repeat = 0;
  /** The same key is tried once more. */
  #isRepeated = false;
  #last: RelayError | undefined;
  #missing: NoKey | undefined;

  constructor(call: Call, resolution: Resolution) {
    const { failover } = call.snapshot.config.modelRouting;
    this.#call = call;
    this.#resolution = resolution;
    this.#targets = resolution.targets;
    this.#triesMax = failover.enabled ? failover.maxAttempts : 1;
    call.services.budget.earn(failover.budget);
  }

  /** Moves on; throws what the last failure says, or why there was nobody to ask. */
  next(): void {
    if (!this.#isRepeated) this.#choose();
    this.#isRepeated = false;
    const { target, key } = this;
    this.#call.key = key;
    this.#call.model = target.model;
    key.state.requests += 1;
    key.state.inFlight += 1;
  }

  /** It has answered. */
  won(): void {
    const { state } = this.key;
    state.inFlight -= 1;
    state.refusedUntil = 0;
    state.refusedModels?.delete(this.target.model);
  }

  /** It has failed: throws when that is final, else another may be tried as soon as the result, if any, resolves. */
  lost(cause: unknown): undefined | Promise<void> {
    const call = this.#call;
    const { target, key } = this;
    key.state.inFlight -= 1;
    const error = call.blame(RelayError.from(cause));
    this.#last = error;
    settle(call, target, key, error);
    if (error.retry === "never" || call.abortReason !== undefined) throw error;
    const { retry } = target.entry.config;
    if (mayRepeat(retry, this.#repeat, error)) {
      this.#isRepeated = true;
      this.#repeat += 1;
      return pause(call, retry, this.#repeat - 1, error);
    }
    this.#tried ??= new Set();
    this.#tried.add(key);
    return undefined;
  }

  #choose(): void {
    const { failover } = this.#call.snapshot.config.modelRouting;
    for (;;) {
      if (this.#at === this.#targets.length) {
        this.#takeFallbacks();
        continue;
      }
      const isSpent = this.#tries > 0 && !this.#call.services.budget.take(failover.budget);
      if (this.#tries >= this.#triesMax || isSpent) throw this.#exhausted();
      const target = this.#targets[this.#at]!;
      const key = target.entry.keys.pick(this.#tried, target.model);
      if (isKey(key)) {
        this.target = target;
        this.key = key;
        this.#tries += 1;
        this.#repeat = 0;
        return;
      }
      this.#missing ??= key;
      this.#at += 1;
      this.#tried = undefined;
    }
  }

  /** Resolved only now: most calls never need them. */
  #takeFallbacks(): void {
    const call = this.#call;
    if (this.#isFallback) throw this.#exhausted();
    const fallbacks = call.snapshot.router.fallbacksOf(this.#resolution.resolved);
    const targets = fallbacks.flatMap((fallback) => fallback.targets);
    this.#targets = payable(call, reachable(call.identity, targets));
    this.#isFallback = true;
    this.#at = 0;
  }

  /** The last failure says most; without any, why there was nobody to ask. */
  #exhausted(): RelayError {
    const last = this.#last;
    if (last !== undefined) {
      last.retryAfterMs ??= this.#hint(last);
      return this.#call.attempts > 1 ? finalOf(last) : last;
    }
    const missing = this.#missing;
    const isCooling = missing?.reason === "cooling";
    const message = isCooling
      ? "All keys of the provider are resting after a rate limit."
      : "The provider has no usable key.";
    return new RelayError("unavailable", message, {
      wireCode: "no_keys",
      retryAfterMs: boundedHint(isCooling ? (missing.readyInMs ?? HINT_MIN_MS) : HINT_MAX_MS),
    });
  }

  /** For what passes by itself; the upstream's own word comes before it. */
  #hint(last: RelayError): number | undefined {
    if (last.code === "upstream-unavailable") return last.status === 503 ? HINT_MIN_MS : undefined;
    if (last.code !== "upstream-rate-limited") return undefined;
    const rest = this.key.state.coolingUntil - this.#call.services.clock.monotonic();
    return boundedHint(Math.min(rest, this.#missing?.readyInMs ?? rest));
  }
}

export function attempt<T>(call: Call, resolution: Resolution, work: Work<T>): Promise<T> {
  return attemptAll(new Attempts(call, resolution), work);
}

/** All that are left, until one has answered. */
export async function attemptAll<T>(attempts: Attempts, work: Work<T>): Promise<T> {
  for (;;) {
    attempts.next();
    try {
      const answer = await work.tryOne(attempts.target, attempts.key);
      attempts.won();
      return answer;
    } catch (cause) {
      await attempts.lost(cause);
    }
  }
}

function mayRepeat(retry: ProviderConfig["retry"], repeat: number, error: RelayError): boolean {
  if (!retry.enabled || repeat >= retry.maxRetries) return false;
  if (retry.retryOnStatus.includes(error.status)) return true;
  return error.wireType !== undefined && retry.retryOnErrors.includes(error.wireType);
}

/** As long as the upstream said, else longer each time; ends early when the call is aborted. */
async function pause(call: Call, retry: ProviderConfig["retry"], repeat: number, error: RelayError): Promise<void> {
  const { random, sleep } = call.services;
  const spread = 1 + JITTER * (2 * random() - 1);
  const backoffMs = Math.min(retry.backoffFactor ** repeat * 1000, retry.backoffMaxMs) * spread;
  const controller = new AbortController();
  call.onAbort = () => controller.abort();
  try {
    await sleep(error.retryAfterMs ?? backoffMs, controller.signal);
  } catch (cause) {
    throw call.abortReason ?? cause;
  } finally {
    call.onAbort = undefined;
  }
}

/** What a failure means for the key that was used. */
export function settle(call: Call, { entry, model }: Target, key: PoolKey, error: RelayError): void {
  key.state.failures += 1;
  switch (error.code) {
    case "upstream-rate-limited":
      entry.keys.cool(key, error.retryAfterMs);
      break;
    case "upstream-credential":
      if (error.isForModel) {
        entry.keys.refuse(key, model);
        call.services.log.warn("an upstream refused a key one model", {
          provider: entry.name,
          key_label: key.label,
          model,
        });
        break;
      }
      entry.keys.refuse(key);
      call.services.log.error("an upstream refused a key", { provider: entry.name, key_label: key.label });
      break;
    default:
      if (error.status === 402) entry.keys.refuse(key);
  }
}

const finals = new WeakSet<RelayError>();

/** Marks an error as one that the relay itself has repeated: the client's SDK need not do the same again. */
function finalOf(error: RelayError): RelayError {
  finals.add(error);
  return error;
}

export function isFinal(error: RelayError): boolean {
  return finals.has(error);
}
