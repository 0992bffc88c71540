/** One try at one upstream: connect, send, judge the status. */
import type { Answer, Client } from "../net/answer.ts";
import { NetError } from "../net/errors.ts";
import { answerOf } from "../net/response-answer.ts";
import { type Codec, type Operation, RelayError, type UpstreamCall, type UpstreamRequest } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { PoolKey } from "../routing/key-pool.ts";
import type { Call } from "./call.ts";
import { HOP_BY_HOP, upstreamIdOf } from "./headers.ts";
import { orAborted } from "./patience.ts";

/** Of a failure's body, this much is read to find out what it says. */
const FAILURE_BODY_MAX = 64 * 1024;

/** An upstream's own refusal, which a client of the same dialect may see byte for byte. */
export interface Verbatim {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const verbatims = new WeakMap<RelayError, Verbatim>();

/** The refusal behind an `upstream-rejected`, if there is one worth showing as it is. */
export function verbatimOf(error: RelayError): Verbatim | undefined {
  return verbatims.get(error);
}

/** What a provider plugin is asked to address. The signal is made only for those who look at it. */
export class Shape implements UpstreamCall {
  readonly #call: Call;

  constructor(
    call: Call,
    readonly operation: Operation,
    readonly codec: Codec,
    readonly method: string,
    readonly path: string,
    readonly query: string,
    readonly model: string,
    readonly body: UpstreamCall["body"],
    readonly contentType: string,
    readonly headers: Readonly<Record<string, string>>,
    readonly secret: string,
  ) {
    this.#call = call;
  }

  get stream(): boolean {
    return this.#call.streaming;
  }

