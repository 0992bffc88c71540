/** Limits of callers: whole or not at all, the tightest of all that hold, and nothing lost or made up on the way. */
import { describe, expect, test } from "bun:test";
import type { CallerLimits, Identity } from "../../src/contract/host.ts";
import { RelayError } from "../../src/contract/errors.ts";
import type { Admission, Ask, Limiter, Plan } from "../../src/limits/limiter.ts";
import { generalLimits, type GeneralLimits } from "../../src/limits/plan.ts";
import { standingOf, tightest, tightestBudget } from "../../src/limits/standing.ts";
import { random } from "../support/random.ts";
import { keyHolder } from "../support/directory.ts";
import { limitsOf, openDesk } from "./desk.ts";

const ONE: Ask = { tokens: 0, microUsd: 0 };
const holder = (limits: Partial<CallerLimits>, own: Partial<Identity> = {}): Identity =>
  keyHolder("one", { limits: limitsOf(limits), ...own });

/** What a call is told, or `undefined` when it is let in. */
function refusal(limiter: Limiter, plan: Plan, ask: Ask = ONE): RelayError | undefined {
  try {
    limiter.admit(plan, ask);
    return undefined;
  } catch (error) {
    if (RelayError.is(error)) return error;
    throw error;
  }
}

describe("R29 rates", () => {
  test("of a hundred calls at a limit of ten, ten are let in", async () => {
    const { limiter } = await openDesk();
    const plan = limiter.planOf(holder({ rpm: 10 }), undefined);
    const told = Array.from({ length: 100 }, () => refusal(limiter, plan));
    expect(told.filter((error) => error === undefined)).toHaveLength(10);
    expect(told.at(-1)).toMatchObject({ code: "rate-limited", status: 429, retryAfterMs: 60_000 });
    expect(told.at(-1)?.message).toBe(
      "The limit of this key is reached: 10 requests per minute (rpm). It resets in 60 s.",
    );
  });

  test("a refused call counts nowhere: not as a request, not as tokens, not among those under way", async () => {
    const { limiter } = await openDesk();
    const plan = limiter.planOf(holder({ rpm: 10, tpm: 100, concurrency: 5 }), undefined);
    expect(refusal(limiter, plan, { tokens: 60, microUsd: 0 })).toBeUndefined();
    for (let count = 0; count < 20; count += 1) {
      expect(refusal(limiter, plan, { tokens: 60, microUsd: 0 })?.message).toContain("(tpm)");
    }
    expect(standingOf(limiter, plan, 0).map(({ name, used }) => [name, used])).toEqual([
      ["rpm", 1],
      ["tpm", 60],
      ["concurrency", 1],
    ]);
  });

  test("the order is concurrency, requests, tokens, budget", async () => {
    const { limiter } = await openDesk();
    const all = { rpm: 1, tpm: 10, concurrency: 1, budgets: [{ usd: 0.00001, window: "day" as const }] };
    const ask = { tokens: 10, microUsd: 10 };
    const plan = limiter.planOf(holder(all), undefined);
    const first = limiter.admit(plan, ask);
    expect(refusal(limiter, plan, ask)?.message).toContain("(concurrency)");
    first.release();
    expect(refusal(limiter, plan, ask)?.message).toContain("(rpm)");
    const roomier = limiter.planOf(holder({ ...all, rpm: 5 }), undefined);
    expect(refusal(limiter, roomier, ask)?.message).toContain("(tpm)");
    const roomiest = limiter.planOf(holder({ ...all, rpm: 5, tpm: 500 }), undefined);
    expect(refusal(limiter, roomiest, ask)?.code).toBe("quota-exceeded");
  });

  test("the hint is the time after which the same call passes", async () => {
    const { limiter, clock } = await openDesk();
    const plan = limiter.planOf(holder({ tpm: 100 }), undefined);
    limiter.admit(plan, { tokens: 50, microUsd: 0 });
    clock.advance(20_000);
    limiter.admit(plan, { tokens: 50, microUsd: 0 });
    clock.advance(10_000);
    const told = refusal(limiter, plan, { tokens: 30, microUsd: 0 });
    expect(told?.retryAfterMs).toBe(31_000);
    clock.advance(30_999);
    expect(refusal(limiter, plan, { tokens: 30, microUsd: 0 })?.retryAfterMs).toBe(1000);
    clock.advance(1);
    expect(refusal(limiter, plan, { tokens: 30, microUsd: 0 })).toBeUndefined();
  });

  test("a call that asks for more than a minute allows may begin in an empty one", async () => {
    const { limiter, clock } = await openDesk();
    const plan = limiter.planOf(holder({ tpm: 100 }), undefined);
    const huge = { tokens: 32_000, microUsd: 0 };
    expect(refusal(limiter, plan, huge)).toBeUndefined();
    expect(refusal(limiter, plan, { tokens: 1, microUsd: 0 })?.code).toBe("rate-limited");
    clock.advance(61_000);
    expect(refusal(limiter, plan, huge)).toBeUndefined();
  });

  test("a place is free as soon as the call is over, once, however often that is said", async () => {
    const { limiter } = await openDesk();
    const identity = holder({ concurrency: 2 });
    const plan = limiter.planOf(identity, undefined);
    const first = limiter.admit(plan, ONE);
    limiter.admit(plan, ONE);
    expect(refusal(limiter, plan)).toMatchObject({ code: "rate-limited", retryAfterMs: 1000 });
    first.release();
    first.release();
    first.settle(identity, 0, 0);
    expect(refusal(limiter, plan)).toBeUndefined();
    expect(refusal(limiter, plan)?.code).toBe("rate-limited");
  });

  test("the wall clock may jump; rates go by the other one", async () => {
    const { limiter, clock } = await openDesk();
    const plan = limiter.planOf(holder({ rpm: 1 }), undefined);
    limiter.admit(plan, ONE);
    clock.setNow(clock.now() + 10 * 365 * 86_400_000);
    expect(refusal(limiter, plan)?.code).toBe("rate-limited");
  });
});

