/** The input of a tool call as an object, for the dialects that demand one. */
import type { JsonObject } from "../../contract/chat.ts";
import { parseToolJson } from "./exact-json.ts";
import { isObject } from "./json.ts";

/** The input as an object; text that is none is kept inside one. */
export function inputObject(inputJson: string): JsonObject {
  const input = parseToolJson(inputJson);
  if (isObject(input)) return input;
  if (inputJson.trim() === "" || input === null) return {};
  return { _raw: input === undefined ? inputJson : input };
}
