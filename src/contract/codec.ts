/** What a wire format promises; codecs are pure and synchronous, only the lanes touch streams. */
import type {
  ChatEvent,
  ChatRequest,
  ChatResponse,
  Effort,
  Finish,
  HostedWork,
  JsonObject,
  MediaPart,
  Usage,
} from "./chat.ts";
import type { Embeddings } from "./embeddings.ts";
import type { RelayError } from "./errors.ts";
import type { RequestLayout } from "./layout.ts";

/** One unit inside an envelope. A frame with `comment` and no `data` is a keep-alive that readers skip. */
export interface Frame {
  event?: string;
  data: string;
  comment?: string;
}

/** The envelope that carries frames: SSE, newline-delimited JSON, AWS event stream. */
export interface Framing {
  /** `sse`, `ndjson`, ... */
  readonly id: string;
  readonly contentType: string;
  /**
   * A stateful reader: bytes in, complete frames out; `null` = end of stream, gives what is left if it is whole.
   * Comments are not returned. Throws `upstream-malformed` when one frame exceeds the named limit of the framing.
   */
  decoder(): (bytes: Uint8Array | null) => Frame[];
  /** All frames as bytes, one allocation for the lot. */
  encode(frames: readonly Frame[]): Uint8Array;
  /** What closes the envelope behind the last frame. A framing that has it serves one stream: `encode` has a memory. */
  end?(): Uint8Array;
}

/** What the request line and headers say where a dialect keeps it out of the body (Gemini: model and stream in the URL). */
export interface RequestHints {
  readonly model?: string;
  readonly stream?: boolean;
}

/** What an ingress half may need to know to write an answer; everything impure comes from here. */
export interface AnswerContext {
  readonly request: ChatRequest;
  /** Seconds since epoch, for dialects that demand a date when the upstream gave none. */
  readonly createdAt: number;
  /** `[A-Za-z0-9]+`, unique per call: the seed for ids when the upstream gave none. */
  readonly seed: string;
  /** A guess (about bytes / 4) for dialects that must show input tokens before the upstream told them. */
  readonly inputTokensEstimate: number;
  /** By which the call can be asked about; shown where the dialect's errors have a place for it. */
  readonly requestId?: string;
}

export type StreamEncoder = (event: ChatEvent) => Frame[];

/** The half that faces our clients: here the relay plays the server. */
export interface Ingress {
  /** Throws `bad-request` with `param` for what the vendor itself would refuse with 400. Unknown fields go to `vendor`. */
  decodeRequest(body: JsonObject, hints?: RequestHints): ChatRequest;
  /** Throws `upstream-malformed` where the dialect has no word for an answer that its model broke off. */
  encodeResponse(response: ChatResponse, context: AnswerContext): JsonObject;
  /**
   * A stateful writer for one answer. It ends the stream itself: after `response-end` the dialect's success mark,
   * after `error` the dialect's failure form, never both.
   */
  streamEncoder(context: AnswerContext): StreamEncoder;
  /** The error body before the first byte. */
  encodeError(error: RelayError, requestId: string): JsonObject;
  /**
   * The same inside a stream that has begun, as frames (the pass-through lane appends them).
   * @param told what the client has read of it, for dialects whose failure names the answer that failed: the first
   *   events and the last ones, in order; some in between may be missing, and of a very large last one its beginning
   */
  encodeStreamError(error: RelayError, requestId: string, told?: readonly Frame[]): Frame[];
  /** Whether clients of this dialect find the message in this parsed error body, so that it may reach them unchanged. */
  readsError(body: unknown): boolean;
  /** Written between frames after a silence; clients of the dialect ignore it, but their idle timers do not. */
  readonly keepAlive: Frame;
  /**
   * Text that only we write into answers of this dialect, and that clients send back. A request that holds it must be
   * translated even to its own dialect, so that no upstream takes it for its own.
   */
  readonly ownMark?: string;
  /** Frames that end a good stream; appended by the pass-through lane when the upstream left them out. */
  readonly endMark?: Frame;
  /** Whether an answer of this dialect can hold it; default: no media at all. */
  showsMedia?(part: MediaPart): boolean;
  /** Tools of the vendor's own that answers of this dialect can show at work; default: none. */
  readonly answerHosted?: readonly HostedWork["kind"][];
}

/**
 * Facts about one upstream model or flavour of a dialect. Data, not code: providers declare them, codecs obey.
 * Absent = the dialect's first-party default.
 */
