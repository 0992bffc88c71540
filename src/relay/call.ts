/** Everything known about one call, from the first byte in to the last byte out; it writes its record when it ends. */
import { type Codec, type Finish, type Framing, type Identity, RelayError, type Usage } from "../plugin/index.ts";
import type { Admission, Plan } from "../limits/limiter.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { PoolKey } from "../routing/key-pool.ts";
import type { Lease, Snapshot } from "../snapshot/snapshot.ts";
import type { Watched } from "./active.ts";
import type { Ended } from "./ledger.ts";
import { parseAnswer } from "./answer-text.ts";
import { hideBodySecrets } from "./body-secrets.ts";
import { book } from "./booking.ts";
import { callLine } from "./call-line.ts";
import { recordOf } from "./call-record.ts";
import { isReachable } from "./reach.ts";
import { type Step, silent, tooLate } from "./deadlines.ts";
import { revoked } from "./revoked.ts";
import type { SocketSession } from "./realtime.ts";
import type { Size } from "./request-size.ts";
import type { RelayRoute } from "./route.ts";
import type { Said } from "./said.ts";
import type { RelayServices } from "./services.ts";
import { isInNetworks } from "../support/addresses.ts";

/** Before this age nobody looks whether the client is still there: most calls are over sooner. */
const DEPARTURE_CHECK_AFTER_MS = 200;
/** Before this age the server's own idle timer cannot have cut the connection, so it is left alone. */
const LIFT_IDLE_TIMER_AFTER_MS = 4000;
/** The server's idle timer for everything that is not a call under way, in seconds. */
export const IDLE_TIMEOUT_S = 30;
/** A client that takes nothing for this long while bytes wait for it has gone without saying so. */
const CLIENT_STALL_MAX_MS = 300_000;

export type Lane = "none" | "pass-through" | "translate" | "raw";

/** What the edge knows when a call begins. */
export interface CallStart {
  readonly id: string;
  readonly route: RelayRoute;
  readonly request: Request;
  /** Query with the leading `?`, credentials removed; or empty. */
  readonly query: string;
  readonly said?: Said | undefined;
  readonly lease: Lease;
  readonly identity: Identity;
  readonly clientAddress: string;
  readonly connection: {
    /** Turns the connection into a WebSocket; `false`: it cannot be one. */
    upgrade(session: SocketSession, headers: Headers): boolean;
    /** The idle timer of the client's connection, in seconds; 0 = off. */
    setIdleTimeout(seconds: number): void;
  };
}

export class Call implements Watched, Ended {
  readonly id: string;
  /** Of the shape that the body turned out to have, where a path takes several. */
  route: RelayRoute;
  readonly request: Request;
  readonly query: string;
  readonly said: Said | undefined;
  readonly identity: Identity;
  readonly receivedAt: number;
  readonly startedMs: number;

  lane: Lane = "none";
  requestedModel = "";
  /** The upstream's name of the model. */
  model = "";
  provider = "";
  /** The provider of the last attempt. */
  entry: ProviderEntry | undefined;
  key: PoolKey | undefined;
  streaming = false;
  attempts = 0;
  /** As the client sent it, for secrets that it may hold: they are looked for in failures. */
  body: Uint8Array | undefined;
  bytesIn = 0;
  bytesOut = 0;
  usage: Usage | undefined;
  finish: Finish | undefined;
  /** Are some of these counts guesses? */
  isUsageEstimated = false;
  /** What has been read of the answer's words, where events are read. */
  seenChars = 0;
  /** Tokens of the request, guessed where it was parsed; 0 = it was not. */
  inputEstimate = 0;
  /** The upstream works on it in the background: what it says first is not what it will have used. */
  runsOn = false;
  upstreamId: string | null = null;
  dropped: string[] | undefined;
  /** For the upstream, beside those that the client sent. */
  moreHeaders: Readonly<Record<string, string>> | undefined;
  /** Of a caller with limits: which they are, what the call might use, and its place among them once it has one. */
  plan: Plan | undefined;
  size: Size | undefined;
  admission: Admission | undefined;
  /** Pictures asked for. */
  images = 0;
  /** When the upstream gave its first event (streams) or its whole answer, ms on the monotonic clock; 0 = never. */
  firstByteMs = 0;

  /** Why the attempt under way was ended by us, if it was. */
  attemptReason: RelayError | undefined;
  /** When the upstream last gave a byte, and how long it may be silent; 0 = not watched. */
  lastByteMs = 0;
  idleMs = 0;
  /** When the client was last given a byte; 0 = the stream has not begun. */
  lastWriteMs = 0;
  /** The client asked for more and gets it as soon as there is some. */
  isClientWaiting = false;
  /** Writes a keep-alive into the client's stream. Set while a stream runs. */
  keepAlive: (() => void) | undefined;
  /** Ends the client's stream with this error. Set while a stream runs. */
  failStream: ((error: RelayError) => void) | undefined;

