/** Every way the relay can fail, in one table: the code names it, the row says what to do. */

export interface FailureRow {
  /** HTTP status towards the caller before the first byte; an error may carry its own instead. */
  readonly status: number;
  /** `next`: another key or provider may still answer, as long as no byte has left. */
  readonly retry: "never" | "next";
}

export const FAILURES = {
  "bad-request": { status: 400, retry: "never" },
  unauthenticated: { status: 401, retry: "never" },
  forbidden: { status: 403, retry: "never" },
  "model-not-found": { status: 404, retry: "never" },
  "not-found": { status: 404, retry: "never" },
  "method-not-allowed": { status: 405, retry: "never" },
  "body-too-large": { status: 413, retry: "never" },
  "unsupported-media-type": { status: 415, retry: "never" },
  "rate-limited": { status: 429, retry: "never" },
  "quota-exceeded": { status: 429, retry: "never" },
  "headers-too-large": { status: 431, retry: "never" },
  "client-closed": { status: 499, retry: "never" },
  internal: { status: 500, retry: "never" },
  unavailable: { status: 503, retry: "never" },
  /** The upstream refused the request itself: the next one would say the same. */
  "upstream-rejected": { status: 400, retry: "never" },
  /** Our key was refused. The caller cannot mend it, so it is not a 401 towards the caller. */
  "upstream-credential": { status: 502, retry: "next" },
  "upstream-rate-limited": { status: 429, retry: "next" },
  "upstream-unavailable": { status: 502, retry: "next" },
  "upstream-timeout": { status: 504, retry: "next" },
  "upstream-malformed": { status: 502, retry: "next" },
} as const satisfies Record<string, FailureRow>;

export type FailureCode = keyof typeof FAILURES;

export interface RelayErrorOptions {
  /** For the log only; never shown to a caller. */
  cause?: unknown;
  /** Overrides the status of the table, e.g. the upstream's own 402 or 529. */
  status?: number;
  /** Milliseconds until a repeat makes sense; becomes `retry-after` and `retry-after-ms`. */
  retryAfterMs?: number;
  /** Overrides what the table says about trying the next candidate. */
  retry?: "never" | "next";
  /** The wire `code` (OpenAI families), e.g. `context_length_exceeded`. Default: the failure code with `_`. */
  wireCode?: string;
  /** The wire `type` (OpenAI families) when the upstream named one. */
  wireType?: string;
  /** Path of the request field at fault, e.g. `messages[2].content`. */
  param?: string;
  /** `upstream-credential`: the key is good, but not for this model. */
  isForModel?: true;
  /** Field by field problems of a rejected management body. */
  details?: readonly { loc: readonly (string | number)[]; msg: string; type: string }[];
  /** Extra response headers, e.g. `allow`. */
  headers?: Readonly<Record<string, string>>;
}

/** Survives two copies of this module in one process; `instanceof` does not. */
const MARK: unique symbol = Symbol.for("monorelay.error") as never;

/**
 * The only error thrown on purpose. `message` may be shown to callers: no secret, header, address or cause in it.
 */
export class RelayError extends Error {
  readonly [MARK] = true;
  readonly code: FailureCode;
  readonly status: number;
  readonly retry: "never" | "next";
  /** The relay sets it where the upstream said nothing and it knows better. */
  retryAfterMs: number | undefined;
  readonly wireCode: string | undefined;
  readonly wireType: string | undefined;
  readonly param: string | undefined;
  readonly isForModel: boolean;
  readonly details: RelayErrorOptions["details"];
  readonly headers: RelayErrorOptions["headers"];
  /** Set by the relay when an upstream was the origin: the configured provider's name. */
  provider: string | undefined;

  constructor(code: FailureCode, message: string, options: RelayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "RelayError";
    this.code = code;
    this.status = options.status ?? FAILURES[code].status;
    this.retry = options.retry ?? FAILURES[code].retry;
    this.retryAfterMs = options.retryAfterMs;
    this.wireCode = options.wireCode;
    this.wireType = options.wireType;
    this.param = options.param;
    this.isForModel = options.isForModel === true;
    this.details = options.details;
    this.headers = options.headers;
  }

  static is(error: unknown): error is RelayError {
    return typeof error === "object" && error !== null && MARK in error;
  }

  /** Wraps anything thrown; a `RelayError` is returned as it is. The original becomes `cause`, never `message`. */
  static from(cause: unknown, code: FailureCode = "internal", message = "Internal error"): RelayError {
    return RelayError.is(cause) ? cause : new RelayError(code, message, { cause });
  }
}