export interface Traits {
  /** openai-chat: the field for the output limit. */
  readonly maxTokensField?: "max_tokens" | "max_completion_tokens";
  /** openai-chat: does it understand `stream_options.include_usage`? */
  readonly streamUsage?: boolean;
  /** openai-chat: the role of instructions. Default `system`. */
  readonly systemRole?: "system" | "developer";
  /** openai-chat: false = refuses `max_completion_tokens` and the role `developer`, which others take beside the older. */
  readonly newerNames?: boolean;
  /**
   * openai-chat, openai-responses: false = may refuse what few servers but the dialects' maker have: `safety_identifier`, the settings of
   * its cache and the marks in content.
   */
  readonly vendorFields?: boolean;
  /** openai-chat, openai-responses: takes marks for its cache in content, so that those of other dialects become such. */
  readonly cacheBreakpoints?: boolean;
  /** openai-chat: false = knows no choice among some of the tools; the others are left out instead. */
  readonly allowedTools?: boolean;
  /** openai-chat: wants instructions at the start only, and users and assistants in turn, as many chat templates do. */
  readonly strictTurns?: boolean;
  /**
   * openai-chat: where earlier reasoning goes in the history. Default `none` (left out, recorded as lost). With
   * `reasoning_content` it is also demanded: turns with calls that have none get a word in its place.
   */
  readonly reasoningHistory?: "reasoning_content" | "reasoning_details" | "none";
  /** openai-chat: may tool messages hold image parts? Default false: images move to a user message after them. */
  readonly toolMedia?: boolean;
  /** openai-chat: takes `web_search_options`. Default false: most models refuse them. */
  readonly webSearch?: boolean;
  /** openai-chat: tool-call ids must be exactly nine letters or digits. */
  readonly shortToolIds?: boolean;
  /** The model's own maximum of output tokens; used where the dialect demands a limit and the client gave none. */
  readonly maxOutputTokens?: number;
  /** How thinking is asked for: by level, by a budget of tokens, or not at all. */
  readonly thinking?: "adaptive" | "budget" | "none";
  /** The levels that the model takes, lowest first; empty: it thinks, but takes no level. Absent: not known. */
  readonly efforts?: readonly Effort[];
  /**
   * Which sampling parameters the model still takes. `one`: temperature or top_p, not both; `unless-thinking`: all while
   * no level above `none` is asked for.
   */
  readonly sampling?: "all" | "one" | "none" | "unless-thinking";
  /** False = refuses to be asked how likely its tokens were; then it is not asked, unless in its own dialect. */
  readonly logprobs?: boolean;
  /** anthropic-messages: takes thinking in the history that nobody signed, as servers do that sign none. */
  readonly unsignedThinking?: boolean;
  /** anthropic-messages: accepts `role: "system"` inside `messages`. */
  readonly systemInMessages?: boolean;
  /** anthropic-messages: has `output_config.format`. */
  readonly structuredOutput?: boolean;
  /** Forwards image URLs; false = only bytes. */
  readonly mediaUrls?: boolean;
  /** openai-chat: forwards the URLs of documents; false = only bytes, as the first party wants it. */
  readonly fileUrls?: boolean;
  /**
   * bedrock-converse: whose fields the model takes beside those that all models have (thinking, top-k, cache points).
   * Absent: nobody's, and what would need them is lost.
   */
  readonly family?: "claude" | "nova";
  /** Claude in other clouds, where the request's body names them: betas that every request asks for. */
  readonly betas?: readonly string[];
  /** ollama: how much context the model is loaded with, tokens. Absent: the server's own, which is small. */
  readonly contextTokens?: number;
  /** ollama: how long the model stays loaded after a call, e.g. `5m`; `-1` = for ever. */
  readonly keepLoaded?: string | number;
}

export interface EncodeTarget {
  /** The upstream's own model name. */
  readonly model: string;
  readonly traits: Traits;
  /** Called once per field the target cannot express. `field` as the client's dialect would name it, e.g. `seed`. */
  lose(field: string, reason: string): void;
}

/** What the pass-through lane learns by reading frames over the client's shoulder. */
export interface StreamWatcher {
  /** Frames may be missing between the first ones and the last ones: only starts and ends are looked at. */
  see(frame: Frame): void;
  /** Has any frame been seen that commits the upstream to an answer? (Pings and comments do not.) */
  readonly started: boolean;
  /** The dialect's end mark, or all that it needs to be complete, was seen. */
  readonly ended: boolean;
  /** The end mark itself was seen (it need not be appended). */
  readonly marked: boolean;
  readonly model: string | undefined;
  readonly usage: Usage | undefined;
  readonly finish: Finish | undefined;
  readonly error: RelayError | undefined;
}

