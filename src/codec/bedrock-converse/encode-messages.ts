/** Writes the conversation of a request as Converse messages and instructions. */
import type { JsonObject, Part, ReasoningPart, TextPart, ToolCallPart, ToolResultPart } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { MESSAGES } from "../anthropic-messages/wire.ts";
import type { Conversation, Turn } from "../shared/conversation.ts";
import { wrapCustomInput } from "../shared/custom-tools.ts";
import { inputObject } from "../shared/input-object.ts";
import { OPENAI_TOOL_NAME_CHARS_MAX, safeToolId, safeToolName } from "../shared/tool-names.ts";
import { loseForeignPart, loseHosted } from "../shared/vendor.ts";
import { DocumentNames, writeMedia } from "./media.ts";
import { CACHE_POINTS_MAX, CONVERSE } from "./wire.ts";

/** Said by a user who said nothing, where words are demanded. */
const SILENCE: JsonObject = { text: "." };

export interface Written {
  readonly system: JsonObject[];
  readonly messages: JsonObject[];
  /** Names of the tools that were called in the conversation, as they are written there. */
  readonly calledTools: ReadonlySet<string>;
  /** Cache points in both. */
  readonly cachePoints: number;
}

export function writeConversation({ system, turns }: Conversation, target: EncodeTarget): Written {
  const writer = new BlockWriter(target);
  const instructions = system.flatMap((part) => writer.write(part));
  const messages: { role: Turn["role"]; content: JsonObject[] }[] = [];
  for (const { role, parts } of turns) {
    const content = inOrder(
      role,
      withoutSilence(
        role,
        parts.flatMap((part) => writer.write(part, role)),
      ),
    );
    const last = messages.at(-1);
    if (content.length === 0) continue;
    if (last?.role === role) last.content.push(...content);
    else messages.push({ role, content });
  }
  if (messages[0]?.role !== "user") messages.unshift({ role: "user", content: [SILENCE] });
  const final = messages.at(-1);
  if (final?.role === "assistant") trimPrefill(final.content);
  const cachePoints = limitCachePoints([instructions, ...messages.map(({ content }) => content)], target.lose);
  return { system: instructions, messages, calledTools: writer.calledTools, cachePoints };
}

/** Documents must stand beside words; an answer that has none but a cache point has nothing. */
function withoutSilence(role: Turn["role"], blocks: JsonObject[]): JsonObject[] {
  if (blocks.every((block) => block["cachePoint"] !== undefined)) return [];
  const isWordless = blocks.some((block) => block["document"]) && !blocks.some((block) => block["text"]);
  return isWordless && role === "user" ? [...blocks, SILENCE] : blocks;
}

/** Results ahead of what the user says, thinking ahead of what the model says; a cache point stays behind its block. */
function inOrder(role: Turn["role"], blocks: readonly JsonObject[]): JsonObject[] {
  const field = role === "user" ? "toolResult" : "reasoningContent";
  const first: JsonObject[] = [];
  const rest: JsonObject[] = [];
  let side = rest;
  for (const block of blocks) {
    if (block["cachePoint"] === undefined) side = block[field] === undefined ? rest : first;
    side.push(block);
  }
  return [...first, ...rest];
}

/** A prefilled answer may not end in white space. */
function trimPrefill(content: JsonObject[]): void {
  const last = content.at(-1);
  if (typeof last?.["text"] === "string") content[content.length - 1] = { ...last, text: last["text"].trimEnd() };
}

export function writeCachePoint(ttl: string | undefined): JsonObject {
  return { cachePoint: { type: "default", ...(ttl === undefined || ttl === "5m" ? {} : { ttl }) } };
}

/**
 * Of too many points the last are kept: each covers everything before it.
 * @param taken points that stand behind these lists
 * @returns how many are left in them
 */
