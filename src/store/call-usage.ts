/** Adds up what calls have used, part by part like a search, so that a long range never holds up the event loop. */
import { and, sql } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { conditionsOf, type IdRange, idRangeOf } from "./call-filter.ts";
import { partsOf, type Read, within } from "./call-search.ts";
import { calls, IDS_PER_MS } from "./schema-records.ts";
import type { CallFilter, CallUsage, CallUsageBucket } from "./types.ts";

type Sums = Omit<CallUsageBucket, "at">;

/** `bucketMs`: the width of a bucket; each begins at a multiple of it since the epoch. Only filled ones are told. */
export async function usageOfCalls(read: Read, filter: CallFilter, bucketMs: number): Promise<CallUsage> {
  const buckets = new Map<number, Sums>();
  for await (const part of partsOf(read, idRangeOf(filter, undefined))) {
    for (const { at, ...sums } of read((db) => sumPart(db, part, filter, bucketMs))) {
      buckets.set(at, add(buckets.get(at), sums));
    }
  }
  const series = [...buckets].sort(([a], [b]) => a - b).map(([at, sums]) => ({ at, ...sums }));
  return { ...series.reduce<Sums>((total, bucket) => add(total, bucket), NOTHING), series };
}

const NOTHING: Sums = { requests: 0, errors: 0, inputTokens: 0, outputTokens: 0, costMicroUsd: null };

function add(one: Sums = NOTHING, other: Sums): Sums {
  return {
    requests: one.requests + other.requests,
    errors: one.errors + other.errors,
    inputTokens: one.inputTokens + other.inputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    costMicroUsd: addKnown(one.costMicroUsd, other.costMicroUsd),
  };
}

/** Unknown is not nothing. */
function addKnown(one: number | null, other: number | null): number | null {
  return one === null ? other : one + (other ?? 0);
}

function sumPart(db: BunSQLiteDatabase, part: IdRange, filter: CallFilter, bucketMs: number): CallUsageBucket[] {
  // Whole numbers by their very text: as parameters they could become fractions.
  const width = sql.raw(String(Math.max(1, Math.floor(bucketMs)) * IDS_PER_MS));
  const at = sql<number>`(${calls.id} / ${width}) * ${sql.raw(String(Math.max(1, Math.floor(bucketMs))))}`;
  return db
    .select({
      at,
      requests: sql<number>`count(*)`,
      errors: sql<number>`count(*) FILTER (WHERE ${calls.status} >= 400 OR ${calls.failure} IS NOT NULL)`,
      inputTokens: sql<number>`coalesce(sum(${calls.inputTokens}), 0)`,
      outputTokens: sql<number>`coalesce(sum(${calls.outputTokens}), 0)`,
      costMicroUsd: sql<number | null>`sum(${calls.costMicroUsd})`,
    })
    .from(calls)
    .where(and(within(part), conditionsOf(filter)))
    .groupBy(sql`1`)
    .all();
}
