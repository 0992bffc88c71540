/** Short texts out of bodies, made once: the same names of fields and models come with every call. */

const decoder = new TextDecoder();

/** Short texts seen before, by a hash of their bytes: bodies name the same fields and models over and over. */
const seenTexts: string[] = new Array(1024).fill("");
const SEEN_LENGTH_MAX = 64;

/** Bytes that are ASCII without escapes, as text. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length > SEEN_LENGTH_MAX) return decoder.decode(bytes.subarray(start, end));
  let hash = length;
  for (let at = start; at < end; at += 1) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
  const slot = (hash ^ (hash >>> 10)) & 1023;
  const seen = seenTexts[slot]!;
  if (seen.length === length) {
    let at = 0;
    while (at < length && seen.charCodeAt(at) === bytes[start + at]) at += 1;
    if (at === length) return seen;
  }
  const text = decoder.decode(bytes.subarray(start, end));
  seenTexts[slot] = text;
  return text;
}
