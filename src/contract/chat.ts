/** The house language: one neutral shape for a chat call, its parts and its answer. */
import type { RelayError } from "./errors.ts";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Fields only one dialect has, filed under that codec's id. No other codec may read them. */
export type Vendor = { readonly [codecId: string]: JsonObject };

/** "Cache the prompt up to and including this." `ttl` as the client wrote it, e.g. `5m`, `1h`. */
export interface CacheMark {
  readonly ttl?: string;
  /** Who else may read it, in Anthropic's words; meant for Anthropic alone. */
  readonly scope?: string;
  /** Written as OpenAI's own mark (`prompt_cache_breakpoint`), so for a model that is known to take it. */
  readonly breakpoint?: true;
}

/** Proof of origin that only its maker can check; never sent to anybody else. */
export interface Signature {
  /** Codec id of the dialect that made it, e.g. `anthropic-messages`. */
  readonly origin: string;
  readonly value: string;
}

/** A page on which a text rests, or the words from `startIndex` to `endIndex` of it (in its own characters). */
export interface Annotation {
  readonly type: "url-citation";
  readonly url: string;
  readonly title?: string;
  readonly startIndex?: number;
  readonly endIndex?: number;
}

/** How likely a token was at its place; in the words of chat, from whose answers the others differ in form alone. */
export interface TokenLogprob {
  readonly token: string;
  /** Natural logarithm, ≤ 0. */
  readonly logprob: number;
  /** UTF-8; a token may be a piece of a character. `null` when the upstream says so, absent when it says nothing. */
  readonly bytes?: readonly number[] | null;
  /** The likeliest tokens at this place, likeliest first. */
  readonly top?: readonly TokenLogprob[];
  readonly vendor?: Vendor;
}

interface PartBase {
  cache?: CacheMark;
  vendor?: Vendor;
}

export interface TextPart extends PartBase {
  type: "text";
  text: string;
  annotations?: Annotation[];
  signature?: Signature;
  /** Of an answer: it came as the input of the tool that stands in for a form of answers; other words are not part of it. */
  formed?: true;
  /** Of its tokens, in order; where they were asked for. */
  logprobs?: TokenLogprob[];
}

export interface ReasoningPart extends PartBase {
  type: "reasoning";
  /** Empty when only the signature or the redacted blob was given. */
  text: string;
  kind?: "full" | "summary";
  signature?: Signature;
  /** The vendor hid the text; `signature.value` holds the opaque blob. */
  redacted?: true;
}

export type MediaSource =
  | { type: "base64"; data: string }
  | { type: "url"; url: string }
  /** An id valid only at the vendor whose codec is named. */
  | { type: "file"; id: string; origin: string }
  /** A plain-text document. */
  | { type: "text"; text: string };

export interface MediaPart extends PartBase {
  type: "media";
  kind: "image" | "audio" | "video" | "file";
  source: MediaSource;
  /** e.g. `image/png`; absent when the client did not say (plain URLs). */
  mediaType?: string;
  filename?: string;
  /** How closely an image is looked at, in OpenAI's words: `low`, `high`, `auto`. */
  detail?: string;
  /** What the client says about it, for the model to read before it. */
  context?: string;
}

export interface ToolCallPart extends PartBase {
  type: "tool-call";
  id: string;
  name: string;
  /** JSON text exactly as sent; of a custom (freeform) tool: the raw text. Never empty for function tools: `{}`. */
  inputJson: string;
  custom?: true;
  signature?: Signature;
}

export interface ToolResultPart extends PartBase {
  type: "tool-result";
  id: string;
  name?: string;
  parts: Part[];
  isError: boolean;
}

export interface RefusalPart extends PartBase {
  type: "refusal";
  text: string;
  logprobs?: TokenLogprob[];
}

/** Something without a name here: kept whole, returned to its own dialect, never dropped silently. */
export interface OpaquePart extends PartBase {
  type: "opaque";
  codecId: string;
  value: JsonObject;
}

/** A page that a search found. */
export interface WebSource {
  readonly url: string;
  readonly title?: string;
}

