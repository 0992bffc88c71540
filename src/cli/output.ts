/** What commands print: results on stdout, words about them on stderr; lists as a table or for a program. */
import type { GlobalOptions } from "./index.ts";

/** One document on a line. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** A word about the result; `-q` leaves it out. */
export function say({ quiet }: GlobalOptions, line: string): void {
  if (quiet !== true) process.stderr.write(`${line}\n`);
}

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number | null;
}

/** An RFC 3339 instant of a row: how long ago for a person, as it is for a program. `now`: ms since epoch. */
export function timeText(instant: string | null, now: number, isForPerson: boolean): string {
  if (instant === null) return isForPerson ? "–" : "";
  if (!isForPerson) return instant;
  const ms = Date.parse(instant);
  const text = spanText(Math.abs(now - ms));
  return ms <= now ? `${text} ago` : `in ${text}`;
}

const SPANS: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"],
];

function spanText(ms: number): string {
  const [size, unit] = SPANS.find(([each]) => ms >= each) ?? [1000, "s"];
  return `${Math.floor(ms / size)} ${unit}`;
}

/** Ends with a line end; the header of an empty list too, so that a program can rely on it. */
export function renderList<Row>(columns: readonly Column<Row>[], rows: readonly Row[], isForPerson: boolean): string {
  const cells = rows.map((row) => columns.map(({ value }) => plain(value(row), isForPerson)));
  const titles = columns.map(({ title }) => title);
  if (!isForPerson) return `${[titles, ...cells].map((line) => line.join("\t")).join("\n")}\n`;
  const widths = titles.map((title, at) => Math.max(title.length, ...cells.map((line) => line[at]!.length)));
  const lines = [titles, ...cells].map((line) =>
    line
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

/** No name may move the cursor or begin a line of its own. */
function plain(value: string | number | null, isForPerson: boolean): string {
  if (value === null) return isForPerson ? "–" : "";
  return String(value).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, " ");
}
