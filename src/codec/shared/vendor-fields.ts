/** What both of OpenAI's dialects say in the same words, and few servers but its own understand. */
import type { ChatRequest, JsonObject } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { compact } from "./json.ts";
import { sha256Hex } from "./tool-names.ts";
import { endUser } from "./unsaid.ts";

/** Longest id of an end user that OpenAI takes. */
const USER_CHARS_MAX = 64;

/**
 * Whom the call is for, and how the cache is kept. Servers that imitate OpenAI may refuse what they do not know, from a
 * client that cannot know whom it speaks to.
 * @param isNative the client wrote the dialect itself: its words are left as they are
 */
export function writeVendorFields(request: ChatRequest, isNative: boolean, { traits, lose }: EncodeTarget): JsonObject {
  const { user, safetyIdentifier, promptCache } = request;
  if (isNative) return compact<JsonObject>({ ...promptCache, user, safety_identifier: safetyIdentifier });
  if (traits.vendorFields !== false) {
    return compact<JsonObject>({ ...promptCache, user: bounded(user), safety_identifier: bounded(safetyIdentifier) });
  }
  for (const field of Object.keys(promptCache ?? {})) lose(field, "few servers of this dialect know it");
  return compact<JsonObject>({ user: bounded(endUser(request, lose)) });
}

function bounded(id: string | undefined): string | undefined {
  return id === undefined || id.length <= USER_CHARS_MAX ? id : sha256Hex(id);
}