export function limitCachePoints(lists: readonly JsonObject[][], lose: EncodeTarget["lose"], taken = 0): number {
  const count = lists.flat().filter((block) => block["cachePoint"] !== undefined).length;
  let surplus = count + taken - CACHE_POINTS_MAX;
  if (surplus <= 0) return count;
  const left = count - surplus;
  lose("cache_control", `more than ${CACHE_POINTS_MAX} cache marks`);
  for (const list of lists) {
    for (let at = 0; at < list.length && surplus > 0; at += 1) {
      if (list[at]!["cachePoint"] === undefined) continue;
      list.splice(at, 1);
      at -= 1;
      surplus -= 1;
    }
  }
  return left;
}

class BlockWriter {
  readonly calledTools = new Set<string>();
  readonly #names = new DocumentNames();
  readonly #target: EncodeTarget;

  constructor(target: EncodeTarget) {
    this.#target = target;
  }

  write(part: Part | TextPart, role: Turn["role"] = "user"): JsonObject[] {
    const blocks = this.#unmarked(part, role);
    if (part.cache === undefined) return blocks;
    if (blocks.length === 0) {
      this.#target.lose("cache_control", "nothing is left that could be marked");
      return blocks;
    }
    return [...blocks, ...this.cachePoint(part.cache.ttl)];
  }

  cachePoint(ttl: string | undefined): JsonObject[] {
    const { traits, lose } = this.#target;
    if (traits.family === undefined) {
      lose("cache_control", "the model is not known to take cache points");
      return [];
    }
    return [writeCachePoint(ttl)];
  }

  #unmarked(part: Part, role: Turn["role"]): JsonObject[] {
    const { lose } = this.#target;
    switch (part.type) {
      case "text":
      case "refusal":
        return part.text.trim() === "" ? [] : [{ text: part.text }];
      case "reasoning":
        return this.#reasoning(part);
      case "media":
        if (role === "user") return [writeMedia(part, this.#names)];
        lose("messages", "only the user can send media");
        return [];
      case "tool-call":
        return [this.#call(part)];
      case "tool-result":
        return [this.#result(part)];
      case "hosted-call":
        loseHosted(part, lose);
        return [];
      case "opaque":
        if (part.codecId === CONVERSE) return [part.value];
        loseForeignPart(part, lose);
        return [];
    }
  }

  /** Anthropic's signatures are good on all platforms that serve its models, so both origins are. */
  #reasoning({ text, signature, redacted }: ReasoningPart): JsonObject[] {
    const { traits, lose } = this.#target;
    const isOwn = signature?.origin === CONVERSE;
    const isKin = signature?.origin === MESSAGES && traits.family === "claude";
    if (signature === undefined || (!isOwn && !isKin)) {
      lose("reasoning", "earlier reasoning without a signature of this upstream cannot be sent back to it");
      return [];
    }
    if (!redacted) return [{ reasoningContent: { reasoningText: { text, signature: signature.value } } }];
    const blob = isOwn ? signature.value : Buffer.from(signature.value).toString("base64");
    return [{ reasoningContent: { redactedContent: blob } }];
  }

  #call(call: ToolCallPart): JsonObject {
    const name = safeToolName(call.name, OPENAI_TOOL_NAME_CHARS_MAX);
    this.calledTools.add(name);
    const input = inputObject(call.custom ? wrapCustomInput(call.inputJson) : call.inputJson, this.#target.lose);
    return { toolUse: { toolUseId: safeToolId(call.id), name, input } };
  }

  #result({ id, parts, isError }: ToolResultPart): JsonObject {
    const content = parts.flatMap((part) => this.#unmarked(part, "user"));
    if (parts.some((part) => part.cache !== undefined)) {
      this.#target.lose("cache_control", "the upstream takes no cache points inside results");
    }
    return {
      toolResult: {
        toolUseId: safeToolId(id),
        // Empty texts are refused, and so is a result without anything in it.
        content: content.length === 0 ? [{ json: {} }] : content,
        ...(isError ? { status: "error" } : {}),
      },
    };
  }
}
