/** What is remembered of credentials: never longer than a second, never past a change, never a refusal. */
import { describe, expect, test } from "bun:test";
import { createLastUse } from "../../src/auth/last-use.ts";
import { createLiveCache } from "../../src/auth/live-cache.ts";
import { watchOutsideChanges } from "../../src/auth/outside-changes.ts";
import { createRevocations, type Revocation } from "../../src/auth/revocations.ts";
import { createManualClock } from "../../src/support/clock.ts";

function desk() {
  const clock = createManualClock();
  const it = { clock, version: 1, isBroken: false, reads: 0 };
  const cache = createLiveCache<string>({
    clock,
    outsideVersion: () => {
      if (it.isBroken) throw new Error("out of reach");
      return it.version;
    },
  });
  const read = (value: string | undefined) => async () => {
    it.reads += 1;
    return value;
  };
  return { it, cache, read };
}

describe("the cache of credentials", () => {
  test("remembers for less than a second by the monotonic clock, whatever the wall clock does", async () => {
    const { it, cache, read } = desk();
    await cache.load("k", read("alice"));
    it.clock.setNow(0);
    it.clock.advance(999);
    expect(cache.get("k")).toBe("alice");
    it.clock.advance(1);
    expect(cache.get("k")).toBeUndefined();
  });

  test("nobody is never remembered", async () => {
    const { it, cache, read } = desk();
    expect(await cache.load("k", read(undefined))).toBeUndefined();
    expect(cache.get("k")).toBeUndefined();
    await cache.load("k", read(undefined));
    expect(it.reads).toBe(2);
  });

  test("a change empties it, at once when it is ours, within a tenth of a second when it is another process's; what was being read meanwhile is not kept", async () => {
    const { it, cache, read } = desk();
    await cache.load("k", read("alice"));
    cache.clear();
    expect(cache.get("k")).toBeUndefined();
    await cache.load("k", read("alice"));
    it.version = 2;
    it.clock.advance(99);
    expect(cache.get("k")).toBe("alice");
    it.clock.advance(1);
    expect(cache.get("k")).toBeUndefined();

    const late = cache.load("k", async () => {
      cache.clear();
      return "as it was";
    });
    expect(await late).toBe("as it was");
    expect(cache.get("k")).toBeUndefined();
  });

  test("a file that is out of reach leaves it to the second", async () => {
    const { it, cache, read } = desk();
    await cache.load("k", read("alice"));
    it.isBroken = true;
    expect(cache.get("k")).toBe("alice");
    it.clock.advance(1000);
    expect(cache.get("k")).toBeUndefined();
  });

  test("ten thousand at most: the oldest makes way", async () => {
    const { cache, read } = desk();
    for (let index = 0; index <= 10_000; index += 1) await cache.load(`k${index}`, read("x"));
    expect(cache.get("k0")).toBeUndefined();
    expect(cache.get("k1")).toBe("x");
    expect(cache.get("k10000")).toBe("x");
  });
});

describe("last use", () => {
  test("is written once a second at most, together, and once a minute for each; the end writes the rest", async () => {
    const clock = createManualClock();
    const writes: string[][] = [];
    const uses = createLastUse({
      clock,
      schedule: clock.schedule,
      write: async (all) => void writes.push(all.map(({ id, at }) => `${id}@${at - clock.now()}`)),
      onError: () => {},
    });
    uses.note("a");
    uses.note("b");
    clock.advance(500);
    uses.note("a");
    expect(writes).toEqual([]);
    clock.advance(500);
    expect(writes).toEqual([["a@-500", "b@-1000"]]);
    await Bun.sleep(0);
    for (let second = 0; second < 59; second += 1) {
      uses.note("a");
      clock.advance(1000);
    }
    expect(writes).toHaveLength(1);
    clock.advance(1000);
    uses.note("a");
    clock.advance(1000);
    expect(writes).toHaveLength(2);
    uses.note("b");
    await uses.flush();
    expect(writes.at(-1)).toContain("b@0");
  });

  test("a clock that is set back takes nothing back", async () => {
    const clock = createManualClock();
    const written: number[] = [];
    const write = async (all: readonly { at: number }[]) => void written.push(...all.map(({ at }) => at));
    const uses = createLastUse({ clock, schedule: clock.schedule, write, onError: () => {} });
    const first = clock.now();
    uses.note("a");
    clock.setNow(first - 5000);
    uses.note("a");
    await uses.flush();
    expect(written).toEqual([first]);
  });

  test("what could not be written is tried again", async () => {
    const clock = createManualClock();
    let failures = 1;
    const written: string[] = [];
    const errors: unknown[] = [];
    const uses = createLastUse({
      clock,
      schedule: clock.schedule,
      async write(all) {
        if (failures-- > 0) throw new Error("locked");
        written.push(...all.map(({ id }) => id));
      },
      onError: (error) => errors.push(error),
    });
    uses.note("a");
    clock.advance(1000);
    await Bun.sleep(0);
    expect([errors.length, written.length]).toEqual([1, 0]);
    clock.advance(10_000);
    await Bun.sleep(0);
    expect(written).toEqual(["a"]);
  });
});

describe("changes by another process", () => {
  test("are told once each, within half a second; a file out of reach is looked at again", () => {
    const clock = createManualClock();
    const told: Revocation[] = [];
    const it = { version: 1, isBroken: false };
    const stop = watchOutsideChanges({
      outsideVersion: () => {
        if (it.isBroken) throw new Error("out of reach");
        return it.version;
      },
      revocations: { emit: (revocation) => told.push(revocation) },
      schedule: clock.schedule,
    });
    clock.advance(5000);
    expect(told).toEqual([]);
    it.version = 2;
    clock.advance(500);
    clock.advance(5000);
    expect(told).toEqual([{ type: "changed", principalId: null }]);
    it.isBroken = true;
    it.version = 3;
    clock.advance(1000);
    expect(told).toHaveLength(1);
    it.isBroken = false;
    clock.advance(500);
    expect(told).toHaveLength(2);
    stop();
    it.version = 4;
    clock.advance(5000);
    expect([told.length, clock.pending]).toEqual([2, 0]);
  });

  test("a listener that throws is the loser of it, nobody else", () => {
    const errors: unknown[] = [];
    const bus = createRevocations((error) => errors.push(error));
    const heard: string[] = [];
    bus.subscribe(() => {
      throw new Error("mine");
    });
    const end = bus.subscribe(({ principalId }) => heard.push(String(principalId)));
    bus.emit({ type: "ended", principalId: "a" });
    end();
    bus.emit({ type: "ended", principalId: "b" });
    expect([heard, errors.length]).toEqual([["a"], 2]);
  });
});