describe("R29 what was reserved is settled", () => {
  const ask = { tokens: 1000, microUsd: 500 };
  const limits = { tpm: 5000, budgets: [{ usd: 1, window: "total" as const }] };
  const usedOf = (limiter: Limiter, plan: Plan) => standingOf(limiter, plan, 0).map(({ used }) => used);

  test("what was not used is given back", async () => {
    const { limiter } = await openDesk();
    const identity = holder(limits);
    const plan = limiter.planOf(identity, undefined);
    const admission = limiter.admit(plan, ask);
    expect(usedOf(limiter, plan)).toEqual([1000, 0.0005]);
    admission.settle(identity, 300, 120);
    expect(usedOf(limiter, plan)).toEqual([300, 0.00012]);
    admission.settle(identity, 4000, 4000);
    expect(usedOf(limiter, plan)).toEqual([300, 0.00012]);
  });

  test("what was used beyond it counts from the end on", async () => {
    const { limiter, clock } = await openDesk();
    const identity = holder(limits);
    const plan = limiter.planOf(identity, undefined);
    const admission = limiter.admit(plan, ask);
    clock.advance(120_000);
    expect(usedOf(limiter, plan)).toEqual([0, 0.0005]);
    admission.settle(identity, 1700, 900);
    expect(usedOf(limiter, plan)).toEqual([700, 0.0009]);
  });

  test("a session that goes on is counted as it goes, and told when it must end", async () => {
    const { limiter } = await openDesk();
    const identity = holder({ tpm: 1000, budgets: [{ usd: 0.001, window: "hour" }] });
    const plan = limiter.planOf(identity, undefined);
    const admission = limiter.admit(plan, { tokens: 1, microUsd: 0 });
    expect(admission.charge(identity, 400, 300)).toBeUndefined();
    expect(admission.charge(identity, 700, 300)?.message).toContain("(tpm)");
    expect(admission.charge(identity, 0, 500)?.message).toContain("(tpm)");
    admission.settle(identity, 1100, 1100);
    expect(usedOf(limiter, plan)).toEqual([1100, 0.0011]);
  });

  test("whatever comes between, no unit is lost and none made up", async () => {
    const { limiter, clock } = await openDesk();
    const next = random(290);
    const upTo = (max: number): number => Math.floor(next() * max);
    const identities = [
      holder({ tpm: 50_000, concurrency: 20, budgets: [{ usd: 0.05, window: "total" }] }),
      keyHolder("two", { limits: limitsOf({ rpm: 300, budgets: [{ usd: 0.03, window: "total" }] }) }),
      keyHolder("three"),
    ];
    const general: GeneralLimits = { user: limitsOf({ concurrency: 25, budgets: [{ usd: 0.09, window: "total" }] }) };
    const plans = identities.map((identity) => limiter.planOf(identity, general));
    const running: { admission: Admission; ask: Ask; who: number }[] = [];
    const spent = [0, 0, 0];
    let refused = 0;
    for (let round = 0; round < 6000; round += 1) {
      clock.advance(upTo(400));
      const who = upTo(3);
      if (next() < 0.6) {
        const wanted = { tokens: upTo(4000), microUsd: upTo(200) };
        try {
          running.push({ admission: limiter.admit(plans[who]!, wanted), ask: wanted, who });
        } catch (error) {
          expect(RelayError.is(error)).toBe(true);
          refused += 1;
        }
      } else if (running.length > 0) {
        const [ended] = running.splice(upTo(running.length), 1);
        const cost = Math.min(ended!.ask.microUsd, upTo(20));
        ended!.admission.release();
        clock.advance(5);
        ended!.admission.settle(identities[ended!.who]!, upTo(5000), cost);
        spent[ended!.who]! += cost;
      }
      for (const [index, plan] of plans.entries()) {
        const own = running.filter((call) => call.who === index);
        const user = plan.rules.find(({ kind }) => kind === "user")!;
        expect(user.holder.inFlight).toBe(running.length);
        expect(user.holder.account.reserved).toBe(running.reduce((sum, call) => sum + call.ask.microUsd, 0));
        expect(user.holder.account.windows.total.spent).toBe(spent.reduce((sum, each) => sum + each, 0));
        const key = plan.rules.find(({ kind }) => kind === "key");
        if (key === undefined) continue;
        expect(key.holder.inFlight).toBe(own.length);
        expect(key.holder.account.reserved).toBe(own.reduce((sum, call) => sum + call.ask.microUsd, 0));
        expect(key.holder.account.windows.total.spent).toBe(spent[index]!);
        // What a call reserves it never exceeds here, so neither does a budget.
        const { usd } = key.limits.budgets[0]!;
        expect(key.holder.account.windows.total.spent + key.holder.account.reserved).toBeLessThanOrEqual(
          usd * 1_000_000,
        );
      }
    }
    expect(refused).toBeGreaterThan(100);
    for (const { admission, who } of running.splice(0)) admission.settle(identities[who]!, 0, 0);
    clock.advance(62_000);
    for (const plan of plans) {
      for (const { holder: counted } of plan.rules) {
        expect(counted.inFlight).toBe(0);
        expect(counted.account.reserved).toBe(0);
        expect(counted.tokens.sum(clock.monotonic())).toBe(0);
        expect(counted.requests.sum(clock.monotonic())).toBe(0);
      }
    }
  });
});

