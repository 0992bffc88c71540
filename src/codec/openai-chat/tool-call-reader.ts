/** Finds out which call each `tool_calls` delta belongs to, however a server numbers, names or repeats them. */
import type { JsonObject } from "../../contract/chat.ts";
import type { PartSequencer } from "../order.ts";
import { objectOr, textOf } from "../shared/json.ts";
import { inputJsonOf } from "../shared/tool-input.ts";
import { malformed } from "../shared/upstream-error.ts";
import { callExtras } from "./response.ts";

interface Call {
  readonly key: string;
  id: string | undefined;
  name: string | undefined;
  /** All arguments so far. */
  text: string;
}

/**
 * Seen in the wild: no index; the index 0 for every parallel call; counting from 1; the id in every chunk, a fresh one
 * in every chunk (old vLLM), or none; the name in every chunk; the whole call in one chunk; the whole call once more at
 * the end; a second call with an empty name. A call is opened when its name is known.
 */
export class ToolCallReader {
  readonly #parts: PartSequencer;
  readonly #calls: Call[] = [];
  readonly #byIndex = new Map<number, Call>();
  #last: Call | undefined;

  constructor(parts: PartSequencer) {
    this.#parts = parts;
  }

  /** Calls that were opened. */
  get count(): number {
    return this.#calls.filter((call) => call.name !== undefined).length;
  }

  /** @param position of this entry among several of one chunk; `undefined` if it is alone */
  read(entry: JsonObject, position: number | undefined): void {
    const custom = objectOr(entry["custom"]);
    const definition = objectOr(entry["function"]);
    const isCustom = textOf(custom["name"]) !== undefined || custom["input"] !== undefined;
    const id = textOf(entry["id"]);
    const name = textOf(definition["name"]) ?? textOf(custom["name"]);
    const text = isCustom ? (textOf(custom["input"]) ?? "") : argumentsOf(definition);
    const index = typeof entry["index"] === "number" ? entry["index"] : undefined;

    const call = this.#find(index, id, name, text, position);
    this.#last = call;
    if (call.name === undefined && name !== undefined) {
      call.name = name;
      call.id ??= id;
      this.#parts.tool(call.key, { type: "tool-call", id: call.id ?? "", name, ...(isCustom ? { custom: true } : {}) });
      if (call.text !== "") this.#parts.toolDelta(call.key, call.text);
    }
    call.id ??= id;
    call.text += text;
    if (call.name === undefined) return;
    if (text !== "") this.#parts.toolDelta(call.key, text);
    const extras = callExtras(entry);
    if (extras.vendor !== undefined) this.#parts.toolTail(call.key, extras);
  }

  /**
   * Settles calls that were never named: arguments go to the call before, if that has none; without arguments it was
   * no call.
   * @throws RelayError `upstream-malformed` when arguments are left that belong to nobody.
   */
  end(): void {
    let before: Call | undefined;
    for (const call of this.#calls) {
      if (call.name !== undefined) {
        before = call;
        continue;
      }
      const text = call.text.trim();
      if (text === "" || text === "{}") continue;
      if (before === undefined || before.text.trim() !== "") {
        throw malformed("The upstream called a tool without naming it.");
      }
      before.text = text;
      this.#parts.toolDelta(before.key, text);
    }
  }

  #find(
    index: number | undefined,
    id: string | undefined,
    name: string | undefined,
    text: string,
    position: number | undefined,
  ): Call {
    if (index !== undefined) {
      const known = this.#byIndex.get(index) ?? this.#byId(id);
      const call = known === undefined || this.#isAnother(known, id, name, text) ? this.#create() : known;
      this.#byIndex.set(index, call);
      return call;
    }
    const known = this.#byId(id);
    if (known !== undefined) return this.#isAnother(known, id, name, text) ? this.#create() : known;
    const last = this.#last;
    if (last !== undefined && id === undefined && name !== undefined && name === last.name) {
      return this.#isAnother(last, id, name, text) ? this.#create() : last;
    }
    if (id !== undefined || name !== undefined) return this.#create();
    return (position === undefined ? undefined : this.#calls[position]) ?? last ?? this.#create();
  }

  /** Does a named delta that looks like `call` in truth begin another one? Never while `call` is incomplete. */
  #isAnother(call: Call, id: string | undefined, name: string | undefined, text: string): boolean {
    if (name === undefined || call.name === undefined) return false;
    const isComplete = this.#parts.isToolComplete(call.key);
    const isUntouched = call.text.trim() === "";
    if (!isComplete && !isUntouched) return false;
    if (id !== undefined && call.id !== undefined && id !== call.id) return true;
    if (isUntouched) return false;
    if (name !== call.name) return true;
    return id === undefined && text.trim() !== "" && text.trim() !== call.text.trim();
  }

  #byId(id: string | undefined): Call | undefined {
    return id === undefined ? undefined : this.#calls.find((call) => call.id === id);
  }

  #create(): Call {
    const call: Call = { key: String(this.#calls.length), id: undefined, name: undefined, text: "" };
    this.#calls.push(call);
    return call;
  }
}

/** Arguments of a delta; unlike whole ones an empty text is nothing, not `{}`. */
function argumentsOf(definition: JsonObject): string {
  const value = definition["arguments"];
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : inputJsonOf(value);
}