  get signal(): AbortSignal {
    return this.#call.attemptSignal;
  }
}

/** What is dropped when an attempt is given up: the call itself, or a group of exchanges that make up one attempt. */
export interface Carrier {
  carryBy(sending: { abort(): void }): void;
}

/** Sends a call. What comes back is any answer at all: `accept` says whether it is one. */
export function callUpstream(call: Call, entry: ProviderEntry, shape: Shape): Promise<Answer> {
  const { provider, timeouts } = entry;
  call.beginAttempt(entry);
  call.limitTotal(timeouts.totalMs);
  call.limitStep("first-byte", timeouts.firstTokenMs);
  const { client } = call.key?.way ?? entry;
  if (provider.renew !== undefined) return sendRenewing(call, call, entry, client, shape);
  const built = provider.request(shape);
  return built instanceof Promise
    ? transmitLater(call, entry, client, built, shape)
    : transmit(call, entry, client, built, shape);
}

async function transmitLater(
  carrier: Carrier,
  entry: ProviderEntry,
  client: Client,
  built: Promise<UpstreamRequest | Request>,
  shape: Shape,
): Promise<Answer> {
  return transmit(carrier, entry, client, await orAborted(shape.signal, built), shape);
}

/** With a credential that was lent: should it have run out early, the same call goes out once more with a new one. */
async function sendRenewing(
  call: Call,
  carrier: Carrier,
  entry: ProviderEntry,
  client: Client,
  shape: Shape,
): Promise<Answer> {
  const { provider } = entry;
  const request = await requestOf(entry, shape);
  const answer = await transmit(carrier, entry, client, request, shape);
  const isRefused = answer.status === 401 || answer.status === 403;
  if (!isRefused || request instanceof Request || shape.body instanceof ReadableStream) return answer;
  if (provider.renew?.(request, answer) !== true) return answer;
  answer.abort();
  call.services.log.info("a lent credential was refused and is asked for anew", { req: call.id, provider: entry.name });
  return transmit(carrier, entry, client, await requestOf(entry, shape), shape);
}

/** `undefined` for an answer whose status is good; else what the upstream says instead of one, to be thrown. */
export function accept(call: Call, codec: Codec, answer: Answer, key: PoolKey): undefined | Promise<RelayError> {
  if (answer.status < 200 || answer.status >= 300) return readFailure(call, codec, answer, key);
  call.upstreamId = upstreamIdOf(answer);
  return undefined;
}

function transmit(
  carrier: Carrier,
  entry: ProviderEntry,
  client: Client,
  request: UpstreamRequest | Request,
  shape: Shape,
): Promise<Answer> {
  const { provider } = entry;
  return provider.send === undefined
    ? send(carrier, entry, client, request)
    : carriedLater(carrier, orAborted(shape.signal, provider.send(request, shape.signal)));
}

async function carriedLater(carrier: Carrier, response: Promise<Response>): Promise<Answer> {
  return carried(carrier, answerOf(await response));
}

/** One of the exchanges of an attempt that has begun; `carrier` drops them all. */
export async function answerWithin(
  call: Call,
  entry: ProviderEntry,
  key: PoolKey,
  shape: Shape,
  carrier: Carrier,
): Promise<Answer> {
  const answer = await sendRenewing(call, carrier, entry, (key.way ?? entry).client, shape);
  const refusal = accept(call, shape.codec, answer, key);
  if (refusal !== undefined) throw await refusal;
  return answer;
}

/** The answer to anything but chat: of the upstream, or of the provider itself where it has none. */
export async function answerFrom(call: Call, entry: ProviderEntry, key: PoolKey, shape: Shape): Promise<Answer> {
  const { respond } = entry.provider;
  if (respond !== undefined) {
    call.beginAttempt(entry);
    const response = respond(shape);
    return carried(call, answerOf(response instanceof Promise ? await orAborted(shape.signal, response) : response));
  }
  const answer = await callUpstream(call, entry, shape);
  const refusal = accept(call, shape.codec, answer, key);
  if (refusal !== undefined) throw await refusal;
  return answer;
}

function requestOf(
  { provider }: ProviderEntry,
  shape: Shape,
): UpstreamRequest | Request | Promise<UpstreamRequest | Request> {
  const built = provider.request(shape);
  return built instanceof Promise ? orAborted(shape.signal, built) : built;
}

/** From here on an abort of the attempt drops this answer. */
export function carried(carrier: Carrier, answer: Answer): Answer {
  carrier.carryBy(answer);
  return answer;
}

function send(
  carrier: Carrier,
  entry: ProviderEntry,
  client: Client,
  request: UpstreamRequest | Request,
): Promise<Answer> {
  const isStandard = request instanceof Request;
  const sending = client.send({
    method: request.method ?? "POST",
    url: request.url,
    headers: withEntryHeaders(entry, isStandard ? Object.fromEntries(request.headers) : request.headers),
    body: (request.body ?? null) as UpstreamCall["body"],
    connectMs: entry.timeouts.connectMs,
  });
  carrier.carryBy(sending);
  return sending.answer;
}

/** The configuration's own headers come last, but never over the credential unless the operator says so. */
function withEntryHeaders(entry: ProviderEntry, headers: Record<string, string>): Record<string, string> {
  // Compressed answers could not be read along with.
  headers["accept-encoding"] = "identity";
  headers["user-agent"] ??= entry.userAgent;
  const { extraHeaders } = entry;
  if (extraHeaders === undefined) return headers;
  const isOverriding = entry.config.headersOverrideAuth;
  for (const name in extraHeaders) {
    if (HOP_BY_HOP.has(name)) continue;
    if (!isOverriding && CREDENTIALS.has(name)) continue;
    const written = headers[name];
    const value = extraHeaders[name]!;
    headers[name] = written !== undefined && LISTS.has(name) ? joined(written, value) : value;
  }
  return headers;
}

/** Of these each entry switches something on: the body may need those that are there. */
const LISTS: ReadonlySet<string> = new Set(["anthropic-beta"]);

function joined(...lists: readonly string[]): string {
  return [...new Set(lists.flatMap((list) => list.split(",")).map((entry) => entry.trim()))].filter(Boolean).join(",");
}

const CREDENTIALS: ReadonlySet<string> = new Set(["authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"]);

/** Reads what an upstream answered instead of an answer, and decides what it means. */
async function readFailure(call: Call, codec: Codec, answer: Answer, key: PoolKey): Promise<RelayError> {
  const { status } = answer;
  if (status < 200 || (status >= 300 && status < 400) || status > 599) {
    answer.abort();
    if (status < 200 || status > 599) {
      return new RelayError("upstream-malformed", "The upstream answered with a status that does not exist.");
    }
    // Following it would carry the key to wherever the upstream points.
    return new RelayError("upstream-unavailable", "The upstream answered with a redirect, which is not followed.");
  }
  const body = scrub(call, await readText(answer, FAILURE_BODY_MAX), key);
  const decoded = (codec.egress ?? codec).decodeError?.(status, body, hintsOf(answer));
  if (decoded === undefined) return new RelayError("upstream-unavailable", "The upstream failed.");
  call.upstreamId = upstreamIdOf(answer);
  const contentType = answer.header("content-type") ?? "";
  const { ingress } = call.route.codec;
  const isJson = /^application\/json/i.test(contentType);
  if (decoded.code === "upstream-rejected" && isJson && ingress?.readsError(parsedOr(body)) === true) {
    verbatims.set(decoded, { status, contentType, body });
  }
  return decoded;
}

function parsedOr(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined; // cut off, or no JSON at all
  }
}