describe("R29 whose limits hold", () => {
  const general = generalLimits({
    user: limitsOf({ rpm: 3 }),
    org: limitsOf({ rpm: 4 }),
    accessKey: limitsOf({ rpm: 2 }),
  } as Parameters<typeof generalLimits>[0])!;
  const letIn = (limiter: Limiter, identity: Identity): number => {
    const plan = limiter.planOf(identity, general);
    for (let count = 0; ; count += 1) if (refusal(limiter, plan) !== undefined) return count;
  };
  const service: Identity = { ...keyHolder("x"), kind: "service", id: "access-key", apiKeyId: null, userId: null };

  test("the tightest rules, whosever it is", async () => {
    const { limiter } = await openDesk();
    expect(letIn(limiter, holder({ rpm: 1 }))).toBe(1);
    // Two more of the user's three, from another of his keys.
    expect(letIn(limiter, keyHolder("other"))).toBe(2);
    // One more of the organisation's four, from somebody else in it.
    expect(letIn(limiter, keyHolder("third", { userId: 8 }))).toBe(1);
    expect(letIn(limiter, keyHolder("elsewhere", { userId: 9, orgId: "org_other" }))).toBe(3);
  });

  test("a session and a key of one person are the same person", async () => {
    const { limiter } = await openDesk();
    const session: Identity = { ...keyHolder("s"), kind: "session", id: "user:7", apiKeyId: null };
    expect(letIn(limiter, session)).toBe(3);
    expect(letIn(limiter, keyHolder("k"))).toBe(0);
  });

  test("the access key has a limit of its own beside its organisation's", async () => {
    const { limiter } = await openDesk();
    expect(letIn(limiter, service)).toBe(2);
    expect(letIn(limiter, { ...service, orgId: null })).toBe(0);
  });

  test("of an organisation's own limits and everybody's, the lower rate and every budget holds", async () => {
    const { limiter } = await openDesk();
    const own = limitsOf({ rpm: 1, tpm: 9, budgets: [{ usd: 1, window: "day" }] });
    const both: GeneralLimits = { org: limitsOf({ rpm: 4, concurrency: 2, budgets: [{ usd: 2, window: "week" }] }) };
    const { rules } = limiter.planOf(keyHolder("k", { orgLimits: own }), both);
    expect(rules).toHaveLength(1);
    expect(rules[0]!.limits).toEqual({
      rpm: 1,
      tpm: 9,
      concurrency: 2,
      budgets: [
        { usd: 1, window: "day" },
        { usd: 2, window: "week" },
      ],
    });
  });

  test("a changed limit rules at once, with all that was counted under the old one", async () => {
    const { limiter } = await openDesk();
    for (let count = 0; count < 5; count += 1) limiter.admit(limiter.planOf(holder({ rpm: 10 }), undefined), ONE);
    expect(refusal(limiter, limiter.planOf(holder({ rpm: 5 }), undefined))?.code).toBe("rate-limited");
    expect(refusal(limiter, limiter.planOf(holder({ rpm: 6 }), undefined))).toBeUndefined();
  });

  test("a key that replaces another by rotation is counted with it", async () => {
    const { limiter } = await openDesk();
    const old = holder({ rpm: 2 });
    const successor: Identity = { ...old, id: "key_new", apiKeyId: "uuid-new", countsAs: "uuid-one" };
    expect(letIn(limiter, old)).toBe(2);
    expect(letIn(limiter, successor)).toBe(0);
  });

  test("nothing is planned where nobody set a limit", async () => {
    const { limiter } = await openDesk();
    expect(generalLimits({ user: limitsOf({}), org: limitsOf({}), accessKey: limitsOf({}) } as never)).toBeUndefined();
    expect(limiter.planOf(keyHolder("free"), undefined).rules).toEqual([]);
  });
});

