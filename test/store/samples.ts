/** A log that remembers, paths, a call like any other: what tests and the processes they start both need. */
import { join } from "node:path";
import type { Logger } from "../../src/contract/host.ts";
import type { CallRecord } from "../../src/store/types.ts";

export interface MemoryLog extends Logger {
  /** `level message` of each line. */
  readonly lines: string[];
  readonly fields: object[];
}

export function createMemoryLog(): MemoryLog {
  const lines: string[] = [];
  const fields: object[] = [];
  const at =
    (level: string) =>
    (message: string, own: object = {}) => {
      lines.push(`${level} ${message}`);
      fields.push(own);
    };
  return { lines, fields, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export function pathsIn(directory: string) {
  return { accountsPath: join(directory, "monorelay.db"), recordsPath: join(directory, "requests.db") };
}

export const STARTED_AT = Date.parse("2026-01-02T03:04:05Z");

/** A call with every optional field unknown. */
export function call(own: Partial<CallRecord> = {}): CallRecord {
  return {
    requestId: "req_1",
    startedAt: STARTED_AT,
    operation: "chat",
    dialect: null,
    route: "/v1/chat/completions",
    lane: "none",
    requestedModel: null,
    model: null,
    provider: null,
    keyLabel: null,
    keyId: null,
    principal: null,
    userId: null,
    apiKeyId: null,
    orgId: null,
    clientIp: null,
    userAgent: null,
    status: 200,
    failure: null,
    error: null,
    streaming: false,
    attempts: 0,
    firstByteMs: null,
    totalMs: 0,
    inputTokens: null,
    outputTokens: null,
    usageEstimated: false,
    cacheReadTokens: null,
    cacheWriteTokens: null,
    reasoningTokens: null,
    costMicroUsd: null,
    priceVersion: null,
    finishReason: null,
    bytesIn: null,
    bytesOut: null,
    upstreamId: null,
    droppedParams: null,
    generation: 1,
    ...own,
  };
}
