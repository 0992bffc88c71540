/** What translated calls of Responses said, kept for a while in memory: clients continue it by ids that no upstream knows. */
import type { Frame, Json, JsonObject, StreamEncoder } from "../plugin/index.ts";
import type { Clock } from "../support/clock.ts";
import { amendTop } from "./amend.ts";
import type { Call } from "./call.ts";
import type { TopLevel } from "./scan.ts";
import { ownedBy } from "./object-places.ts";
import { isKept } from "./stored-answers.ts";
import { bufferOf } from "../wire/part.ts";

/** All conversations together; whoever holds most makes room, with the oldest. */
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

/** What one owner holds, the oldest first. */
interface Share {
  readonly entries: Map<string, Kept>;
  held: number;
}

/**
 * JSON by id, bounded in bytes and age. Ids of one owner mean nothing to another, and nobody's are pushed out by one who
 * holds more. Owners are named by their organisation, a colon, and who they are in it.
 */
export class KeptAnswers {
  /** Whoever has kept nothing for longest comes first. */
  readonly #shares = new Map<string, Share>();
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
    const bytes = encoder.encode(JSON.stringify(value));
    this.forget(owner, id);
    if (bytes.length > this.bytesMax) return;
    const share = this.#shares.get(owner) ?? { entries: new Map<string, Kept>(), held: 0 };
    share.entries.set(id, { bytes, until: this.clock.monotonic() + KEPT_MS_MAX });
    share.held += bytes.length;
    this.#held += bytes.length;
    this.#shares.delete(owner);
    this.#shares.set(owner, share);
    this.#forgetOld(owner);
    while (this.#held > this.bytesMax) this.#forgetOldest(this.#largest());
  }

  find(owner: string, id: string): Json | undefined {
    const kept = this.#live(owner, id);
    return kept === undefined ? undefined : (JSON.parse(decoder.decode(kept.bytes)) as Json);
  }

  /** The owner within the organisation whose it is. */
  ownerIn(organisation: string, id: string): string | undefined {
    for (const owner of this.#shares.keys()) {
      if (owner.startsWith(`${organisation}:`) && this.#live(owner, id) !== undefined) return owner;
    }
    return undefined;
  }

  forget(owner: string, id: string): void {
    const share = this.#shares.get(owner);
    const kept = share?.entries.get(id);
    if (share === undefined || kept === undefined) return;
    share.entries.delete(id);
    share.held -= kept.bytes.length;
    this.#held -= kept.bytes.length;
    if (share.entries.size === 0) this.#shares.delete(owner);
  }

  clear(): void {
    this.#shares.clear();
    this.#held = 0;
  }

  #live(owner: string, id: string): Kept | undefined {
    const kept = this.#shares.get(owner)?.entries.get(id);
    return kept !== undefined && kept.until > this.clock.monotonic() ? kept : undefined;
  }

  /** The owner's own, and all of those who have kept nothing since. */
  #forgetOld(owner: string): void {
    this.#forgetOldOf(owner);
    for (const other of this.#shares.keys()) {
      this.#forgetOldOf(other);
      if (this.#shares.has(other)) break;
    }
  }

  #forgetOldOf(owner: string): void {
    for (const [id, { until }] of this.#shares.get(owner)?.entries ?? []) {
      if (until > this.clock.monotonic()) break;
      this.forget(owner, id);
    }
  }

  #forgetOldest(owner: string): void {
    for (const id of this.#shares.get(owner)?.entries.keys() ?? []) return this.forget(owner, id);
  }

  #largest(): string {
    let most = 0;
    let largest = "";
    for (const [owner, { held }] of this.#shares) {
      if (held > most) [largest, most] = [owner, held];
    }
    return largest;
  }
}

/** A whole answer with what it was said to. */
export interface KeptAnswer {
  readonly input: readonly Json[];
  readonly response: JsonObject;
}

/** The answer of this id, if it is the caller's; nothing of one whose items alone are known. */
export function keptAnswer(call: Call, id: string): KeptAnswer | undefined {
  const kept = call.services.kept.find(holderOf(call, id), id);
  return isAnswer(kept) ? kept : undefined;
}

/** The answer and its items are as good as never said; what has continued it goes on. */
export function forgetAnswer(call: Call, id: string, { response }: KeptAnswer): void {
  const { kept } = call.services;
  const owner = holderOf(call, id);
  for (const item of response["output"] as JsonObject[]) kept.forget(owner, String(item["id"]));
  kept.forget(owner, id);
}

function isAnswer(kept: Json | undefined): kept is Json & KeptAnswer {
  return typeof kept === "object" && kept !== null && !Array.isArray(kept) && "response" in kept;
}

/** Answers belong to people, by whichever of their keys; where there is none, to the credential. */
function ownerOf({ identity: { orgId, userId, id } }: Call): string {
  return `${orgId ?? ""}:${userId === null ? `by ${id}` : `user ${userId}`}`;
}

/** Whose answer of this id the caller means: its own, else one that it may know as it may know of files. */
function holderOf(call: Call, id: string): string {
  const own = ownerOf(call);
  const { orgId, userId, principal } = ownedBy(call.identity);
  if (userId !== undefined || principal !== undefined) return own;
  const { kept } = call.services;
  return kept.find(own, id) === undefined ? (kept.ownerIn(orgId ?? "", id) ?? own) : own;
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
