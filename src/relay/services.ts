/** What every call is lent by the house; one instance for the life of the process. */
import type { GuardedFetcher } from "../net/guarded.ts";
import type { ProcessLogger } from "../support/log.ts";
import type { Limiter } from "../limits/limiter.ts";
import type { RetryBudget } from "../routing/state.ts";
import type { CallRecord, ObjectRepository } from "../store/types.ts";
import type { Clock } from "../support/clock.ts";
import type { ActiveCalls } from "./active.ts";
import type { HeldBytes } from "./held-bytes.ts";
import type { KeptAnswers } from "./kept-answers.ts";
import type { Ledger } from "./ledger.ts";

export interface RelayServices {
  readonly clock: Clock;
  readonly log: ProcessLogger;
  /** Where ended calls go for their record. */
  readonly ledger: Ledger;
  /** Takes a record and returns at once; never throws. */
  readonly records: { push(record: CallRecord): void };
  /** Where files, batches and the like lie, and whose they are. */
  readonly objects: ObjectRepository;
  /** For media that callers name by URL. */
  readonly media: GuardedFetcher;
  readonly active: ActiveCalls;
  readonly held: HeldBytes;
  /** Translated answers that clients may continue by their ids. */
  readonly kept: KeptAnswers;
  readonly budget: RetryBudget;
  /** Counts what callers use; outlives every generation. */
  readonly limiter: Limiter;
  /** Takes what looks like a secret out of an upstream's text. */
  readonly redact: (text: string) => string;
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}
