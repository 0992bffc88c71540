/** What the codec tests share: fixtures, feeding streams, the grammars events and frames must obey, the outside kit. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { anthropicMessages } from "../../src/codec/anthropic-messages/index.ts";
import { gemini } from "../../src/codec/gemini/index.ts";
import { openaiChat } from "../../src/codec/openai-chat/index.ts";
import { openaiResponses } from "../../src/codec/openai-responses/index.ts";
import type { ChatEvent, ChatRequest, JsonObject } from "../../src/contract/chat.ts";
import type { AnswerContext, EncodeTarget, Frame, Traits } from "../../src/contract/codec.ts";
import { RelayError } from "../../src/contract/errors.ts";
import { sse } from "../../src/wire/sse.ts";

/** Every dialect, both halves. */
export const CODECS = {
  "openai-chat": openaiChat,
  "anthropic-messages": anthropicMessages,
  "openai-responses": openaiResponses,
  gemini,
} as const;
export type Dialect = keyof typeof CODECS;
export const DIALECTS = Object.keys(CODECS) as Dialect[];

/** What stands at a path inside JSON; `undefined` when the way is not there. */
export function dig(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string | number, unknown> | undefined)?.[key], value);
}

export function requestOf(change: Partial<ChatRequest> = {}): ChatRequest {
  return { model: "m", stream: true, system: [], messages: [], tools: [], includeUsage: true, ...change };
}

export function contextOf(request: Partial<ChatRequest> = {}): AnswerContext {
  return { request: requestOf(request), createdAt: 1_760_000_000, seed: "seed", inputTokensEstimate: 5 };
}

export interface Target extends EncodeTarget {
  readonly lost: string[];
}

/** A target that writes down what is lost on it. */
export function targetOf(traits: Traits = {}, model = "upstream-model"): Target {
  const lost: string[] = [];
  return { model, traits, lost, lose: (field) => lost.push(field) };
}

/** Translates a request body; `lost` names the fields that did not make it. */
export function translate(body: JsonObject, from: Dialect, to: Dialect, traits: Traits = {}) {
  const target = targetOf(traits);
  const sent = CODECS[to].egress.encodeRequest(CODECS[from].ingress.decodeRequest(body), target);
  return { sent, lost: target.lost };
}

