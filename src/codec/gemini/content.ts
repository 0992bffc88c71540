/** Parts of Gemini contents as parts of the house language, in requests and in answers. */
import type { JsonObject, MediaPart, MediaSource, Part, ReasoningPart } from "../../contract/chat.ts";
import { compact, isEmpty, isObject, objectOr, restOf, textOf } from "../shared/json.ts";
import { cleanBase64, cleanMediaType } from "../shared/media.ts";
import { inputJsonOf } from "../shared/tool-input.ts";
import { withVendor } from "../shared/vendor.ts";
import { readSignature } from "./signatures.ts";
import { asList, camelFields, GEMINI } from "./wire.ts";

const TEXT_FIELDS = new Set(["text", "thought", "thoughtSignature"]);
const CALL_FIELDS = new Set(["functionCall", "thoughtSignature"]);
const CALL_BODY_FIELDS = new Set(["id", "name", "args", "partialArgs", "willContinue"]);
const RESULT_FIELDS = new Set(["functionResponse"]);
const RESULT_BODY_FIELDS = new Set(["id", "name", "response", "parts"]);
const MEDIA_FIELDS = new Set(["inlineData", "fileData"]);
const MEDIA_BODY_FIELDS = new Set(["mimeType", "data", "fileUri", "displayName"]);

/** Addresses that mean something to Google only, because its credentials or its storage are needed to read them. */
const OWN_ADDRESS = /^(gs:|https:\/\/generativelanguage\.googleapis\.com\/)/i;
/** Addresses of public videos that Gemini reads by itself. */
const VIDEO_ADDRESS = /^https?:\/\/(www\.|m\.)?(youtube\.com|youtu\.be)\//i;

/** Can Gemini read this address without the open web? */
export function isReadableAddress(url: string): boolean {
  return OWN_ADDRESS.test(url) || VIDEO_ADDRESS.test(url);
}

function kindOf(mediaType: string | undefined, url = ""): MediaPart["kind"] {
  const family = mediaType?.split("/")[0];
  if (family === "image" || family === "audio" || family === "video") return family;
  return VIDEO_ADDRESS.test(url) ? "video" : "file";
}

/** What stands beside the known fields, kept apart by where it stands. */
function extrasOf(
  part: JsonObject,
  partFields: ReadonlySet<string>,
  body: JsonObject,
  bodyFields: ReadonlySet<string>,
) {
  const rest = restOf(part, partFields);
  const inner = restOf(body, bodyFields);
  return {
    ...(isEmpty(rest) ? {} : { part: rest }),
    ...(isEmpty(inner) ? {} : { body: inner }),
  };
}

/** @param part its own fields in camel case */
function readMedia(part: JsonObject): MediaPart {
  const body = camelFields(objectOr(part["inlineData"] ?? part["fileData"]));
  const written = textOf(body["mimeType"]);
  const mediaType = cleanMediaType(written);
  const url = textOf(body["fileUri"]);
  const data = textOf(body["data"]) ?? "";
  const clean = cleanBase64(data);
  const inline: MediaSource = { type: "base64", data: clean };
  const form: JsonObject = {
    ...(written === undefined || written === mediaType ? {} : { mimeType: written }),
    ...(data === clean ? {} : { data }),
  };
  return compact<MediaPart>({
    type: "media",
    kind: kindOf(mediaType, url),
    source: url === undefined ? inline : sourceOf(url),
    mediaType,
    filename: textOf(body["displayName"]),
    ...withVendor(GEMINI, extrasOf(part, MEDIA_FIELDS, body, MEDIA_BODY_FIELDS), filled(form)),
  });
}

function sourceOf(url: string): MediaSource {
  return OWN_ADDRESS.test(url) ? { type: "file", id: url, origin: GEMINI } : { type: "url", url };
}

