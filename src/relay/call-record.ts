/** What is kept of a call that is over. */
import type { RelayError } from "../plugin/index.ts";
import type { CallRecord } from "../store/types.ts";
import { shownAddress } from "../support/addresses.ts";
import type { Booking } from "./booking.ts";
import type { Call } from "./call.ts";

export interface CallEnd {
  readonly status: number;
  readonly failure: RelayError | undefined;
  /** On the monotonic clock, ms. */
  readonly endedMs: number;
  readonly clientAddress: string;
}

export function recordOf(call: Call, end: CallEnd, { costMicroUsd, priceVersion }: Booking): CallRecord {
  const { identity, usage } = call;
  const { failure } = end;
  const { config } = call.snapshot;
  return {
    requestId: call.id,
    startedAt: call.receivedAt,
    operation: call.route.operation,
    dialect: call.route.codec.id,
    route: call.route.path,
    lane: call.lane,
    requestedModel: call.requestedModel === "" ? null : call.requestedModel,
    model: call.model === "" ? null : call.model,
    provider: call.provider === "" ? null : call.provider,
    keyId: call.key === undefined || call.key.id === "" ? null : call.key.id,
    keyLabel: call.key === undefined || call.key.id === "" ? null : call.key.label,
    principal: identity.id,
    userId: identity.userId,
    apiKeyId: identity.apiKeyId,
    orgId: identity.orgId,
    clientIp: shownAddress(end.clientAddress, config.logging.clientIp),
    userAgent: config.logging.userAgent ? call.request.headers.get("user-agent") : null,
    status: end.status,
    failure: failure?.code ?? null,
    error: failure?.message ?? null,
    streaming: call.streaming,
    attempts: call.attempts,
    firstByteMs: call.firstByteMs === 0 ? null : call.firstByteMs - call.startedMs,
    totalMs: end.endedMs - call.startedMs,
    inputTokens: usage?.inputTokens ?? null,
    outputTokens: usage?.outputTokens ?? null,
    cacheReadTokens: usage?.cacheReadTokens ?? null,
    cacheWriteTokens: usage?.cacheWriteTokens ?? null,
    reasoningTokens: usage?.reasoningTokens ?? null,
    usageEstimated: call.isUsageEstimated,
    costMicroUsd,
    priceVersion,
    finishReason: call.finish?.reason ?? null,
    bytesIn: call.bytesIn,
    bytesOut: call.bytesOut,
    upstreamId: call.upstreamId,
    droppedParams: call.dropped ?? null,
    generation: call.snapshot.generation,
  };
}
