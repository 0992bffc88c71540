/** Whom a call is for, as both of OpenAI's dialects write it. */
import type { ChatRequest, JsonObject } from "../../contract/chat.ts";
import { compact } from "./json.ts";
import { sha256Hex } from "./tool-names.ts";

/** Longest id OpenAI takes. */
const CHARS_MAX = 64;

/** @param isNative the client wrote the dialect itself: its words are not shortened */
export function openaiUser(
  { user, safetyIdentifier }: Pick<ChatRequest, "user" | "safetyIdentifier">,
  isNative: boolean,
): JsonObject {
  const bounded = (id: string | undefined) =>
    id === undefined || isNative || id.length <= CHARS_MAX ? id : sha256Hex(id);
  return compact<JsonObject>({ user: bounded(user), safety_identifier: bounded(safetyIdentifier) });
}
