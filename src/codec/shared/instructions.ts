/** Instructions on their way to an upstream of another dialect. */
import type { TextPart } from "../../contract/chat.ts";

/** A line Claude Code puts into its instructions; it changes with every request and would spoil prefix caches. */
const BILLING_LINE = /^x-anthropic-billing-header:[^\n]*\n?/;

/** The texts without that line; one that held nothing else is left out. */
export function instructionTexts(system: readonly TextPart[]): TextPart[] {
  return system.flatMap((part) => {
    if (!part.text.startsWith("x-anthropic-billing-header:")) return [part];
    const text = part.text.replace(BILLING_LINE, "");
    return text.trim() === "" ? [] : [{ ...part, text }];
  });
}
