/** R53 Guessing is slowed down per account and per network, over restarts too, and never locks the owner out. */
import { describe, expect, test } from "bun:test";
import { createThrottle, type Throttle } from "../../src/auth/throttle.ts";
import { RelayError } from "../../src/contract/errors.ts";
import type { ThrottleEntry } from "../../src/store/types.ts";
import { createManualClock, type ManualClock } from "../../src/support/clock.ts";

const MINUTE = 60_000;
const CONFIG = { account: 10, network: 50, windowMs: 15 * MINUTE };

interface Desk {
  readonly throttle: Throttle;
  readonly clock: ManualClock;
  readonly kept: Map<string, ThrottleEntry>;
  readonly errors: unknown[];
  isBroken: boolean;
}

function desk(kept = new Map<string, ThrottleEntry>(), clock = createManualClock()): Desk {
  const errors: unknown[] = [];
  const it: Desk = {
    clock,
    kept,
    errors,
    isBroken: false,
    throttle: createThrottle({
      config: () => CONFIG,
      repository: {
        load: async (max) => [...kept.values()].slice(0, max),
        async save(entries) {
          if (it.isBroken) throw new Error("disk full");
          for (const entry of entries) kept.set(entry.key, entry);
        },
        async remove(keys) {
          for (const key of keys) kept.delete(key);
        },
      },
      clock,
      schedule: clock.schedule,
      onError: (error) => errors.push(error),
    }),
  };
  return it;
}

/** How long to wait, ms; 0 = the attempt was let through, and failed. */
function fail({ throttle }: Desk, account: string | undefined, address: string): number {
  try {
    throttle.begin({ ...(account === undefined ? {} : { account }), address }).failed();
    return 0;
  } catch (error) {
    if (!RelayError.is(error) || error.status !== 429) throw error;
    return error.retryAfterMs!;
  }
}

test("ten failures are free; from there on every one doubles the pause, until failures are forgiven as fast as they come", () => {
  const it = desk();
  for (let index = 0; index < 10; index += 1) expect(fail(it, "user:1", `192.0.2.${index}`)).toBe(0);
  const pauses: number[] = [];
  for (let round = 0; round < 14; round += 1) {
    const wait = fail(it, "user:1", `198.51.100.${round}`);
    pauses.push(wait);
    it.clock.advance(wait);
    expect(fail(it, "user:1", `198.51.100.${round}`)).toBe(0);
  }
  expect(pauses.slice(0, 6)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000]);
  // At ten in a quarter of an hour one is forgiven every 90 s.
  for (const pause of pauses.slice(7)) expect([64_000, 128_000]).toContain(pause);
});

test("ten thousand guesses in an hour: no more than a hundred reach the hash", () => {
  const it = desk();
  let reached = 0;
  for (let second = 0; second < 3600; second += 1) {
    for (let guess = 0; guess < 3; guess += 1)
      if (fail(it, "user:1", `2001:db8:${second}::${guess}`) === 0) reached += 1;
    it.clock.advance(1000);
  }
  expect(reached).toBeGreaterThanOrEqual(10);
  expect(reached).toBeLessThanOrEqual(100);
});

test("a hundred at the same time do not slip through together", () => {
  const it = desk();
  let begun = 0;
  const attempts = Array.from({ length: 100 }, (_, index) => {
    try {
      const attempt = it.throttle.begin({ account: "user:1", address: `192.0.2.${index}` });
      begun += 1;
      return attempt;
    } catch {
      return undefined;
    }
  });
  expect(begun).toBe(10);
  for (const attempt of attempts) attempt?.failed();
});

