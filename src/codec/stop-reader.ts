/** Ends answers at the client's stop sequences where the upstream knows of none, whole or while they stream. */
import type { ChatEvent, ChatRequest, ChatResponse, Finish, TokenLogprob } from "../contract/chat.ts";
import { TokenQueue } from "./shared/logprobs.ts";

interface Reader {
  readonly event: (event: ChatEvent) => readonly ChatEvent[];
  readonly response: (response: ChatResponse) => ChatResponse;
  /** Has the answer been ended here, whatever still comes? */
  readonly isCut: () => boolean;
}

/** A reader for the answer to this request; `undefined` when it names no sequence. Only words for the reader are searched. */
export function stopReader({ stop = [] }: Pick<ChatRequest, "stop">): Reader | undefined {
  const sequences = stop.filter((sequence) => sequence !== "");
  if (sequences.length === 0) return undefined;
  let text: SearchedText | undefined;
  let tokens = new TokenQueue();
  let hasCalls = false;
  let isCut = false;
  return {
    isCut: () => isCut,
    event(event) {
      if (isCut) return [];
      if (event.type === "part-start") {
        hasCalls ||= event.head.type === "tool-call";
        text = event.head.type === "text" ? new SearchedText(sequences) : undefined;
        tokens = new TokenQueue();
      }
      if (text === undefined) return [event];
      if (event.type === "part-delta") {
        const delta = text.read(event.delta);
        const said = deltaOf(event.index, delta, tokens.read(delta, event.logprobs));
        const { found } = text;
        if (found === undefined) return said;
        isCut = true;
        const finish = finishAt(found, hasCalls);
        return [...said, { type: "part-end", index: event.index }, { type: "response-end", finish, usage: {} }];
      }
      if (event.type !== "part-end") return [event];
      const rest = text.end();
      text = undefined;
      return [...deltaOf(event.index, rest, tokens.end()), event];
    },
    response(response) {
      for (const [index, part] of response.parts.entries()) {
        if (part.type !== "text") continue;
        const searched = new SearchedText(sequences);
        const said = searched.read(part.text);
        if (searched.found === undefined) continue;
        const { annotations: _elsewhere, logprobs: all, ...kept } = part;
        const logprobs = new TokenQueue().read(said, all);
        const before = response.parts.slice(0, index);
        const finish = finishAt(
          searched.found,
          before.some(({ type }) => type === "tool-call"),
        );
        return {
          ...response,
          parts: [...before, { ...kept, text: said, ...(logprobs && { logprobs: [...logprobs] }) }],
          finish,
        };
      }
      return response;
    },
  };
}

function deltaOf(index: number, delta: string, logprobs: readonly TokenLogprob[] | undefined): ChatEvent[] {
  if (delta === "" && logprobs === undefined) return [];
  return [{ type: "part-delta", index, delta, ...(logprobs && { logprobs }) }];
}

function finishAt(stopSequence: string, hasCalls: boolean): Finish {
  return hasCalls ? { reason: "tool-calls" } : { reason: "stop", stopSequence };
}

/** One text, in which the earliest sequence counts. What may be the beginning of one is held back. */
class SearchedText {
  found: string | undefined;
  #held = "";

  constructor(private readonly sequences: readonly string[]) {}

  /** What is sure to be said before any sequence. */
  read(delta: string): string {
    this.#held += delta;
    let first = this.#held.length;
    for (const sequence of this.sequences) {
      const at = this.#held.indexOf(sequence);
      if (at < 0 || at >= first) continue;
      first = at;
      this.found = sequence;
    }
    const kept = this.found === undefined ? this.#openLength() : this.#held.length - first;
    const said = this.#held.slice(0, this.#held.length - kept);
    this.#held = this.#held.slice(said.length);
    return said;
  }

  end(): string {
    return this.#held;
  }

  /** The longest end of the text with which some sequence begins. */
  #openLength(): number {
    const longest = Math.max(...this.sequences.map(({ length }) => length)) - 1;
    for (let length = Math.min(longest, this.#held.length); length > 0; length -= 1) {
      const end = this.#held.slice(-length);
      if (this.sequences.some((sequence) => sequence.startsWith(end))) return length;
    }
    return 0;
  }
}
