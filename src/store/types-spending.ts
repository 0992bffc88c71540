/** What the rest of the house may ask about money: how much each caller has spent. */

/** Of the windows in which `bookedAt` lies, in micro-USD. */
export interface SpendingRow {
  /** e.g. `key:<uuid>`, `user:7`, `org:org_…`, `access-key`. */
  readonly subject: string;
  /** ms since epoch. */
  readonly bookedAt: number;
  readonly hour: number;
  readonly day: number;
  readonly week: number;
  readonly month: number;
  readonly total: number;
}

export interface SpendingRepository {
  load(): Promise<readonly SpendingRow[]>;
  /** Replaces the rows of these subjects; acknowledged means on disk. */
  save(rows: readonly SpendingRow[]): Promise<void>;
}