describe("R29 budgets", () => {
  const month = { budgets: [{ usd: 20, window: "month" as const }] };

  test("a call is let in only when the budget covers the most it may cost", async () => {
    const { limiter } = await openDesk();
    const identity = holder(month);
    const plan = limiter.planOf(identity, undefined);
    limiter.spend(identity, 19_600_000);
    expect(refusal(limiter, plan, { tokens: 0, microUsd: 400_001 })?.message).toBe(
      "The budget of this key does not cover the call: 20 USD per month (budget:month), 0.4 USD left, and the call might " +
        "cost 0.400001 USD; a lower maximum of tokens makes it cheaper. It begins anew at 2026-12-01T00:00:00.000Z.",
    );
    expect(refusal(limiter, plan, { tokens: 0, microUsd: 400_000 })).toBeUndefined();
    expect(refusal(limiter, plan, ONE)).toMatchObject({
      code: "quota-exceeded",
      wireCode: "insufficient_quota",
      retryAfterMs: undefined,
      message:
        "The budget of this key is used up: 20 USD per month (budget:month). It begins anew at 2026-12-01T00:00:00.000Z.",
    });
  });

  test("calls that come together cannot spend the same money", async () => {
    const { limiter } = await openDesk();
    const plan = limiter.planOf(holder({ budgets: [{ usd: 0.001, window: "total" }] }), undefined);
    const told = Array.from({ length: 100 }, () => refusal(limiter, plan, { tokens: 0, microUsd: 100 }));
    expect(told.filter((error) => error === undefined)).toHaveLength(10);
  });

  test("money is counted for everybody, so a budget given later knows what was spent before", async () => {
    const { limiter } = await openDesk();
    limiter.spend(keyHolder("one"), 20_000_000);
    expect(refusal(limiter, limiter.planOf(holder(month), undefined))?.code).toBe("quota-exceeded");
  });

  test("the budget shown is the one that leaves least", async () => {
    const { limiter } = await openDesk();
    const identity = holder({
      budgets: [
        { usd: 20, window: "month" },
        { usd: 2, window: "day" },
        { usd: 100, window: "total" },
      ],
    });
    limiter.spend(identity, 500_000);
    expect(tightestBudget(limiter, limiter.planOf(identity, undefined))).toEqual({ usd: 2, used: 0.5, window: "day" });
    expect(tightest(limiter, limiter.planOf(identity, undefined), "rpm")).toBeUndefined();
  });
});
