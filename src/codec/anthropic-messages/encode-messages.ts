/** Writes the conversation of a request as Anthropic messages and instructions. */
import type { JsonObject, Message, Part, TextPart } from "../../contract/chat.ts";
import { isObject } from "../shared/json.ts";
import { pairToolResults } from "../shared/turns.ts";
import { fieldsOf, formOf } from "../shared/vendor.ts";
import { asContent, type BlockContext, writePart } from "./encode-blocks.ts";
import { CACHE_MARKS_MAX, MESSAGES } from "./wire.ts";

/** Said by a user who said nothing, where a turn of the user is demanded. */
export const SILENT_USER = ".";

export interface Conversation {
  readonly system: JsonObject[];
  readonly messages: JsonObject[];
  /** Cache marks in both. */
  readonly cacheMarks: number;
}

export function writeConversation(
  system: readonly TextPart[],
  messages: readonly Message[],
  context: BlockContext,
): Conversation {
  return context.isNative ? writeAsWritten(system, messages, context) : writeRepaired(system, messages, context);
}

function writeAsWritten(
  system: readonly TextPart[],
  messages: readonly Message[],
  context: BlockContext,
): Conversation {
  const hoists = context.target.traits.systemInMessages === false;
  const moved = hoists ? instructionsOf(messages) : [];
  return {
    cacheMarks: 0,
    system: [...system, ...moved].flatMap((part) => writePart(part, context)),
    messages: messages
      .filter((message) => !hoists || message.role !== "system")
      .flatMap((message) => {
        const blocks = message.parts.flatMap((part) => writePart(part, context));
        // A turn that held nothing but what is not sent back would be refused as empty.
        if (blocks.length === 0 && message.parts.length > 0) return [];
        const isList = formOf(message.vendor, MESSAGES)?.["list"] === true;
        return {
          role: message.role,
          content: isList ? blocks : asContent(blocks),
          ...fieldsOf(message.vendor, MESSAGES),
        } satisfies JsonObject;
      }),
  };
}

function instructionsOf(messages: readonly Message[]): TextPart[] {
  return messages
    .filter((message) => message.role === "system")
    .flatMap((message) => message.parts.filter((part) => part.type === "text"));
}

/**
 * A conversation of another dialect in the form Anthropic demands: the user first, roles in turn, results first and
 * right behind their calls, no empty texts, no trailing space on a prefilled answer, thinking ahead of calls.
 */
function writeRepaired(system: readonly TextPart[], messages: readonly Message[], context: BlockContext): Conversation {
  const { lose, target } = context;
  const keepsInstructions = target.traits.systemInMessages === true;
  const turns = keepsInstructions ? messages : messages.filter((message) => message.role !== "system");
  const moved = keepsInstructions ? [] : instructionsOf(messages);
  const paired = pairToolResults(turns, (what) => lose("messages", what));

  const joined: { role: Message["role"]; blocks: JsonObject[] }[] = [];
  for (const { role, parts, name } of paired) {
    if (name !== undefined) lose("messages[].name", "the upstream's dialect has no names of speakers");
    if (parts.some((part) => part.cache !== undefined && !isSaid(part))) {
      lose("cache_control", "nothing is left that could be marked");
    }
    const blocks = parts.filter(isSaid).flatMap((part) => {
      if (role === "user" || part.type !== "media") return writePart(part, context);
      lose("messages", "only the user can send media");
      return [];
    });
    if (blocks.length === 0) continue;
    const last = joined.at(-1);
    if (last?.role === role) last.blocks.push(...blocks);
    else joined.push({ role, blocks });
  }
  const spoken = joined.filter(({ blocks }) => !blocks.every(isBlank));
  if (spoken[0]?.role !== "user") spoken.unshift({ role: "user", blocks: [{ type: "text", text: SILENT_USER }] });
  const final = spoken.at(-1);
  if (final?.role === "assistant") trimPrefill(final.blocks);

  const instructions = [...system, ...moved]
    .filter((part) => part.text.trim() !== "")
    .flatMap((part) => writePart(part, context));
  const cacheMarks = limitCacheMarks([...instructions, ...spoken.flatMap(({ blocks }) => blocks)], context);
  return {
    cacheMarks,
    system: instructions,
    messages: spoken.map(({ role, blocks }) => ({ role, content: asContent(inOrder(role, blocks)) })),
  };
}

function isSaid(part: Part): boolean {
  return part.type === "text" || part.type === "refusal" ? part.text !== "" : true;
}

function isBlank(block: JsonObject): boolean {
  return block["type"] === "text" && String(block["text"]).trim() === "";
}

const RANK: { readonly [role: string]: readonly string[] } = {
  user: ["tool_result"],
  assistant: ["thinking", "redacted_thinking"],
};

/** Results, or thinking, ahead of the rest; otherwise the order stays. */
function inOrder(role: Message["role"], blocks: readonly JsonObject[]): JsonObject[] {
  const first = RANK[role] ?? [];
  const isFirst = (block: JsonObject) => first.includes(String(block["type"]));
  return [...blocks.filter(isFirst), ...blocks.filter((block) => !isFirst(block))];
}

function trimPrefill(blocks: JsonObject[]): void {
  const last = blocks.at(-1);
  if (last?.["type"] === "text") last["text"] = String(last["text"]).trimEnd();
  if (last !== undefined && isBlank(last)) blocks.pop();
}

/**
 * Of too many marks the last are kept: each covers everything before it.
 * @returns how many are left; those of tools stand before all of these and are the caller's to count
 */
function limitCacheMarks(blocks: readonly JsonObject[], { lose }: BlockContext): number {
  const marked = blocks
    .flatMap((block) => [...(Array.isArray(block["content"]) ? block["content"].filter(isObject) : []), block])
    .filter((block) => block["cache_control"] !== undefined);
  const surplus = Math.max(0, marked.length - CACHE_MARKS_MAX);
  for (const block of marked.slice(0, surplus)) {
    delete block["cache_control"];
    lose("cache_control", `more than ${CACHE_MARKS_MAX} cache marks`);
  }
  return marked.length - surplus;
}
