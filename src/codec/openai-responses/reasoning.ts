/** Reasoning items, both ways, and whose proof of origin travels in them. */
import type { JsonObject, PartTail, ReasoningPart } from "../../contract/chat.ts";
import { openEnvelope, sealReasoning } from "../shared/envelope.ts";
import { arrayOr, isObject, objectOr, textOf } from "../shared/json.ts";
import { formOf, withVendor } from "../shared/vendor.ts";
import { RESPONSES } from "./wire.ts";

/** Stands between the summary's paragraphs where they become one text. */
export const PARAGRAPH = "\n\n";

function textsOf(value: unknown): string[] {
  return arrayOr(value).flatMap((entry) => textOf(objectOr(entry)["text"]) ?? []);
}

/** What `encrypted_content` holds: the vendor's own blob, or an envelope of ours around another vendor's. */
export function readSeal(item: JsonObject): Pick<PartTail, "signature" | "redacted"> {
  const written = textOf(item["encrypted_content"]);
  if (written === undefined) return {};
  const envelope = openEnvelope(written);
  return envelope ?? { signature: { origin: RESPONSES, value: written } };
}

/**
 * The thoughts of an item: its summary, its raw text, or both, each a part of its own; the same words twice are one
 * part. The last part holds the signature. An item with nothing in it gives no part.
 */
export function readReasoning(item: JsonObject): ReasoningPart[] {
  const summary = textsOf(item["summary"]).join(PARAGRAPH);
  const full = textsOf(item["content"]).join("");
  const parts: ReasoningPart[] = [];
  if (summary !== "" && summary !== full) parts.push({ type: "reasoning", kind: "summary", text: summary });
  if (full !== "") parts.push({ type: "reasoning", kind: "full", text: full });
  const seal = readSeal(item);
  const last = parts.at(-1);
  if (last !== undefined) Object.assign(last, seal);
  else if (seal.signature !== undefined) parts.push({ type: "reasoning", text: "", ...seal });
  return parts;
}

/** The same for a request, where the item is remembered as it was written; there is always at least one part. */
export function readOwnReasoning(item: JsonObject): ReasoningPart[] {
  const parts: ReasoningPart[] = readReasoning(item);
  if (parts.length === 0) parts.push({ type: "reasoning", text: "" });
  const isSealed = openEnvelope(textOf(item["encrypted_content"]) ?? "") !== undefined;
  const last = parts.length - 1;
  return parts.map((part, index) => ({
    ...part,
    ...withVendor(RESPONSES, {}, index < last ? { inside: true } : isSealed ? { sealed: true } : { item }),
  }));
}

/**
 * The item for an upstream; `undefined` when it could not read it. Only what this dialect's own models have encrypted
 * is sent, without the id: ids of ours would not match what stands in the blob, and none is needed.
 */
export function writeReasoningItem(part: ReasoningPart): JsonObject | undefined {
  const form = formOf(part.vendor, RESPONSES);
  if (isObject(form?.["item"])) return form["item"];
  if (part.signature?.origin !== RESPONSES) return undefined;
  const summary = part.text === "" || part.kind === "full" ? [] : [{ type: "summary_text", text: part.text }];
  return { type: "reasoning", summary, encrypted_content: part.signature.value };
}

/** Does this part say nothing of its own, because its item is written with another one? */
export function isInside(part: ReasoningPart): boolean {
  return formOf(part.vendor, RESPONSES)?.["inside"] === true;
}

/**
 * The `encrypted_content` a client stores and returns. It is always an envelope of ours: the item's id is ours too, so
 * the vendor must never get one without our taking it apart.
 */
export function sealFor(tail: Pick<PartTail, "signature" | "redacted">): string {
  return sealReasoning({
    ...(tail.signature ? { signature: tail.signature } : {}),
    ...(tail.redacted ? { redacted: tail.redacted } : {}),
  });
}
