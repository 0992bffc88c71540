/** Calendar windows of budgets, in UTC: which one an instant lies in, and when it ends. */
import type { CallerLimits } from "../contract/host.ts";

export type BudgetWindow = CallerLimits["budgets"][number]["window"];

/** From `from` until just before `to`, ms since epoch; `total` never ends (`Infinity`). */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export const WINDOWS = ["hour", "day", "week", "month", "total"] as const satisfies readonly BudgetWindow[];

const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
/** ISO 8601 weeks begin on Monday; 1970-01-05 was the first one. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

export function windowAt(window: BudgetWindow, instant: number): Span {
  switch (window) {
    case "hour":
      return spanOf(HOUR_MS, 0, instant);
    case "day":
      return spanOf(DAY_MS, 0, instant);
    case "week":
      return spanOf(WEEK_MS, FIRST_MONDAY_MS, instant);
    case "month": {
      const date = new Date(instant);
      const year = date.getUTCFullYear();
      const month = date.getUTCMonth();
      return { from: Date.UTC(year, month, 1), to: Date.UTC(year, month + 1, 1) };
    }
    case "total":
      return { from: 0, to: Number.POSITIVE_INFINITY };
  }
}

function spanOf(length: number, origin: number, instant: number): Span {
  const from = Math.floor((instant - origin) / length) * length + origin;
  return { from, to: from + length };
}
