/** The items of a stream as far as they have been told, and which of them an event speaks of. */
import type { JsonObject } from "../../contract/chat.ts";
import { numberOf, objectOr, textOf } from "../shared/json.ts";

export interface Item {
  readonly key: string;
  type: string | undefined;
  id: string | undefined;
  /** A call that has been opened. */
  isCallOpen: boolean;
  /** What has been said, by the place inside the item. */
  readonly said: Map<string, string>;
  /** Content parts that are complete. */
  readonly told: Set<number>;
  /** Content parts whose deltas said how likely their tokens were. */
  readonly scored: Set<number>;
  /** Sources of a text, told one by one. */
  annotations: JsonObject[];
  /** The paragraph of the summary, or the raw thoughts, that was spoken last. */
  thought: string | undefined;
  isDone: boolean;
}

/** Places inside an item where text is told. */
export const INPUT = "input";
export const RAW_THOUGHTS = "thoughts";

export function contentSpot(index: number): string {
  return `content ${index}`;
}

export function summarySpot(body: JsonObject): string {
  return `summary ${numberOf(body["summary_index"]) ?? 0}`;
}

export function note(item: Item, spot: string, text: string): void {
  item.said.set(spot, (item.said.get(spot) ?? "") + text);
}

/** What a complete text adds to what was said of it: all, if servers leave the deltas out. What differs is ignored. */
export function unsaid(item: Item, spot: string, complete: unknown): string {
  const text = textOf(complete) ?? "";
  const said = item.said.get(spot) ?? "";
  return text.startsWith(said) ? text.slice(said.length) : "";
}

/** Items by where they stand in the output. */
export class ItemTable {
  readonly #items = new Map<number, Item>();
  #last: Item | undefined;

  get size(): number {
    return this.#items.size;
  }

  /** The item an event speaks of: by its place, else by its id, else the one before; made if there is none. */
  of(body: JsonObject): Item {
    const index = numberOf(body["output_index"]);
    const id = textOf(body["item_id"]) ?? textOf(objectOr(body["item"])["id"]);
    const isNamed = index !== undefined || id !== undefined || body["item"] !== undefined;
    const known = index === undefined ? this.#byId(id) : this.#items.get(index);
    const item = known ?? (isNamed ? undefined : this.#last) ?? this.create(index);
    item.id ??= id;
    this.#last = item;
    return item;
  }

  /** Is this item of the finished output one of those told before? Some servers give it another id there. */
  isKnown(index: number, value: JsonObject): boolean {
    return this.#items.get(index)?.type === value["type"] || this.#byId(textOf(value["id"])) !== undefined;
  }

  /** @param index where the item stands; by default behind all others */
  create(index = Math.max(-1, ...this.#items.keys()) + 1): Item {
    const item: Item = {
      key: String(index),
      type: undefined,
      id: undefined,
      isCallOpen: false,
      said: new Map(),
      told: new Set(),
      scored: new Set(),
      annotations: [],
      thought: undefined,
      isDone: false,
    };
    this.#items.set(index, item);
    return item;
  }

  #byId(id: string | undefined): Item | undefined {
    if (id === undefined) return undefined;
    for (const item of this.#items.values()) if (item.id === id) return item;
    return undefined;
  }
}
