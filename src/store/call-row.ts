/** Between a `CallRecord` and its row: lengths bounded, secrets taken out, unknown kept apart from zero. */
import type { FailureCode } from "../contract/errors.ts";
import { type calls, IDS_PER_MS } from "./schema-records.ts";
import type { CallLane, CallRecord, StoredCall } from "./types.ts";

export type CallRow = typeof calls.$inferSelect;
export type NewCallRow = Omit<CallRow, "startedAt">;

const ERROR_LENGTH_MAX = 500;
const NAME_LENGTH_MAX = 256;
/** Times the length stored: what is kept of a text until it is redacted. */
const ROOM = 8;
/** ids stay exact in a double up to the year 2248. */
const STARTED_AT_MAX = Math.floor(Number.MAX_SAFE_INTEGER / IDS_PER_MS) - 1;

/** The lowest id of calls started at this instant (ms since epoch). */
export function firstIdAt(instant: number): number {
  return clampInteger(instant, STARTED_AT_MAX) * IDS_PER_MS;
}

/**
 * Callers choose the length of some texts, up to that of a body. Cutting them before they wait bounds what a full
 * queue holds; the proper cut comes after redaction, which must see a secret whole.
 */
export function boundRecord(record: CallRecord): CallRecord {
  const { requestedModel, userAgent, error, requestId } = record;
  const isLong =
    requestId.length > NAME_LENGTH_MAX ||
    (requestedModel?.length ?? 0) > NAME_LENGTH_MAX * ROOM ||
    (userAgent?.length ?? 0) > NAME_LENGTH_MAX * ROOM ||
    (error?.length ?? 0) > ERROR_LENGTH_MAX * ROOM;
  if (!isLong) return record;
  return {
    ...record,
    requestId: cut(requestId, NAME_LENGTH_MAX),
    requestedModel: cut(requestedModel, NAME_LENGTH_MAX * ROOM),
    userAgent: cut(userAgent, NAME_LENGTH_MAX * ROOM),
    error: cut(error, ERROR_LENGTH_MAX * ROOM),
  };
}

/** `row` is overwritten and returned: a new one for each record would be garbage the moment it is written. */
export function toRow(
  record: CallRecord,
  id: number,
  redact: (text: string) => string,
  row: { -readonly [Name in keyof NewCallRow]?: NewCallRow[Name] } = {},
): NewCallRow {
  row.id = id;
  row.requestId = record.requestId;
  row.operation = record.operation;
  row.dialect = record.dialect;
  row.route = record.route;
  row.lane = record.lane;
  row.requestedModel = redacted(record.requestedModel, NAME_LENGTH_MAX, redact);
  row.model = redacted(record.model, NAME_LENGTH_MAX, redact);
  row.provider = record.provider;
  row.keyLabel = record.keyLabel;
  row.keyId = record.keyId;
  row.principal = record.principal;
  row.userId = record.userId;
  row.apiKeyId = record.apiKeyId;
  row.orgId = record.orgId;
  row.clientIp = record.clientIp;
  row.userAgent = redacted(record.userAgent, NAME_LENGTH_MAX, redact);
  row.status = record.status;
  row.failure = record.failure;
  row.error = redacted(record.error, ERROR_LENGTH_MAX, redact);
  row.streaming = record.streaming ? 1 : 0;
  row.attempts = record.attempts;
  row.firstByteMs = integer(record.firstByteMs);
  row.totalMs = integer(record.totalMs) ?? 0;
  row.inputTokens = integer(record.inputTokens);
  row.outputTokens = integer(record.outputTokens);
  row.cacheReadTokens = integer(record.cacheReadTokens);
  row.cacheWriteTokens = integer(record.cacheWriteTokens);
  row.reasoningTokens = integer(record.reasoningTokens);
  row.usageEstimated = record.usageEstimated ? 1 : null;
  row.costMicroUsd = integer(record.costMicroUsd);
  row.priceVersion = cut(record.priceVersion, NAME_LENGTH_MAX);
  row.finishReason = cut(record.finishReason, NAME_LENGTH_MAX);
  row.bytesIn = integer(record.bytesIn);
  row.bytesOut = integer(record.bytesOut);
  row.upstreamId = cut(record.upstreamId, NAME_LENGTH_MAX);
  row.droppedParams = record.droppedParams === null ? null : JSON.stringify(record.droppedParams);
  row.generation = record.generation;
  return row as NewCallRow;
}

export function fromRow(row: CallRow): StoredCall {
  return {
    ...row,
    startedAt: Math.floor(row.id / IDS_PER_MS),
    lane: row.lane satisfies CallLane,
    failure: row.failure as FailureCode | null,
    streaming: row.streaming !== 0,
    usageEstimated: row.usageEstimated === 1,
    droppedParams: row.droppedParams === null ? null : JSON.parse(row.droppedParams),
  };
}

function redacted(text: string | null, lengthMax: number, redact: (text: string) => string): string | null {
  if (text === null) return null;
  const clean = redact(text);
  // The first cut may have halved a secret at the very end, and redaction may have moved that end forward.
  const wasCut = text.length >= lengthMax * ROOM;
  return cut(wasCut ? clean.slice(0, -lengthMax * (ROOM / 2)) : clean, lengthMax);
}

function cut<T extends string | null>(text: T, lengthMax: number): T {
  return text === null || text.length <= lengthMax ? text : (text.slice(0, lengthMax).toWellFormed() as T);
}

/** SQLite would keep a fraction as such, and "not a number" as unknown. */
function integer(value: number | null): number | null {
  return value === null || !Number.isFinite(value) ? null : Math.round(value);
}

function clampInteger(value: number, max: number): number {
  return Number.isFinite(value) ? Math.min(max, Math.max(0, Math.floor(value))) : 0;
}