  /** Told when the call is aborted while no attempt is under way. */
  onAbort: ((reason: RelayError) => void) | undefined;

  #sending: { abort(): void } | undefined;
  #abort: AbortController | undefined;
  /** On the monotonic clock, ms; 0 = none. */
  #deadlineMs = 0;
  #step: Step = "first-byte";
  #abortReason: RelayError | undefined;
  #totalDeadline = 0;
  #isEnded = false;
  #isIdleTimerLifted = false;
  #heldBytes = 0;
  #status = 0;
  #failure: RelayError | undefined;
  #endedMs = 0;
  #answer: Uint8Array | undefined;
  #answerCodec: Codec | undefined;
  readonly #lease: Lease;
  readonly #clientAddress: string;
  readonly #connection: CallStart["connection"];

  constructor(
    readonly services: RelayServices,
    start: CallStart,
  ) {
    this.id = start.id;
    this.route = start.route;
    this.request = start.request;
    this.query = start.query;
    this.said = start.said;
    this.identity = start.identity;
    this.receivedAt = services.clock.now();
    this.startedMs = services.clock.monotonic();
    this.#lease = start.lease;
    this.#clientAddress = start.clientAddress;
    this.#connection = start.connection;
    start.lease.take();
    services.active.add(this);
  }

  get snapshot(): Snapshot {
    return this.#lease.snapshot;
  }