describe("what counts as one network", () => {
  test.each([
    ["the same IPv4 address, mapped", ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207"], true],
    ["one /64, however it is written", ["2001:db8::1", "2001:DB8:0:0:ffff::2", "2001:0db8:0000:0000::3"], true],
    ["two /64", ["2001:db8:0:1::1", "2001:db8:0:2::1"], false],
    ["two IPv4 addresses", ["192.0.2.7", "192.0.2.8"], false],
  ])("%s: %j", (_name, addresses, isOne) => {
    const it = desk();
    for (let index = 0; index < 50; index += 1) expect(fail(it, undefined, addresses[0]!)).toBe(0);
    for (const address of addresses.slice(1)) expect(fail(it, undefined, address) > 0).toBe(isOne);
  });

  test("names change nothing for it: fifty failures, whoever is tried", () => {
    const it = desk();
    for (let index = 0; index < 50; index += 1) expect(fail(it, `user:${index}`, "192.0.2.7")).toBe(0);
    expect(fail(it, "user:999", "192.0.2.7")).toBeGreaterThan(0);
    expect(fail(it, "user:999", "192.0.2.8")).toBe(0);
  });

  test("a success clears the account's count and not the network's: an own account buys no guesses", () => {
    const it = desk();
    for (let round = 0; round < 5; round += 1) {
      for (let index = 0; index < 9; index += 1) fail(it, `user:${round}-${index}`, "192.0.2.7");
      it.throttle.begin({ account: "user:own", address: "192.0.2.7" }).succeeded();
    }
    for (let index = 0; index < 5; index += 1) expect(fail(it, `user:x${index}`, "192.0.2.7")).toBe(0);
    expect(fail(it, "user:y", "192.0.2.7")).toBeGreaterThan(0);
  });
});

describe("the owner gets in", () => {
  test("after a quarter of an hour at the latest, however long strangers have tried", () => {
    const it = desk();
    for (let round = 0; round < 500; round += 1) it.clock.advance(fail(it, "user:1", `198.51.100.${round % 250}`) || 1);
    it.clock.advance(15 * MINUTE);
    expect(() => it.throttle.begin({ account: "user:1", address: "192.0.2.1" }).succeeded()).not.toThrow();
  });

  test("at once, from where he has signed in before, though strangers try without pause", () => {
    const it = desk();
    it.throttle.begin({ account: "user:1", address: "192.0.2.1" }).succeeded();
    for (let index = 0; index < 200; index += 1) fail(it, "user:1", `198.51.100.${index}`);
    expect(fail(it, "user:1", "198.51.100.250")).toBeGreaterThan(0);
    expect(() => it.throttle.begin({ account: "user:1", address: "192.0.2.1" }).succeeded()).not.toThrow();
  });

  test("a clock that is set back makes no pause longer", () => {
    const it = desk();
    for (let index = 0; index < 20; index += 1) it.clock.advance(fail(it, "user:1", "192.0.2.1") || 1);
    it.clock.setNow(it.clock.now() - 30 * 86_400_000);
    expect(fail(it, "user:1", "192.0.2.1")).toBeLessThanOrEqual(15 * MINUTE);
  });

  test("an attempt that could not be made is none", () => {
    const it = desk();
    for (let index = 0; index < 100; index += 1)
      it.throttle.begin({ account: "user:1", address: "192.0.2.1" }).withdrawn();
    expect(fail(it, "user:1", "192.0.2.1")).toBe(0);
  });

  test("failures leak away at ten in a quarter of an hour", () => {
    const it = desk();
    for (let index = 0; index < 10; index += 1) fail(it, "user:1", "192.0.2.1");
    it.clock.advance(15 * MINUTE);
    for (let index = 0; index < 10; index += 1) expect(fail(it, "user:1", "192.0.2.1")).toBe(0);
  });
});

describe("over a restart", () => {
  test("what was counted counts on, and the pause goes on", async () => {
    const first = desk();
    for (let index = 0; index < 10; index += 1) expect(fail(first, "user:1", "192.0.2.1")).toBe(0);
    expect(fail(first, "user:1", "192.0.2.1")).toBeGreaterThan(0);
    await first.throttle.flush();
    const second = desk(first.kept, first.clock);
    await second.throttle.restore();
    expect(fail(second, "user:1", "192.0.2.2")).toBeGreaterThan(0);
  });

  test("neither names nor addresses are written down", async () => {
    const it = desk();
    fail(it, "name:my password by mistake", "192.0.2.1");
    await it.throttle.flush();
    expect(it.kept.size).toBe(2);
    expect(JSON.stringify([...it.kept])).not.toMatch(/password|192\.0\.2/);
  });

  test("what is over is forgotten", async () => {
    const it = desk();
    fail(it, "user:1", "192.0.2.1");
    await it.throttle.flush();
    it.clock.advance(86_400_000);
    await desk(it.kept, it.clock).throttle.restore();
    expect(it.kept.size).toBe(0);
  });

  test("a disk that is full costs the memory of a restart, not the counting", async () => {
    const it = desk();
    it.isBroken = true;
    for (let index = 0; index < 10; index += 1) fail(it, "user:1", "192.0.2.1");
    it.clock.advance(500);
    await Bun.sleep(0);
    expect(it.errors).toHaveLength(1);
    expect(fail(it, "user:1", "192.0.2.1")).toBeGreaterThanOrEqual(0);
    it.isBroken = false;
    await it.throttle.flush();
    expect(it.kept.size).toBe(2);
  });
});

describe("R53 accounts that nobody gave leave for", () => {
  const register = ({ throttle }: Desk, address: string): number => {
    try {
      throttle.countNewcomer(address);
      return 0;
    } catch (error) {
      if (!RelayError.is(error) || error.status !== 429) throw error;
      return error.retryAfterMs!;
    }
  };

  test("fifty from one network in a quarter of an hour; then each has to wait longer, and other networks do not", () => {
    const it = desk();
    for (let index = 0; index < 50; index += 1) expect(register(it, "192.0.2.1")).toBe(0);
    expect(register(it, "192.0.2.1")).toBe(1000);
    expect(register(it, "192.0.2.2")).toBe(0);
    it.clock.advance(1000);
    expect([register(it, "192.0.2.1"), register(it, "192.0.2.1")]).toEqual([0, 2000]);
  });

  test("they keep nobody there from signing in, and failed sign-ins nobody from registering", () => {
    const it = desk();
    for (let index = 0; index < 60; index += 1) register(it, "192.0.2.1");
    expect(fail(it, "alice", "192.0.2.1")).toBe(0);
    for (let index = 0; index < 60; index += 1) fail(it, `name ${index}`, "192.0.2.2");
    expect([fail(it, "bob", "192.0.2.2") > 0, register(it, "192.0.2.2")]).toEqual([true, 0]);
  });

  test("a restart forgets none of it", async () => {
    const it = desk();
    for (let index = 0; index < 51; index += 1) register(it, "192.0.2.1");
    await it.throttle.flush();
    const again = desk(it.kept, it.clock);
    await again.throttle.restore();
    expect(register(again, "192.0.2.1")).toBe(1000);
  });
});