/** What a tool of the vendor's own was asked, and what came of it; what is absent the vendor did not say. */
export type HostedWork =
  | { readonly kind: "web-search"; readonly queries: readonly string[]; readonly sources?: readonly WebSource[] }
  /** `output`: what the code printed, errors included; `exitCode` 0 = it ran through. */
  | {
      readonly kind: "code";
      readonly language: "python" | "shell";
      readonly code: string;
      readonly output?: string;
      readonly exitCode?: number;
    }
  /** A tool of an MCP server that the vendor spoke to; `inputJson` as for tool calls. */
  | {
      readonly kind: "mcp";
      readonly server: string;
      readonly name: string;
      readonly inputJson: string;
      readonly output?: string;
    };

/** A tool that ran at the vendor while it answered. Its own dialect's form is in `vendor` and is repeated there as it was. */
export interface HostedCallPart extends PartBase {
  type: "hosted-call";
  /** The vendor's; empty where it gives none. */
  id: string;
  /** What its dialect calls it, e.g. `web_search_call`. */
  raw: string;
  work: HostedWork;
  /** Why it failed, in the vendor's words; a code where it has one. */
  error?: string;
}

export type Part =
  | TextPart
  | ReasoningPart
  | MediaPart
  | ToolCallPart
  | ToolResultPart
  | RefusalPart
  | HostedCallPart
  | OpaquePart;

export interface Message {
  /** `system` here is an instruction in the middle of the conversation; leading ones are in `ChatRequest.system`. */
  role: "system" | "user" | "assistant";
  parts: Part[];
  name?: string;
  vendor?: Vendor;
}

/** A search of the web that runs at the vendor; what is absent is left to it. */
export interface WebSearch {
  /** At most so many searches in one answer. */
  readonly maxUses?: number;
  readonly allowedDomains?: readonly string[];
  readonly blockedDomains?: readonly string[];
  /** Roughly where the user is: `city`, `region`, `country`, `timezone`. */
  readonly userLocation?: JsonObject;
  /** How much of the pages is read, in OpenAI's words: `low`, `medium`, `high`. */
  readonly contextSize?: string;
}

/** A server of tools to which the vendor speaks by itself, without asking anybody before a call. */
export interface McpServer {
  readonly name: string;
  readonly url: string;
  /** Bearer token for the server. A secret: in requests alone, never in answers, logs or records. */
  readonly token?: string;
  /** Absent = all of its tools. */
  readonly allowedTools?: readonly string[];
}

export interface Tool {
  /** `provider`: runs at the vendor (web search, code execution); its definition is in `vendor`. */
  kind: "function" | "custom" | "provider";
  name: string;
  description?: string;
  /** JSON Schema of the input, as the client wrote it. Absent = takes nothing. */
  schema?: JsonObject;
  strict?: boolean;
  /** Of a tool that runs at the vendor: it is a search of the web, which several vendors have. */
  webSearch?: WebSearch;
  /** The same: the model writes code, and the vendor runs it in a container without files. */
  runsCode?: true;
  /** The same: the tools of a server. */
  mcp?: McpServer;
  cache?: CacheMark;
  vendor?: Vendor;
}

export type ToolChoice =
  | { type: "auto" }
  | { type: "none" }
  | { type: "required" }
  | { type: "tool"; name: string }
  | { type: "allowed"; names: string[]; mode: "auto" | "required" };

export type ResponseFormat =
  | { type: "text" }
  | { type: "json" }
  | {
      type: "json-schema";
      name?: string;
      description?: string;
      schema: JsonObject;
      strict?: boolean;
      /** The schema is one of texts, and the client wants the bare text, without JSON's quotes. */
      bare?: true;
    };

export type Effort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max";

export interface Reasoning {
  mode?: "off" | "on" | "auto";
  effort?: Effort;
  /** Thinking tokens, ≥ 0. */
  budgetTokens?: number;
  /** May the thoughts be shown? `undefined` = the vendor's default. */
  summary?: "auto" | "concise" | "detailed" | "none";
}

