/** Counts what callers use against their limits: reserved before a call, settled after it, all in one step each. */
import type { CallerLimits, Identity } from "../contract/host.ts";
import type { RelayError } from "../contract/errors.ts";
import type { Clock } from "../support/clock.ts";
import { type GeneralLimits, type HolderKind, plannedLimits, subjectsOf } from "./plan.ts";
import { quotaExceeded, rateLimited } from "./refusals.ts";
import { SlidingMinute } from "./sliding-minute.ts";
import type { Account, Spending } from "./spending.ts";

/** Holders at rest are forgotten when there are more. */
const HOLDERS_MAX = 20_000;
/** Nobody knows when a call under way will end. */
const CONCURRENCY_RETRY_MS = 1000;
export const MICRO_USD = 1_000_000;

/** Whoever is counted: a key, an account, an organisation, the access key. */
export interface Holder {
  readonly account: Account;
  readonly requests: SlidingMinute;
  readonly tokens: SlidingMinute;
  inFlight: number;
}

export interface Rule {
  readonly kind: HolderKind;
  readonly holder: Holder;
  readonly limits: CallerLimits;
}

/** All rules that hold for a caller; the tightest decides. */
export interface Plan {
  readonly rules: readonly Rule[];
  readonly hasBudget: boolean;
}

/** What a call might use, all in all. */
export interface Ask {
  readonly tokens: number;
  /** 0 when nobody knows. */
  readonly microUsd: number;
}

interface KnownPlan {
  readonly plan: Plan;
  readonly general: GeneralLimits | undefined;
  readonly age: number;
}

const NOTHING_ASKED: Ask = { tokens: 0, microUsd: 0 };

export class Limiter {
  readonly #holders = new Map<string, Holder>();
  /** Identities are remembered by the auth chain for up to a second; so long lasts what is made of them. */
  readonly #plans = new WeakMap<Identity, KnownPlan>();
  readonly #accounts = new WeakMap<Identity, readonly Account[]>();
  /** Counts how often holders were forgotten: plans made before may name some that count no more. */
  #age = 0;

  constructor(
    private readonly clock: Clock,
    readonly spending: Spending,
  ) {}

