/** Which key pays: strategies, rest after a limit, refusal, expiry; and what survives a reload. */
import { describe, expect, test } from "bun:test";
import type { KeyStrategy, ProviderKeyConfig } from "../../src/config/types.ts";
import { isKey, KeyPool, type PoolKey, REFUSED_PAUSE_MS } from "../../src/routing/key-pool.ts";
import { RetryBudget, RoutingState } from "../../src/routing/state.ts";
import { createManualClock } from "../../src/support/clock.ts";

const key = (id: string, more: Partial<ProviderKeyConfig> = {}) =>
  ({
    id,
    label: id,
    key: `secret-${id}`,
    weight: 1,
    enabled: true,
    expiresAt: null,
    proxy: null,
    ...more,
  }) as ProviderKeyConfig;

function pool(
  keys: ProviderKeyConfig[],
  {
    strategy = "round-robin" as KeyStrategy,
    keyless = false,
    random = (): number => 0,
    clock = createManualClock(),
    state = new RoutingState(),
  } = {},
) {
  const made = new KeyPool(keys, {
    strategy,
    keyless,
    cooldownMs: 60_000,
    clock,
    random,
    stateOf: (id) => state.key("p", id),
    wayOf: () => {
      throw new Error("no key of this file has a proxy");
    },
  });
  return { made, clock, state };
}

const idOf = (picked: ReturnType<KeyPool["pick"]>) => (isKey(picked) ? picked.id : picked.reason);
const take = (made: KeyPool, count: number) => Array.from({ length: count }, () => idOf(made.pick(undefined))).join("");

describe("strategies", () => {
  test("round-robin takes turns", () => {
    expect(take(pool([key("a"), key("b"), key("c")]).made, 7)).toBe("abcabca");
  });

  test("weighted gives each its share, spread out", () => {
    expect(take(pool([key("a", { weight: 3 }), key("b")], { strategy: "weighted" }).made, 8)).toBe("aabaaaba");
  });

  test("random takes what the dice say", () => {
    let roll = 0;
    const dice = [0.99, 0, 0.5];
    expect(take(pool([key("a"), key("b")], { strategy: "random", random: () => dice[roll++ % 3]! }).made, 3)).toBe(
      "bab",
    );
  });

  test("a key that was tried is left out", () => {
    const { made } = pool([key("a"), key("b")]);
    const first = made.pick(undefined) as PoolKey;
    expect(idOf(made.pick(new Set([first])))).toBe("b");
    expect(idOf(made.pick(new Set(made.keys)))).toBe("none");
  });
});

describe("availability", () => {
  test("a disabled key is never used, not even as the last", () => {
    expect(take(pool([key("a", { enabled: false }), key("b")]).made, 3)).toBe("bbb");
    expect(take(pool([key("a", { enabled: false })]).made, 1)).toBe("none");
    expect(take(pool([key("a", { enabled: false })], { keyless: true }).made, 1)).toBe("none");
  });

  test("a provider that needs none has one empty key", () => {
    const picked = pool([], { keyless: true }).made.pick(undefined);
    expect(isKey(picked) && picked.secret).toBe("");
    expect(idOf(pool([]).made.pick(undefined))).toBe("none");
  });

  test("an expired key is unusable from that very moment", () => {
    const clock = createManualClock(1_000_000);
    const { made } = pool([key("a", { expiresAt: 1_000_500 })], { clock });
    clock.advance(499);
    expect(take(made, 1)).toBe("a");
    clock.advance(1);
    expect(take(made, 1)).toBe("expired");
  });

  test("a limited key rests as long as the upstream said, else as configured", () => {
    const { made, clock } = pool([key("a"), key("b")]);
    made.cool(made.keys[0]!, 5_000);
    made.cool(made.keys[1]!, undefined);
    expect(made.pick(undefined)).toEqual({ reason: "cooling", readyInMs: 5_000 });
    clock.advance(5_000);
    expect(take(made, 2)).toBe("aa");
    clock.advance(55_000);
    expect([...take(made, 2)].sort().join("")).toBe("ab");
  });

  test("a shorter hint does not cut a longer rest", () => {
    const { made, clock } = pool([key("a")]);
    made.cool(made.keys[0]!, 10_000);
    made.cool(made.keys[0]!, 1_000);
    clock.advance(9_999);
    expect(take(made, 1)).toBe("cooling");
  });

  test("a refused key is left alone while there is another, and asked again when there is none", () => {
    const { made, clock } = pool([key("a"), key("b")]);
    made.refuse(made.keys[0]!);
    expect(take(made, 3)).toBe("bbb");
    made.refuse(made.keys[1]!);
    expect(take(made, 2)).toMatch(/^[ab]{2}$/);
    clock.advance(REFUSED_PAUSE_MS);
    expect([...take(made, 2)].sort().join("")).toBe("ab");
  });

  test("a key refused for one model goes on serving the others", () => {
    const { made, clock } = pool([key("a"), key("b")]);
    made.refuse(made.keys[0]!, "opus");
    const ids = (model: string) => [1, 2, 3, 4].map(() => idOf(made.pick(undefined, model))).join("");
    expect(ids("opus")).toBe("bbbb");
    expect(ids("haiku")).toBe("abab");
    clock.advance(REFUSED_PAUSE_MS);
    expect([...ids("opus")].sort().join("")).toBe("aabb");
  });

  test("models refused to a key are bounded: callers choose their names", () => {
    const { made } = pool([key("a")]);
    const [only] = made.keys;
    for (let n = 0; n < 10_000; n += 1) made.refuse(only!, `model-${n}`);
    expect(only!.state.refusedModels!.size).toBeLessThanOrEqual(256);
    expect(only!.state.refusedModels!.has("model-9999")).toBe(true);
  });

  test("setting the clock back or forth changes no rest", () => {
    const { made, clock } = pool([key("a")]);
    made.cool(made.keys[0]!, 5_000);
    clock.setNow(clock.now() + 86_400_000);
    expect(take(made, 1)).toBe("cooling");
  });

  test("a reload does not amnesty a limited key", () => {
    const first = pool([key("a")]);
    first.made.cool(first.made.keys[0]!, 5_000);
    const second = pool([key("a"), key("new")], { clock: first.clock, state: first.state });
    expect(take(second.made, 2)).toBe("newnew");
  });
});

describe("retry budget", () => {
  test("quiet relays may repeat a few times; a broken upstream is not hit twice as hard", () => {
    const budget = new RetryBudget();
    let repeats = 0;
    for (let call = 0; call < 1000; call += 1) {
      budget.earn(0.2);
      if (budget.take(0.2)) repeats += 1;
    }
    expect(repeats).toBeGreaterThanOrEqual(200);
    expect(repeats).toBeLessThanOrEqual(200 + RetryBudget.RESERVE);
  });

  test("a share of 1 is unbounded", () => {
    const budget = new RetryBudget();
    expect(Array.from({ length: 1000 }, () => budget.take(1)).every(Boolean)).toBe(true);
  });
});
