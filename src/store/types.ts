/** What the rest of the house may ask of storage; nothing here says how it is stored. */
import type { FailureCode } from "../contract/errors.ts";
import type { AccountRepositories } from "./types-accounts.ts";
import type { ObjectRepository } from "./types-objects.ts";
import type { SpendingRepository } from "./types-spending.ts";

export type * from "./types-accounts.ts";
export type * from "./types-objects.ts";
export type * from "./types-spending.ts";

/** `none`: the call ended before a lane was chosen. */
export type CallLane = "pass-through" | "translate" | "raw" | "none";

/** One call, written once, when it is over. `null` = unknown or not applicable; durations in ms, sizes in bytes. */
export interface CallRecord {
  /** Ours (`req_…`) or the caller's own, ≤ 128 characters; therefore not unique. */
  readonly requestId: string;
  /** ms since epoch. */
  readonly startedAt: number;
  /** e.g. `chat`, `embeddings`. */
  readonly operation: string;
  /** Codec id of the client's dialect. */
  readonly dialect: string | null;
  /** Path pattern of the route, e.g. `/v1/chat/completions`. */
  readonly route: string;
  readonly lane: CallLane;
  /** As the caller wrote it. */
  readonly requestedModel: string | null;
  /** As the upstream was asked. */
  readonly model: string | null;
  /** Name of the configured provider. */
  readonly provider: string | null;
  readonly keyLabel: string | null;
  readonly keyId: string | null;
  /** `id` of the caller's identity. */
  readonly principal: string | null;
  readonly userId: number | null;
  readonly apiKeyId: string | null;
  readonly orgId: string | null;
  readonly clientIp: string | null;
  readonly userAgent: string | null;
  /** HTTP status towards the caller. */
  readonly status: number;
  /** Also set when the call failed after its status had been sent. */
  readonly failure: FailureCode | null;
  /** Redacted and cut to 500 characters when stored. */
  readonly error: string | null;
  readonly streaming: boolean;
  readonly attempts: number;
  readonly firstByteMs: number | null;
  readonly totalMs: number;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** Counted inside `inputTokens`. */
  readonly cacheReadTokens: number | null;
  readonly cacheWriteTokens: number | null;
  /** Counted inside `outputTokens`. */
  readonly reasoningTokens: number | null;
  /** Some of these counts are guesses, as the upstream told none or was cut off. */
  readonly usageEstimated: boolean;
  /** What the call is reckoned to have cost, in whole micro-USD. */
  readonly costMicroUsd: number | null;
  /** Where its price came from: `config`, or the vendor's list with its date. */
  readonly priceVersion: string | null;
  readonly finishReason: string | null;
  readonly bytesIn: number | null;
  readonly bytesOut: number | null;
  /** The upstream's own id of the request. */
  readonly upstreamId: string | null;
  readonly droppedParams: readonly string[] | null;
  /** Of the snapshot that served the call. */
  readonly generation: number;
}

export interface StoredCall extends CallRecord {
  /** Unique, and rising with `startedAt`. */
  readonly id: number;
}

/** Conditions that must all hold. Absent = any. */
export interface CallFilter {
  /** Part of the requested or the upstream model, any case. */
  readonly model?: string;
  readonly provider?: string;
  readonly operation?: string;
  /** `success`: status under 400 and no failure; `error`: the others; `4xx`: a class; a number: that status. */
  readonly status?: "success" | "error" | "4xx" | "5xx" | number;
  readonly failure?: FailureCode;
  readonly principal?: string;
  readonly userId?: number;
  readonly apiKeyId?: string;
  readonly orgId?: string;
  readonly streaming?: boolean;
  readonly totalMsMin?: number;
  /** Part of the request id, either model, the provider or the error, any case. */
  readonly search?: string;
  /** ms since epoch, both inclusive, on `startedAt`. */
  readonly from?: number;
  readonly to?: number;
}

export interface PageRequest {
  /** `nextCursor` of the page before; absent = the newest. A text that is none of ours throws `RangeError`. */
  readonly cursor?: string;
  /** 1–200, default 50. */
  readonly limit?: number;
  /** Rows to skip after the cursor, 0–10000. */
  readonly offset?: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** `null` = this is the last page. */
  readonly nextCursor: string | null;
}

/** Tokens that an upstream did not tell count as none, and so do costs that nobody knows. */
export interface CallUsageBucket {
  /** Its first instant, ms since epoch. */
  readonly at: number;
  readonly requests: number;
  readonly errors: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** `null` when the cost of none of the calls is known. */
  readonly costMicroUsd: number | null;
}

export interface CallUsage extends Omit<CallUsageBucket, "at"> {
  /** By time. */
  readonly series: readonly CallUsageBucket[];
}

export interface CallRepository {
  /** Queues the record. Never throws, never waits: trouble with the file is this room's, not the caller's. */
  append(record: CallRecord): void;
  /** Writes what is queued, now. Returns how many records could not be written and stay queued. */
  flush(): number;
  /** Newest first. What is still queued does not show. */
  list(filter?: CallFilter, page?: PageRequest): Promise<Page<StoredCall>>;
  /** Counts up to `max` and stops there (default: no limit). */
  count(filter?: CallFilter, max?: number): Promise<number>;
  /** The newest call of this request id. */
  find(requestId: string): Promise<StoredCall | undefined>;
  /** What the matching calls have used, with a bucket for every `bucketMs` (ms) in which there was one. */
  usage(filter: CallFilter, bucketMs: number): Promise<CallUsage>;
  /** Deletes calls started before this instant (ms since epoch), in small steps; returns how many. */
  prune(before: number): Promise<number>;
  readonly state: CallQueueState;
}

export interface CallQueueState {
  readonly waiting: number;
  /** Records lost since the start: pushed out of a full queue, or refused by the database as they are. */
  readonly dropped: number;
  /** Why the last write failed; `null` while writing works. */
  readonly failing: string | null;
}

/** Small values of the house, e.g. the digest of the generated access key. Acknowledged means on disk. */
export interface SettingsRepository {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
  /** Writes only if the key is absent; `false`: somebody was first. */
  add(key: string, value: string): Promise<boolean>;
  /** `false`: there was none. */
  delete(key: string): Promise<boolean>;
}

/** The mark of a finished first start: from then on missing accounts are a loss, not a beginning. */
export interface InitialisedMark {
  /** ms since epoch, `null` = not yet. */
  at(): Promise<number | null>;
  /** Keeps the first instant it was given. */
  set(at: number): Promise<void>;
}

export interface Store {
  readonly settings: SettingsRepository;
  readonly initialised: InitialisedMark;
  readonly accounts: AccountRepositories;
  readonly objects: ObjectRepository;
  readonly spending: SpendingRepository;
  readonly calls: CallRepository;
  /** Bytes on disk, write-ahead logs included. */
  sizes(): { readonly accounts: number; readonly records: number };
  /** Moves the write-ahead logs into the files, as far as nobody else reads them. */
  checkpoint(): void;
  /** Copies both files into a directory of their own (made, 0700), each as of one instant. Throws a `StoreError`. */
  backup(directory: string): Promise<void>;
  /** Writes what is queued and closes both files. Idempotent. */
  close(): Promise<void>;
}
