/** The accounts database as its repositories use it: reads that wait their turn, writes that are one transaction. */
import { type BunSQLiteDatabase, drizzle } from "drizzle-orm/bun-sqlite";
import { RelayError } from "../contract/errors.ts";
import type { Clock } from "../support/clock.ts";
import { explain } from "./errors.ts";
import { whenFree } from "./retry.ts";
import type { AccountsOptions } from "./settings.ts";

export type AccountsDb = BunSQLiteDatabase;

export interface AccountsFile {
  readonly clock: Clock;
  /** For statements that are prepared once and live as long as the file is open. */
  readonly db: AccountsDb;
  /** Throws a `StoreError`. */
  read<T>(work: (db: AccountsDb) => T): Promise<T>;
  /** All of the work or, when it throws, nothing of it. Synchronous work only. Throws a `StoreError`, or the refusal. */
  write<T>(work: (db: AccountsDb, now: number) => T): Promise<T>;
}

export function createAccountsFile(options: AccountsOptions): AccountsFile {
  const { client, clock, path } = options;
  const db = drizzle(client);
  const attempt = async <T>(work: () => T): Promise<T> => {
    try {
      return await whenFree(options, work);
    } catch (error) {
      // A refusal is no trouble with the file.
      throw RelayError.is(error) ? error : explain(error, path);
    }
  };
  return {
    clock,
    db,
    read: (work) => attempt(() => client.scoped(() => work(db))),
    // Begins by taking the lock: a transaction that reads first and writes later can fail in a way no waiting mends.
    write: (work) =>
      attempt(() => client.transaction(() => client.scoped(() => work(db, Math.floor(clock.now())))).immediate()),
  };
}
