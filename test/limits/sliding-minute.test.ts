/** The last minute, second by second: no sixty seconds ever hold more than what was let in. */
import { describe, expect, test } from "bun:test";
import { SlidingMinute } from "../../src/limits/sliding-minute.ts";
import { random as createRandom } from "../support/random.ts";

describe("R29 the sliding minute", () => {
  test("what happened counts for a whole minute, and not for two seconds more", () => {
    const minute = new SlidingMinute();
    minute.add(3, 10_900);
    expect(minute.sum(10_900)).toBe(3);
    expect(minute.sum(70_899)).toBe(3);
    expect(minute.sum(71_000)).toBe(0);
  });

  test("it tells when enough of it will be gone, and then it is", () => {
    const minute = new SlidingMinute();
    minute.add(2, 0);
    minute.add(5, 30_000);
    expect(minute.freedIn(1, 40_000)).toBe(21_000);
    expect(minute.freedIn(2, 40_000)).toBe(21_000);
    expect(minute.freedIn(3, 40_000)).toBe(51_000);
    expect(minute.sum(40_000 + 20_999)).toBe(7);
    expect(minute.sum(40_000 + 21_000)).toBe(5);
  });

  test("what is given back counts no more; after its minute there is nothing to give back", () => {
    const minute = new SlidingMinute();
    const second = minute.add(100, 5000);
    minute.giveBack(60, second, 20_000);
    expect(minute.sum(20_000)).toBe(40);
    minute.add(7, 66_000);
    minute.giveBack(40, second, 66_500);
    expect(minute.sum(66_500)).toBe(7);
  });

  test("long silence leaves nothing behind", () => {
    const minute = new SlidingMinute();
    for (let now = 0; now < 60_000; now += 500) minute.add(1, now);
    expect(minute.sum(60_000)).toBe(120);
    expect(minute.sum(10_000_000)).toBe(0);
  });

  test("against a plain list of what happened: the same sum at any time, and never too much in sixty seconds", () => {
    const random = createRandom(29);
    const minute = new SlidingMinute();
    const limit = 50;
    const letIn: { at: number; amount: number }[] = [];
    let now = 0;
    for (let round = 0; round < 20_000; round += 1) {
      now += Math.floor(random() * 900);
      const amount = Math.floor(random() * 20);
      const counted = letIn.filter(({ at }) => Math.floor(now / 1000) - Math.floor(at / 1000) <= 60);
      expect(minute.sum(now)).toBe(counted.reduce((sum, each) => sum + each.amount, 0));
      if (minute.sum(now) + amount > limit) continue;
      minute.add(amount, now);
      letIn.push({ at: now, amount });
      const window = letIn.filter(({ at }) => now - at <= 60_000).reduce((sum, each) => sum + each.amount, 0);
      expect(window).toBeLessThanOrEqual(limit);
      while (letIn.length > 0 && now - letIn[0]!.at > 130_000) letIn.shift();
    }
  });
});