export function caught(run: () => unknown): RelayError {
  try {
    run();
  } catch (error) {
    if (RelayError.is(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

export function framesOf(chunks: Iterable<Uint8Array>): Frame[] {
  const read = sse.decoder();
  const frames: Frame[] = [];
  for (const chunk of chunks) frames.push(...read(chunk));
  return [...frames, ...read(null)];
}

export function framesOfText(text: string): Frame[] {
  return framesOf([new TextEncoder().encode(text)]);
}

export function eventsOf(dialect: Dialect, frames: Iterable<Frame>): ChatEvent[] {
  const read = CODECS[dialect].egress.streamDecoder();
  const events: ChatEvent[] = [];
  for (const frame of frames) events.push(...read(frame));
  return [...events, ...read(null)];
}

export function writeEvents(dialect: Dialect, events: Iterable<ChatEvent>, context = contextOf()): Frame[] {
  const write = CODECS[dialect].ingress.streamEncoder(context);
  return [...events].flatMap((event) => write(event));
}

export function textOfFrames(frames: readonly Frame[]): string {
  return new TextDecoder().decode(sse.encode(frames));
}

/** Chat chunks as SSE text; strings are put in as they are. */
export function chunks(...values: (JsonObject | string)[]): string {
  return values.map((value) => `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`).join("");
}

/** One chat chunk with this delta. */
export function delta(value: JsonObject, finish: string | null = null, extras: JsonObject = {}): JsonObject {
  return { id: "c1", model: "m", choices: [{ index: 0, delta: value, finish_reason: finish }], ...extras };
}

/** Anthropic events as SSE text. */
export function namedEvents(...values: (JsonObject & { type: string })[]): string {
  return values.map((value) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`).join("");
}

/** What is wrong with the order of these events; empty if nothing. */
export function eventProblems(events: readonly ChatEvent[]): string[] {
  const problems: string[] = [];
  let isStarted = false;
  let open: number | undefined;
  let next = 0;
  events.forEach((event, position) => {
    const isLast = position === events.length - 1;
    if ((event.type === "response-end" || event.type === "error") !== isLast) {
      problems.push(`${event.type} at ${position} of ${events.length}`);
    }
    if (event.type === "error") return;
    if ((event.type === "response-start") === isStarted) problems.push(`${event.type} at ${position}`);
    isStarted = true;
    if (event.type === "part-start") {
      if (open !== undefined) problems.push("parts overlap");
      if (event.index !== next) problems.push(`part ${event.index} instead of ${next}`);
      open = event.index;
      next += 1;
    } else if (event.type === "part-delta") {
      if (event.index !== open) problems.push(`delta of part ${event.index} while ${open} is open`);
      // Tokens that are not yet a character have a likelihood all the same.
      if (event.delta === "" && event.logprobs === undefined) problems.push("empty delta");
    } else if (event.type === "part-end") {
      if (event.index !== open) problems.push(`end of part ${event.index} while ${open} is open`);
      open = undefined;
    } else if (event.type === "response-end" && open !== undefined) problems.push("part left open");
  });
  return problems;
}

/** What an Anthropic client would stumble over in these frames. */
function messagesProblems(frames: readonly Frame[]): string[] {
  const problems: string[] = [];
  const bodies = frames.map((frame) => {
    const body = JSON.parse(frame.data);
    if (frame.event !== body.type) problems.push(`event line ${frame.event} over ${body.type}`);
    return body;
  });
  const ends = bodies.filter((body) => body.type === "message_stop" || body.type === "error").length;
  if (ends !== 1) problems.push(`${ends} ends`);
  if (bodies.at(-1)?.type !== "message_stop" && bodies.at(-1)?.type !== "error") problems.push("does not end");
  if (bodies[0]?.type !== "message_start" && bodies[0]?.type !== "error")
    problems.push(`begins with ${bodies[0]?.type}`);
  if (bodies.filter((body) => body.type === "message_start").length > 1) problems.push("begins twice");
  let open: number | undefined;
  let kind = "";
  let next = 0;
  for (const body of bodies) {
    if (body.type === "content_block_start") {
      if (open !== undefined) problems.push("blocks overlap");
      if (body.index !== next) problems.push(`block ${body.index} instead of ${next}`);
      open = body.index;
      kind = body.content_block.type;
      next += 1;
      if (kind === "text" && typeof body.content_block.text !== "string") problems.push("text block without text");
      if (kind === "thinking" && typeof body.content_block.thinking !== "string") problems.push("no thinking field");
      if (kind === "tool_use" && !body.content_block.name) problems.push("call without a name");
      if (kind === "tool_use" && !/^[A-Za-z0-9_-]{1,64}$/.test(body.content_block.id)) problems.push("bad id");
    } else if (body.type === "content_block_delta") {
      if (body.index !== open) problems.push(`delta of block ${body.index} while ${open} is open`);
      const kinds: Record<string, string[]> = {
        text_delta: ["text"],
        citations_delta: ["text"],
        thinking_delta: ["thinking"],
        signature_delta: ["thinking"],
      };
      const allowed = kinds[body.delta.type];
      if (allowed && !allowed.includes(kind)) problems.push(`${body.delta.type} in a ${kind} block`);
    } else if (body.type === "content_block_stop") {
      if (body.index !== open) problems.push(`stop of block ${body.index} while ${open} is open`);
      open = undefined;
    } else if (body.type === "message_delta" && open !== undefined) problems.push("block left open");
  }
  if (bodies.at(-1)?.type === "message_stop" && bodies.at(-2)?.type !== "message_delta")
    problems.push("no stop reason");
  return problems;
}

/** What a chat client would stumble over in these frames. */
function chatProblems(frames: readonly Frame[]): string[] {
  const problems: string[] = [];
  const isDone = frames.at(-1)?.data === "[DONE]";
  const bodies = (isDone ? frames.slice(0, -1) : frames).map((frame) => JSON.parse(frame.data));
  if (frames.slice(0, -1).some((frame) => frame.data === "[DONE]")) problems.push("[DONE] in the middle");
  if (isDone === bodies.some((body) => body.error !== undefined)) problems.push("neither or both ends");
  if (new Set(bodies.filter((body) => !body.error).map((body) => body.id)).size > 1) problems.push("the id changes");
  const calls = new Map<number, { id: string; name: string; text: string }>();
  let finishes = 0;
  for (const body of bodies) {
    if (body.error !== undefined) continue;
    if (!Array.isArray(body.choices)) problems.push("no choices");
    for (const choice of body.choices ?? []) {
      if (choice.index !== 0) continue;
      if (finishes > 0) problems.push("content behind the finish reason");
      if (choice.finish_reason !== null) finishes += 1;
      for (const call of choice.delta.tool_calls ?? []) {
        if (!calls.has(call.index)) {
          if (call.index !== calls.size) problems.push(`call ${call.index} is number ${calls.size}`);
          const { name } = call.function ?? call.custom;
          if (!name) problems.push("call without a name");
          if (!/^[A-Za-z0-9_-]{1,64}$/.test(call.id)) problems.push("bad id");
          calls.set(call.index, { id: call.id, name, text: "" });
        }
        calls.get(call.index)!.text += call.function?.arguments ?? "";
        if (call.index !== calls.size - 1) problems.push("calls interleave");
      }
    }
    if (body.usage && body.choices.length > 0) problems.push("usage beside choices");
  }
  if (isDone && finishes !== 1) problems.push(`${finishes} finish reasons`);
  if (new Set([...calls.values()].map((call) => call.id)).size !== calls.size) problems.push("ids repeat");
  return problems;
}

const RESPONSE_ENDS = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** What a client of Responses would stumble over in these frames: SDKs, Codex and the Vercel SDK follow every event. */
function responsesProblems(frames: readonly Frame[]): string[] {
  const problems: string[] = [];
  const bodies = frames.map((frame) => {
    const body = JSON.parse(frame.data);
    if (frame.event !== body.type) problems.push(`event line ${frame.event} over ${body.type}`);
    return body;
  });
  bodies.forEach((body, index) => {
    if (body.sequence_number !== index) problems.push(`number ${body.sequence_number} at ${index}`);
    if (RESPONSE_ENDS.has(body.type) !== (index === bodies.length - 1)) problems.push(`${body.type} at ${index}`);
  });
  const last = bodies.at(-1);
  if (last?.type !== "response.failed") {
    if (bodies[0]?.type !== "response.created" || bodies[1]?.type !== "response.in_progress") {
      problems.push("does not begin");
    }
  }
  const ids = new Set(bodies.flatMap((body) => (body.response === undefined ? [] : [body.response.id])));
  if (ids.size > 1) problems.push("the id changes");
  const done: JsonObject[] = [];
  let open: { id: string; type: string; text: string; part: string | undefined; hasContent: boolean } | undefined;
  for (const body of bodies) {
    const { type } = body;
    if (type === "response.output_item.added") {
      if (open !== undefined) problems.push("items overlap");
      open = { id: body.item.id, type: body.item.type, text: "", part: undefined, hasContent: false };
      if (typeof body.item.id !== "string" || body.item.id === "") problems.push("item without an id");
      if (body.output_index !== done.length) problems.push(`item ${body.output_index} is number ${done.length}`);
      if (
        /_call$/.test(open.type) &&
        body.item.call_id !== undefined &&
        !/^[A-Za-z0-9_-]{1,64}$/.test(body.item.call_id)
      ) {
        problems.push("bad id");
      }
    } else if (type === "response.output_item.done") {
      if (open?.id !== body.item.id || open?.type !== body.item.type) problems.push("another item ends than began");
      if (open?.part !== undefined) problems.push("content left open");
      if (body.item.status === "in_progress") problems.push("item ends in progress");
      done.push(body.item);
      open = undefined;
    } else if (body.item_id !== undefined) {
      if (open?.id !== body.item_id || body.output_index !== done.length) problems.push(`${type} of no open item`);
      if (open === undefined) continue;
      if (/part\.added$/.test(type)) {
        if (open.part !== undefined) problems.push("content overlaps");
        open.part = body.part.type;
        open.text = "";
      } else if (/part\.done$/.test(type)) {
        const text = body.part.text ?? body.part.refusal;
        if (open.part !== body.part.type) problems.push("another content ends than began");
        if (text !== open.text) problems.push("content differs from its deltas");
        open.part = undefined;
      } else if (type.endsWith(".delta")) {
        if (body.delta === "") problems.push("empty delta");
        if (open.part === undefined && !/_(call|input|arguments|code)\b|arguments|input/.test(type))
          problems.push(`${type} outside content`);
        open.text += body.delta;
      } else if (type.endsWith(".done")) {
        const text = body.text ?? body.refusal ?? body.arguments ?? body.input ?? body.code;
        if (text !== open.text) problems.push(`${type} differs from its deltas`);
      }
    }
  }
  if (last?.type === "response.failed") {
    if (typeof last.response.error?.code !== "string" || typeof last.response.error?.message !== "string") {
      problems.push("failed without saying why");
    }
  } else if (last !== undefined) {
    if (open !== undefined) problems.push("item left open");
    if (JSON.stringify(last.response.output) !== JSON.stringify(done)) problems.push("output differs from its items");
    if (typeof last.response.usage?.output_tokens_details?.reasoning_tokens !== "number") problems.push("no usage");
  }
  const callIds = done.flatMap((item) => (/_call$/.test(String(item["type"])) ? [item["call_id"]] : []));
  const itemIds = done.map((item) => item["id"]);
  if (new Set(itemIds).size !== itemIds.length) problems.push("item ids repeat");
  const known = callIds.filter((id) => id !== undefined);
  if (new Set(known).size !== known.length) problems.push("call ids repeat");
  return problems;
}

/** What a Gemini client would stumble over in these frames. */
function geminiProblems(frames: readonly Frame[]): string[] {
  const problems: string[] = [];
  if (frames.length === 0) problems.push("no chunk");
  frames.forEach(({ event, data }, position) => {
    const isLast = position === frames.length - 1;
    if (event !== undefined) problems.push("an event line");
    const chunk = JSON.parse(data);
    if (chunk.error !== undefined) {
      if (Object.keys(chunk).length > 1) problems.push("more than the error in its chunk");
      if (!isLast) problems.push("goes on behind an error");
      return;
    }
    const candidate = chunk.candidates?.find((one: { index?: number }) => !one.index);
    const hasEnded = candidate?.finishReason !== undefined || chunk.promptFeedback?.blockReason !== undefined;
    if (hasEnded !== isLast) problems.push(isLast ? "does not end" : "goes on behind the finish reason");
    if (!hasEnded && !candidate?.content?.parts?.length) problems.push("a chunk without a part");
    if (!chunk.modelVersion || !chunk.responseId) problems.push("nobody's chunk");
    for (const { functionCall: call } of candidate?.content?.parts ?? []) {
      if (call === undefined) continue;
      if (!call.name) problems.push("call without a name");
      if (typeof call.args !== "object" || call.args === null || Array.isArray(call.args))
        problems.push("bad arguments");
    }
  });
  return problems;
}

const FRAME_PROBLEMS: { readonly [Name in Dialect]: (frames: readonly Frame[]) => string[] } = {
  "openai-chat": chatProblems,
  "anthropic-messages": messagesProblems,
  "openai-responses": responsesProblems,
  gemini: geminiProblems,
};

export function frameProblems(dialect: Dialect, frames: readonly Frame[]): string[] {
  return FRAME_PROBLEMS[dialect](frames);
}

export interface Case {
  readonly name: string;
  readonly dialect: Dialect;
  readonly request?: JsonObject;
  /** A whole answer of status 200. */
  readonly response?: JsonObject;
  /** A streamed answer. */
  readonly stream?: string;
  /** Whole and streamed are the same answer. */
  readonly isPair: boolean;
}

const FIXTURES = join(import.meta.dir, "../fixtures");

export function readFixtures(): Case[] {
  return DIALECTS.flatMap((dialect) =>
    readdirSync(join(FIXTURES, dialect), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => {
        const read = (file: string) => {
          const path = join(FIXTURES, dialect, name, file);
          return existsSync(path) ? readFileSync(path, "utf8") : undefined;
        };
        const [request, response, stream] = [read("request.json"), read("response.json"), read("stream.txt")];
        return {
          name: `${dialect}/${name}`,
          dialect,
          isPair: true,
          ...(request === undefined ? {} : { request: JSON.parse(request) }),
          ...(response === undefined ? {} : { response: JSON.parse(response) }),
          ...(stream === undefined ? {} : { stream }),
        };
      }),
  );
}

/** Recorded traffic and an independent reading of it; lies beside the repository, or where the variable says. */
export const KIT = process.env["MONORELAY_CONFORMANCE"] ?? join(import.meta.dir, "../../../shared/conformance");
export const HAS_KIT = existsSync(join(KIT, "index.json"));
export const KIT_MISSING = "needs the conformance kit, which is not part of the repository";

export const KIT_FORMATS: Record<string, Dialect> = {
  "openai.chat": "openai-chat",
  "anthropic.messages": "anthropic-messages",
  "openai.responses": "openai-responses",
  gemini: "gemini",
};

export interface Recording {
  readonly id: string;
  readonly format: string;
  readonly tags: readonly string[];
  readonly request?: { json?: JsonObject };
  readonly response: { status: number; headers: Record<string, string>; text?: string };
  readonly expect: unknown;
}

/** Recordings of our own dialects, or of the formats named. */
export function readRecordings(formats: readonly string[] = Object.keys(KIT_FORMATS)): Recording[] {
  if (!HAS_KIT) return [];
  const index: { file: string; format: string }[] = JSON.parse(readFileSync(join(KIT, "index.json"), "utf8"));
  return index
    .filter((entry) => formats.includes(entry.format))
    .map((entry) => ({ ...entry, ...JSON.parse(readFileSync(join(KIT, entry.file), "utf8")) }));
}

export function isStreamed(recording: Recording): boolean {
  return recording.response.headers["content-type"]?.includes("event-stream") === true;
}

export function recordingAsCase(recording: Recording): Case {
  const { id, format, request, response } = recording;
  const isGood = response.status < 400 && response.text !== undefined;
  return {
    name: id,
    dialect: KIT_FORMATS[format]!,
    isPair: false,
    ...(request?.json === undefined ? {} : { request: request.json }),
    ...(isGood && isStreamed(recording) ? { stream: response.text! } : {}),
    ...(isGood && !isStreamed(recording) ? { response: JSON.parse(response.text!) } : {}),
  };
}
