/** Writes the items of an answer one after another: the events of each, and the output they add up to. */
import type { JsonObject } from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import { arrayOr } from "../shared/json.ts";
import { sha256Hex } from "../shared/tool-names.ts";
import { ID_PREFIXES } from "./wire.ts";

/** Longest id the vendor takes is 64 characters; so many of a hash are enough to tell items apart. */
const ID_HASH_CHARS = 40;

type ItemType = keyof typeof ID_PREFIXES;

/**
 * At most one item is open at a time, and in it at most one text. Numbers, places and ids are given here, so that they
 * are the same in every event of an item. Ids are a hash of the call's seed and the item's place.
 */
export class ItemWriter {
  frames: Frame[] = [];
  /** Items that are complete. */
  readonly output: JsonObject[] = [];
  readonly #seed: string;
  readonly #isStream: boolean;
  #sequence = 0;
  #open: { readonly id: string; readonly type: ItemType; item: JsonObject } | undefined;

  /** @param isStream whole answers need no frames */
  constructor(seed: string, isStream: boolean) {
    this.#seed = seed;
    this.#isStream = isStream;
  }

  get openType(): ItemType | undefined {
    return this.#open?.type;
  }

  emit(type: string, fields: JsonObject): void {
    const sequence = this.#sequence++;
    if (!this.#isStream) return;
    this.frames.push({ event: type, data: JSON.stringify({ type, sequence_number: sequence, ...fields }) });
  }

  /** An event of the open item. */
  emitInside(type: string, fields: JsonObject): void {
    this.emit(type, { item_id: this.#open!.id, output_index: this.output.length, ...fields });
  }

  /**
   * A piece of the open item's text. The hot path: one string put together, nothing but the text escaped.
   * @param place what else tells where it belongs, as JSON behind a comma
   */
  emitDelta(type: string, place: string, delta: string, rest = ""): void {
    const sequence = this.#sequence++;
    if (!this.#isStream) return;
    const where = `"item_id":"${this.#open!.id}","output_index":${this.output.length}${place}`;
    const data = `{"type":"${type}","sequence_number":${sequence},${where},"delta":${JSON.stringify(delta)}${rest}}`;
    this.frames.push({ event: type, data });
  }

  /** The id of the next item. */
  id(type: ItemType): string {
    return ID_PREFIXES[type] + sha256Hex(`${this.#seed}:${this.output.length}`).slice(0, ID_HASH_CHARS);
  }

  open(type: ItemType, fields: JsonObject): void {
    const id = this.id(type);
    const item: JsonObject = { id, type, ...fields, status: "in_progress" };
    this.#open = { id, type, item };
    this.emit("response.output_item.added", { output_index: this.output.length, item });
  }

  /** Adds to the open item what was not known when it was opened. */
  change(fields: JsonObject): void {
    const open = this.#open!;
    open.item = { ...open.item, ...fields };
  }

  close(status: "completed" | "incomplete"): void {
    if (this.#open === undefined) return;
    const item = { ...this.#open.item, status };
    this.emit("response.output_item.done", { output_index: this.output.length, item });
    this.output.push(item);
    this.#open = undefined;
  }

  /**
   * An item that is complete at once.
   * @param between what happens to it meanwhile: events of its own by their types
   */
  whole(
    item: JsonObject,
    before: JsonObject = item,
    between: readonly [type: string, fields: JsonObject][] = [],
  ): void {
    const output_index = this.output.length;
    this.emit("response.output_item.added", { output_index, item: before });
    for (const [type, fields] of between) this.emit(type, { item_id: item["id"] ?? null, output_index, ...fields });
    this.emit("response.output_item.done", { output_index: this.output.length, item });
    this.output.push(item);
  }

  /** How many contents of the open item are complete: the index of the one at hand. */
  get contentIndex(): number {
    return arrayOr(this.#open!.item["content"]).length;
  }

  openContent(part: JsonObject): void {
    this.emitInside("response.content_part.added", { content_index: this.contentIndex, part });
  }

  closeContent(part: JsonObject): void {
    const content_index = this.contentIndex;
    this.emitInside("response.content_part.done", { content_index, part });
    this.change({ content: [...arrayOr(this.#open!.item["content"]), part] });
  }
}
