/** Replaces pieces of a body and leaves every other byte as it was. */

const encoder = new TextEncoder();

/** Replaces bytes from `start` to `end` by `text`. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Applies splices (in any order, not overlapping) and leaves every other byte as it was. */
export function splice(bytes: Uint8Array<ArrayBuffer>, edits: readonly Splice[]): Uint8Array<ArrayBuffer> {
  const ordered = edits.length > 1 ? [...edits].sort((a, b) => a.start - b.start) : edits;
  const texts = ordered.map((edit) => encoder.encode(edit.text));
  let length = bytes.length;
  for (let index = 0; index < ordered.length; index += 1) {
    length += texts[index]!.length - (ordered[index]!.end - ordered[index]!.start);
  }
  const result = new Uint8Array(length);
  let from = 0;
  let to = 0;
  for (let index = 0; index < ordered.length; index += 1) {
    const edit = ordered[index]!;
    result.set(bytes.subarray(from, edit.start), to);
    to += edit.start - from;
    result.set(texts[index]!, to);
    to += texts[index]!.length;
    from = edit.end;
  }
  result.set(bytes.subarray(from), to);
  return result;
}
