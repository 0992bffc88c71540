/** How much of each limit is used, for headers and for whoever asks. */
import type { Limiter, Plan } from "./limiter.ts";
import { MICRO_USD } from "./limiter.ts";
import type { BudgetWindow } from "./windows.ts";

/** Of one kind of limit, the rule that leaves least. */
export interface Tightest {
  readonly limit: number;
  readonly remaining: number;
  /** Until nothing of it is used any more, ms. */
  readonly resetMs: number;
}

export function tightest(limiter: Limiter, plan: Plan, name: "rpm" | "tpm"): Tightest | undefined {
  const { now } = limiter;
  let found: Tightest | undefined;
  for (const { holder, limits } of plan.rules) {
    const limit = limits[name];
    if (limit === 0) continue;
    const counted = name === "rpm" ? holder.requests : holder.tokens;
    const used = counted.sum(now);
    const remaining = Math.max(0, limit - used);
    if (found !== undefined && found.remaining <= remaining) continue;
    found = { limit, remaining, resetMs: used === 0 ? 0 : counted.freedIn(used, now) };
  }
  return found;
}

/** `limit`, `used` and `remaining` in requests, tokens, calls or USD. */
export interface LimitStanding {
  /** `rpm`, `tpm`, `concurrency` or `budget:<window>`. */
  readonly name: string;
  readonly limit: number;
  readonly used: number;
  readonly remaining: number;
  /** ms since epoch; `null` = it does not reset by itself. */
  readonly resetAt: number | null;
}

/** `wallNow`: ms since epoch. What calls under way have put aside counts as used. */
export function standingOf(limiter: Limiter, plan: Plan, wallNow: number): readonly LimitStanding[] {
  const { now, spending } = limiter;
  return plan.rules.flatMap(({ holder, limits }) => {
    const rates = (["rpm", "tpm"] as const).flatMap((name): LimitStanding[] => {
      const limit = limits[name];
      if (limit === 0) return [];
      const counted = name === "rpm" ? holder.requests : holder.tokens;
      const used = counted.sum(now);
      const resetAt = used === 0 ? null : Math.ceil(wallNow + counted.freedIn(used, now));
      return [{ name, limit, used, remaining: Math.max(0, limit - used), resetAt }];
    });
    const { concurrency } = limits;
    const { inFlight, account } = holder;
    if (concurrency > 0) {
      const remaining = Math.max(0, concurrency - inFlight);
      rates.push({ name: "concurrency", limit: concurrency, used: inFlight, remaining, resetAt: null });
    }
    const budgets = limits.budgets.map(({ usd, window }): LimitStanding => {
      const used = (spending.spent(account, window) + account.reserved) / MICRO_USD;
      const remaining = Math.max(0, Math.round((usd - used) * MICRO_USD) / MICRO_USD);
      return { name: `budget:${window}`, limit: usd, used, remaining, resetAt: endOf(spending.endOf(window)) };
    });
    return [...rates, ...budgets];
  });
}

/** The budget that leaves least, in USD. */
export function tightestBudget(
  limiter: Limiter,
  plan: Plan,
): { readonly usd: number; readonly used: number; readonly window: BudgetWindow } | undefined {
  const { spending } = limiter;
  return plan.rules
    .flatMap(({ holder, limits }) =>
      limits.budgets.map(({ usd, window }) => ({
        usd,
        window,
        used: spending.spent(holder.account, window) / MICRO_USD,
      })),
    )
    .sort((a, b) => a.usd - a.used - (b.usd - b.used))[0];
}

function endOf(instant: number): number | null {
  return Number.isFinite(instant) ? instant : null;
}
