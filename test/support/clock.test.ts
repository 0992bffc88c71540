/** The manual clock behaves like time: in order, both clocks together, unless the wall clock alone is moved. */
import { describe, expect, test } from "bun:test";
import { createManualClock, systemClock } from "../../src/support/clock.ts";

describe("manual clock", () => {
  test("stands still until it is told", () => {
    const clock = createManualClock(1000);
    expect([clock.now(), clock.monotonic()]).toEqual([1000, 0]);
    clock.advance(250);
    expect([clock.now(), clock.monotonic()]).toEqual([1250, 250]);
  });

  test("runs tasks in the order they fall due, and those of one instant in the order they were made", () => {
    const clock = createManualClock();
    const ran: string[] = [];
    clock.schedule(30, () => ran.push(`late at ${clock.monotonic()}`));
    clock.schedule(10, () => ran.push(`first at ${clock.monotonic()}`));
    clock.schedule(10, () => ran.push(`second at ${clock.monotonic()}`));
    clock.advance(20);
    expect(ran).toEqual(["first at 10", "second at 10"]);
    expect(clock.pending).toBe(1);
    clock.advance(20);
    expect(ran).toEqual(["first at 10", "second at 10", "late at 30"]);
  });

  test("a task scheduled by a task runs within the same advance when it falls due", () => {
    const clock = createManualClock();
    const ran: number[] = [];
    const again = () => {
      ran.push(clock.monotonic());
      clock.schedule(10, again);
    };
    clock.schedule(10, again);
    clock.advance(35);
    expect(ran).toEqual([10, 20, 30]);
  });

  test("a cancelled task never runs, and cancelling twice harms nobody", () => {
    const clock = createManualClock();
    const ran: string[] = [];
    const cancel = clock.schedule(10, () => ran.push("cancelled"));
    clock.schedule(10, () => ran.push("kept"));
    cancel();
    cancel();
    clock.advance(100);
    expect(ran).toEqual(["kept"]);
  });

  test("setting the wall clock back neither runs tasks nor turns back the monotonic clock", () => {
    const clock = createManualClock(10_000);
    let ran = 0;
    clock.schedule(10, () => ran++);
    clock.setNow(1_000);
    expect([clock.now(), clock.monotonic(), ran]).toEqual([1_000, 0, 0]);
    clock.advance(10);
    expect([clock.now(), clock.monotonic(), ran]).toEqual([1_010, 10, 1]);
  });
});

test("the system's monotonic clock does not go back", () => {
  let last = systemClock.monotonic();
  for (let i = 0; i < 1000; i++) {
    const next = systemClock.monotonic();
    expect(next).toBeGreaterThanOrEqual(last);
    last = next;
  }
});
