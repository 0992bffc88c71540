/** Reads instants as the API takes them: RFC 3339, always with an offset. */

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/** ms since epoch; `undefined` for anything else, also for days that no month has. */
export function parseInstant(text: string): number | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match.map(Number);
  const fraction = Number(`0.${match[7] ?? "0"}`);
  const offsetHours = Number(match[9] ?? 0);
  const offsetMinutes = Number(match[10] ?? 0);
  if (hour! > 23 || minute! > 59 || second! > 59 || offsetHours > 23 || offsetMinutes > 59) return undefined;
  const utc = new Date(0);
  utc.setUTCFullYear(year!, month! - 1, day!);
  if (utc.getUTCMonth() !== month! - 1 || utc.getUTCDate() !== day!) return undefined;
  utc.setUTCHours(hour!, minute!, second!, 0);
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000 * (match[8] === "-" ? -1 : 1);
  return utc.getTime() + Math.floor(fraction * 1000) - offset;
}
