/** Writes earlier reasoning into the history of chat messages, where and as the upstream wants it back. */
import type { JsonObject, ReasoningPart, ToolCallPart } from "../../contract/chat.ts";
import { MESSAGES } from "../anthropic-messages/wire.ts";
import { GEMINI } from "../gemini/wire.ts";
import { RESPONSES } from "../openai-responses/wire.ts";
import { arrayOr } from "../shared/json.ts";
import { formOf } from "../shared/vendor.ts";
import type { MessageContext } from "./encode-messages.ts";
import { needsDetail, partToDetail, reasoningText } from "./reasoning.ts";
import { CHAT } from "./wire.ts";

/** Servers that demand the thoughts behind a call answer 400 without any, or with an empty text. */
const THOUGHTS_NOT_KEPT = "(not recorded)";

export function standInFor(calls: readonly ToolCallPart[], { target }: MessageContext): JsonObject {
  const isDemanded = calls.length > 0 && target.traits.reasoningHistory === "reasoning_content";
  return isDemanded ? { reasoning_content: THOUGHTS_NOT_KEPT } : {};
}

/** Whose signatures find home through a server that serves many vendors' models. */
const FORWARDED: ReadonlySet<string> = new Set([CHAT, MESSAGES, RESPONSES, GEMINI]);

/** What was signed goes back under its signature, the rest as plain text. */
function writeDetails(parts: readonly ReasoningPart[], context: MessageContext): JsonObject {
  const known = parts.filter(({ signature }) => signature === undefined || FORWARDED.has(signature.origin));
  if (known.length < parts.length)
    context.lose("reasoning", "another vendor's, which the upstream cannot return to it");
  const signed = known.filter(needsDetail);
  const plain = reasoningText(known.filter((part) => !needsDetail(part)));
  return {
    ...(plain === "" ? {} : { reasoning: plain }),
    ...(signed.length === 0 ? {} : { reasoning_details: signed.map(partToDetail) }),
  };
}

/** Earlier reasoning, in the field the upstream wants it back in; by default only what the client wrote as chat. */
export function writeReasoning(parts: readonly ReasoningPart[], context: MessageContext): JsonObject {
  if (parts.length === 0) return {};
  const history = context.target.traits.reasoningHistory;
  if (history === "reasoning_details") return writeDetails(parts, context);
  if (history === undefined && context.isNative) {
    const readable = parts.filter((part) => part.text !== "" || needsDetail(part));
    if (readable.length === 0) return {};
    if (readable.some(needsDetail)) return { reasoning_details: readable.map(partToDetail) };
    const fields = arrayOr(formOf(readable[0]?.vendor, CHAT)?.["fields"] ?? ["reasoning_content"]);
    return Object.fromEntries(fields.map((field) => [String(field), reasoningText(readable)]));
  }
  // What another vendor has signed is that vendor's; what nobody signed may well be this one's.
  const known =
    history === "reasoning_content" ? parts.filter(({ signature: by }) => (by?.origin ?? CHAT) === CHAT) : [];
  if (known.length < parts.length) context.lose("reasoning", "the upstream takes no earlier reasoning of others");
  const text = reasoningText(known);
  return text === "" ? {} : { reasoning_content: text };
}
