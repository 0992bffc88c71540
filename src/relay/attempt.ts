/** Tries candidates in order until one has begun to answer; after that there is no way back. */
import { RelayError } from "../contract/errors.ts";
import { isKey, type NoKey, type PoolKey } from "../routing/key-pool.ts";
import type { Resolution, Target } from "../routing/resolve.ts";
import type { Call } from "./call.ts";

/** Share by which a waiting time is spread, so that many callers do not return at the same instant. */
const JITTER = 0.2;
const HINT_MIN_MS = 1000;
const HINT_MAX_MS = 60_000;

/** One (provider, model, key) that could serve. */
export interface Candidate extends Target {
  readonly key: PoolKey;
}

/**
 * `tryOne` resolves once the answer is committed to the client, and throws a `RelayError` before. A failure whose
 * `retry` is `next` moves on to the next key, then the next provider, then the fallback models, as far as
 * `model_routing.failover` and the retry budget allow.
 */
export async function attempt<T>(
  call: Call,
  resolution: Resolution,
  tryOne: (candidate: Candidate) => Promise<T>,
): Promise<T> {
  const { failover } = call.snapshot.config.modelRouting;
  const triesMax = failover.enabled ? failover.maxAttempts : 1;
  call.services.budget.earn(failover.budget);
  let tries = 0;
  let last: RelayError | undefined;
  let missing: NoKey | undefined;

  for (const target of targetsOf(call, resolution)) {
    const { entry } = target;
    const tried = new Set<PoolKey>();
    for (;;) {
      if (tries >= triesMax) throw exhausted(call, last, missing);
      if (tries > 0 && !call.services.budget.take(failover.budget)) throw exhausted(call, last, missing);
      const key = entry.keys.pick(tried);
      if (!isKey(key)) {
        missing ??= key;
        break;
      }
      tries += 1;
      tried.add(key);
      try {
        return await withRepeats(call, { ...target, key }, tryOne);
      } catch (cause) {
        last = RelayError.from(cause);
        if (last.retry === "never" || call.abortReason !== undefined) throw last;
      }
    }
  }
  throw exhausted(call, last, missing);
}

/** Lazy: fallback models are only resolved when everything before them has failed. */
function* targetsOf(call: Call, resolution: Resolution): Generator<Target> {
  yield* resolution.targets;
  for (const fallback of call.snapshot.router.fallbacksOf(resolution.resolved)) yield* fallback.targets;
}

/** The provider's own `retry`: the same candidate again after a pause, for passing troubles. */
async function withRepeats<T>(
  call: Call,
  candidate: Candidate,
  tryOne: (candidate: Candidate) => Promise<T>,
): Promise<T> {
  const { entry } = candidate;
  const { retry } = entry.config;
  for (let repeat = 0; ; repeat += 1) {
    try {
      const answer = await counted(candidate, call, tryOne);
      return answer;
    } catch (cause) {
      const error = RelayError.from(cause);
      call.blame(error);
      settle(call, candidate, error);
      const isWorthIt = retry.enabled && repeat < retry.maxRetries && mayRepeat(retry, error);
      if (!isWorthIt || call.abortReason !== undefined) throw error;
      const backoffMs = Math.min(retry.backoffFactor ** repeat * 1000, retry.backoffMaxMs);
      const spread = 1 + JITTER * (2 * call.services.random() - 1);
      await waitFor(call, error.retryAfterMs ?? backoffMs * spread);
    }
  }
}

async function counted<T>(candidate: Candidate, call: Call, tryOne: (candidate: Candidate) => Promise<T>): Promise<T> {
  const { state } = candidate.key;
  call.key = candidate.key;
  call.model = candidate.model;
  state.requests += 1;
  state.inFlight += 1;
  try {
    const answer = await tryOne(candidate);
    state.refusedUntil = 0;
    return answer;
  } finally {
    state.inFlight -= 1;
  }
}

function mayRepeat(
  retry: { retryOnStatus: readonly number[]; retryOnErrors: readonly string[] },
  error: RelayError,
): boolean {
  if (error.retry === "never") return false;
  if (retry.retryOnStatus.includes(error.status)) return true;
  return error.wireType !== undefined && retry.retryOnErrors.includes(error.wireType);
}

async function waitFor(call: Call, ms: number): Promise<void> {
  const controller = new AbortController();
  call.onAbort = () => controller.abort();
  try {
    await call.services.sleep(ms, controller.signal);
  } catch (cause) {
    throw call.abortReason ?? cause;
  } finally {
    call.onAbort = undefined;
  }
}

/** What a failure means for the key that was used. */
function settle(call: Call, { entry, key }: Candidate, error: RelayError): void {
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
