/** A conversation in the form strict upstreams demand: instructions apart, results behind their calls, nothing empty. */
import type { Message, Part, TextPart } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { instructionTexts } from "./instructions.ts";
import { pairToolResults } from "./turns.ts";

export interface Turn {
  readonly role: "user" | "assistant";
  readonly parts: readonly Part[];
}

export interface Conversation {
  /** All instructions in order, wherever they stood. */
  readonly system: readonly TextPart[];
  /** Users and assistants in turn; a turn holds at least one part. */
  readonly turns: readonly Turn[];
}

/** @param lose told of what had to be repaired or left out */
export function repairConversation(
  { system, messages }: { readonly system: readonly TextPart[]; readonly messages: readonly Message[] },
  lose: EncodeTarget["lose"],
): Conversation {
  const spoken = messages.filter(({ role }) => role !== "system");
  const moved = messages
    .filter(({ role }) => role === "system")
    .flatMap(({ parts }) => parts.filter((part) => part.type === "text"));
  const turns: { role: Turn["role"]; parts: Part[] }[] = [];
  for (const { role, parts, name } of pairToolResults(spoken, (what) => lose("messages", what))) {
    if (name !== undefined) lose("messages[].name", "the upstream's dialect has no names of speakers");
    const said = parts.filter(isSaid);
    if (said.length === 0) continue;
    const author = role === "assistant" ? "assistant" : "user";
    const last = turns.at(-1);
    if (last?.role === author) last.parts.push(...said);
    else turns.push({ role: author, parts: said });
  }
  return {
    system: instructionTexts([...system, ...moved]).filter(({ text }) => text.trim() !== ""),
    turns,
  };
}

function isSaid(part: Part): boolean {
  return part.type === "text" || part.type === "refusal" ? part.text !== "" : true;
}

/** Names of the tools behind the calls of a conversation, by the id of the call. */
export function callNames(messages: readonly { readonly parts: readonly Part[] }[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { parts } of messages) {
    for (const part of parts) if (part.type === "tool-call") names.set(part.id, part.name);
  }
  return names;
}