  planOf(identity: Identity, general: GeneralLimits | undefined): Plan {
    const known = this.#plans.get(identity);
    if (known !== undefined && known.general === general && known.age === this.#age) return known.plan;
    // As of before: making room for a new holder may forget one of the same plan.
    const age = this.#age;
    const rules = plannedLimits(identity, general).map(
      ({ kind, subject, limits }): Rule => ({ kind, limits, holder: this.#holder(subject) }),
    );
    const plan = { rules, hasBudget: rules.some(({ limits }) => limits.budgets.length > 0) };
    this.#plans.set(identity, { general, plan, age });
    return plan;
  }

  /** The rules of a key alone, whatever its account and organisation may do. */
  planOfKey(subject: string, limits: CallerLimits): Plan {
    const rule: Rule = { kind: "key", limits, holder: this.#holder(subject) };
    return { rules: [rule], hasBudget: limits.budgets.length > 0 };
  }

  /**
   * Throws `rate-limited` or `quota-exceeded` and counts nothing, or counts the call: concurrency, then rpm, then tpm,
   * then budgets. Nothing here waits, so calls that come together are counted one by one.
   */
  admit(plan: Plan, ask: Ask): Admission {
    const now = this.clock.monotonic();
    const { rules } = plan;
    for (const { kind, holder, limits } of rules) {
      const { concurrency } = limits;
      if (concurrency > 0 && holder.inFlight >= concurrency) {
        throw rateLimited(kind, "concurrency", concurrency, CONCURRENCY_RETRY_MS);
      }
    }
    for (const { kind, holder, limits } of rules) {
      const { rpm } = limits;
      if (rpm === 0) continue;
      const over = holder.requests.sum(now) + 1 - rpm;
      if (over > 0) throw rateLimited(kind, "rpm", rpm, holder.requests.freedIn(over, now));
    }
    for (const { kind, holder, limits } of rules) {
      const { tpm } = limits;
      if (tpm === 0) continue;
      const over = holder.tokens.sum(now) + reservedOf(ask, limits) - tpm;
      if (over > 0) throw rateLimited(kind, "tpm", tpm, holder.tokens.freedIn(over, now));
    }
    if (plan.hasBudget) {
      const refusal = this.#budgetRefusal(plan, ask);
      if (refusal !== undefined) throw refusal;
    }
    return new Admission(this, plan, ask, now);
  }

  /** The first limit that has nothing left at all; for callers that are admitted once and go on using. */
  exhausted(plan: Plan): RelayError | undefined {
    const now = this.clock.monotonic();
    for (const { kind, holder, limits } of plan.rules) {
      const { tpm } = limits;
      const over = holder.tokens.sum(now) + 1 - tpm;
      if (tpm > 0 && over > 0) return rateLimited(kind, "tpm", tpm, holder.tokens.freedIn(over, now));
    }
    return this.#budgetRefusal(plan, NOTHING_ASKED);
  }

  /** Money is kept for everybody, limited or not. */
  spend(identity: Identity, microUsd: number): void {
    if (microUsd === 0) return;
    let accounts = this.#accounts.get(identity);
    if (accounts === undefined) {
      accounts = subjectsOf(identity).map((subject) => this.spending.account(subject));
      this.#accounts.set(identity, accounts);
    }
    for (const account of accounts) this.spending.book(account, microUsd);
  }

  get now(): number {
    return this.clock.monotonic();
  }

  #budgetRefusal({ rules }: Plan, { microUsd }: Ask): RelayError | undefined {
    for (const { kind, holder, limits } of rules) {
      for (const budget of limits.budgets) {
        const spent = this.spending.spent(holder.account, budget.window);
        const left = Math.round(budget.usd * MICRO_USD) - spent - holder.account.reserved;
        if (left > 0 && left >= microUsd) continue;
        return quotaExceeded(kind, budget, this.spending.endOf(budget.window), left, microUsd);
      }
    }
    return undefined;
  }

  #holder(subject: string): Holder {
    let holder = this.#holders.get(subject);
    if (holder === undefined) {
      if (this.#holders.size >= HOLDERS_MAX) this.#forgetResting();
      const account = this.spending.account(subject);
      holder = { account, requests: new SlidingMinute(), tokens: new SlidingMinute(), inFlight: 0 };
      this.#holders.set(subject, holder);
    }
    return holder;
  }

  #forgetResting(): void {
    const now = this.clock.monotonic();
    this.#age += 1;
    for (const [subject, { account, requests, tokens, inFlight }] of this.#holders) {
      if (inFlight > 0 || account.reserved > 0 || requests.sum(now) > 0 || tokens.sum(now) > 0) continue;
      this.#holders.delete(subject);
    }
  }
}

/** A call may ask for more than a minute ever allows; it then needs an empty one, but it may begin. */
function reservedOf({ tokens }: Ask, { tpm }: CallerLimits): number {
  return tpm === 0 ? tokens : Math.min(tokens, tpm);
}

/** One admitted call: its place, its request and what is reserved for it. */
export class Admission {
  readonly #second: number;
  #isReleased = false;
  #isSettled = false;
  /** Used and counted before the end. */
  #chargedTokens = 0;
  #chargedMicroUsd = 0;

  /** Counts the call. */
  constructor(
    private readonly limiter: Limiter,
    readonly plan: Plan,
    private readonly ask: Ask,
    now: number,
  ) {
    let second = 0;
    for (const { holder, limits } of plan.rules) {
      holder.inFlight += 1;
      holder.account.reserved += ask.microUsd;
      second = holder.requests.add(1, now);
      holder.tokens.add(reservedOf(ask, limits), now);
    }
    this.#second = second;
  }

  /** The call is over; its place is free at once, whatever else has still to be found out. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const { holder } of this.plan.rules) holder.inFlight -= 1;
  }

  /** Counts what the call has used so far beside what is reserved; the reason why it must end, if there is one. */
  charge(identity: Identity, tokens: number, microUsd: number): RelayError | undefined {
    const { now } = this.limiter;
    for (const { holder } of this.plan.rules) holder.tokens.add(tokens, now);
    this.#chargedTokens += tokens;
    this.#chargedMicroUsd += microUsd;
    this.limiter.spend(identity, microUsd);
    return this.limiter.exhausted(this.plan);
  }

  /** Puts what was used in the place of what was reserved. Only the first call counts. */
  settle(identity: Identity, tokens: number, microUsd: number): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.release();
    const { now } = this.limiter;
    const used = Math.max(0, tokens - this.#chargedTokens);
    for (const { holder, limits } of this.plan.rules) {
      holder.account.reserved -= this.ask.microUsd;
      const difference = used - reservedOf(this.ask, limits);
      // What was reserved counts for the minute in which the call began, what goes beyond it from now on.
      if (difference > 0) holder.tokens.add(difference, now);
      else if (difference < 0) holder.tokens.giveBack(-difference, this.#second, now);
    }
    this.limiter.spend(identity, Math.max(0, microUsd - this.#chargedMicroUsd));
  }
}
