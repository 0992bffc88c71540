/** The signature we put on reasoning that no upstream signed, so that we know it again when the client returns it. */
import type { ReasoningPart, Signature } from "../../contract/chat.ts";
import { isObject, parseJson, textOf } from "./json.ts";

/**
 * Begins every signature of ours. No upstream accepts it, so a body that contains this text must not be passed on as
 * it is to an upstream that checks signatures.
 */
export const RELAY_SIGNATURE_PREFIX = "monorelay.v1.";

export interface Envelope {
  readonly signature?: Signature;
  readonly redacted?: true;
}

/** Wraps what the reasoning's true maker wants back (or nothing) in something an Anthropic client stores and returns. */
export function sealReasoning({ signature, redacted }: Pick<ReasoningPart, "signature" | "redacted">): string {
  const content = { ...(signature ? { o: signature.origin, v: signature.value } : {}), ...(redacted ? { r: 1 } : {}) };
  return RELAY_SIGNATURE_PREFIX + Buffer.from(JSON.stringify(content)).toString("base64url");
}

/** `undefined` when the signature is not ours; an unreadable one of ours counts as empty. */
export function openEnvelope(text: string): Envelope | undefined {
  if (!text.startsWith(RELAY_SIGNATURE_PREFIX)) return undefined;
  const content = parseJson(Buffer.from(text.slice(RELAY_SIGNATURE_PREFIX.length), "base64url").toString());
  if (!isObject(content)) return {};
  const origin = textOf(content["o"]);
  const value = textOf(content["v"]);
  return {
    ...(origin !== undefined && value !== undefined ? { signature: { origin, value } } : {}),
    ...(content["r"] === 1 ? { redacted: true as const } : {}),
  };
}
