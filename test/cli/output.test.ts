/** Lists on a terminal and in a pipe. */
import { expect, test } from "bun:test";
import { renderList, timeText } from "../../src/cli/output.ts";

const NOW = Date.parse("2026-01-02T03:04:05Z");
const columns = [
  { title: "NAME", value: ({ name }: Row) => name },
  { title: "EMAIL", value: ({ email }: Row) => email },
];
interface Row {
  readonly name: string;
  readonly email: string | null;
}

test("a person gets columns, a program tabs and a header, an empty list is only its header", () => {
  const rows: Row[] = [
    { name: "alice", email: null },
    { name: "bo", email: "bo@example.com" },
  ];
  expect(renderList(columns, rows, true)).toBe("NAME   EMAIL\nalice  –\nbo     bo@example.com\n");
  expect(renderList(columns, rows, false)).toBe("NAME\tEMAIL\nalice\t\nbo\tbo@example.com\n");
  expect(renderList(columns, [], false)).toBe("NAME\tEMAIL\n");
});

test("R31 names are data: nothing in them moves the cursor, ends a line or begins a column", () => {
  const rows = [{ name: "a\u001b[2Jb\tc\nd\u202ee\u2028f", email: null }];
  for (const isForPerson of [true, false]) {
    const [, line, rest] = renderList(columns, rows, isForPerson).split("\n");
    expect(line).toStartWith("a [2Jb c d e f");
    expect(rest).toBe("");
  }
});

const spans: [instant: string | null, person: string, program: string][] = [
  [null, "–", ""],
  ["2026-01-02T03:04:05.000Z", "0 s ago", "2026-01-02T03:04:05.000Z"],
  ["2026-01-02T03:02:35.000Z", "1 min ago", "2026-01-02T03:02:35.000Z"],
  ["2026-01-02T01:04:05.000Z", "2 h ago", "2026-01-02T01:04:05.000Z"],
  ["2026-01-05T03:04:05.000Z", "in 3 d", "2026-01-05T03:04:05.000Z"],
];
test.each(spans)("%p is told as %p, or as %p", (instant, person, program) => {
  expect([timeText(instant, NOW, true), timeText(instant, NOW, false)]).toEqual([person, program]);
});
