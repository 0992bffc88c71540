/** What callers have spent: by calendar window, across restarts, whatever the clock and the disk do. */
import { describe, expect, test } from "bun:test";
import type { BudgetWindow } from "../../src/limits/windows.ts";
import { createTable, type Desk, openDesk } from "./desk.ts";

const NAMES: readonly BudgetWindow[] = ["hour", "day", "week", "month", "total"];
const spentOf = ({ spending }: Desk): number[] => NAMES.map((name) => spending.spent(spending.account("key:1"), name));
const book = ({ spending }: Desk, microUsd: number): void => spending.book(spending.account("key:1"), microUsd);
const goTo = ({ clock }: Desk, instant: string): void => clock.advance(Date.parse(instant) - clock.now());

describe("R29 what is spent", () => {
  test("each window begins anew by itself", async () => {
    const desk = await openDesk("2026-01-31T23:30:00Z"); // a Saturday
    book(desk, 10);
    expect(spentOf(desk)).toEqual([10, 10, 10, 10, 10]);
    goTo(desk, "2026-01-31T23:59:59.999Z");
    book(desk, 1);
    goTo(desk, "2026-02-01T00:00:00Z");
    expect(spentOf(desk)).toEqual([0, 0, 11, 0, 11]);
    book(desk, 5);
    goTo(desk, "2026-02-01T01:00:00Z");
    expect(spentOf(desk)).toEqual([0, 5, 16, 5, 16]);
    goTo(desk, "2026-02-02T00:00:00Z");
    expect(spentOf(desk)).toEqual([0, 0, 0, 5, 16]);
    goTo(desk, "2026-03-01T00:00:00Z");
    expect(spentOf(desk)).toEqual([0, 0, 0, 0, 16]);
  });

  test("it is on disk a moment later, and a restart goes on from there", async () => {
    const table = createTable();
    const before = await openDesk("2026-02-10T10:10:00Z", table);
    book(before, 7);
    expect(table.rows.size).toBe(0);
    before.clock.advance(1000);
    await before.spending.flush();
    expect(table.rows.get("key:1")).toEqual({
      subject: "key:1",
      bookedAt: Date.parse("2026-02-10T10:10:00Z"),
      hour: 7,
      day: 7,
      week: 7,
      month: 7,
      total: 7,
    });
    expect(spentOf(await openDesk("2026-02-10T10:59:00Z", table))).toEqual([7, 7, 7, 7, 7]);
    expect(spentOf(await openDesk("2026-02-10T11:00:00Z", table))).toEqual([0, 7, 7, 7, 7]);
    // Longer than records are kept by default.
    expect(spentOf(await openDesk("2026-05-10T11:00:00Z", table))).toEqual([0, 0, 0, 0, 7]);
  });

  test("a disk that fails loses nothing: all is written when it works again", async () => {
    const desk = await openDesk();
    desk.table.isBroken = true;
    book(desk, 3);
    await desk.spending.flush();
    expect(desk.log.lines).toEqual(["warn what callers have spent cannot be written down; it goes on counting"]);
    book(desk, 4);
    desk.table.isBroken = false;
    desk.clock.advance(5000);
    await desk.spending.flush();
    expect(desk.table.rows.get("key:1")?.total).toBe(7);
  });

  test("nothing is written where nothing was spent", async () => {
    const desk = await openDesk();
    book(desk, 0);
    expect(desk.clock.pending).toBe(0);
  });

  test("a clock set back a little gives no budget anew", async () => {
    const desk = await openDesk("2026-11-01T00:00:10Z");
    book(desk, 9);
    desk.clock.setNow(Date.parse("2026-10-31T23:59:50Z"));
    expect(spentOf(desk)).toEqual([9, 9, 9, 9, 9]);
    book(desk, 1);
    desk.clock.setNow(Date.parse("2026-11-01T00:00:20Z"));
    expect(spentOf(desk)).toEqual([10, 10, 10, 10, 10]);
  });

  test("a clock that ran years ahead keeps no window for years", async () => {
    const desk = await openDesk("2036-06-01T00:00:00Z");
    book(desk, 9);
    desk.clock.setNow(Date.parse("2026-11-20T12:00:00Z"));
    expect(spentOf(desk)).toEqual([0, 0, 0, 0, 9]);
  });

  test("after a reset nobody has spent anything, and what runs goes on", async () => {
    const desk = await openDesk();
    book(desk, 9);
    desk.spending.clear();
    await desk.spending.flush();
    expect(desk.table.rows.size).toBe(0);
    book(desk, 2);
    expect(spentOf(desk)).toEqual([2, 2, 2, 2, 2]);
  });
});
