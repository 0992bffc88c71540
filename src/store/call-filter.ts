/** Turns a `CallFilter` into conditions on the rows; every list, count and search goes through here. */
import { and, eq, gte, isNotNull, isNull, lt, or, type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { firstIdAt } from "./call-row.ts";
import { calls } from "./schema-records.ts";
import type { CallFilter } from "./types.ts";

/** The part of a filter that is a range of ids: both bounds are part of the walk, not of the conditions. */
export interface IdRange {
  /** Inclusive. */
  readonly from: number;
  /** Exclusive. */
  readonly before: number;
}

export function idRangeOf({ from, to }: CallFilter, cursor: number | undefined): IdRange {
  const end = to === undefined ? Number.MAX_SAFE_INTEGER : firstIdAt(to + 1);
  return { from: from === undefined ? 0 : firstIdAt(from), before: Math.min(end, cursor ?? end) };
}

/** `undefined`: every row of the range matches, so there is nothing to search for. */
export function conditionsOf(filter: CallFilter): SQL | undefined {
  const { model, search, status, totalMsMin, streaming } = filter;
  return and(
    model === undefined ? undefined : contains(model, [calls.requestedModel, calls.model]),
    search === undefined
      ? undefined
      : contains(search, [calls.requestId, calls.requestedModel, calls.model, calls.provider, calls.error]),
    equal(calls.provider, filter.provider),
    equal(calls.operation, filter.operation),
    equal(calls.failure, filter.failure),
    equal(calls.principal, filter.principal),
    equal(calls.userId, filter.userId),
    equal(calls.apiKeyId, filter.apiKeyId),
    equal(calls.orgId, filter.orgId),
    equal(calls.streaming, streaming === undefined ? undefined : Number(streaming)),
    totalMsMin === undefined ? undefined : gte(calls.totalMs, totalMsMin),
    status === undefined ? undefined : statusCondition(status),
  );
}

function equal(column: SQLiteColumn, value: string | number | undefined): SQL | undefined {
  return value === undefined ? undefined : eq(column, value);
}

/** `instr` takes the text as it is; in a LIKE pattern `%` and `_` of a model's name would mean something. */
function contains(part: string, columns: readonly SQLiteColumn[]): SQL | undefined {
  return or(...columns.map((column) => sql`instr(lower(${column}), lower(${part})) > 0`));
}

function statusCondition(status: NonNullable<CallFilter["status"]>): SQL | undefined {
  if (status === "success") return and(lt(calls.status, 400), isNull(calls.failure));
  if (status === "error") return or(gte(calls.status, 400), isNotNull(calls.failure));
  if (typeof status === "number") return eq(calls.status, status);
  const hundred = Number(status[0]) * 100;
  return and(gte(calls.status, hundred), lt(calls.status, hundred + 100));
}
