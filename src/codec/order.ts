/** Turns part updates as upstreams send them, sometimes interleaved, into events of parts that never overlap. */
import type { ChatEvent, PartHead, PartTail, TokenLogprob } from "../contract/chat.ts";
import { ToolInputReader } from "./shared/tool-input.ts";
import { mergeVendor } from "./shared/vendor.ts";

type TextKind = "text" | "reasoning" | "refusal";

interface TextEntry {
  readonly type: "text";
  readonly head: Extract<PartHead, { type: TextKind }>;
  text: string;
  logprobs: readonly TokenLogprob[] | undefined;
  tail: PartTail | undefined;
  isSealed: boolean;
}

interface ToolEntry {
  readonly type: "tool";
  readonly head: Extract<PartHead, { type: "tool-call" }>;
  readonly input: ToolInputReader | undefined;
  text: string;
  tail: PartTail | undefined;
  isEnded: boolean;
  isClosed: boolean;
}

interface WholeEntry {
  readonly type: "whole";
  readonly head: PartHead;
  readonly tail: PartTail | undefined;
}

type Entry = TextEntry | ToolEntry | WholeEntry;

/** May another part begin now? An open call may not be left while its arguments are incomplete. */
function isClosable(entry: Entry): boolean {
  return entry.type !== "tool" || entry.isEnded || entry.input?.isComplete === true;
}

function joinTail(a: PartTail | undefined, b: PartTail | undefined): PartTail | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const vendor = mergeVendor(a.vendor, b.vendor);
  const annotations = [...(a.annotations ?? []), ...(b.annotations ?? [])];
  const logprobs = [...(a.logprobs ?? []), ...(b.logprobs ?? [])];
  return {
    ...a,
    ...b,
    ...(vendor ? { vendor } : {}),
    ...(annotations.length > 0 ? { annotations } : {}),
    ...(logprobs.length > 0 ? { logprobs } : {}),
  };
}

function joined(
  a: readonly TokenLogprob[] | undefined,
  b: readonly TokenLogprob[] | undefined,
): readonly TokenLogprob[] | undefined {
  return a === undefined || b === undefined ? (a ?? b) : [...a, ...b];
}

/**
 * Policy: one part is live, and its deltas go out at once. A part that begins while a call is live and incomplete
 * waits, with everything that is said to it, until that call is complete or ended. So nothing is lost and nothing
 * mixed; at worst something is late. Calls are complete when their JSON is, or when `endTool` says so.
 */
export class PartSequencer {
  readonly #emit: (event: ChatEvent) => void;
  readonly #tools = new Map<string, ToolEntry>();
  readonly #waiting: Entry[] = [];
  #live: Entry | undefined;
  #liveIndex = -1;
  /** Of tokens that came before the text they begin. */
  #early: readonly TokenLogprob[] | undefined;

  constructor(emit: (event: ChatEvent) => void) {
    this.#emit = emit;
  }

