/** Reads the query of management requests: what is wrong is 422 with the parameter's name, never its value. */
import { parseInstant } from "../auth/instant.ts";
import { RelayError } from "../plugin/index.ts";
import type { Page, PageRequest } from "../store/types.ts";

const LIMIT_MAX = 200;

/** 422 for one parameter of the query. */
export function invalidQuery(name: string, msg: string): RelayError {
  return new RelayError("bad-request", "The query is not valid.", {
    status: 422,
    wireCode: "validation_error",
    details: [{ loc: ["query", name], msg, type: "value_error" }],
  });
}

/** `limit` 1–200 and `cursor`. Throws 422, also for a cursor that no page was answered with. */
export async function readPage<T>(
  query: URLSearchParams,
  read: (page: PageRequest) => Promise<Page<T>>,
): Promise<Page<T>> {
  const limit = wholeNumber(query, "limit", 1, LIMIT_MAX);
  const cursor = query.get("cursor");
  try {
    return await read({ ...(limit === undefined ? {} : { limit }), ...(cursor === null ? {} : { cursor }) });
  } catch (error) {
    if (error instanceof RangeError) throw invalidQuery("cursor", "is not one that a page was answered with");
    throw error;
  }
}

/** The list of `http-api` section 1: `items` and `next_cursor`. */
export async function listPage<T>(
  query: URLSearchParams,
  read: (page: PageRequest) => Promise<Page<T>>,
  view: (item: T) => unknown,
): Promise<{ readonly items: readonly unknown[]; readonly next_cursor: string | null }> {
  const { items, nextCursor } = await readPage(query, read);
  return { items: items.map(view), next_cursor: nextCursor };
}

/** Every page of a list that its documentation shows whole. `max`: where a runaway list is cut. */
export async function allPages<T>(read: (page: PageRequest) => Promise<Page<T>>, max = 10_000): Promise<readonly T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read({ limit: LIMIT_MAX, ...(cursor === null ? {} : { cursor }) });
    found.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null && found.length < max);
  return found;
}

export function wholeNumber(query: URLSearchParams, name: string, min: number, max: number): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw invalidQuery(name, `must be a whole number from ${min} to ${max}`);
  return value;
}

export function oneOf<const Value extends string>(
  query: URLSearchParams,
  name: string,
  values: readonly Value[],
): Value | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const found = values.find((value) => value === text);
  if (found === undefined) throw invalidQuery(name, `must be one of ${values.join(", ")}`);
  return found;
}

/** An RFC 3339 instant with an offset, or a day, which begins in UTC; ms since epoch. */
export function instantOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const at = parseInstant(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  if (at === undefined) throw invalidQuery(name, "must be a day, or an RFC 3339 instant with an offset");
  return at;
}

export function flag(query: URLSearchParams, name: string): boolean {
  const text = query.get(name);
  if (text === null || text === "false" || text === "0") return false;
  if (text === "" || text === "true" || text === "1") return true;
  throw invalidQuery(name, "must be true or false");
}

/** At most so many characters; `undefined` when absent or empty. */
export function shortText(query: URLSearchParams, name: string, max = 256): string | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (text.length > max) throw invalidQuery(name, `must be at most ${max} characters`);
  return text;
}
