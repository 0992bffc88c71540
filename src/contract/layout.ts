/** Where things stand in the request bodies of a dialect, for changes that an operator configured. */
import type { Json } from "./chat.ts";
import type { Traits } from "./codec.ts";

/** A top-level field of the body at hand, parsed; `undefined` if it is absent. */
export type ReadField = (field: string) => Json | undefined;

export interface Placed {
  /** From the top-level field inwards; never empty. */
  readonly path: readonly [string, ...string[]];
  readonly value: Json;
}

export interface RequestLayout {
  /**
   * Where a parameter stands, by the name that OpenAI's chat gives it, with its value in this dialect's form. A name that
   * means nothing special stands at the top as it is. `undefined`: the dialect has no such parameter and refuses it, or
   * the model does.
   * @param traits of the model that is asked, where the body goes there as it is
   */
  place(parameter: string, value: Json, read: ReadField, traits?: Traits): Placed | undefined;
  /**
   * The fields that change when instructions are put before the caller's own, or instead of them. Absent in dialects that
   * only upstreams speak: instructions are put in before their requests are written.
   */
  systemPrompt?(prompt: string, isInstead: boolean, read: ReadField): { readonly [field: string]: Json };
}