  /**
   * Text of a kind; joins the part of the same kind before it, if nothing came between. Log probabilities without text
   * wait for the text they begin; if none comes they describe nothing.
   */
  text(head: TextEntry["head"], delta: string, given?: readonly TokenLogprob[]): void {
    if (delta === "" && given === undefined) return;
    const isWaitedFor = head.type !== "reasoning";
    const logprobs = isWaitedFor ? joined(this.#early, given) : given;
    if (isWaitedFor) this.#early = undefined;
    const newest = this.#waiting.at(-1) ?? this.#live;
    if (newest?.type !== "text" || newest.head.type !== head.type || newest.isSealed) {
      if (delta === "") this.#early = logprobs;
      else this.#add({ type: "text", head, text: delta, logprobs, tail: undefined, isSealed: false });
    } else if (newest === this.#live) {
      this.#delta(delta, logprobs);
    } else {
      newest.text += delta;
      newest.logprobs = joined(newest.logprobs, logprobs);
    }
  }

  /** Of which kind the text is that more words of its kind would join; `undefined` when they would begin a part. */
  get newestText(): TextKind | undefined {
    const newest = this.#waiting.at(-1) ?? this.#live;
    return newest?.type === "text" && !newest.isSealed ? newest.head.type : undefined;
  }

  /** Ends the text at hand, if any: the next text is a part of its own. */
  endText(): void {
    const newest = this.#waiting.at(-1) ?? this.#live;
    if (newest?.type !== "text") return;
    newest.isSealed = true;
    if (newest === this.#live) this.#close();
  }

  /**
   * Adds what is known of the newest text of this kind only at its end. Without one, reasoning becomes a part of its
   * own (a signature without text); other tails are dropped, for they describe nothing.
   */
  textTail(head: TextEntry["head"], tail: PartTail): void {
    const newest = this.#waiting.at(-1) ?? this.#live;
    const isMeant = newest?.type === "text" && newest.head.type === head.type && !newest.isSealed;
    if (isMeant) newest.tail = joinTail(newest.tail, tail);
    else if (head.type === "reasoning") this.whole(head, tail);
  }

  /** A part that is complete at once. */
  whole(head: PartHead, tail?: PartTail): void {
    this.#add({ type: "whole", head, tail });
  }

  /** Begins a call; `key` names it in what follows. */
  tool(key: string, head: ToolEntry["head"]): void {
    const input = head.custom ? undefined : new ToolInputReader();
    const entry: ToolEntry = { type: "tool", head, input, text: "", tail: undefined, isEnded: false, isClosed: false };
    this.#tools.set(key, entry);
    this.#add(entry);
  }

  /** Text behind complete arguments, or for a call that has ended, is an echo and is dropped. */
  toolDelta(key: string, delta: string): void {
    const entry = this.#tools.get(key);
    if (entry === undefined || entry.isClosed || entry.isEnded) return;
    const text = entry.input === undefined ? delta : entry.input.read(delta);
    if (text !== "") {
      if (entry === this.#live) this.#delta(text);
      else entry.text += text;
    }
    if (entry === this.#live) this.#advance();
  }

  endTool(key: string, tail?: PartTail): void {
    const entry = this.#tools.get(key);
    if (entry === undefined || entry.isClosed) return;
    entry.tail = joinTail(entry.tail, tail);
    entry.isEnded = true;
    if (entry !== this.#live) return;
    this.#close();
    this.#advance();
  }

  /** Adds to the tail of a call that is still open. */
  toolTail(key: string, tail: PartTail): void {
    const entry = this.#tools.get(key);
    if (entry !== undefined && !entry.isClosed) entry.tail = joinTail(entry.tail, tail);
  }

  /** Has this call all its arguments? A call nobody has said anything to has not. */
  isToolComplete(key: string): boolean {
    const entry = this.#tools.get(key);
    return entry !== undefined && (entry.isClosed || entry.isEnded || entry.input?.isComplete === true);
  }

  /** Closes what is open, then everything that waits. */
  end(): void {
    if (this.#live !== undefined) this.#close();
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#open(next);
      if (this.#live !== undefined) this.#close();
    }
  }

  #add(entry: Entry): void {
    this.#waiting.push(entry);
    this.#advance();
  }

  #advance(): void {
    while (this.#waiting.length > 0 && (this.#live === undefined || isClosable(this.#live))) {
      if (this.#live !== undefined) this.#close();
      this.#open(this.#waiting.shift()!);
    }
  }

  #open(entry: Entry): void {
    this.#live = entry;
    this.#liveIndex += 1;
    this.#emit({ type: "part-start", index: this.#liveIndex, head: entry.head });
    if (entry.type === "whole") this.#close();
    else if (entry.text !== "") {
      this.#delta(entry.text, entry.type === "text" ? entry.logprobs : undefined);
      entry.text = "";
    }
    if (entry.type === "tool" && entry.isEnded) this.#close();
  }

  #delta(delta: string, logprobs?: readonly TokenLogprob[]): void {
    const index = this.#liveIndex;
    this.#emit(
      logprobs === undefined ? { type: "part-delta", index, delta } : { type: "part-delta", index, delta, logprobs },
    );
  }

  #close(): void {
    const entry = this.#live!;
    this.#live = undefined;
    if (entry.type === "tool") {
      entry.isClosed = true;
      const rest = entry.input?.end() ?? "";
      if (rest !== "") this.#delta(rest);
    }
    const { tail } = entry;
    this.#emit({ type: "part-end", index: this.#liveIndex, ...(tail === undefined ? {} : { tail }) });
  }
}
