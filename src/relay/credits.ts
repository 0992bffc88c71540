/** What is left of the money at the upstream that serves the caller. */
import { type Credits, type JsonObject, RelayError } from "../plugin/index.ts";
import { tightestBudget } from "../limits/standing.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import { isKey, type PoolKey } from "../routing/key-pool.ts";
import type { Call } from "./call.ts";
import { answerOwn } from "./whole.ts";

/** Clients ask often, and balances move slowly. */
const KEPT_MS = 60_000;
const ASK_MAX_MS = 10_000;

/** By provider, then by key: what was told, and when (monotonic ms). */
const known = new WeakMap<ProviderEntry, Map<string, { readonly at: number; readonly credits: Credits }>>();

export async function runCredits(call: Call): Promise<Response> {
  call.lane = "raw";
  const budget = budgetOf(call);
  if (budget !== undefined) return answerOwn(call, summary(null, { granted: budget.usd, used: budget.used }));
  const entry = call.snapshot.providers
    .flatMap(({ entry }) => entry ?? [])
    .find(({ name, provider }) => provider.credits !== undefined && call.identity.providers?.includes(name) !== false);
  if (entry === undefined) {
    throw new RelayError("unavailable", "No provider that this credential reaches tells what is left.", {
      status: 501,
      wireCode: "not_supported",
      headers: { "x-should-retry": "false" },
    });
  }
  const key = entry.keys.pick(undefined);
  if (!isKey(key)) throw new RelayError("unavailable", "The provider has no usable key.", { wireCode: "no_keys" });
  const credits = await creditsOf(call, entry, key);
  return answerOwn(call, summary(entry.name, credits));
}

/** A key with budgets is told of the one that leaves least, and nothing of what is behind it. */
function budgetOf({ identity, services: { limiter }, snapshot }: Call) {
  if (identity.limits === undefined || identity.limits.budgets.length === 0) return undefined;
  const { rules } = limiter.planOf(identity, snapshot.generalLimits);
  return tightestBudget(limiter, { rules: rules.filter(({ kind }) => kind === "key"), hasBudget: true });
}

async function creditsOf(call: Call, entry: ProviderEntry, key: PoolKey): Promise<Credits> {
  const now = call.services.clock.monotonic();
  const keys = known.get(entry) ?? new Map<string, { at: number; credits: Credits }>();
  known.set(entry, keys);
  const kept = keys.get(key.id);
  if (kept !== undefined && now - kept.at < KEPT_MS) return kept.credits;
  call.key = key;
  call.beginAttempt(entry);
  try {
    const signal = AbortSignal.any([call.attemptSignal, AbortSignal.timeout(ASK_MAX_MS)]);
    const credits = await entry.provider.credits!(key.secret, signal);
    keys.set(key.id, { at: now, credits });
    return credits;
  } catch (cause) {
    throw (
      call.abortReason ?? new RelayError("upstream-unavailable", "The provider did not tell what is left.", { cause })
    );
  }
}

/** The names of two vendors for the same three numbers. */
function summary(provider: string | null, { granted, used }: Credits): JsonObject {
  return {
    object: "credit_summary",
    provider,
    currency: "USD",
    total_credits: granted,
    total_usage: used,
    total_granted: granted,
    total_used: used,
    total_available: Math.max(0, granted - used),
  };
}
