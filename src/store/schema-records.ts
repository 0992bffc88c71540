/** Tables of requests.db: history, whose loss is bearable. */
import { sql } from "drizzle-orm";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Ids per millisecond of `started_at`. */
export const IDS_PER_MS = 1024;

/**
 * One row per call, only ever appended and pruned. The key is the time: `id` is `started_at` × 1024 plus a number that
 * keeps calls of one millisecond apart. So order, date ranges, paging and pruning all walk the table itself, and there
 * is no index to pay for. Not for request ids either: ours begin with the time, so the walk knows where to look, and an
 * index of callers' own ids, being random, would more than double the cost of a row (6 to 14 µs, measured).
 */
export const calls = sqliteTable("calls", {
  id: integer("id").primaryKey(),
  /** For people with a SQL prompt; not stored. In conditions use `id`: there is no index here. */
  startedAt: integer("started_at").generatedAlwaysAs(sql.raw(`"id" / ${IDS_PER_MS}`), { mode: "virtual" }),
  requestId: text("request_id").notNull(),
  operation: text("operation").notNull(),
  dialect: text("dialect"),
  route: text("route").notNull(),
  lane: text("lane", { enum: ["pass-through", "translate", "raw", "none"] }).notNull(),
  requestedModel: text("requested_model"),
  model: text("model"),
  provider: text("provider"),
  keyLabel: text("key_label"),
  keyId: text("key_id"),
  principal: text("principal"),
  userId: integer("user_id"),
  apiKeyId: text("api_key_id"),
  orgId: text("org_id"),
  clientIp: text("client_ip"),
  userAgent: text("user_agent"),
  status: integer("status").notNull(),
  failure: text("failure"),
  error: text("error"),
  streaming: integer("streaming").notNull(),
  attempts: integer("attempts").notNull(),
  firstByteMs: integer("first_byte_ms"),
  totalMs: integer("total_ms").notNull(),
  inputTokens: integer("input_tokens"),
  outputTokens: integer("output_tokens"),
  cacheReadTokens: integer("cache_read_tokens"),
  cacheWriteTokens: integer("cache_write_tokens"),
  reasoningTokens: integer("reasoning_tokens"),
  /** 1: some of the counts above are guesses. */
  usageEstimated: integer("usage_estimated"),
  costMicroUsd: integer("cost_micro_usd"),
  priceVersion: text("price_version"),
  finishReason: text("finish_reason"),
  bytesIn: integer("bytes_in"),
  bytesOut: integer("bytes_out"),
  upstreamId: text("upstream_id"),
  /** JSON array of names. */
  droppedParams: text("dropped_params"),
  generation: integer("generation").notNull(),
});
