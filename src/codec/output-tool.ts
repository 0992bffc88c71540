/** Of an answer that came through the tool standing in for a form of answers, leaves out the words beside it. */
import type { ChatEvent, ChatResponse, JsonObject } from "../contract/chat.ts";
import { OUTPUT_TOOL } from "./anthropic-messages/wire.ts";
import { arrayOr, objectOr } from "./shared/json.ts";

interface Reader {
  readonly event: (event: ChatEvent) => readonly ChatEvent[];
  readonly response: (response: ChatResponse) => ChatResponse;
}

/** Was the tool offered with this request, in whichever of the dialects that need it? */
function isOffered(sent: JsonObject): boolean {
  const tools = [...arrayOr(sent["tools"]), ...arrayOr(objectOr(sent["toolConfig"])["tools"])].map(objectOr);
  return tools.some((tool) => tool["name"] === OUTPUT_TOOL || objectOr(tool["toolSpec"])["name"] === OUTPUT_TOOL);
}

/**
 * A reader for the answer to a request that went out as `sent`; `undefined` where no tool stood in. Words wait until it
 * is known what they are: the answer itself, if nobody calls the tool; else nothing that a client could parse, so they
 * are left out, and `leave` is called with `text`.
 */
export function outputReader(sent: JsonObject, leave: (name: string) => void): Reader | undefined {
  if (!isOffered(sent)) return undefined;
  const stream = new WaitingWords(leave);
  return {
    event: (event) => stream.read(event),
    response(response) {
      if (!response.parts.some((part) => part.type === "text" && part.formed)) return response;
      const parts = response.parts.filter((part) => {
        if (part.type !== "text" || part.formed) return true;
        if (part.text.trim() !== "") leave("text");
        return false;
      });
      return { ...response, parts };
    },
  };
}

/** Words that are longer are no introduction: they are the answer, and go on as they come. Characters. */
const HELD_MAX = 64 * 1024;

class WaitingWords {
  readonly #leave: (name: string) => void;
  /** From the first words on, everything, until the tool is called or can no longer be the answer. */
  #held: ChatEvent[] | undefined;
  #heldChars = 0;
  #isFormed = false;
  #isPlain = false;
  /** The part at hand stays out. */
  #isLeftOut = false;
  #leftOut = 0;

  constructor(leave: (name: string) => void) {
    this.#leave = leave;
  }

  read(event: ChatEvent): readonly ChatEvent[] {
    if (event.type === "part-start") return this.#open(event);
    if (event.type === "response-end" || event.type === "error") return [...this.#release(), event];
    return this.#pass(event);
  }

  #open(event: Extract<ChatEvent, { type: "part-start" }>): readonly ChatEvent[] {
    const { head } = event;
    this.#isLeftOut = false;
    if (head.type === "text" && head.formed) {
      const before = this.#withoutWords();
      this.#isFormed = true;
      return [...before, ...this.#pass(event)];
    }
    if (head.type === "text" && this.#isFormed) {
      this.#isLeftOut = true;
      this.#leftOut += 1;
      return [];
    }
    if (head.type === "tool-call") {
      this.#isPlain = true;
      return [...this.#release(), ...this.#pass(event)];
    }
    if (head.type === "text" && !this.#isPlain) this.#held ??= [];
    return this.#pass(event);
  }

  #pass(event: ChatEvent): readonly ChatEvent[] {
    if (this.#isLeftOut) {
      if (event.type === "part-delta" && event.delta.trim() !== "") this.#leave("text");
      return [];
    }
    if (this.#held !== undefined) {
      this.#held.push(event);
      if (event.type === "part-delta") this.#heldChars += event.delta.length;
      if (this.#heldChars <= HELD_MAX) return [];
      this.#isPlain = true;
      return this.#release();
    }
    return ["index" in event ? { ...event, index: event.index - this.#leftOut } : event];
  }

  #release(): readonly ChatEvent[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held;
  }

  /** What was held, but for its words. */
  #withoutWords(): readonly ChatEvent[] {
    return this.#release().flatMap((event) => {
      if (event.type === "part-start") {
        this.#isLeftOut = event.head.type === "text";
        if (this.#isLeftOut) this.#leftOut += 1;
      }
      const passed = this.#pass(event);
      if (event.type === "part-end") this.#isLeftOut = false;
      return passed;
    });
  }
}
