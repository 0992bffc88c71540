/** Finds in the bytes of a chat request what a server of this dialect would refuse, so that it is written anew. */
import type { Traits } from "../../contract/codec.ts";
import { bufferOf } from "../../wire/part.ts";
import { fieldNames, holdsUrl } from "../shared/held-urls.ts";
import { isShortToolId } from "../shared/tool-names.ts";

const RESULT_ID = Buffer.from('"tool_call_id"');
const CALLS = Buffer.from('"tool_calls"');
const THOUGHTS = Buffer.from('"reasoning_content"');
const NO_THOUGHTS = /^\s*:\s*(?:""|null)/;
const NEWER = ['"max_completion_tokens"', '"developer"'].map((text) => Buffer.from(text));
const DOCUMENTS = fieldNames("file_data");
const MEDIA = fieldNames("image_url", "video_url", "file_data");

/** Longest stretch in which an id or an empty value is looked for, bytes. */
const NEAR = 128;

/**
 * Most servers take everything: for them little or nothing is searched. Quotes inside texts are escaped, so that only
 * names and values match; a needless match costs no more than a translation.
 */
export function mustRewrite(body: Uint8Array, traitsOf: (model: string) => Traits, model: string): boolean {
  const { newerNames, reasoningHistory, shortToolIds, mediaUrls, fileUrls } = traitsOf(model);
  if (mediaUrls === false ? holdsUrl(body, MEDIA) : fileUrls === false && holdsUrl(body, DOCUMENTS)) return true;
  if (newerNames !== false && reasoningHistory !== "reasoning_content" && shortToolIds !== true) return false;
  const bytes = bufferOf(body);
  if (newerNames === false && NEWER.some((name) => bytes.includes(name))) return true;
  if (shortToolIds === true && placesOf(bytes, RESULT_ID).some((at) => isLongIdAt(bytes, at))) return true;
  return reasoningHistory === "reasoning_content" && lacksThoughts(bytes);
}

/** Turns with calls among which some have no thoughts. */
function lacksThoughts(bytes: Buffer): boolean {
  const turns = placesOf(bytes, CALLS).length;
  if (turns === 0) return false;
  const thoughts = placesOf(bytes, THOUGHTS).filter((at) => !NO_THOUGHTS.test(bytes.toString("latin1", at, at + NEAR)));
  return thoughts.length < turns;
}

function isLongIdAt(bytes: Buffer, at: number): boolean {
  const id = /^\s*:\s*"([^"]*)"/.exec(bytes.toString("latin1", at, at + NEAR))?.[1];
  return id === undefined || !isShortToolId(id);
}

/** Where each of them ends. */
function placesOf(bytes: Buffer, name: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + name.length)) places.push(at + name.length);
  return places;
}
