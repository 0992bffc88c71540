/** The provider without an upstream: it answers by itself, in the house language. */
import type { Static, TObject } from "@sinclair/typebox";
import { anthropicMessages } from "../codec/anthropic-messages/index.ts";
import { gemini } from "../codec/gemini/index.ts";
import { openaiChat } from "../codec/openai-chat/index.ts";
import { openaiResponses } from "../codec/openai-responses/index.ts";
import type {
  AnyProviderPlugin,
  ChatEvent,
  ChatRequest,
  Codec,
  FinishReason,
  MaybePromise,
  Operation,
  ProviderHost,
  UpstreamCall,
  Usage,
} from "../contract/index.ts";
import { refuseSeveral } from "../codec/shared/unsaid.ts";
import { RelayError } from "../contract/index.ts";
import { defineProvider } from "./define.ts";
import { Type } from "./options.ts";

/** Any dialect may be asked of a local provider: there is no upstream whose dialect could differ. */
const CODECS: readonly [Codec, ...Codec[]] = [openaiChat, openaiResponses, anthropicMessages, gemini];

/** A chat request with what small providers ask for most. */
export interface LocalRequest extends ChatRequest {
  /** Text of the last user message; empty if there is none. */
  readonly lastUserText: string;
}

export interface LocalContext<Options> {
  readonly options: Options;
  readonly host: ProviderHost;
  readonly signal: AbortSignal;
  /** Waits, but not beyond the end of the call: rejects when the caller has left. */
  sleep(ms: number): Promise<void>;
}

/** What `answer` may yield: text, or a part by name. `end` sets what the answer ends with. */
export type LocalPiece =
  | string
  | { type: "reasoning"; text: string }
  | { type: "tool-call"; id?: string; name: string; input: unknown }
  | { type: "end"; finish?: FinishReason; usage?: Usage };

export interface LocalProvider<Options extends TObject> {
  id: string;
  options?: Options;
  /** Names offered, globs allowed. */
  models: readonly string[];
  answer(request: LocalRequest, context: LocalContext<Static<Options>>): AsyncIterable<LocalPiece>;
  /** Operations of the raw lane and their answer. */
  operations?: readonly Operation[];
  respond?(call: UpstreamCall, context: LocalContext<Static<Options>>): MaybePromise<Response>;
}

const NO_OPTIONS = Type.Object({});
/** There is no upstream that would ask for money. */
const NOTHING_TO_PAY = Object.freeze({ input: 0, output: 0 });

/**
 * Makes a provider that answers by itself. Usage is counted as bytes / 4 unless `end` says otherwise.
 *
 * @example
 * export default localProvider({
 *   id: "shout",
 *   options: Type.Object({ suffix: Type.String({ default: "!", description: "Ends each answer" }) }),
 *   models: ["shout-1"],
 *   async *answer(request, { options }) {
 *     for (const word of request.lastUserText.split(" ")) yield `${word.toUpperCase()} `;
 *     yield options.suffix;
 *   },
 * });
 */
export function localProvider<const Options extends TObject = typeof NO_OPTIONS>(
  local: LocalProvider<Options>,
): AnyProviderPlugin {
  const { respond } = local;
  return defineProvider({
    id: local.id,
    keys: "none",
    local: true,
    price: () => NOTHING_TO_PAY,
    options: local.options ?? (NO_OPTIONS as unknown as Options),
    setup: (options, host) => ({
      codecs: CODECS,
      models: local.models,
      ...(local.operations === undefined ? {} : { operations: new Set(local.operations) }),
      request: () => {
        throw new RelayError("not-found", "This provider has no upstream for that.");
      },
      answer: (request, signal) => {
        refuseSeveral(request);
        return toEvents(request, local.answer(withLastUserText(request), contextOf(options, host, signal)));
      },
      ...(respond === undefined
        ? {}
        : { respond: (call: UpstreamCall) => respond(call, contextOf(options, host, call.signal)) }),
    }),
  });
}

function contextOf<Options>(options: Options, host: ProviderHost, signal: AbortSignal): LocalContext<Options> {
  return { options, host, signal, sleep: (ms) => sleep(ms, signal) };
}

function withLastUserText(request: ChatRequest): LocalRequest {
  const last = request.messages.findLast((message) => message.role === "user");
  const texts = (last?.parts ?? []).flatMap((part) => (part.type === "text" ? [part.text] : []));
  return { ...request, lastUserText: texts.join("") };
}

/** Turns pieces into the event grammar: neighbouring strings share one text part. */
async function* toEvents(request: ChatRequest, pieces: AsyncIterable<LocalPiece>): AsyncGenerator<ChatEvent> {
  let index = -1;
  let textOpen = false;
  let bytesOut = 0;
  let called = false;
  let end: Extract<LocalPiece, { type: "end" }> | undefined;
  let started = false;
  const start = (): ChatEvent => ({
    type: "response-start",
    id: "",
    model: request.model,
    usage: { inputTokens: tokensIn(request) },
  });
  for await (const piece of pieces) {
    if (!started) yield start();
    started = true;
    if (typeof piece === "string") {
      if (piece === "") continue;
      if (!textOpen) yield { type: "part-start", index: ++index, head: { type: "text" } };
      textOpen = true;
      bytesOut += Buffer.byteLength(piece);
      yield { type: "part-delta", index, delta: piece };
      continue;
    }
    if (textOpen) yield { type: "part-end", index };
    textOpen = false;
    if (piece.type === "end") {
      end = piece;
      break;
    }
    const isCall = piece.type === "tool-call";
    const text = isCall ? JSON.stringify(piece.input) : piece.text;
    index += 1;
    called ||= isCall;
    bytesOut += Buffer.byteLength(text);
    yield {
      type: "part-start",
      index,
      head: isCall ? { type: "tool-call", id: piece.id ?? `call_${index}`, name: piece.name } : { type: "reasoning" },
    };
    yield { type: "part-delta", index, delta: text };
    yield { type: "part-end", index };
  }
  if (!started) yield start();
  if (textOpen) yield { type: "part-end", index };
  yield {
    type: "response-end",
    finish: { reason: end?.finish ?? (called ? "tool-calls" : "stop") },
    usage: end?.usage ?? { inputTokens: tokensIn(request), outputTokens: Math.ceil(bytesOut / 4) },
  };
}

function tokensIn(request: ChatRequest): number {
  let bytes = 0;
  for (const part of request.system) bytes += Buffer.byteLength(part.text);
  for (const message of request.messages) {
    for (const part of message.parts) if (part.type === "text") bytes += Buffer.byteLength(part.text);
  }
  return Math.ceil(bytes / 4);
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const leave = (): void => {
    clearTimeout(timer);
    reject(new RelayError("client-closed", "The caller has left."));
  };
  const timer = setTimeout(() => {
    signal.removeEventListener("abort", leave);
    resolve();
  }, ms);
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });
  return promise;
}
