/** Cuts parts out of received bytes in the cheaper of two ways. */

/** Up to this size a copy costs less than a view, for which the runtime has to make an `ArrayBuffer`. */
const COPIED_BYTES_MAX = 4096;

/** A part of `bytes`, which may share its memory. */
export function partOf(bytes: Buffer, start: number, end: number): Uint8Array<ArrayBuffer> {
  const length = end - start;
  if (length < bytes.length && length <= COPIED_BYTES_MAX) {
    const copy = Buffer.allocUnsafeSlow(length);
    bytes.copy(copy, 0, start, end);
    return copy;
  }
  return (start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end)) as Buffer<ArrayBuffer>;
}

/** The same bytes as a buffer; one that is one already costs nothing, where asking for its memory would. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
