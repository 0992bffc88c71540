/** Writes the conversation of a request as Gemini contents and instructions. */
import type { JsonObject, Message, TextPart } from "../../contract/chat.ts";
import { instructionTexts } from "../shared/instructions.ts";
import { pairToolResults } from "../shared/turns.ts";
import { fieldsOf, formOf } from "../shared/vendor.ts";
import { type PartContext, PartWriter } from "./encode-parts.ts";
import { GEMINI } from "./wire.ts";

/** Said by a user who said nothing, where a turn of the user is demanded. */
const SILENT_USER = ".";

export interface Conversation {
  readonly system: JsonObject[];
  readonly contents: JsonObject[];
}

/** What the writing of parts must know, but for the names of calls, which are read from the conversation itself. */
export type ConversationContext = Omit<PartContext, "nameOfCall">;

export function writeConversation(
  system: readonly TextPart[],
  messages: readonly Message[],
  context: ConversationContext,
): Conversation {
  return context.isNative ? writeAsWritten(system, messages, context) : writeRepaired(system, messages, context);
}

function withNames(messages: readonly Message[], context: ConversationContext): PartContext {
  const names = new Map<string, string>();
  for (const { parts } of messages) {
    for (const part of parts) if (part.type === "tool-call") names.set(part.id, part.name);
  }
  return { ...context, nameOfCall: (id) => names.get(id) };
}

function writeAsWritten(
  system: readonly TextPart[],
  messages: readonly Message[],
  given: ConversationContext,
): Conversation {
  const context = withNames(messages, given);
  const contents = messages.flatMap(({ role, parts, vendor }): JsonObject[] => {
    const written = new PartWriter(context).write(parts);
    if (written.length === 0 && parts.length > 0) return []; // nothing was left but what is not ours to send
    const form = formOf(vendor, GEMINI);
    const asWritten = form === undefined ? (role === "assistant" ? "model" : "user") : form["role"];
    const named = asWritten === null || asWritten === undefined ? {} : { role: asWritten };
    return [{ ...named, parts: written, ...fieldsOf(vendor, GEMINI) }];
  });
  return { system: new PartWriter(context).write(system), contents };
}

/**
 * A conversation of another dialect in the form Gemini demands: instructions apart, the user first, roles in turn, all
 * results of a turn together right behind their calls, nothing empty.
 */
function writeRepaired(
  system: readonly TextPart[],
  messages: readonly Message[],
  given: ConversationContext,
): Conversation {
  const { lose } = given;
  const turns = messages.filter((message) => message.role !== "system");
  const moved = messages
    .filter((message) => message.role === "system")
    .flatMap((message) => message.parts.filter((part) => part.type === "text"));
  const paired = pairToolResults(turns, (what) => lose("messages", what));
  const context = withNames(paired, given);

  const contents: { role: "user" | "model"; parts: JsonObject[] }[] = [];
  for (const { role, parts, name } of joined(paired)) {
    if (name !== undefined) lose("messages[].name", "the upstream's dialect has no names of speakers");
    const written = new PartWriter(context).write(parts);
    if (written.length === 0) continue;
    const author = role === "assistant" ? "model" : "user";
    const last = contents.at(-1);
    if (last?.role === author) last.parts.push(...written);
    else contents.push({ role: author, parts: written });
  }
  if (contents[0]?.role !== "user") contents.unshift({ role: "user", parts: [{ text: SILENT_USER }] });
  const instructions = instructionTexts([...system, ...moved]).filter((part) => part.text.trim() !== "");
  return { system: new PartWriter(context).write(instructions), contents };
}

/** Neighbours of one role as one: which of their calls is the first decides about signatures. */
function joined(messages: readonly Message[]): Message[] {
  const result: Message[] = [];
  for (const message of messages) {
    const last = result.at(-1);
    if (last?.role === message.role) result[result.length - 1] = { ...last, parts: [...last.parts, ...message.parts] };
    else result.push(message);
  }
  return result;
}
