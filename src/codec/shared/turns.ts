/** Puts a conversation into the order every upstream demands: each tool call answered once, right behind its turn. */
import type { Message, Part, TextPart, ToolCallPart, ToolResultPart } from "../../contract/chat.ts";
import { mergeVendor } from "./vendor.ts";

/** Told to the model where the client's history has no result for a call. */
const MISSING_RESULT = "No result was recorded for this tool call.";

interface Found {
  readonly messageIndex: number;
  readonly part: ToolResultPart;
}

function callsOf(message: Message): ToolCallPart[] {
  return message.role === "assistant" ? message.parts.filter((part) => part.type === "tool-call") : [];
}

/** Neighbouring messages of the assistant as one. */
function joinAssistants(messages: readonly Message[]): Message[] {
  const joined: Message[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    if (message.role !== "assistant" || last?.role !== "assistant") {
      joined.push(message);
      continue;
    }
    const vendor = mergeVendor(last.vendor, message.vendor);
    joined[joined.length - 1] = {
      ...last,
      parts: [...last.parts, ...message.parts],
      ...(vendor === undefined ? {} : { vendor }),
    };
  }
  return joined;
}

/**
 * After every assistant message with calls stands one user message with exactly one result per call, in the order of
 * the calls. Results are moved there from further below; of several for one call the last counts; for a call without
 * any an error result is written; a result without a call becomes text. An id used again in a later turn, or an empty
 * one, is replaced on both sides. Calls of the last message stay open.
 * @param note told of each such repair that changes what the client wrote
 */
export function pairToolResults(messages: readonly Message[], note: (what: string) => void): Message[] {
  const joined = joinAssistants(messages.map(spokenContext));
  const results = new Map<string, Found[]>();
  const callsAt = new Map<string, number[]>();
  joined.forEach((message, messageIndex) => {
    for (const part of message.parts) {
      if (part.type === "tool-result") {
        const found = results.get(part.id) ?? [];
        found.push({ messageIndex, part });
        results.set(part.id, found);
      }
    }
    for (const { id } of callsOf(message)) callsAt.set(id, [...(callsAt.get(id) ?? []), messageIndex]);
  });
  const consumed = new Set<ToolResultPart>();
  const timesSeen = new Map<string, number>();

  const freshId = (id: string): string => {
    const seen = (timesSeen.get(id) ?? 0) + 1;
    timesSeen.set(id, seen);
    if (id === "") return `call_${seen}`;
    return seen === 1 ? id : `${id}_${seen}`;
  };

  const answers = new Set<Message>();
  const ordered: Message[] = [];
  joined.forEach((message, messageIndex) => {
    if (message.role !== "assistant") {
      ordered.push(message);
      return;
    }
    const calls = callsOf(message);
    const found: Part[] = [];
    const renamed = new Map<Part, string>();
    for (const call of calls) {
      const next = callsAt.get(call.id)?.find((index) => index > messageIndex) ?? Number.POSITIVE_INFINITY;
      const window = (results.get(call.id) ?? []).filter(
        (entry) => !consumed.has(entry.part) && entry.messageIndex > messageIndex && entry.messageIndex < next,
      );
      // Calls that share an id within one turn take the results in order; otherwise a later result corrects an earlier.
      const hasTwin = calls.some((other) => other !== call && other.id === call.id && !renamed.has(other));
      const chosen = hasTwin ? window[0] : window.at(-1);
      for (const entry of hasTwin ? window.slice(0, 1) : window) consumed.add(entry.part);
      const id = freshId(call.id);
      renamed.set(call, id);
      if (chosen !== undefined) found.push(id === chosen.part.id ? chosen.part : { ...chosen.part, id });
      else if (messageIndex < joined.length - 1) {
        note("a tool call without a result was given an error result");
        found.push({ type: "tool-result", id, parts: [{ type: "text", text: MISSING_RESULT }], isError: true });
      }
    }
    const parts = message.parts.map((part) => {
      const id = renamed.get(part);
      return part.type === "tool-call" && id !== undefined && id !== part.id ? { ...part, id } : part;
    });
    ordered.push({ ...message, parts });
    if (found.length > 0) {
      const answer: Message = { role: "user", parts: found };
      answers.add(answer);
      ordered.push(answer);
    }
  });

  const paired: Message[] = [];
  for (const message of ordered) {
    if (message.role === "assistant" || answers.has(message)) {
      paired.push(message);
      continue;
    }
    const parts = message.parts.flatMap((part): Part[] => {
      if (part.type !== "tool-result") return [part];
      if (consumed.has(part)) return [];
      note("a tool result without a call was turned into text");
      return orphanAsText(part);
    });
    if (parts.length === 0 && message.parts.length > 0) continue;
    const last = paired.at(-1);
    // What the user says beside results stays with them.
    const isBesideResults = last !== undefined && answers.has(last) && message.role === "user" && parts.length > 0;
    if (isBesideResults) paired[paired.length - 1] = { ...message, parts: [...last.parts, ...parts] };
    else paired.push({ ...message, parts });
  }
  return paired;
}

/** What is said about a document stands before it: few dialects have a place for it. */
function spokenContext(message: Message): Message {
  const isSpoken = message.parts.some((part) => part.type === "media" && part.context !== undefined);
  if (!isSpoken) return message;
  const parts = message.parts.flatMap((part): Part[] => {
    if (part.type !== "media" || part.context === undefined) return [part];
    const { context, ...media } = part;
    return [{ type: "text", text: context }, media];
  });
  return { ...message, parts };
}

function orphanAsText(result: ToolResultPart): Part[] {
  const name = result.name === undefined ? "" : ` of ${result.name}`;
  const label: TextPart = { type: "text", text: `Tool result${name}:` };
  return [label, ...result.parts];
}
