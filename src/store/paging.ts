/** Pages of rows: how many, from where, and the mark of the next one. */
import type { Page, PageRequest } from "./types.ts";

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;

/** How many rows a page shows; ask the database for one more to learn whether there is a next page. */
export function pageSize({ limit = PAGE_DEFAULT }: PageRequest): number {
  return Number.isFinite(limit) ? Math.min(PAGE_MAX, Math.max(1, Math.floor(limit))) : PAGE_DEFAULT;
}

/** Makes a page of what was found with one row too many. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  size: number,
  toItem: (row: Row) => Item,
  cursorOf: (row: Row) => string,
): Page<Item> {
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  return { items: shown.map(toItem), nextCursor: rows.length > size && last !== undefined ? cursorOf(last) : null };
}

/** Rows that are numbered: the cursor is the last number shown. */
export function numberCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  if (!/^\d{1,15}$/.test(cursor)) throw foreign();
  return Number(cursor);
}

/** Rows whose ids sort by age: the cursor is the last id shown. */
export function idCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  if (!/^[\w-]{1,64}$/.test(cursor)) throw foreign();
  return cursor;
}

/** Rows in the order of an instant, then of their ids. */
export function timeCursor(cursor: string | undefined): { readonly at: number; readonly id: string } | undefined {
  if (cursor === undefined) return undefined;
  const [, at, id] = /^(\d{1,15})\.([\w-]{1,64})$/.exec(cursor) ?? [];
  if (at === undefined || id === undefined) throw foreign();
  return { at: Number(at), id };
}

export function timeCursorOf(row: { readonly createdAt: number; readonly id: string }): string {
  return `${row.createdAt}.${row.id}`;
}

function foreign(): RangeError {
  return new RangeError("the cursor is not one that a page was answered with");
}