export interface ChatRequest {
  model: string;
  stream: boolean;
  /** Instructions before the first turn, in order. */
  system: TextPart[];
  messages: Message[];
  tools: Tool[];
  toolChoice?: ToolChoice;
  /** `false` = at most one call per turn. */
  parallelToolCalls?: boolean;
  maxOutputTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  seed?: number;
  stop?: string[];
  n?: number;
  logprobs?: boolean;
  /** How many likely tokens at each place, 0 to 20; means nothing without `logprobs`. */
  topLogprobs?: number;
  logitBias?: JsonObject;
  responseFormat?: ResponseFormat;
  verbosity?: string;
  reasoning?: Reasoning;
  /** Opaque end-user id. */
  user?: string;
  /** The same for the vendor's watch over misuse, where its dialects keep the two apart. */
  safetyIdentifier?: string;
  metadata?: JsonObject;
  /** In OpenAI's words: `auto`, `default`, `flex`, `priority`, … */
  serviceTier?: string;
  promptCacheKey?: string;
  /** How OpenAI keeps its cache, as both of its dialects write it: `prompt_cache_retention`, `prompt_cache_options`. */
  promptCache?: JsonObject;
  /** Did the client ask for usage inside the stream? Whole answers always carry it. */
  includeUsage: boolean;
  /** Top-level fields without a name here. */
  vendor?: Vendor;
}

/** `undefined` means "the upstream did not say"; zero means zero. */
export interface Usage {
  /** Everything read, cached input included. */
  inputTokens?: number;
  /** Everything written, reasoning included. */
  outputTokens?: number;
  /** Counted inside `inputTokens`. */
  cacheReadTokens?: number;
  /** Counted inside `inputTokens`. */
  cacheWriteTokens?: number;
  /** Counted inside `outputTokens`. */
  reasoningTokens?: number;
}

export type FinishReason =
  | "stop"
  | "length"
  | "tool-calls"
  | "content-filter"
  | "refusal"
  | "pause"
  | "context"
  | "error"
  | "other";

export interface Finish {
  reason: FinishReason;
  /** The upstream's own word. */
  raw?: string;
  /** The stop sequence that was hit, where the dialect tells. */
  stopSequence?: string;
}

/** A further answer to the same request, where several were asked for. */
export interface Alternative {
  parts: Part[];
  finish: Finish;
}

export interface ChatResponse {
  id: string;
  /** As the upstream named it; empty if it did not. */
  model: string;
  /** Seconds since epoch, where the upstream said. */
  createdAt?: number;
  parts: Part[];
  finish: Finish;
  /** In the order of the upstream, the first one not among them. */
  others?: Alternative[];
  /** Of all answers together. */
  usage: Usage;
  /** The tier that served it, in OpenAI's words, where the upstream said. */
  serviceTier?: string;
  vendor?: Vendor;
}

/** What is known of a part when it opens. `media`, `hosted-call` and `opaque` arrive whole in their head. */
export type PartHead =
  | { type: "text"; formed?: true }
  | { type: "reasoning"; kind?: "full" | "summary" }
  | { type: "refusal" }
  | { type: "tool-call"; id: string; name: string; custom?: true }
  | MediaPart
  | HostedCallPart
  | OpaquePart;

/** What is known of a part only when it closes. */
export interface PartTail {
  signature?: Signature;
  redacted?: true;
  annotations?: Annotation[];
  /** Those that no delta brought. */
  logprobs?: TokenLogprob[];
  vendor?: Vendor;
}

/**
 * Grammar: `response-start (part-start part-delta* part-end)* response-end`, or `error` at any point as the last event.
 * Parts never overlap; `index` counts parts from 0. A tool call without any delta has the input `{}`.
 * Of several answers to one request the first is told part by part, the others whole at its end.
 * A delta is empty only where it brings `logprobs`, of tokens that are not yet a character.
 */
export type ChatEvent =
  | {
      type: "response-start";
      id: string;
      model: string;
      createdAt?: number;
      usage?: Usage;
      serviceTier?: string;
      vendor?: Vendor;
    }
  | { type: "part-start"; index: number; head: PartHead }
  | { type: "part-delta"; index: number; delta: string; logprobs?: readonly TokenLogprob[] }
  | { type: "part-end"; index: number; tail?: PartTail }
  | {
      type: "response-end";
      finish: Finish;
      usage: Usage;
      others?: Alternative[];
      serviceTier?: string;
      vendor?: Vendor;
    }
  | { type: "error"; error: RelayError };
