/** Reasoning in chat messages: three spellings of the text, and the list that carries signatures. */
import type { Json, JsonObject, ReasoningPart } from "../../contract/chat.ts";
import { arrayOr, isObject, numberOf, objectOr, textOf } from "../shared/json.ts";
import { fieldsOf, withVendor } from "../shared/vendor.ts";
import { CHAT, formatOfOrigin, originOfFormat } from "./wire.ts";

const PLAIN_FIELDS = ["reasoning_content", "reasoning"] as const;

/** In a detail that comes behind its text: how much of what was said it is about, in UTF-16 units. A field of ours. */
export const TEXT_LENGTH = "text_length";

/** Which of the two fields a message used; some clients send both. */
export function plainFields(message: JsonObject): string[] {
  return PLAIN_FIELDS.filter((field) => textOf(message[field]) !== undefined);
}

/** The plain text: `reasoning_content` (DeepSeek, xAI, Z.ai), else `reasoning` (OpenRouter, Groq, Ollama). */
export function plainReasoning(message: JsonObject): string | undefined {
  return textOf(message["reasoning_content"]) ?? textOf(message["reasoning"]);
}

/** Text of one entry of `reasoning_details`. */
export function detailText(detail: JsonObject): string {
  return textOf(detail["text"]) ?? textOf(detail["summary"]) ?? "";
}

/** Mistral's content part `{type: "thinking", thinking: [{type: "text", text}]}`. */
export function thinkingText(part: JsonObject): string {
  const { thinking } = part;
  if (typeof thinking === "string") return thinking;
  return arrayOr(thinking)
    .map((entry) => textOf(objectOr(entry)["text"]) ?? "")
    .join("");
}

/** One entry of `reasoning_details` as a part; the entry itself is kept for servers that want it back whole. */
export function detailToPart(detail: JsonObject): ReasoningPart {
  const blob = textOf(detail["data"]);
  const value = blob ?? textOf(detail["signature"]);
  return {
    type: "reasoning",
    text: detailText(detail),
    ...(detail["type"] === "reasoning.summary" ? { kind: "summary" as const } : {}),
    ...(value === undefined ? {} : { signature: { origin: originOfFormat(detail["format"]), value } }),
    ...(blob === undefined ? {} : { redacted: true as const }),
    ...withVendor(CHAT, { detail }),
  };
}

/**
 * The reasoning of one message. The same thoughts may stand in it twice, as plain text and as details: they are read
 * once, from the details, which also hold the signature; a detail without text takes the plain one.
 */
export function readReasoning(message: JsonObject): ReasoningPart[] {
  const plain = plainReasoning(message);
  const details = arrayOr(message["reasoning_details"]).filter(isObject);
  if (details.length === 0) {
    if (plain === undefined) return [];
    return [{ type: "reasoning", text: plain }];
  }
  const isSaidTwice = plain === undefined || details.some((detail) => detailText(detail) !== "");
  const whole = isSaidTwice ? details : shareOut(plain, details);
  const parts = (whole ?? details.filter(isHidden)).map(detailToPart);
  const said = parts.filter((part) => part.text !== "" || part.signature !== undefined);
  if (!isSaidTwice && (whole === undefined || whole.every(isHidden))) said.unshift({ type: "reasoning", text: plain });
  return said;
}

function isHidden(detail: JsonObject): boolean {
  return textOf(detail["data"]) !== undefined;
}

/**
 * Details whose text was sent ahead of them, with their share of it; `undefined` when it cannot be told whose it is: a
 * signature above words that it was not made for would spoil every later turn.
 */
function shareOut(plain: string, details: readonly JsonObject[]): JsonObject[] | undefined {
  const bare = details.filter((detail) => !isHidden(detail));
  const lengths = bare.map((detail) => numberOf(detail[TEXT_LENGTH]));
  const isTold = lengths.every((length) => length !== undefined);
  const sum = lengths.reduce<number>((all, length) => all + (length ?? 0), 0);
  if (isTold ? sum !== plain.length : bare.length !== 1) return bare.length === 0 ? [...details] : undefined;
  let at = 0;
  return details.map((detail) => {
    if (isHidden(detail)) return detail;
    const { [TEXT_LENGTH]: length = plain.length, ...rest } = detail;
    const text = plain.slice(at, at + Number(length));
    at += Number(length);
    return { ...rest, [detail["type"] === "reasoning.summary" ? "summary" : "text"]: text };
  });
}

/** The entry of `reasoning_details` for a part: the upstream's own, else one in the same form. */
export function partToDetail(part: Omit<ReasoningPart, "annotations">, index: number): JsonObject {
  const own = fieldsOf(part.vendor, CHAT)["detail"];
  if (isObject(own)) return own;
  const format = formatOfOrigin(part.signature?.origin);
  if (part.redacted) return { type: "reasoning.encrypted", data: part.signature?.value ?? "", format, index };
  if (part.kind === "summary" && part.signature === undefined) {
    return { type: "reasoning.summary", summary: part.text, format, index };
  }
  const signature: { signature?: Json } = part.signature === undefined ? {} : { signature: part.signature.value };
  return { type: "reasoning.text", text: part.text, ...signature, format, index };
}

/** Is there more to say of this part than its text? */
export function needsDetail(part: Pick<ReasoningPart, "signature" | "redacted" | "vendor">): boolean {
  return part.signature !== undefined || part.redacted === true || fieldsOf(part.vendor, CHAT)["detail"] !== undefined;
}

/** The readable text of several parts. */
export function reasoningText(parts: readonly ReasoningPart[]): string {
  return parts.map((part) => part.text).join("");
}

/** Puts the pieces of `reasoning_details` in a stream together, entry by entry. */
export class DetailCollector {
  #current: JsonObject | undefined;

  /** @returns the entry so far, the text this piece adds to it, and whether it has just begun */
  add(piece: JsonObject): { detail: JsonObject; text: string; isNew: boolean } {
    const text = detailText(piece);
    const current = this.#current;
    const isNew = current === undefined || current["type"] !== piece["type"] || current["index"] !== piece["index"];
    if (isNew) {
      this.#current = piece;
      return { detail: piece, text, isNew };
    }
    const field = piece["type"] === "reasoning.summary" ? "summary" : "text";
    const whole = detailText(current) + text;
    this.#current = { ...current, ...piece, ...(whole === "" ? {} : { [field]: whole }) };
    return { detail: this.#current, text, isNew };
  }
}