/** The headers in which an upstream says when to come back, or what went wrong where the body does not. */
function hintsOf(answer: Answer): Headers {
  const headers = new Headers();
  for (const name of ["retry-after", "retry-after-ms", "date", "x-amzn-errortype"]) {
    const value = answer.header(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}

/** Neither our key nor anything that looks like one leaves in an upstream's words. */
export function scrub(call: Call, text: string, key: PoolKey): string {
  const clean = key.secret.length >= 4 ? text.replaceAll(key.secret, "[redacted]") : text;
  return ACCOUNTS.reduce((result, pattern) => result.replace(pattern, "$1[redacted]"), call.services.redact(clean));
}

/** How vendors write whose account a key belongs to; limits and quotas are complained of in these words. */
const ACCOUNTS: readonly RegExp[] = [
  /\b((?:org|proj|acct|user)[-_])(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{16,}\b/g,
  /\b(project_number:)\d{6,}/g,
  /\b(arn:aws[\w-]*:[\w-]*:[\w-]*:)\d{12}\b/g,
];

/** The beginning of a body as text; the rest is dropped. */
async function readText(answer: Answer, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for (;;) {
    const chunk = await answer.read();
    if (chunk === null) return text + decoder.decode();
    size += chunk.length;
    text += decoder.decode(chunk, { stream: true });
    if (size >= bytesMax) {
      answer.abort();
      return text;
    }
  }
}

/** Names what went wrong while talking to an upstream. */
export function failureOf(call: Call, cause: unknown): RelayError {
  call.endStep();
  call.idleMs = 0;
  if (call.abortReason !== undefined) return call.abortReason;
  if (call.attemptReason !== undefined) return call.attemptReason;
  if (RelayError.is(cause)) return cause;
  if (cause instanceof NetError) return RelayError.is(cause.cause) ? cause.cause : netFailure(cause);
  // A plugin's own `send` may throw what fetch throws.
  if (cause instanceof TypeError || (cause instanceof Error && /^(Timeout|Abort)Error$/.test(cause.name))) {
    return new RelayError("upstream-unavailable", "The upstream could not be reached, or broke the connection.", {
      cause,
    });
  }
  return new RelayError("internal", "Internal error", { cause });
}

function netFailure(cause: NetError): RelayError {
  switch (cause.code) {
    case "connect-timeout":
      return new RelayError("upstream-timeout", "The upstream could not be reached in time.", { cause });
    case "address":
      return new RelayError(
        "upstream-unavailable",
        "The upstream has an address that the configuration does not allow.",
        {
          cause,
        },
      );
    case "malformed":
      return new RelayError("upstream-malformed", "The upstream's answer is not proper HTTP.", { cause });
    case "too-large":
      return new RelayError("upstream-malformed", "The upstream's answer is larger than limits.stream_max_size.", {
        cause,
      });
    case "closed":
      return new RelayError("upstream-malformed", "The upstream broke off its answer.", { cause });
    case "reset":
      return new RelayError("upstream-unavailable", "The upstream broke the connection.", { cause });
    default:
      return new RelayError("upstream-unavailable", "The upstream could not be reached.", { cause });
  }
}
