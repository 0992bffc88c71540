/** Parts of the house language as parts of Gemini contents, for a request. */
import type { JsonObject, MediaPart, Part, TextPart, ToolCallPart, ToolResultPart } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { loseMark } from "../shared/cache-mark.ts";
import { badRequest } from "../shared/check.ts";
import { wrapCustomInput } from "../shared/custom-tools.ts";
import { inputObject } from "../shared/input-object.ts";
import { parseToolJson } from "../shared/exact-json.ts";
import { isObject, objectOr, textOf } from "../shared/json.ts";
import { cleanBase64, mediaTypeOf } from "../shared/media.ts";
import { geminiToolName } from "../shared/tool-names.ts";
import { fieldsOf, formOf, loseForeignPart, loseHosted } from "../shared/vendor.ts";
import { isReadableAddress } from "./content.ts";
import { partsForVendor } from "./hosted.ts";
import { CarriedSignatures, isGeminis, SIGNATURE_STAND_IN } from "./signatures.ts";
import { GEMINI, type GeminiTraits } from "./wire.ts";

export interface PartContext {
  readonly target: EncodeTarget;
  readonly traits: GeminiTraits;
  readonly lose: EncodeTarget["lose"];
  /** The client wrote Gemini itself: repeat what it wrote, repair nothing. */
  readonly isNative: boolean;
  /** Name of the function a result answers, where the result does not say. */
  readonly nameOfCall: (id: string) => string | undefined;
}

/** Writes the parts of one content. */
export class PartWriter {
  readonly #context: PartContext;
  readonly #carried = new CarriedSignatures();
  #hasCalls = false;

  constructor(context: PartContext) {
    this.#context = context;
  }

  write(parts: readonly Part[]): JsonObject[] {
    const written = this.#inOrder(parts.flatMap((part) => this.#part(part)));
    if (this.#carried.hasLeft) this.#loseReasoning();
    return written;
  }

  /** Results in a row, as the calls were: what one of them shows stands behind the last. */
  #inOrder(written: JsonObject[]): JsonObject[] {
    if (this.#context.isNative) return written;
    const isResult = (part: JsonObject) => part["functionResponse"] !== undefined;
    const first = written.filter(isResult);
    return first.length < 2 ? written : [...first, ...written.filter((part) => !isResult(part))];
  }

  #part(part: Part): JsonObject[] {
    const { lose, isNative } = this.#context;
    loseMark(part.cache, lose);
    switch (part.type) {
      case "text":
        return this.#text(part);
      case "refusal":
        return part.text === "" ? [] : [{ text: part.text }];
      case "reasoning":
        return isNative ? this.#nativeThought(part) : this.#foreignThought(part);
      case "media":
        return [writeMedia(part, this.#context)];
      case "tool-call":
        return [this.#call(part)];
      case "tool-result":
        return writeResult(part, this.#context);
      case "hosted-call": {
        const own = partsForVendor(part);
        if (own === undefined) loseHosted(part, lose);
        return own ?? [];
      }
      case "opaque":
        if (part.codecId === GEMINI) return [part.value];
        loseForeignPart(part, lose);
        return [];
    }
  }

  #text(part: TextPart): JsonObject[] {
    const { isNative } = this.#context;
    const signature = isGeminis(part.signature) ? { thoughtSignature: part.signature.value } : {};
    if (part.text === "" && !isNative && part.signature === undefined) return [];
    const isTextless = formOf(part.vendor, GEMINI)?.["textless"] === true;
    return [{ ...(isTextless ? {} : { text: part.text }), ...signature, ...partExtras(part) }];
  }

  /** As the client wrote it, unless another maker thought it. */
  #nativeThought(part: Extract<Part, { type: "reasoning" }>): JsonObject[] {
    const { signature, text } = part;
    const isOurs = formOf(part.vendor, GEMINI)?.["ours"] === true;
    if (isOurs && !isGeminis(signature)) {
      this.#loseReasoning();
      return [];
    }
    if (isOurs && text === "") return [];
    const proof = isGeminis(signature) ? { thoughtSignature: signature.value } : {};
    return [{ text, thought: true, ...proof, ...partExtras(part) }];
  }

  /**
   * Summaries of thoughts need not be returned. A signature that travelled with them, because the client's dialect has
   * no place for it at the call, goes back to the call.
   */
  #foreignThought({ signature }: Extract<Part, { type: "reasoning" }>): JsonObject[] {
    if (isGeminis(signature)) this.#carried.carry(signature.value);
    else this.#loseReasoning();
    return [];
  }

  #loseReasoning(): void {
    this.#context.lose("reasoning", "earlier reasoning without a signature of this upstream is not sent back to it");
  }

  #call(call: ToolCallPart): JsonObject {
    const { isNative } = this.#context;
    const form = formOf(call.vendor, GEMINI);
    const isFirst = !this.#hasCalls;
    this.#hasCalls = true;
    const own = isNative && form?.["ours"] !== true ? ownSignature(call) : this.#carried.take(call.signature);
    const mayStandIn = isFirst && (!isNative || form?.["ours"] === true) && this.#wantsSignatures();
    const signature = own ?? (mayStandIn ? SIGNATURE_STAND_IN : undefined);
    const args = inputObject(call.custom ? wrapCustomInput(call.inputJson) : call.inputJson, this.#context.lose);
    const isArgless = isNative && form?.["argless"] === true && call.inputJson === "{}";
    const id = isNative && form?.["idless"] !== true ? { id: call.id } : {};
    const functionCall: JsonObject = {
      ...id,
      name: isNative ? call.name : geminiToolName(call.name),
      ...(isArgless ? {} : { args }),
      ...objectOr(fieldsOf(call.vendor, GEMINI)["body"]),
    };
    return { functionCall, ...(signature === undefined ? {} : { thoughtSignature: signature }), ...partExtras(call) };
  }

