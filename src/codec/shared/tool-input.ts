/** The JSON text of a tool call as it trickles in: when is it complete, and what of it is an echo. */
import type { Json } from "../../contract/chat.ts";

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}

/**
 * Passes the text of one call on, and holds back what would spoil it. An empty object is not passed on, since a call
 * without any delta means `{}`: so servers that open with a placeholder `{}` and send the real arguments later are
 * read rightly. Text behind a complete object is an echo of it (Cerebras sends the whole arguments once more at the
 * end, seen 2026-06) and is dropped.
 */
export class ToolInputReader {
  #held = "";
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  #state: "before" | "opened" | "inside" | "complete" | "free" = "before";
  #isEmptyObject = false;

  /** Is the text so far a complete JSON object or array? */
  get isComplete(): boolean {
    return this.#state === "complete";
  }

  /** Has anything but whitespace arrived? */
  get hasBegun(): boolean {
    return this.#state !== "before";
  }

  /** What of `delta` to pass on; often all of it. */
  read(delta: string): string {
    let from = 0;
    for (let at = 0; at < delta.length; at += 1) {
      const code = delta.charCodeAt(at);
      if (this.#state === "inside") {
        if (this.#inString) {
          if (this.#isEscaped) this.#isEscaped = false;
          else if (code === BACKSLASH) this.#isEscaped = true;
          else if (code === QUOTE) this.#inString = false;
        } else if (code === QUOTE) this.#inString = true;
        else if (code === OPEN_BRACE || code === OPEN_BRACKET) this.#depth += 1;
        else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
          this.#depth -= 1;
          if (this.#depth === 0) {
            this.#state = "complete";
            return this.#release(delta.slice(from, at + 1));
          }
        }
      } else if (this.#state === "free") {
        return this.#release(delta.slice(from));
      } else if (this.#state === "opened") {
        if (isSpace(code)) continue;
        if (code === CLOSE_BRACE) {
          this.#state = "complete";
          this.#isEmptyObject = true;
          this.#held = "";
          from = at + 1;
        } else {
          this.#state = "inside";
          this.#depth = 1;
          at -= 1; // look at this character again, now as one inside
        }
      } else if (this.#state === "before") {
        if (isSpace(code)) continue;
        this.#open(code);
      } else if (!this.#isEmptyObject) {
        return "";
      } else if (code === OPEN_BRACE) {
        this.#isEmptyObject = false;
        from = at;
        this.#open(code);
      }
    }
    if (this.#state === "inside" || this.#state === "free") return this.#release(delta.slice(from));
    if (this.#state === "before" || this.#state === "opened") this.#held += delta.slice(from);
    return "";
  }

  /** What was still held back when the call ends; nothing if that is only whitespace or an empty object. */
  end(): string {
    return this.#state === "opened" ? this.#release("") : "";
  }

  #open(code: number): void {
    if (code === OPEN_BRACE) this.#state = "opened";
    else if (code === OPEN_BRACKET) {
      this.#state = "inside";
      this.#depth = 1;
    } else this.#state = "free";
  }

  #release(text: string): string {
    const all = this.#held + text;
    this.#held = "";
    return all;
  }
}

/** The same for arguments that came in one piece; never empty. */
export function readToolInput(text: string): string {
  const reader = new ToolInputReader();
  const input = reader.read(text) + reader.end();
  return input === "" ? "{}" : input;
}

/** Arguments as JSON text, never empty; some clients and servers send the object itself. */
export function inputJsonOf(value: Json | undefined): string {
  if (typeof value === "string") return value.trim() === "" ? "{}" : value;
  return value === undefined || value === null ? "{}" : JSON.stringify(value);
}
