/** A limiter by hand: time stands still until told, and what is spent goes to a table in memory. */
import type { CallerLimits } from "../../src/contract/host.ts";
import { Limiter } from "../../src/limits/limiter.ts";
import { Spending } from "../../src/limits/spending.ts";
import type { SpendingRepository, SpendingRow } from "../../src/store/types.ts";
import { createManualClock, type ManualClock } from "../../src/support/clock.ts";
import { createMemoryLog, type MemoryLog } from "../store/samples.ts";

export interface Table extends SpendingRepository {
  readonly rows: Map<string, SpendingRow>;
  /** The next writes fail. */
  isBroken: boolean;
}

export function createTable(): Table {
  const rows = new Map<string, SpendingRow>();
  const table: Table = {
    rows,
    isBroken: false,
    load: async () => [...rows.values()],
    async save(saved) {
      if (table.isBroken) throw new Error("the disk is full");
      for (const row of saved) rows.set(row.subject, row);
    },
  };
  return table;
}

export interface Desk {
  readonly clock: ManualClock;
  readonly limiter: Limiter;
  readonly spending: Spending;
  readonly table: Table;
  readonly log: MemoryLog;
}

export async function openDesk(startAt = "2026-11-20T12:00:00Z", table = createTable()): Promise<Desk> {
  const clock = createManualClock(Date.parse(startAt));
  const log = createMemoryLog();
  const spending = new Spending({ clock, schedule: clock.schedule, repository: table, log });
  await spending.start();
  return { clock, limiter: new Limiter(clock, spending), spending, table, log };
}

export function limitsOf(own: Partial<CallerLimits>): CallerLimits {
  return { rpm: 0, tpm: 0, concurrency: 0, budgets: [], ...own };
}
