/** Calendar windows of budgets: in UTC, whatever the place; months as long as they are. */
import { describe, expect, test } from "bun:test";
import { type BudgetWindow, WINDOWS, windowAt } from "../../src/limits/windows.ts";

const at = (text: string) => Date.parse(text);

const CASES: readonly (readonly [BudgetWindow, string, string, string])[] = [
  ["hour", "2026-03-29T01:59:59.999Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"],
  // The night in which European clocks are put forward has 24 hours all the same.
  ["day", "2026-03-29T12:00:00Z", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"],
  ["day", "2026-10-25T23:59:59.999Z", "2026-10-25T00:00:00Z", "2026-10-26T00:00:00Z"],
  ["week", "2026-11-15T23:59:59.999Z", "2026-11-09T00:00:00Z", "2026-11-16T00:00:00Z"],
  ["week", "2026-11-16T00:00:00Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"],
  ["week", "2026-12-31T10:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"],
  ["month", "2026-01-31T23:59:59.999Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"],
  ["month", "2026-02-28T23:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"],
  ["month", "2028-02-29T23:59:59.999Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"],
  ["month", "2026-12-31T23:59:59.999Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"],
];

describe("R29 calendar windows", () => {
  for (const [window, instant, from, to] of CASES) {
    test(`${instant} lies in the ${window} from ${from}`, () => {
      expect(windowAt(window, at(instant))).toEqual({ from: at(from), to: at(to) });
    });
  }

  test("what is spent in all has no window", () => {
    expect(windowAt("total", at("2026-05-05T05:05:05Z"))).toEqual({ from: 0, to: Number.POSITIVE_INFINITY });
  });

  test("windows follow each other without a gap, for years of hours", () => {
    for (const window of WINDOWS) {
      if (window === "total") continue;
      let { to } = windowAt(window, at("2027-12-30T00:00:00Z"));
      for (let count = 0; count < 400; count += 1) {
        const next = windowAt(window, to);
        expect(next.from).toBe(to);
        expect(windowAt(window, next.to - 1)).toEqual(next);
        to = next.to;
      }
    }
  });
});
