/** The input of a tool call as an object, for the dialects that demand one. */
import type { JsonObject } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { parseToolJson } from "./exact-json.ts";
import { isObject } from "./json.ts";

/**
 * The input as an object; text that is none is kept inside one.
 * @param lose told when that had to be done
 */
export function inputObject(inputJson: string, lose?: EncodeTarget["lose"]): JsonObject {
  const input = parseToolJson(inputJson);
  if (isObject(input)) return input;
  if (inputJson.trim() === "" || input === null) return {};
  lose?.("messages[].tool_calls[].arguments", "they are no JSON object, and were put inside one");
  return { _raw: input === undefined ? inputJson : input };
}
