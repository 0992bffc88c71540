/** What each caller has spent, hour by hour to month by month: in memory for every call, on disk a moment later. */
import type { Logger } from "../contract/host.ts";
import type { SpendingRepository, SpendingRow } from "../store/types.ts";
import type { Clock, Schedule } from "../support/clock.ts";
import { type BudgetWindow, DAY_MS, type Span, WINDOWS, windowAt } from "./windows.ts";

/** A `kill -9` loses at most so much of what was spent, ms. Each write waits for the disk, so they are few. */
const FLUSH_MS = 1000;
/** After a write that failed. */
const RETRY_MS = 5000;

/** One caller's money, all in micro-USD. */
export interface Account {
  readonly subject: string;
  /** Put aside for calls under way. */
  reserved: number;
  /** By window: since when (ms since epoch), and how much. */
  readonly windows: { readonly [Name in BudgetWindow]: { from: number; spent: number } };
  bookedAt: number;
}

export interface SpendingOptions {
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly repository: SpendingRepository;
  readonly log: Pick<Logger, "warn">;
}

/** Kept for all callers, limited or not, so that a budget given later knows what has been spent before. */
export class Spending {
  readonly #options: SpendingOptions;
  readonly #accounts = new Map<string, Account>();
  #dirty = new Set<Account>();
  #cancel: (() => void) | undefined;
  #spans: { readonly [Name in BudgetWindow]: Span };
  /** Of writes one behind the other. */
  #writing: Promise<void> = Promise.resolve();

  constructor(options: SpendingOptions) {
    this.#options = options;
    this.#spans = spansAt(options.clock.now());
  }

  /** Reads what was spent before this start. Throws a `StoreError`. */
  async start(): Promise<void> {
    for (const { subject, bookedAt, ...spent } of await this.#options.repository.load()) {
      const spans = spansAt(bookedAt);
      const windows = eachWindow((name) => ({ from: spans[name].from, spent: spent[name] }));
      this.#accounts.set(subject, { subject, reserved: 0, windows, bookedAt });
    }
  }

  account(subject: string): Account {
    let account = this.#accounts.get(subject);
    if (account === undefined) {
      const spans = this.#spansNow();
      const windows = eachWindow((name) => ({ from: spans[name].from, spent: 0 }));
      account = { subject, reserved: 0, windows, bookedAt: 0 };
      this.#accounts.set(subject, account);
    }
    return account;
  }

  /** In the window that runs now. */
  spent(account: Account, window: BudgetWindow): number {
    this.#roll(account);
    return account.windows[window].spent;
  }

  /** When the window that runs now ends, ms since epoch. */
  endOf(window: BudgetWindow): number {
    return this.#spansNow()[window].to;
  }

  book(account: Account, microUsd: number): void {
    if (microUsd === 0) return;
    this.#roll(account);
    for (const name of WINDOWS) account.windows[name].spent += microUsd;
    account.bookedAt = Math.floor(this.#options.clock.now());
    this.#dirty.add(account);
    this.#flushIn(FLUSH_MS);
  }

  /** Writes what is not written yet. Never rejects. */
  flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** After the repository has been cleared: nobody has spent anything. */
  clear(): void {
    this.#dirty.clear();
    for (const account of this.#accounts.values()) {
      for (const name of WINDOWS) account.windows[name].spent = 0;
    }
  }

  #flushIn(ms: number): void {
    this.#cancel ??= this.#options.schedule(ms, () => {
      this.#cancel = undefined;
      void this.flush();
    });
  }

  async #write(): Promise<void> {
    if (this.#dirty.size === 0) return;
    const accounts = this.#dirty;
    this.#dirty = new Set();
    try {
      await this.#options.repository.save([...accounts].map(rowOf));
    } catch (error) {
      for (const account of accounts) this.#dirty.add(account);
      this.#options.log.warn("what callers have spent cannot be written down; it goes on counting", { error });
      this.#flushIn(RETRY_MS);
    }
  }

  #spansNow(): { readonly [Name in BudgetWindow]: Span } {
    const now = this.#options.clock.now();
    const { hour } = this.#spans;
    // All other windows begin and end with an hour.
    if (now >= hour.to || now < hour.from) this.#spans = spansAt(now);
    return this.#spans;
  }

  #roll({ windows }: Account): void {
    const spans = this.#spansNow();
    if (windows.hour.from === spans.hour.from) return;
    for (const name of WINDOWS) {
      const window = windows[name];
      const { from } = spans[name];
      // A clock set back a little gives no budget anew; one that had run far ahead must not keep a window for years.
      if (from > window.from || window.from - from > DAY_MS + LONGEST_MS[name]) {
        window.from = from;
        window.spent = 0;
      }
    }
  }
}

const LONGEST_MS: { readonly [Name in BudgetWindow]: number } = {
  hour: DAY_MS / 24,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 31 * DAY_MS,
  total: Number.POSITIVE_INFINITY,
};

function eachWindow<T>(make: (name: BudgetWindow) => T): { readonly [Name in BudgetWindow]: T } {
  return {
    hour: make("hour"),
    day: make("day"),
    week: make("week"),
    month: make("month"),
    total: make("total"),
  };
}

function spansAt(instant: number): { readonly [Name in BudgetWindow]: Span } {
  return eachWindow((name) => windowAt(name, instant));
}

function rowOf({ subject, bookedAt, windows }: Account): SpendingRow {
  return { subject, bookedAt, ...eachWindow((name) => windows[name].spent) };
}
