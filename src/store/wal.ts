/** Looks for damage in a write-ahead log, which SQLite itself takes for the end of the log and forgets in silence. */
import { readFileSync } from "node:fs";

/** Layout: https://sqlite.org/fileformat2.html#walformat */
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;

type Sum = readonly [first: number, second: number];

/**
 * Says why the log cannot be trusted, `undefined` if it can or does not exist. A torn end is no damage: that is what a
 * crash leaves. Two commits after an unreadable frame are, because with `synchronous=FULL` the first of them was on
 * disk, with everything before it, when the second began. Only for files written that way.
 */
export function findWalDamage(path: string): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  if (bytes.length < HEADER_BYTES + FRAME_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = view.getUint32(0);
  if (magic !== MAGIC_LITTLE_ENDIAN && magic !== MAGIC_BIG_ENDIAN) return "its write-ahead log does not begin as one";
  const isLittle = magic === MAGIC_LITTLE_ENDIAN;
  const headerSum = checksum(view, 0, 24, [0, 0], isLittle);
  if (headerSum[0] !== view.getUint32(24) || headerSum[1] !== view.getUint32(28)) {
    return "the header of its write-ahead log is damaged";
  }
  return walkFrames(view, isLittle, headerSum);
}

function walkFrames(view: DataView, isLittle: boolean, headerSum: Sum): string | undefined {
  const pageBytes = view.getUint32(8);
  if (pageBytes < 512 || pageBytes > 65_536) return "the header of its write-ahead log is damaged";
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  let computed = headerSum;
  let stored = headerSum;
  let isBroken = false;
  let commitsAfter = 0;
  for (let at = HEADER_BYTES; at + frameBytes <= view.byteLength; at += frameBytes) {
    // Frames of an earlier round carry other salts; none of this round can follow one of those.
    const isOfThisRound =
      view.getUint32(at + 8) === view.getUint32(16) && view.getUint32(at + 12) === view.getUint32(20);
    const own: Sum = [view.getUint32(at + 16), view.getUint32(at + 20)];
    const readable = (seed: Sum): boolean => {
      computed = checksum(view, at + FRAME_HEADER_BYTES, pageBytes, checksum(view, at, 8, seed, isLittle), isLittle);
      return computed[0] === own[0] && computed[1] === own[1];
    };
    // After a broken frame either its stored or its computed sum may be the one that the next frame builds on.
    const before = computed;
    const isReadable = isOfThisRound && (readable(stored) || (isBroken && readable(before)));
    if (!isReadable) isBroken = true;
    else if (isBroken && view.getUint32(at + 4) !== 0) commitsAfter += 1;
    if (commitsAfter >= 2) return "its write-ahead log is damaged before its end";
    stored = own;
  }
  return undefined;
}

function checksum(view: DataView, start: number, length: number, seed: Sum, isLittle: boolean): Sum {
  let [first, second] = seed;
  for (let at = start; at < start + length; at += 8) {
    first = (first + view.getUint32(at, isLittle) + second) >>> 0;
    second = (second + view.getUint32(at + 4, isLittle) + first) >>> 0;
  }
  return [first, second];
}
