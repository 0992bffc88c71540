/** Thought signatures: whose they are, in which wrapping strangers' travel, and which call an unattached one belongs to. */
import type { ReasoningPart, Signature } from "../../contract/chat.ts";
import { type Envelope, openEnvelope, RELAY_SIGNATURE_PREFIX, sealReasoning } from "../shared/envelope.ts";
import { textOf } from "../shared/json.ts";
import { GEMINI } from "./wire.ts";

/**
 * Google's documented stand-in for a signature that does not exist, because the call was made by another model.
 * https://ai.google.dev/gemini-api/docs/thought-signatures
 */
export const SIGNATURE_STAND_IN = "skip_thought_signature_validator";

/**
 * How every signature of ours begins in this dialect. The field holds bytes, so clients decode it from base64 and write
 * it anew in either alphabet; these sixteen characters are the same in both.
 */
export const OWN_SIGNATURE_MARK = Buffer.from(RELAY_SIGNATURE_PREFIX.slice(0, 12)).toString("base64");

/** Wraps what the true maker wants back (or nothing) in something a Gemini client stores and returns. */
export function sealSignature(content: Pick<ReasoningPart, "signature" | "redacted">): string {
  return Buffer.from(sealReasoning(content)).toString("base64");
}

/** A signature as a client or an upstream wrote it; `isOurs` tells that it was in a wrapping of ours. */
export function readSignature(value: unknown): Envelope & { isOurs: boolean } {
  const text = textOf(value);
  if (text === undefined) return { isOurs: false };
  if (!text.startsWith(OWN_SIGNATURE_MARK)) return { signature: { origin: GEMINI, value: text }, isOurs: false };
  const envelope = openEnvelope(Buffer.from(text, "base64").toString());
  return { ...envelope, isOurs: true };
}

export function isGeminis(signature: Signature | undefined): signature is Signature {
  return signature?.origin === GEMINI;
}

/**
 * Signatures of calls that reached us on the reasoning before the call, because the client's dialect has no place for
 * them at the call itself. They are given out in order, one to each call that has none.
 */
export class CarriedSignatures {
  readonly #waiting: string[] = [];

  carry(value: string): void {
    this.#waiting.push(value);
  }

  /** The signature of this call: its own, else the next one that waits. */
  take(own: Signature | undefined): string | undefined {
    if (!isGeminis(own)) return this.#waiting.shift();
    if (this.#waiting[0] === own.value) this.#waiting.shift();
    return own.value;
  }

  /** Are there any that found no call? */
  get hasLeft(): boolean {
    return this.#waiting.length > 0;
  }
}
