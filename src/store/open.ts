/** Opens both databases of a data directory, and closes them without losing what is queued. */
import type { Logger } from "../contract/host.ts";
import { type Clock, type Schedule, systemClock, systemSchedule } from "../support/clock.ts";
import { createAccountRepositories } from "./accounts.ts";
import { backupInto } from "./backup.ts";
import { createCalls } from "./calls.ts";
import type { Checkpointer } from "./checkpointer.ts";
import { accountsLost, isMarked, markClaimed } from "./claim-mark.ts";
import { fileBytes, openFile } from "./connection.ts";
import { storeError } from "./errors.ts";
import { ACCOUNTS_MIGRATIONS } from "./migrate.ts";
import { createObjects } from "./objects.ts";
import { openRecordsFile } from "./records-file.ts";
import { createInitialisedMark, createSettings } from "./settings.ts";
import { createSpending } from "./spending.ts";
import type { Store } from "./types.ts";

export interface StoreOptions {
  /** Of monorelay.db; `:memory:` for tests. */
  readonly accountsPath: string;
  /** Of requests.db; `:memory:` for tests. */
  readonly recordsPath: string;
  /** How long a write waits for another process, ms. The wait does not stop the event loop, except while opening. */
  readonly busyTimeoutMs: number;
  /** Of the accounts; records are always `normal`. */
  readonly synchronous: "full" | "normal";
  readonly log: Logger;
  /** Takes secrets out of texts before they are stored. */
  readonly redact: (text: string) => string;
  /** Refuses to begin anew: for a data directory that is known to have had accounts. */
  readonly mustExist?: boolean;
  /** Path of the file that keeps this knowledge; written with the first account. */
  readonly claimMark?: string;
  /** What moves the records' write-ahead log into their file; without one, the writes do. */
  readonly checkpointer?: (path: string) => Checkpointer;
  readonly clock?: Clock;
  readonly schedule?: Schedule;
  readonly sleep?: (ms: number) => Promise<void>;
}

/** `MRac`; see https://sqlite.org/pragma.html#pragma_application_id */
const ACCOUNTS_ID = 0x4d526163;
const FULL_CHECK_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Creates what is missing. Throws a `StoreError`: always for a damaged, foreign, newer or unwritable accounts database,
 * which is never made anew; for the records only when they are foreign or newer: damaged ones are moved aside, and calls
 * go on without any others.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { accountsPath, recordsPath, busyTimeoutMs, synchronous, log, redact } = options;
  const { clock = systemClock, schedule = systemSchedule, sleep = Bun.sleep } = options;
  const claimMark = accountsPath === ":memory:" ? undefined : options.claimMark;
  const wasClaimed = claimMark !== undefined && isMarked(claimMark);
  if (accountsPath !== ":memory:" && !(await Bun.file(accountsPath).exists())) {
    if (options.mustExist) throw storeError("missing", accountsPath);
    if (wasClaimed) throw accountsLost(accountsPath, claimMark);
  }
  const accounts = openFile({
    path: accountsPath,
    busyTimeoutMs,
    log,
    kind: {
      name: "accounts",
      applicationId: ACCOUNTS_ID,
      migrations: ACCOUNTS_MIGRATIONS,
      synchronous,
      isPrecious: true,
      fullCheckBytesMax: FULL_CHECK_BYTES_MAX,
    },
  });
  const checkpointer = recordsPath === ":memory:" ? undefined : options.checkpointer?.(recordsPath);
  const openRecords = () => {
    try {
      return openRecordsFile({ path: recordsPath, busyTimeoutMs, log, clock, checkpointer });
    } catch (error) {
      accounts.close();
      throw error;
    }
  };
  const records = openRecords();

  const patience = { busyTimeoutMs, clock, sleep };
  const calls = createCalls({ ...patience, file: records, path: recordsPath, log, redact, schedule });
  let isClosed = false;

  const checkpoint = () => {
    accounts.rows("PRAGMA wal_checkpoint(TRUNCATE)");
    records.use((client) => client.rows("PRAGMA wal_checkpoint(TRUNCATE)"));
  };

  const accountsOptions = { ...patience, client: accounts, path: accountsPath };
  const claimed = () => {
    try {
      if (claimMark !== undefined) markClaimed(claimMark);
    } catch (error) {
      log.error("the file that tells of accounts cannot be written", { path: claimMark, error });
    }
  };
  const repositories = createAccountRepositories(accountsOptions, claimed);
  try {
    if (claimMark !== undefined && (await repositories.areLost(wasClaimed)))
      throw accountsLost(accountsPath, claimMark);
    if (await repositories.users.hasAny()) claimed();
  } catch (error) {
    accounts.close();
    records.close();
    throw error;
  }
  return {
    accounts: repositories,
    objects: createObjects(accountsOptions),
    spending: createSpending(accountsOptions),
    settings: createSettings(accountsOptions),
    initialised: createInitialisedMark(accountsOptions),
    calls,
    sizes: () => ({ accounts: fileBytes(accountsPath), records: fileBytes(recordsPath) }),
    checkpoint,
    async backup(directory) {
      calls.flush();
      backupInto(directory, { accounts, accountsPath, records, recordsPath });
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      const lost = calls.stop();
      if (lost > 0) log.error("call records could not be written before the end and are lost", { lost });
      await checkpointer?.stop();
      // The last connection to close a file also empties and removes its write-ahead log.
      accounts.close();
      records.close();
    },
  };
}