  /** The envelope of the client's stream. */
  get framing(): Framing {
    return this.said?.framing ?? this.route.codec.framing;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Why the call was aborted, if it was. */
  get abortReason(): RelayError | undefined {
    return this.#abortReason;
  }

  /** Throws when the call has been aborted meanwhile. */
  beginAttempt(entry: ProviderEntry): void {
    if (this.#abortReason !== undefined) throw this.#abortReason;
    this.attempts += 1;
    this.provider = entry.name;
    this.entry = entry;
    this.attemptReason = undefined;
    this.#sending = undefined;
    this.#abort = undefined;
  }

  /** What carries the attempt: dropped when the client leaves, a deadline passes or the relay stops. */
  carryBy(sending: { abort(): void }): void {
    this.#sending = sending;
  }

  /** The signal of the attempt under way, made for those who ask: most providers never do. */
  get attemptSignal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  /** From here on the client speaks through the session. `false`: its request is no WebSocket's. */
  upgrade(session: SocketSession, headers: Headers): boolean {
    return this.#connection.upgrade(session, headers);
  }

  /** Drops the attempt's connection, e.g. when its answer turned out to be none. */
  abandonAttempt(): void {
    this.#sending?.abort();
    this.#abort?.abort();
  }

  /** `step` must be over within `ms`; the next call replaces the deadline. */
  limitStep(step: Step, ms: number): void {
    this.#step = step;
    this.#deadlineMs = this.services.active.now + ms;
  }

  endStep(): void {
    this.#deadlineMs = 0;
  }

  /** The whole call, all attempts included, must be over by then. 0 = no limit. */
  limitTotal(totalMs: number): void {
    if (totalMs <= 0) return;
    const at = this.startedMs + totalMs;
    if (this.#totalDeadline === 0 || at < this.#totalDeadline) this.#totalDeadline = at;
  }

  /** Counts request bytes kept in memory until the call ends. Throws `unavailable` when all calls keep too many. */
  hold(bytes: number): void {
    if (bytes === 0) return;
    this.services.held.take(bytes);
    this.#heldBytes += bytes;
  }

  /** Stops the work on this call; the first reason counts. */
  abort(reason: RelayError): void {
    if (this.#abortReason !== undefined || this.#isEnded) return;
    this.#abortReason = reason;
    this.abandonAttempt();
    this.onAbort?.(reason);
    this.failStream?.(reason);
  }

  /** Names the provider in an upstream's failure, as far as callers may know where their calls go. */
  blame(error: RelayError): RelayError {
    const isOpen = this.snapshot.config.server.relayHeaders && this.identity.exposeRouting !== false;
    const isShown = isOpen && error.code.startsWith("upstream-");
    if (isShown && this.provider !== "") error.provider ??= this.provider;
    return hideBodySecrets(error, this.body);
  }

  watch(now: number): void {
    const age = now - this.startedMs;
    if (!this.#isIdleTimerLifted && age >= LIFT_IDLE_TIMER_AFTER_MS) {
      this.#isIdleTimerLifted = true;
      this.#connection.setIdleTimeout(0);
    }
    // A stream hears of a departure by itself; before it, the request has to be asked.
    if (this.lastWriteMs === 0 && age >= DEPARTURE_CHECK_AFTER_MS && this.request.signal.aborted) {
      return this.abort(new RelayError("client-closed", "The client has left."));
    }
    if (this.#totalDeadline !== 0 && now >= this.#totalDeadline) {
      return this.abort(new RelayError("upstream-timeout", "The call took longer than allowed.", { retry: "never" }));
    }
    const { expiresAt } = this.identity;
    if (expiresAt !== undefined && this.services.clock.now() >= expiresAt && this.snapshot.config.auth.cutStreams) {
      return this.abort(revoked());
    }
    if (this.#deadlineMs !== 0 && now >= this.#deadlineMs) return this.#abortAttempt(tooLate(this.#step));
    if (this.idleMs !== 0 && now - this.lastByteMs >= this.idleMs && this.#isUpstreamAsked()) {
      return this.#abortAttempt(silent());
    }
    if (this.keepAlive === undefined) return;
    if (this.isClientWaiting) {
      if (now - this.lastWriteMs >= this.snapshot.config.timeouts.sseKeepaliveMs) this.keepAlive();
    } else if (now - this.lastWriteMs >= CLIENT_STALL_MAX_MS) {
      this.abort(new RelayError("client-closed", "The client stopped reading."));
    }
  }

  isOpenTo(identity: Identity): boolean {
    const { ipAllow, scopes } = identity;
    if (!scopes.has(this.route.scope)) return false;
    if (ipAllow !== undefined && !isInNetworks(this.#clientAddress, ipAllow)) return false;
    return this.requestedModel === "" || isReachable(this.snapshot.router, identity, this.requestedModel);
  }

  cut(): void {
    this.abort(
      new RelayError("unavailable", "The relay is stopping.", { retryAfterMs: 1000, wireCode: "shutting_down" }),
    );
  }

  /** The silence of an upstream counts only while somebody waits for it: a slow client is not its fault. */
  #isUpstreamAsked(): boolean {
    return this.keepAlive === undefined || this.isClientWaiting;
  }

  /** Ends the attempt alone; whether another follows is for the loop to say. In a stream there is no other. */
  #abortAttempt(reason: RelayError): void {
    if (this.failStream !== undefined || this.#step === "body") return this.abort(reason);
    this.#deadlineMs = 0;
    this.idleMs = 0;
    this.attemptReason = reason;
    this.abandonAttempt();
  }

  /** Lets go of everything and has the record written. Only the first call counts. */
  end(status: number, failure?: RelayError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#deadlineMs = 0;
    this.keepAlive = undefined;
    this.failStream = undefined;
    if (this.#isIdleTimerLifted) this.#connection.setIdleTimeout(IDLE_TIMEOUT_S);
    this.#status = status;
    this.#failure = failure && hideBodySecrets(failure, this.body);
    // The call waits for its record to be written; a request of many bytes need not.
    if (failure === undefined) this.body = undefined;
    this.#endedMs = this.services.clock.monotonic();
    this.services.active.remove(this);
    this.admission?.release();
    this.services.held.give(this.#heldBytes);
    this.services.ledger.push(this);
    this.#lease.release();
  }

  /** A good answer to a call that passes it on: what it says for the record is read after the client has it. */
  readLater(answer: Uint8Array, codec: Codec): void {
    this.#answer = answer;
    this.#answerCodec = codec;
  }

  settle(): void {
    this.readNow();
    const failure = this.#failure;
    const end = { status: this.#status, failure, endedMs: this.#endedMs, clientAddress: this.#clientAddress };
    const record = recordOf(this, end, book(this, failure));
    this.services.records.push(record);
    const { log } = this.services;
    if (log.isEnabled("info")) log.plain("call", callLine(record, this.services.redact));
  }

  /** For whom the answer's headers are to say what it cost. */
  readNow(): void {
    const answer = this.#answer;
    if (answer === undefined) return;
    this.#answer = undefined;
    try {
      const egress = this.#answerCodec!.egress!;
      const facts = egress.skimFacts?.(answer) ?? egress.readFacts(parseAnswer(answer));
      this.usage = facts.usage;
      this.finish = facts.finish;
    } catch (cause) {
      // The client has the same bytes and will say so; what is lost is the count.
      this.services.log.warn("an answer was passed on that could not be read", {
        req: this.id,
        provider: this.provider,
        reason: RelayError.from(cause).message,
      });
    }
  }
}