/** What the records need of an answer, without decoding all of it. */
export interface AnswerFacts {
  readonly model?: string;
  readonly usage?: Usage;
  readonly finish?: Finish;
  /** The body is an error in disguise (status 200, `error` inside). */
  readonly error?: RelayError;
}

/** The half that faces providers: here the relay plays the client. */
export interface Egress {
  /**
   * Does a body of this dialect hold what such an upstream refuses although clients send it? Then the call is translated
   * instead of passed through. Asked of every call that would pass: only bytes are looked at, and facts about the model
   * only when they decide.
   */
  mustRewrite?(body: Uint8Array, traitsOf: (model: string) => Traits, model: string): boolean;
  encodeRequest(request: ChatRequest, target: EncodeTarget): JsonObject;
  /** Tools of the vendor's own that it can be asked for; default: none. */
  readonly hosted?: readonly HostedWork["kind"][];
  /** Headers, lower case, without which the upstream would refuse a body that was written from another dialect's. */
  headersFor?(body: JsonObject): Readonly<Record<string, string>>;
  /** Throws `upstream-malformed` when the body is not an answer, or the decoded error when it is one in disguise. */
  decodeResponse(body: JsonObject): ChatResponse;
  /** The dialect has no stop sequences: the relay ends answers at them. */
  readonly lacksStop?: true;
  /** A stateful reader for one answer; `null` = end of stream: an answer without its end mark becomes an `error` event. */
  streamDecoder(): (frame: Frame | null) => ChatEvent[];
  /** `headers` for retry hints. The result's message is the upstream's text; the relay scrubs it. */
  decodeError(status: number, body: string, headers?: Headers): RelayError;
  /** Facts of a whole answer in the pass-through lane. Throws `upstream-malformed` when it is no answer at all. */
  readFacts(body: JsonObject): AnswerFacts;
  /**
   * Bytes that stand in every whole answer, e.g. the name of the field with its words. With them an answer that shows
   * no sign of an error goes to its client before it is read. Default: it is read first.
   */
  readonly answerMark?: Uint8Array;
  /** What `readFacts` would say of usage and finish, cheaper; `undefined` where only parsing tells. */
  skimFacts?(answer: Uint8Array): Pick<AnswerFacts, "usage" | "finish"> | undefined;
  watcher(): StreamWatcher;
  /** Whether the upstream itself gets what lies at this address; default: unless `mediaUrls` is false. */
  readsUrl?(url: string, kind: MediaPart["kind"], traits: Traits): boolean;
  /**
   * Texts one of which stands in every event that can be the last, where such an event may be large. The pass-through
   * lane keeps the end of a stream from there on; without them its last 16 KiB.
   */
  readonly endTexts?: readonly string[];
}

/** How a dialect asks how many tokens a request has, instead of for its answer. */
export interface TokenCounting {
  /** Below the API root; in dialects that name the model in the path, what follows it. */
  readonly path: string;
  /** Throws `bad-request` as for a request that is to be answered, but for what only an answer needs. */
  decodeRequest(body: JsonObject, hints?: RequestHints): ChatRequest;
  encodeRequest(request: ChatRequest, target: EncodeTarget): JsonObject;
  /** Tokens, ≥ 0. Throws the error of a body that carries one, or `upstream-malformed`. */
  decodeCount(body: JsonObject): number;
  encodeCount(tokens: number): JsonObject;
}

/** A dialect: two halves, either of which may be missing. */
export interface Codec {
  /**
   * `openai-chat`, `openai-responses`, `anthropic-messages`, `gemini`; without an ingress half, as only upstreams speak
   * them: `bedrock-converse`, `bedrock-invoke-claude`, `vertex-claude`, `ollama`, `cohere`; for vectors alone:
   * `bedrock-titan-embed`, `bedrock-nova-embed`, `bedrock-cohere-embed`, `vertex-predict`, `vertex-embed-content`.
   */
  readonly id: string;
  readonly framing: Framing;
  readonly ingress?: Ingress;
  readonly egress?: Egress;
  /** The vendor keeps answers unless told otherwise, and later calls may continue them by their ids. */
  readonly keepsAnswers?: true;
  /** Fields of requests that name what lies with the vendor and is gone on from; such a call is asked where it lies. */
  readonly goesOnFrom?: readonly string[];
  /** Dialects that clients speak have one. */
  readonly layout?: RequestLayout;
  /** Absent: the dialect cannot ask for a count. */
  readonly counting?: TokenCounting;
  /** Absent: the dialect has no embeddings, or only such as travel unchanged. */
  readonly embeddings?: Embeddings;
  /** Failures of a dialect that has no egress half, as it is not for chat. */
  readonly decodeError?: Egress["decodeError"];
}
