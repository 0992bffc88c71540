/** What translated calls of Responses said, kept for a while in memory: clients continue it by ids that no upstream knows. */
import type { Frame, Json, JsonObject, StreamEncoder } from "../plugin/index.ts";
import type { Clock } from "../support/clock.ts";
import { amendTop } from "./amend.ts";
import type { Call } from "./call.ts";
import type { TopLevel } from "./scan.ts";
import { isKept } from "./stored-answers.ts";
import { bufferOf } from "../wire/part.ts";

/** All conversations together; the oldest make room. */
export const KEPT_BYTES_MAX = 32 * 1024 * 1024;
/** An agent that waits longer for its tools sends the whole history, or is told that the id is not known. */
export const KEPT_MS_MAX = 60 * 60 * 1000;

const QUOTE = 0x22;
const REFERENCE = "item_reference";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Kept {
  readonly bytes: Uint8Array;
  readonly until: number;
}

/** JSON by id, bounded in bytes and age. Ids of one owner mean nothing to another. */
export class KeptAnswers {
  readonly #entries = new Map<string, Kept>();
  #held = 0;

  constructor(
    private readonly clock: Clock,
    private readonly bytesMax: number = KEPT_BYTES_MAX,
  ) {}

  /** Bytes held now. */
  get held(): number {
    return this.#held;
  }

  keep(owner: string, id: string, value: Json): void {
    const key = `${owner} ${id}`;
    const bytes = encoder.encode(JSON.stringify(value));
    this.#forget(key);
    if (bytes.length > this.bytesMax) return;
    this.#entries.set(key, { bytes, until: this.clock.monotonic() + KEPT_MS_MAX });
    this.#held += bytes.length;
    for (const [oldest, { until }] of this.#entries) {
      if (this.#held <= this.bytesMax && until > this.clock.monotonic()) break;
      this.#forget(oldest);
    }
  }

  find(owner: string, id: string): Json | undefined {
    const kept = this.#entries.get(`${owner} ${id}`);
    if (kept === undefined || kept.until <= this.clock.monotonic()) return undefined;
    return JSON.parse(decoder.decode(kept.bytes)) as Json;
  }

  forget(owner: string, id: string): void {
    this.#forget(`${owner} ${id}`);
  }

  clear(): void {
    this.#entries.clear();
    this.#held = 0;
  }

  #forget(key: string): void {
    const kept = this.#entries.get(key);
    if (kept === undefined) return;
    this.#entries.delete(key);
    this.#held -= kept.bytes.length;
  }
}

/** A whole answer with what it was said to. */
export interface KeptAnswer {
  readonly input: readonly Json[];
  readonly response: JsonObject;
}

/** The answer of this id, if it is the caller's; nothing of one whose items alone are known. */
export function keptAnswer(call: Call, id: string): KeptAnswer | undefined {
  const kept = call.services.kept.find(ownerOf(call), id);
  return isAnswer(kept) ? kept : undefined;
}

/** The answer and its items are as good as never said; what has continued it goes on. */
export function forgetAnswer(call: Call, id: string, { response }: KeptAnswer): void {
  const { kept } = call.services;
  const owner = ownerOf(call);
  for (const item of response["output"] as JsonObject[]) kept.forget(owner, String(item["id"]));
  kept.forget(owner, id);
}

function isAnswer(kept: Json | undefined): kept is Json & KeptAnswer {
  return typeof kept === "object" && kept !== null && !Array.isArray(kept) && "response" in kept;
}

/** Answers belong to the credential that asked for them: the access key, one API key, one user's sessions. */
function ownerOf({ identity: { orgId, id } }: Call): string {
  return `${orgId ?? ""}:${id}`;
}

/**
 * The request with everything written out that it refers to by ids of ours: the answer it continues, and items of
 * earlier ones. What is not known here stays as it is, for whoever knows it.
 */
export function recalled(call: Call, top: TopLevel): TopLevel {
  const { layout, keepsAnswers } = call.route.codec;
  if (keepsAnswers !== true) return top;
  const { kept } = call.services;
  const owner = ownerOf(call);
  const isContinued = top.kind("previous_response_id") === QUOTE;
  const before = isContinued ? keptAnswer(call, String(top.value("previous_response_id"))) : undefined;
  if (before === undefined && !bufferOf(top.bytes).includes(REFERENCE)) return top;
  const said = inputOf(top).map((item) => (isReference(item) ? (kept.find(owner, String(item["id"])) ?? item) : item));
  const input = before === undefined ? said : [...before.input, ...(before.response["output"] as Json[]), ...said];
  return amendTop(
    top,
    [
      { type: "set", name: "input", value: input },
      ...(before === undefined ? [] : [{ type: "remove" as const, name: "previous_response_id" }]),
    ],
    layout!,
  );
}

function inputOf(top: TopLevel): Json[] {
  const input = top.value("input") as Json | undefined;
  if (typeof input === "string") return [{ role: "user", content: input }];
  return Array.isArray(input) ? input : [];
}

function isReference(item: Json): item is JsonObject {
  if (typeof item !== "object" || item === null || Array.isArray(item) || typeof item["id"] !== "string") return false;
  return item["type"] === REFERENCE || (item["type"] === undefined && item["role"] === undefined);
}

/** Keeps a whole answer, unless the client wants none kept. */
export function keepAnswer(call: Call, top: TopLevel, response: JsonObject): void {
  if (!isKept(call, top)) return;
  const { id, output, status } = response;
  if (typeof id !== "string" || !Array.isArray(output) || status === "failed") return;
  const { kept } = call.services;
  const owner = ownerOf(call);
  for (const item of output as JsonObject[]) if (typeof item["id"] === "string") kept.keep(owner, item["id"], item);
  kept.keep(owner, id, { input: inputOf(top), response });
}

/** The same encoder; what it says at the end is kept. */
export function keepingEncoder(call: Call, top: TopLevel, encode: StreamEncoder): StreamEncoder {
  if (!isKept(call, top)) return encode;
  return (event) => {
    const frames = encode(event);
    if (event.type === "response-end") keepAnswer(call, top, responseIn(frames));
    return frames;
  };
}

/** The last event repeats the whole response. */
function responseIn(frames: readonly Frame[]): JsonObject {
  const { response = {} } = JSON.parse(frames.at(-1)?.data ?? "{}") as { response?: JsonObject };
  return response;
}
