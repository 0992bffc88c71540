/** Finds media by URL in the bytes of a request, without parsing it. */
import { bufferOf } from "../../wire/part.ts";

/** Longest stretch between a field's name and its address, bytes: what an image says of itself before it. */
const NEAR = 256;

/** A web address as the field's value, or as the `url` of the object that it is. */
const ADDRESS = /^\s*:\s*(?:\{[^{}]*?"url"\s*:\s*)?"https?:/i;

/**
 * Whether one of these fields, given with their quotes, has a web address. Quotes inside texts are escaped, so that only
 * names match; a needless match costs no more than a translation.
 */
export function holdsUrl(body: Uint8Array, fields: readonly Buffer[]): boolean {
  const bytes = bufferOf(body);
  return fields.some((field) => {
    for (let at = bytes.indexOf(field); at >= 0; at = bytes.indexOf(field, at + field.length)) {
      const from = at + field.length;
      if (ADDRESS.test(bytes.toString("latin1", from, from + NEAR))) return true;
    }
    return false;
  });
}

export function fieldNames(...names: string[]): readonly Buffer[] {
  return names.map((name) => Buffer.from(`"${name}"`));
}