function readText(part: JsonObject): Part {
  const { signature, redacted, isOurs } = readSignature(part["thoughtSignature"]);
  const text = typeof part["text"] === "string" ? part["text"] : "";
  const rest = restOf(part, TEXT_FIELDS);
  const fields = isEmpty(rest) ? {} : { part: rest };
  if (part["thought"] === true) {
    return compact<ReasoningPart>({
      type: "reasoning",
      text,
      signature,
      redacted,
      // Gemini's own, on the thought itself: told apart from one that only travels there.
      ...withVendor(
        GEMINI,
        isOurs || signature === undefined ? fields : { ...fields, signed: true },
        filled(ours(isOurs)),
      ),
    });
  }
  const form = typeof part["text"] === "string" ? ours(isOurs) : { ...ours(isOurs), textless: true };
  return {
    type: "text",
    text,
    ...(signature === undefined ? {} : { signature }),
    ...withVendor(GEMINI, fields, filled(form)),
  };
}

function ours(isOurs: boolean): JsonObject {
  return isOurs ? { ours: true } : {};
}

function filled(form: JsonObject): JsonObject | undefined {
  return isEmpty(form) ? undefined : form;
}

/** @param mintedId for a call that has none of its own */
function readCall(part: JsonObject, mintedId: string): Part {
  const body = camelFields(objectOr(part["functionCall"]));
  const { signature, isOurs } = readSignature(part["thoughtSignature"]);
  const id = textOf(body["id"]);
  const { args } = body;
  const form: JsonObject = {
    ...ours(isOurs),
    ...(id === undefined ? { idless: true } : {}),
    ...(args === undefined || args === null ? { argless: true } : {}),
  };
  return {
    type: "tool-call",
    id: id ?? mintedId,
    name: textOf(body["name"]) ?? "",
    inputJson: inputJsonOf(args),
    ...(signature === undefined ? {} : { signature }),
    ...withVendor(GEMINI, extrasOf(part, CALL_FIELDS, body, CALL_BODY_FIELDS), filled(form)),
  };
}

/** The response stays the JSON it is: what its fields mean is between the client and its tool. */
function readResult(part: JsonObject, pairedId: string): Part {
  const body = camelFields(objectOr(part["functionResponse"]));
  const { response } = body;
  const text = typeof response === "string" ? response : response === undefined ? "" : JSON.stringify(response);
  const media = asList(body["parts"])
    .filter(isObject)
    .map((entry) => readPart(entry))
    .filter((entry) => entry.type === "media");
  const form: JsonObject = {
    ...(response === undefined ? {} : { response }),
    ...(textOf(body["id"]) === undefined ? {} : { id: body["id"] ?? null }),
  };
  const name = textOf(body["name"]);
  return {
    type: "tool-result",
    id: pairedId,
    ...(name === undefined ? {} : { name }),
    parts: [...(text === "" ? [] : [{ type: "text", text } as const]), ...media],
    isError: isObject(response) && Object.keys(response).length === 1 && response["error"] !== undefined,
    ...withVendor(GEMINI, extrasOf(part, RESULT_FIELDS, body, RESULT_BODY_FIELDS), filled(form)),
  };
}

/**
 * One part. What has no name here is carried whole, and so are thoughts that are not text.
 * @param id of the call that a part without one makes or answers
 */
export function readPart(value: JsonObject, id = ""): Part {
  const part = camelFields(value);
  const isHidden = part["thought"] === true && typeof part["text"] !== "string";
  if (isHidden && (isObject(part["inlineData"]) || isObject(part["fileData"]))) return opaque(value);
  if (isObject(part["functionCall"])) return readCall(part, id);
  if (isObject(part["functionResponse"])) return readResult(part, id);
  if (isObject(part["inlineData"]) || isObject(part["fileData"])) return readMedia(part);
  const isSignedOnly =
    textOf(part["thoughtSignature"]) !== undefined && Object.keys(part).every((name) => TEXT_FIELDS.has(name));
  if (typeof part["text"] === "string" || isSignedOnly) return readText(part);
  return opaque(value);
}

function opaque(value: JsonObject): Part {
  return { type: "opaque", codecId: GEMINI, value };
}
