/** What outlives every generation where calls are counted: what callers have spent, and newer prices. */
import type { Config } from "../config/types.ts";
import { PriceFeed } from "../limits/price-feed.ts";
import { Spending } from "../limits/spending.ts";
import type { Store } from "../store/types.ts";
import { systemClock, systemSchedule } from "../support/clock.ts";
import type { ProcessLogger } from "../support/log.ts";
import type { FetchOutside } from "./outside.ts";

export interface Counting {
  readonly spending: Spending;
  readonly prices: PriceFeed;
  /** Writes what is not written yet. */
  stop(): Promise<void>;
}

/** Reads what earlier runs have left. Throws a `StoreError`. */
export async function openCounting(
  store: Store,
  log: ProcessLogger,
  config: Config,
  fetchOutside: FetchOutside,
): Promise<Counting> {
  const time = { clock: systemClock, schedule: systemSchedule };
  const spending = new Spending({ ...time, repository: store.spending, log });
  const get = (url: string) => fetchOutside(url, undefined, new Set([new URL(url).origin]));
  const prices = new PriceFeed({ ...time, settings: store.settings, get, log });
  await Promise.all([spending.start(), prices.start()]);
  prices.follow(config.prices);
  return {
    spending,
    prices,
    async stop() {
      prices.stop();
      await spending.flush();
    },
  };
}