  /** Models that think in levels refuse a call of their own without its signature; of the others none minds one. */
  #wantsSignatures(): boolean {
    const { thinking } = this.#context.traits;
    return thinking === undefined || thinking === "adaptive";
  }
}

function ownSignature({ signature }: ToolCallPart): string | undefined {
  return isGeminis(signature) ? signature.value : undefined;
}

function partExtras(part: Part): JsonObject {
  return objectOr(fieldsOf(part.vendor, GEMINI)["part"]);
}

const DEFAULT_TYPES: { readonly [Kind in MediaPart["kind"]]: string } = {
  image: "image/jpeg",
  audio: "audio/mpeg",
  video: "video/mp4",
  file: "application/pdf",
};

const URL_TYPES: { readonly [extension: string]: string } = {
  mp3: "audio/mpeg",
  wav: "audio/wav",
  mp4: "video/mp4",
  mov: "video/quicktime",
  webm: "video/webm",
};

/** Gemini wants to be told what a thing is; of an address only its ending tells. */
function typeOf(part: MediaPart): string {
  const { source } = part;
  const path = source.type === "url" ? source.url.replace(/[?#].*$/, "") : "";
  const extension = /\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  const guessed = Object.hasOwn(URL_TYPES, extension) ? URL_TYPES[extension] : undefined;
  return mediaTypeOf({ ...part, filename: part.filename ?? path }) ?? guessed ?? DEFAULT_TYPES[part.kind];
}

/** @throws RelayError `bad-request` for what the upstream cannot read */
export function writeMedia(
  part: MediaPart,
  { target, isNative }: Pick<PartContext, "target" | "isNative">,
): JsonObject {
  const { source } = part;
  const form = formOf(part.vendor, GEMINI);
  const fields = fieldsOf(part.vendor, GEMINI);
  const mimeType = textOf(form?.["mimeType"]) ?? (isNative ? part.mediaType : typeOf(part));
  const name = isNative && part.filename !== undefined ? { displayName: part.filename } : {};
  const body: JsonObject = { ...(mimeType === undefined ? {} : { mimeType }), ...name, ...objectOr(fields["body"]) };
  const extras = objectOr(fields["part"]);
  switch (source.type) {
    case "text": {
      const title = part.filename === undefined ? "" : `${part.filename}\n\n`;
      return { text: title + source.text };
    }
    case "base64": {
      const written = textOf(form?.["data"]);
      const data = written !== undefined && cleanBase64(written) === source.data ? written : source.data;
      return { inlineData: { data, ...body }, ...extras };
    }
    case "file":
      if (source.origin !== GEMINI) {
        throw badRequest("A file uploaded to another vendor cannot be used with this model.", "contents");
      }
      return { fileData: { fileUri: source.id, ...body }, ...extras };
    case "url":
      if (target.traits.mediaUrls === false && !isReadableAddress(source.url)) {
        throw badRequest("The upstream chosen for this model takes no media by URL; send the bytes.", "contents");
      }
      return { fileData: { fileUri: source.url, ...body }, ...extras };
  }
}

/**
 * The response as an object: as the client wrote it, the JSON object that the text is, or the text inside one. Media
 * stand inside it where the model reads them there, else behind it.
 */
function writeResult(result: ToolResultPart, context: PartContext): JsonObject[] {
  const { isNative, traits, nameOfCall, lose } = context;
  const form = formOf(result.vendor, GEMINI);
  const media = result.parts.filter((part) => part.type === "media");
  const texts = result.parts.flatMap((part) => {
    if (part.type === "text" || part.type === "refusal") return [part.text];
    if (part.type === "opaque") loseForeignPart(part, lose);
    return [];
  });
  const keepsMedia = media.length > 0 && (isNative || traits.toolMedia === true);
  const name = result.name ?? nameOfCall(result.id) ?? "unknown";
  const id = isNative && form?.["id"] !== undefined ? { id: form["id"] } : {};
  const functionResponse: JsonObject = {
    ...id,
    name: isNative ? name : geminiToolName(name),
    ...responseOf(texts.join("\n"), result.isError, form),
    ...(keepsMedia ? { parts: media.map((part) => writeMedia(part, context)) } : {}),
    ...objectOr(fieldsOf(result.vendor, GEMINI)["body"]),
  };
  const written: JsonObject[] = [{ functionResponse, ...partExtras(result) }];
  if (media.length > 0 && !keepsMedia) {
    written.push({ text: `Attached by the tool ${name}:` }, ...media.map((part) => writeMedia(part, context)));
  }
  return written;
}

function responseOf(text: string, isError: boolean, form: JsonObject | undefined): { response?: JsonObject } {
  const written = form?.["response"];
  if (isObject(written) && JSON.stringify(written) === text) return { response: written };
  if (form !== undefined && written === undefined && text === "") return {};
  const parsed = text.trimStart().startsWith("{") ? parseToolJson(text) : undefined;
  if (isObject(parsed)) return { response: isError && parsed["error"] === undefined ? { error: parsed } : parsed };
  return { response: { [isError ? "error" : "output"]: text } };
}
