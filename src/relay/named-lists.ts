/** Lists of the caller's own things whose vendors page by opaque tokens: without what belongs to others, with cursors of our own. */
import { type Json, type JsonObject, RelayError } from "../plugin/index.ts";
import type { Call } from "./call.ts";
import { fetchPage, type Group, groupsOf, OWN_MAX, PAGES_MAX } from "./object-lists.ts";
import { ownedBy, whereIs } from "./object-places.ts";
import { answerOwn } from "./whole.ts";

const SIZE_DEFAULT = 50;
const SIZE_MAX = 1000;
/** Of what is asked for at once. */
const PAGE_SIZE = 100;

/** How a vendor's lists are asked for and read. */
interface ListWords {
  readonly size: string;
  readonly after: string;
  readonly next: string;
  readonly id: string;
  /** The field of the things, which may depend on what they are. */
  items(collection: string): string;
  /** What an answer says of its end. */
  end(next: string | undefined): JsonObject;
}

const GOOGLES: ListWords = {
  ...{ size: "pageSize", after: "pageToken", next: "nextPageToken", id: "name" },
  // A batch is an operation.
  items: (collection) => (collection === "batches" ? "operations" : collection),
  end: (next) => (next === undefined ? {} : { nextPageToken: next }),
};
const CLAUDES: ListWords = {
  ...{ size: "limit", after: "page", next: "next_page", id: "id" },
  items: () => "data",
  end: (next) => ({ has_more: next !== undefined, next_page: next ?? null }),
};

/**
 * The vendor's cursors say nothing of where a page without others' things ends: ours is the name of the last one shown.
 * Things at several places are listed one place behind the other.
 */
export async function listNamed(call: Call): Promise<Response> {
  const { route } = call;
  const words = route.codec.id === "gemini" ? GOOGLES : CLAUDES;
  const field = words.items(route.path.split("/")[2]!);
  const parameters = new URLSearchParams(call.query);
  const size = sizeIn(parameters.get(words.size), words.size);
  const after = parameters.get(words.after) || null;
  const groups = groupsOf(await call.services.objects.list(route.object!.kind, ownedBy(call.identity), OWN_MAX));
  const from = after === null ? 0 : groups.findIndex(({ ids }) => ids.has(after));
  if (from < 0) throw new RelayError("bad-request", "The page token is not one of ours.", { param: words.after });
  const shown: JsonObject[] = [];
  const answer = (next?: string): Response => answerOwn(call, { [field]: shown as Json, ...words.end(next) });
  for (const [at, group] of groups.slice(from).entries()) {
    for await (const thing of ownAt(call, group, words, field, at === 0 ? after : null)) {
      if (shown.length === size) return answer(String(shown.at(-1)![words.id]));
      shown.push(thing);
    }
  }
  return answer();
}

async function* ownAt(
  call: Call,
  { first, ids }: Group,
  words: ListWords,
  field: string,
  after: string | null,
): AsyncGenerator<JsonObject> {
  const place = whereIs(call, first);
  const query = new URLSearchParams({ [words.size]: String(PAGE_SIZE) });
  let isBehind = after === null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const body = await fetchPage(call, place, `?${query}`);
    const listed = body[field];
    for (const thing of (Array.isArray(listed) ? listed : []) as JsonObject[]) {
      const id = String(thing[words.id]);
      if (isBehind && ids.has(id)) yield thing;
      isBehind ||= id === after;
    }
    const next = body[words.next];
    if (typeof next !== "string" || next === "") return;
    query.set(words.after, next);
  }
}

function sizeIn(text: string | null, param: string): number {
  if (text === null || text === "") return SIZE_DEFAULT;
  const size = Number(text);
  if (!Number.isInteger(size) || size < 1) {
    throw new RelayError("bad-request", `"${param}" must be a whole number from 1 on.`, { param });
  }
  return Math.min(size, SIZE_MAX);
}
