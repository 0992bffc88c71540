/** Durations, sizes and points in time: from the way people write them to numbers, and back. */

const DURATION_UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

const SIZE_UNITS = [
  ["TiB", 1024 ** 4],
  ["GiB", 1024 ** 3],
  ["MiB", 1024 ** 2],
  ["KiB", 1024],
] as const;

const DURATION = /^(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h|d)$/;
const SIZE = /^(\d{1,15}(?:\.\d{1,9})?)(KiB|MiB|GiB|TiB)$/;

/** `500ms`, `30s`, `5m`, `24h`, `7d` in ms; `null` for anything else. Plain numbers are seconds and no text. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text);
  if (match === null) return null;
  const unit = DURATION_UNITS.find(([name]) => name === match[2])!;
  return Math.round(Number(match[1]) * unit[1]);
}

/** The largest unit that divides it: `90000` → `90s`. */
export function formatDuration(ms: number): string | number {
  if (ms === 0) return 0;
  const unit = DURATION_UNITS.find(([, factor]) => ms % factor === 0) ?? DURATION_UNITS[4];
  return `${ms / unit[1]}${unit[0]}`;
}

/** What was probably meant by `10 min`, `30sec`, `2 days`; `null` if that cannot be told. */
export function guessDuration(text: string): string | null {
  const match = /^(\d+)\s*([a-z]*)$/i.exec(text.trim());
  if (match === null) return null;
  const word = match[2]!.toLowerCase();
  if (word === "") return `${match[1]}s`;
  if (/^(?:ms|millis|milliseconds?)$/.test(word)) return `${match[1]}ms`;
  return /^(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)$/.test(word) ? `${match[1]}${word[0]}` : null;
}

/** `256KiB`, `32MiB`, `2GiB` in bytes; `null` for anything else. */
export function parseSize(text: string): number | null {
  const match = SIZE.exec(text);
  if (match === null) return null;
  const unit = SIZE_UNITS.find(([name]) => name === match[2])!;
  return Math.round(Number(match[1]) * unit[1]);
}

export function formatSize(bytes: number): string | number {
  const unit = SIZE_UNITS.find(([, factor]) => bytes >= factor && bytes % factor === 0);
  return unit === undefined ? bytes : `${bytes / unit[1]}${unit[0]}`;
}

/** What was probably meant by `32MB`, `32 mib`, `2g`; `null` if that cannot be told. */
export function guessSize(text: string): string | null {
  const match = /^(\d+)\s*([kmgt])(?:i?b)?$/i.exec(text.trim());
  return match === null ? null : `${match[1]}${match[2]!.toUpperCase()}iB`;
}

const TIME = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|z|[+-]\d\d:\d\d)?)?$/;

/** RFC 3339, or without seconds, time or offset (then UTC), in ms since epoch; `null` for anything else. */
export function parseTime(text: string): number | null {
  const match = TIME.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "0", offset = "Z"] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  const ms = Number(`0.${fraction}`) * 1000;
  const utc = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second), ms);
  // `Date.UTC` carries 30 February over into March, and takes years below 100 for the last century's.
  const date = new Date(utc);
  const isReal = date.getUTCFullYear() === Number(year) && date.getUTCMonth() + 1 === Number(month);
  if (!isReal || date.getUTCDate() !== Number(day)) return null;
  if (offset === "Z" || offset === "z") return utc;
  const [hours, minutes] = [Number(offset.slice(1, 3)), Number(offset.slice(4, 6))];
  if (hours > 23 || minutes > 59) return null;
  return utc - (offset.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}
