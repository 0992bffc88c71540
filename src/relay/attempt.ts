/** Tries candidates in order until one has begun to answer; after that there is no way back. */
import type { ProviderConfig } from "../config/types.ts";
import { RelayError } from "../contract/errors.ts";
import { isKey, type NoKey, type PoolKey } from "../routing/key-pool.ts";
import type { Resolution, Target } from "../routing/resolve.ts";
import type { Call } from "./call.ts";
import { reachable } from "./reach.ts";

/** Share by which a waiting time is spread, so that many callers do not return at the same instant. */
const JITTER = 0.2;
const HINT_MIN_MS = 1000;
const HINT_MAX_MS = 60_000;

export interface Work<T> {
  /** Resolves once the answer is committed to the client, and rejects with a `RelayError` before. */
  tryOne(target: Target, key: PoolKey): Promise<T>;
}

/**
 * A failure whose `retry` is `next` moves on to the next key, then the next provider, then the fallback models, as far
 * as `model_routing.failover` and the retry budget allow; a provider's own `retry` repeats the same key before that.
 */
export async function attempt<T>(call: Call, resolution: Resolution, work: Work<T>): Promise<T> {
  const { failover } = call.snapshot.config.modelRouting;
  const { budget } = call.services;
  const triesMax = failover.enabled ? failover.maxAttempts : 1;
  budget.earn(failover.budget);
  let tries = 0;
  let last: RelayError | undefined;
  let missing: NoKey | undefined;
  let { targets } = resolution;
  let isFallback = false;

  for (let at = 0; ; at += 1) {
    if (at === targets.length) {
      if (isFallback) throw exhausted(call, last, missing);
      // Resolved only now: most calls never need them.
      const fallbacks = call.snapshot.router.fallbacksOf(resolution.resolved).flatMap((fallback) => fallback.targets);
      targets = reachable(call.identity, fallbacks);
      isFallback = true;
      at = -1;
      continue;
    }
    const target = targets[at]!;
    let tried: Set<PoolKey> | undefined;
    for (;;) {
      if (tries >= triesMax || (tries > 0 && !budget.take(failover.budget))) throw exhausted(call, last, missing);
      const key = target.entry.keys.pick(tried);
      if (!isKey(key)) {
        missing ??= key;
        break;
      }
      tries += 1;
      const { retry } = target.entry.config;
      for (let repeat = 0; ; repeat += 1) {
        begin(call, target, key);
        try {
          const answer = await work.tryOne(target, key);
          key.state.inFlight -= 1;
          key.state.refusedUntil = 0;
          return answer;
        } catch (cause) {
          key.state.inFlight -= 1;
          last = call.blame(RelayError.from(cause));
          settle(call, target, key, last);
          if (last.retry === "never" || call.abortReason !== undefined) throw last;
          if (!mayRepeat(retry, repeat, last)) break;
          await pause(call, retry, repeat, last);
        }
      }
      tried ??= new Set();
      tried.add(key);
    }
  }
}

function begin(call: Call, target: Target, key: PoolKey): void {
  call.key = key;
  call.model = target.model;
  key.state.requests += 1;
  key.state.inFlight += 1;
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
export function settle(call: Call, { entry }: Target, key: PoolKey, error: RelayError): void {
  key.state.failures += 1;
  switch (error.code) {
    case "upstream-rate-limited":
      entry.keys.cool(key, error.retryAfterMs);
      break;
    case "upstream-credential":
      entry.keys.refuse(key);
      call.services.log.error("an upstream refused a key", { provider: entry.name, key_label: key.label });
      break;
    default:
      if (error.status === 402) entry.keys.refuse(key);
  }
}

/** The last failure says most; without any, why there was nobody to ask. */
function exhausted(call: Call, last: RelayError | undefined, missing: NoKey | undefined): RelayError {
  if (last !== undefined) return call.attempts > 1 ? finalOf(last) : last;
  const wait = missing?.reason === "cooling" ? (missing.readyInMs ?? HINT_MIN_MS) : HINT_MAX_MS;
  const message =
    missing?.reason === "cooling"
      ? "All keys of the provider are resting after a rate limit."
      : "The provider has no usable key.";
  return new RelayError("unavailable", message, {
    wireCode: "no_keys",
    retryAfterMs: Math.min(HINT_MAX_MS, Math.max(HINT_MIN_MS, wait)),
  });
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
