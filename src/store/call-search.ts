/** Searching and pruning the calls in parts, so that a million rows never hold up the event loop. */

import { and, desc, eq, gte, inArray, lt, type SQL, sql } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { timeOfRequestId } from "../support/ids.ts";
import { conditionsOf, type IdRange, idRangeOf } from "./call-filter.ts";
import { firstIdAt, fromRow } from "./call-row.ts";
import type { OwnedDatabase } from "./database.ts";
import { nextTurn } from "./retry.ts";
import { calls } from "./schema-records.ts";
import type { CallFilter, Page, PageRequest, StoredCall } from "./types.ts";

/** Runs a piece of reading on today's file. */
export type Read = <T>(work: (db: BunSQLiteDatabase) => T) => T;
/** Runs a piece of writing when the file is free for it. */
export type Write = <T>(work: (client: OwnedDatabase) => T) => Promise<T>;

/** Most pages are found among the newest rows. */
const PART_ROWS_FIRST = 500;
/** Rows that a search looks at before other work gets a turn: 2 to 5 ms. */
const PART_ROWS_MAX = 20_000;
/** An id of ours is made when its call starts, give or take the reading of two clocks. */
const NEAR_MS = 1000;
const PRUNE_ROWS = 1000;
const VACUUM_PAGES = 256;
const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;
const OFFSET_MAX = 10_000;

export async function listCalls(read: Read, filter: CallFilter, page: PageRequest): Promise<Page<StoredCall>> {
  const { cursor, limit = PAGE_DEFAULT, offset = 0 } = page;
  const wanted = Math.min(PAGE_MAX, Math.max(1, Math.floor(limit)));
  const skipped = Math.min(OFFSET_MAX, Math.max(0, Math.floor(offset)));
  const range = idRangeOf(filter, cursor === undefined ? undefined : parseCursor(cursor));
  const where = conditionsOf(filter);
  // One more than asked for tells whether there is a next page.
  const enough = skipped + wanted + 1;
  const ids: number[] = [];
  for await (const part of partsOf(read, range)) {
    ids.push(...read((db) => selectIds(db, part, where, enough - ids.length)));
    if (ids.length >= enough) break;
  }
  const shown = ids.slice(skipped, skipped + wanted);
  const rows = read((db) => db.select().from(calls).where(inArray(calls.id, shown)).orderBy(desc(calls.id)).all());
  return { items: rows.map(fromRow), nextCursor: ids.length >= enough ? String(shown.at(-1)) : null };
}

export async function countCalls(read: Read, filter: CallFilter, max: number): Promise<number> {
  const where = conditionsOf(filter);
  let total = 0;
  for await (const part of partsOf(read, idRangeOf(filter, undefined))) {
    total += read((db) => countRows(db, part, where));
    if (total >= max) return max;
  }
  return total;
}

/** Looks first where the time in an id of ours says the call must be, and everywhere only for the others. */
export async function findCall(read: Read, requestId: string): Promise<StoredCall | undefined> {
  const where = eq(calls.requestId, requestId);
  const madeAt = timeOfRequestId(requestId);
  const near = madeAt === undefined ? [] : [idRangeOf({ from: madeAt - NEAR_MS, to: madeAt + NEAR_MS }, undefined)];
  for (const range of [...near, idRangeOf({}, undefined)]) {
    for await (const part of partsOf(read, range)) {
      const [id] = read((db) => selectIds(db, part, where, 1));
      const row = id === undefined ? undefined : read((db) => db.select().from(calls).where(eq(calls.id, id)).get());
      if (row !== undefined) return fromRow(row);
    }
  }
  return undefined;
}

/** Deletes what started before the instant (ms since epoch), and sees that it is gone from the disk too. */
export async function pruneCalls(write: Write, before: number): Promise<number> {
  const end = firstIdAt(before);
  let deleted = 0;
  for (let isLast = false; !isLast; await nextTurn()) {
    const step = await write((client) => deleteOldest(client, end));
    deleted += step.deleted;
    isLast = step.isLast;
  }
  if (deleted === 0) return 0;
  for (let free = 1; free > 0; await nextTurn()) free = await write(giveBackPages);
  await write((client) => client.rows("PRAGMA wal_checkpoint(TRUNCATE)"));
  return deleted;
}

/** Cuts a range into parts of ever more rows, newest first, and lets other work run between them. */
export async function* partsOf(read: Read, range: IdRange): AsyncGenerator<IdRange> {
  let rows = PART_ROWS_FIRST;
  for (let before = range.before; before > range.from; await nextTurn()) {
    const from = read((db) => startOfPart(db, { from: range.from, before }, rows));
    yield { from, before };
    before = from;
    rows = Math.min(PART_ROWS_MAX, rows * 4);
  }
}

function startOfPart(db: BunSQLiteDatabase, range: IdRange, rows: number): number {
  const query = db.select({ id: calls.id }).from(calls).where(within(range)).orderBy(desc(calls.id)).limit(1);
  return query.offset(rows - 1).get()?.id ?? range.from;
}

function selectIds(db: BunSQLiteDatabase, range: IdRange, where: SQL | undefined, limit: number): number[] {
  const query = db
    .select({ id: calls.id })
    .from(calls)
    .where(and(within(range), where));
  const rows = query.orderBy(desc(calls.id)).limit(limit).all();
  return rows.map(({ id }) => id);
}

function countRows(db: BunSQLiteDatabase, range: IdRange, where: SQL | undefined): number {
  const row = db
    .select({ n: sql<number>`count(*)` })
    .from(calls)
    .where(and(within(range), where))
    .get();
  return row?.n ?? 0;
}

export function within({ from, before }: IdRange): SQL | undefined {
  return and(gte(calls.id, from), lt(calls.id, before));
}

function deleteOldest(client: OwnedDatabase, end: number): { deleted: number; isLast: boolean } {
  const [next] = client.rows<{ id: number }>(
    "SELECT id FROM calls WHERE id < ? ORDER BY id LIMIT 1 OFFSET ?",
    end,
    PRUNE_ROWS,
  );
  const { changes } = client.run("DELETE FROM calls WHERE id < ?", [next?.id ?? end]);
  return { deleted: changes, isLast: next === undefined };
}

/** Returns how many free pages are left in the file. */
function giveBackPages(client: OwnedDatabase): number {
  client.rows(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
  return client.rows<{ freelist_count: number }>("PRAGMA freelist_count")[0]?.freelist_count ?? 0;
}

function parseCursor(cursor: string): number {
  if (!/^\d{1,16}$/.test(cursor)) throw new RangeError("the cursor is not one that a page of calls was answered with");
  return Number(cursor);
}
