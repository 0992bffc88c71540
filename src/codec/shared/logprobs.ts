/** Log probabilities of tokens, in the form that chat, Responses and Ollama share. */
import type { Json, JsonObject, TokenLogprob } from "../../contract/chat.ts";
import { arrayOr, isObject, numberOf, restOf } from "./json.ts";
import { fieldsOf, withVendor } from "./vendor.ts";

const FIELDS: ReadonlySet<string> = new Set(["token", "logprob", "bytes", "top_logprobs"]);

/** Entries that tell no token or no number are left out; `undefined` when none is left. */
export function readLogprobs(value: Json | undefined, codecId: string): TokenLogprob[] | undefined {
  const read = arrayOr(value).flatMap((entry): TokenLogprob[] => {
    const logprob = isObject(entry) ? numberOf(entry["logprob"]) : undefined;
    if (!isObject(entry) || typeof entry["token"] !== "string" || logprob === undefined) return [];
    const { token, bytes, top_logprobs: top } = entry;
    return [
      {
        token,
        logprob,
        ...(bytes === null ? { bytes } : Array.isArray(bytes) ? { bytes: bytes.map(Number) } : {}),
        ...(Array.isArray(top) ? { top: readLogprobs(top, codecId) ?? [] } : {}),
        ...withVendor(codecId, restOf(entry, FIELDS)),
      },
    ];
  });
  return read.length === 0 ? undefined : read;
}

export function utf8Of({ token, bytes }: TokenLogprob): number[] {
  return [...(bytes ?? Buffer.from(token))];
}

/** @param codecId whose own fields of a token are written beside the common ones */
export function writeLogprobs(logprobs: readonly TokenLogprob[], codecId: string): JsonObject[] {
  return logprobs.map((entry) => ({
    ...writeToken(entry, codecId),
    top_logprobs: (entry.top ?? []).map((likely) => writeToken(likely, codecId)),
    ...fieldsOf(entry.vendor, codecId),
  }));
}

function writeToken(entry: TokenLogprob, codecId: string): JsonObject {
  const { token, logprob } = entry;
  const bytes = entry.bytes === null && codecId === "openai-chat" ? null : utf8Of(entry);
  return { token, logprob, bytes };
}

/** Gives out the tokens of a text as far as the text itself has been given out, where some of that is held back. */
export class TokenQueue {
  #tokens: TokenLogprob[] = [];
  /** Bytes given out, less those of the tokens given out: a token may be a piece of a character. */
  #bytes = 0;

  /**
   * @param said what is now said of the text
   * @returns the tokens that it completes; none is `undefined`
   */
  read(said: string, logprobs: readonly TokenLogprob[] | undefined): readonly TokenLogprob[] | undefined {
    this.#bytes += Buffer.byteLength(said);
    if (logprobs !== undefined) this.#tokens.push(...logprobs);
    let count = 0;
    for (const token of this.#tokens) {
      const { length } = token.bytes ?? utf8Of(token);
      if (length > this.#bytes) break;
      this.#bytes -= length;
      count += 1;
    }
    return count === 0 ? undefined : this.#tokens.splice(0, count);
  }

  /** What is left when the text is complete. */
  end(): readonly TokenLogprob[] | undefined {
    return this.#tokens.length === 0 ? undefined : this.#tokens.splice(0);
  }
}
