/** What the log says of a call. */
import type { CallRecord } from "../store/types.ts";
import type { PlainFields } from "../support/log.ts";

/** The one log line of a call; its names are those of `cli-and-operations.md` section 9. */
export function callLine(record: CallRecord, redact: (text: string) => string): PlainFields {
  return {
    req: record.requestId,
    key: record.principal ?? undefined,
    dialect: record.dialect ?? undefined,
    route: record.route,
    provider: record.provider ?? undefined,
    // A caller may paste anything here, and catch-all providers take it.
    model: record.model === null ? undefined : redact(record.model),
    lane: record.lane,
    status: record.status,
    ms: Math.round(record.totalMs),
    first_ms: record.firstByteMs === null ? undefined : Math.round(record.firstByteMs),
    in: record.inputTokens ?? undefined,
    out: record.outputTokens ?? undefined,
    cache_read: record.cacheReadTokens ?? undefined,
    cache_write: record.cacheWriteTokens ?? undefined,
    estimated: record.usageEstimated || undefined,
    cost_usd: record.costMicroUsd === null ? undefined : record.costMicroUsd / 1_000_000,
    attempts: record.attempts,
    failure: record.failure ?? undefined,
    upstream_id: record.upstreamId ?? undefined,
  };
}
