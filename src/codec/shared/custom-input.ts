/** Unwraps the freeform input of a call, `{"input": "..."}`, while its JSON still trickles in. */
import { unwrapCustomInput } from "./custom-tools.ts";

const BACKSLASH = 92;
const QUOTE = 34;

/** What stands before the text, white space between its pieces aside. */
const OPENING = ["{", '"input"', ":", '"'];

const ESCAPE_CHARS = 2;
const UNICODE_ESCAPE_CHARS = 6;

/**
 * Gives the text out as it is decoded. JSON that does not open as expected is kept back to the end and then unwrapped
 * whole; a text that is cut off in the middle ends where it was cut.
 */
export class CustomInputReader {
  #state: "opening" | "inside" | "done" | "other" = "opening";
  /** All so far, as long as it is not certain that this is a wrapped input. */
  #held = "";
  #piece = 0;
  #pieceChars = 0;
  /** An escape of which not all has arrived. */
  #escape = "";
  /** The first half of a character that takes two escapes. */
  #surrogate = "";

  /** What of the freeform text `delta` adds. */
  read(delta: string): string {
    if (this.#state === "done") return "";
    if (this.#state === "inside") return this.#decode(delta, 0);
    this.#held += delta;
    if (this.#state === "other") return "";
    for (let at = 0; at < delta.length; at += 1) {
      const piece = OPENING[this.#piece]!;
      const char = delta[at]!;
      if (this.#pieceChars === 0 && /\s/.test(char)) continue;
      if (char !== piece[this.#pieceChars]) {
        this.#state = "other";
        return "";
      }
      this.#pieceChars += 1;
      if (this.#pieceChars < piece.length) continue;
      this.#pieceChars = 0;
      this.#piece += 1;
      if (this.#piece < OPENING.length) continue;
      this.#state = "inside";
      this.#held = "";
      return this.#decode(delta, at + 1);
    }
    return "";
  }

  /** What was kept back. */
  end(): string {
    return this.#state === "opening" || this.#state === "other" ? unwrapCustomInput(this.#held) : "";
  }

  #decode(delta: string, start: number): string {
    let text = "";
    let from = start;
    for (let at = start; at < delta.length; at += 1) {
      if (this.#escape !== "") {
        this.#escape += delta[at]!;
        from = at + 1;
        const chars = this.#escape[1] === "u" ? UNICODE_ESCAPE_CHARS : ESCAPE_CHARS;
        if (this.#escape.length === chars) text += this.#unescape();
        continue;
      }
      const code = delta.charCodeAt(at);
      if (code !== BACKSLASH && code !== QUOTE) continue;
      text += this.#join(delta.slice(from, at));
      from = at + 1;
      if (code === QUOTE) {
        this.#state = "done";
        return text;
      }
      this.#escape = "\\";
    }
    return text + this.#join(delta.slice(from));
  }

  #unescape(): string {
    const written = this.#escape;
    this.#escape = "";
    try {
      const char = JSON.parse(`"${written}"`) as string;
      const isFirstHalf = char >= "\ud800" && char <= "\udbff";
      if (!isFirstHalf) return this.#join(char);
      const before = this.#surrogate;
      this.#surrogate = char;
      return before;
    } catch {
      return this.#join(written); // no escape that JSON knows: meant literally
    }
  }

  #join(text: string): string {
    if (text === "" || this.#surrogate === "") return text;
    const joined = this.#surrogate + text;
    this.#surrogate = "";
    return joined;
  }
}
