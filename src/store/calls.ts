/** Call records: queued at no cost to the call, written in batches, never in anybody's way. */

import type { SQLQueryBindings } from "bun:sqlite";
import { getTableColumns, sql } from "drizzle-orm";
import { type BunSQLiteDatabase, drizzle } from "drizzle-orm/bun-sqlite";
import type { Logger } from "../contract/host.ts";
import type { Schedule } from "../support/clock.ts";
import { createBatchQueue } from "../support/queue.ts";
import { boundRecord, firstIdAt, type NewCallRow, toRow } from "./call-row.ts";
import { countCalls, findCall, listCalls, pruneCalls, type Read, type Write } from "./call-search.ts";
import { usageOfCalls } from "./call-usage.ts";
import type { OwnedDatabase } from "./database.ts";
import { classify, explain, isKeyConflict } from "./errors.ts";
import type { RecordsFile } from "./records-file.ts";
import { type Patience, whenFree } from "./retry.ts";
import { calls, IDS_PER_MS } from "./schema-records.ts";
import type { CallRecord, CallRepository } from "./types.ts";

export interface CallsOptions extends Patience {
  readonly file: RecordsFile;
  readonly path: string;
  readonly log: Logger;
  readonly redact: (text: string) => string;
  readonly schedule: Schedule;
}

/** With these, 10,000 waiting records are some 10 MB, and a turn of the event loop is held for a millisecond. */
const QUEUE_MAX = 10_000;
const BATCH = 250;
const FLUSH_MS = 100;
/** Batches between two looks at the size of the write-ahead log. */
const LOG_CHECK_EVERY = 64;
/** The ids of a millisecond that are tried blindly; the others are for calls that met another there. */
const FIRST_TRY_IDS = IDS_PER_MS / 2;
const REPORT_MS_MIN = 60_000;

export interface Calls extends CallRepository {
  /** Writes what waits and takes nothing more; returns how many records remain unwritten. */
  stop(): number;
}

export function createCalls(options: CallsOptions): Calls {
  const { file, path, log, redact, schedule, clock } = options;
  const reportRarely = rarely(() => clock.monotonic());
  let failing: string | null = null;
  let refused = 0;
  let batches = 0;
  let sequence = 0;
  let isStopped = false;
  let current: Prepared | undefined;
  const row = {};

  const preparedFor = (client: OwnedDatabase): Prepared => {
    if (current?.client !== client) current = prepareInsert(client);
    return current;
  };
  const read: Read = (work) => {
    try {
      return file.use((client) => {
        const { db } = preparedFor(client);
        return client.scoped(() => work(db));
      });
    } catch (error) {
      throw explain(error, path);
    }
  };
  const write: Write = async (work) => {
    try {
      return await whenFree(options, () => file.use(work));
    } catch (error) {
      throw explain(error, path);
    }
  };

  /** `false`: the database will never take this record, whatever the disk does. */
  const insertOne = (client: OwnedDatabase, record: CallRecord): boolean => {
    const { insert } = preparedFor(client);
    const first = firstIdAt(record.startedAt);
    try {
      try {
        insert(toRow(record, first + (sequence++ % FIRST_TRY_IDS), redact, row));
      } catch (error) {
        if (!isKeyConflict(error)) throw error;
        insert(toRow(record, findFreeId(client, first), redact, row));
      }
      return true;
    } catch (error) {
      if (classify(error) !== undefined) throw error;
      reportRarely("refused", () => log.error("a call record was refused by the database and dropped", { error }));
      return false;
    }
  };

  const writeBatch = (records: readonly CallRecord[]) => {
    if (batches++ % LOG_CHECK_EVERY === 0 || failing !== null) file.boundLog();
    const taken = file.use((client) => {
      const insertAll = client.transaction(() => {
        let count = 0;
        for (const record of records) if (insertOne(client, record)) count += 1;
        return count;
      });
      // A transaction that takes the lock only when it first writes can fail in a way that no waiting mends.
      return insertAll.immediate();
    });
    refused += records.length - taken;
    file.noteWritten(taken);
    if (failing === null) return;
    failing = null;
    log.info("call records are written again", { waiting: queue.size, dropped: queue.dropped });
  };

  const queue = createBatchQueue<CallRecord>({
    max: QUEUE_MAX,
    batch: BATCH,
    delayMs: FLUSH_MS,
    schedule: (delayMs, task) =>
      schedule(delayMs, () => {
        if (!isStopped) task();
      }),
    write: writeBatch,
    onError(error, waiting) {
      const reason = explain(error, path).message;
      failing = reason;
      reportRarely("failing", () => {
        log.error("call records cannot be written; calls go on", { reason, waiting, dropped: queue.dropped });
      });
    },
  });

  return {
    append(record) {
      if (isStopped) refused += 1;
      else queue.push(boundRecord(record));
    },
    flush: () => queue.drain(),
    stop() {
      isStopped = true;
      return queue.drain();
    },
    get state() {
      return { waiting: queue.size, dropped: queue.dropped + refused, failing };
    },
    list: (filter = {}, page = {}) => listCalls(read, filter, page),
    count: (filter = {}, max = Number.MAX_SAFE_INTEGER) => countCalls(read, filter, max),
    find: (requestId) => findCall(read, requestId),
    usage: (filter, bucketMs) => usageOfCalls(read, filter, bucketMs),
    prune: (before) => pruneCalls(write, before),
  };
}

interface Prepared {
  readonly client: OwnedDatabase;
  readonly db: BunSQLiteDatabase;
  readonly insert: (row: NewCallRow) => void;
}

/** Once per file: Drizzle compiles a statement anew at every run that was not prepared. */
function prepareInsert(client: OwnedDatabase): Prepared {
  const db = drizzle(client);
  const { startedAt: _generated, ...columns } = getTableColumns(calls);
  const placeholders = Object.fromEntries(Object.keys(columns).map((name) => [name, sql.placeholder(name)]));
  // Drizzle writes the statement; run by itself it costs a third less than through Drizzle's placeholders.
  // What it would do to the values is nothing, as all columns are plain texts and integers.
  const { sql: text, params } = db
    .insert(calls)
    .values(placeholders as unknown as typeof calls.$inferInsert)
    .toSQL();
  const names = (params as { readonly value: { readonly name: keyof NewCallRow } }[]).map(({ value }) => value.name);
  // The types know only values one by one; the runtime takes them in one array too, which costs it less.
  const statement = client.prepare(text) as unknown as { run(values: readonly SQLQueryBindings[]): void };
  const values: SQLQueryBindings[] = new Array(names.length).fill(null);
  return {
    client,
    db,
    insert(row) {
      for (let index = 0; index < names.length; index += 1) values[index] = row[names[index]!] ?? null;
      statement.run(values);
    },
  };
}

/** For a call whose first id was taken by another of its millisecond; when that is full, by the next one's. */
function findFreeId(client: OwnedDatabase, first: number): number {
  for (let start = first; ; start += IDS_PER_MS) {
    const end = start + IDS_PER_MS;
    const [row] = client.rows<{ id: number | null }>(
      "SELECT max(id) AS id FROM calls WHERE id >= ? AND id < ?",
      start,
      end,
    );
    const next = (row?.id ?? start) + 1;
    if (next < end) return next;
  }
}

/** Runs each kind of report at most once a minute. */
function rarely(now: () => number): (kind: string, report: () => void) => void {
  const last = new Map<string, number>();
  return (kind, report) => {
    const before = last.get(kind);
    if (before !== undefined && now() - before < REPORT_MS_MIN) return;
    last.set(kind, now());
    report();
  };
}
