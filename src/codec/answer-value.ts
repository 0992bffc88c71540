/** Takes answers that are no objects out of the object in which they had to travel, whole or while they stream. */
import type { ChatEvent, ChatRequest, ChatResponse, Part } from "../contract/chat.ts";
import { parseJson } from "./shared/json.ts";
import { ANSWER_VALUE, isWrapped } from "./shared/schema/root.ts";

const OPENING = new RegExp(`^\\s*\\{\\s*"${ANSWER_VALUE}"\\s*:`);
/** What could still become the opening. */
const OPENING_TEXT = `{"${ANSWER_VALUE}":`;

interface Reader {
  readonly event: (event: ChatEvent) => readonly ChatEvent[];
  readonly response: (response: ChatResponse) => ChatResponse;
}

/**
 * A reader for the answer to this request, which tells no log probabilities; `undefined` when the answer is given as it comes. An upstream that takes any
 * schema as it is answers without the object, and is left alone.
 */
export function valueReader(
  { responseFormat, logprobs }: Pick<ChatRequest, "responseFormat" | "logprobs">,
  leave: (name: string) => void,
): Reader | undefined {
  if (responseFormat?.type !== "json-schema" || !isWrapped(responseFormat.schema)) return undefined;
  const create = () => (responseFormat.bare ? new BareText() : new WrappedText());
  const unwrapped = (part: Part): Part => {
    if (part.type !== "text") return part;
    const wrapped = create();
    const { logprobs: _tokens, ...rest } = part;
    return { ...rest, text: wrapped.read(part.text) + wrapped.end() };
  };
  // Tokens of the object around it would not spell the answer.
  if (logprobs) leave("logprobs");
  let text: WrappedText | undefined;
  return {
    event(event) {
      if (event.type === "response-end") return [withOthers(event, unwrapped)];
      if (event.type === "part-start") text = event.head.type === "text" ? create() : undefined;
      if (text === undefined) return [event];
      if (event.type === "part-delta") {
        const delta = text.read(event.delta);
        const { logprobs: _tokens, ...rest } = event;
        return delta === "" ? [] : [{ ...rest, delta }];
      }
      if (event.type !== "part-end") return [event];
      const rest = text.end();
      return rest === "" ? [event] : [{ type: "part-delta", index: event.index, delta: rest }, event];
    },
    response: (response) => withOthers({ ...response, parts: response.parts.map(unwrapped) }, unwrapped),
  };
}

function withOthers<Told extends Pick<ChatResponse, "others">>(told: Told, unwrapped: (part: Part) => Part): Told {
  if (told.others === undefined) return told;
  return { ...told, others: told.others.map((other) => ({ ...other, parts: other.parts.map(unwrapped) })) };
}

/** The text of one answer. What is not wrapped after all is given out as it is. */
class WrappedText {
  #state: "opening" | "inside" | "plain" = "opening";
  /** While it opens all so far; inside, what may be the end of the object. */
  #held = "";
  /** Has the first character of the value arrived? */
  #hasBegun = false;

  read(delta: string): string {
    if (this.#state === "plain") return delta;
    this.#held += delta;
    if (this.#state === "opening") {
      const opening = OPENING.exec(this.#held)?.[0];
      if (opening === undefined) {
        if (OPENING_TEXT.startsWith(this.#held.replace(/\s+/g, ""))) return "";
        this.#state = "plain";
        return this.#release(this.#held.length);
      }
      this.#state = "inside";
      this.#held = this.#held.slice(opening.length);
    }
    if (!this.#hasBegun) this.#held = this.#held.trimStart();
    this.#hasBegun = this.#held !== "";
    return this.#release(this.#held.trimEnd().replace(/[}\s]+$/, "").length);
  }

  /** The last brace is the object's; those before it are the value's. A text that was cut off has neither. */
  end(): string {
    if (this.#state !== "inside") return this.#release(this.#held.length);
    const rest = this.#held.trimEnd();
    return rest.endsWith("}") ? rest.slice(0, -1).trimEnd() : rest;
  }

  #release(chars: number): string {
    const released = this.#held.slice(0, chars);
    this.#held = this.#held.slice(chars);
    return released;
  }
}

/** The same without the quotes of a text, which is short and comes in one piece: an escape may be cut anywhere. */
class BareText extends WrappedText {
  #json = "";

  override read(delta: string): string {
    this.#json += super.read(delta);
    return "";
  }

  override end(): string {
    this.#json += super.end();
    const value = parseJson(this.#json);
    return typeof value === "string" ? value : this.#json;
  }
}
