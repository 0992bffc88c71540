/** Lists of the caller's own things at Google: pages without what belongs to others, with cursors of our own. */
import { type Json, type JsonObject, RelayError } from "../plugin/index.ts";
import type { Call } from "./call.ts";
import { fetchPage, type Group, groupsOf, OWN_MAX, PAGES_MAX } from "./object-lists.ts";
import { ownedBy, whereIs } from "./object-places.ts";
import { answerOwn } from "./whole.ts";

const SIZE_DEFAULT = 50;
const SIZE_MAX = 1000;
/** Of what is asked for at once. */
const PAGE_SIZE = 100;

/**
 * The vendor's cursors say nothing of where a page without others' things ends: ours is the name of the last one shown.
 * Things at several places are listed one place behind the other.
 */
export async function listNamed(call: Call): Promise<Response> {
  const { kind } = call.route.object!;
  const collection = call.route.path.split("/")[2]!;
  const parameters = new URLSearchParams(call.query);
  const size = sizeIn(parameters.get("pageSize"));
  const after = parameters.get("pageToken");
  const groups = groupsOf(await call.services.objects.list(kind, ownedBy(call.identity), OWN_MAX));
  const from = after === null || after === "" ? 0 : groups.findIndex(({ ids }) => ids.has(after));
  if (from < 0) throw new RelayError("bad-request", "The page token is not one of ours.", { param: "pageToken" });
  const shown: JsonObject[] = [];
  for (const [at, group] of groups.slice(from).entries()) {
    const behind = at === 0 && after !== "" ? after : null;
    for await (const thing of ownAt(call, group, collection, behind)) {
      if (shown.length === size) return answer(call, collection, shown, String(shown.at(-1)!["name"]));
      shown.push(thing);
    }
  }
  return answer(call, collection, shown, undefined);
}

function answer(call: Call, collection: string, shown: readonly JsonObject[], next: string | undefined): Response {
  // An operation's list is one of operations, whatever its collection is called.
  const field = collection === "batches" ? "operations" : collection;
  const list: Json = [...shown];
  return answerOwn(call, { [field]: list, ...(next === undefined ? {} : { nextPageToken: next }) });
}

async function* ownAt(
  call: Call,
  { first, ids }: Group,
  collection: string,
  after: string | null,
): AsyncGenerator<JsonObject> {
  const place = whereIs(call, first);
  const query = new URLSearchParams({ pageSize: String(PAGE_SIZE) });
  let isBehind = after === null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const body = await fetchPage(call, place, `?${query}`);
    const listed = body[collection] ?? body["operations"];
    for (const thing of (Array.isArray(listed) ? listed : []) as JsonObject[]) {
      const name = String(thing["name"]);
      if (isBehind && ids.has(name)) yield thing;
      isBehind ||= name === after;
    }
    const next = body["nextPageToken"];
    if (typeof next !== "string" || next === "") return;
    query.set("pageToken", next);
  }
}

function sizeIn(text: string | null): number {
  if (text === null || text === "") return SIZE_DEFAULT;
  const size = Number(text);
  if (!Number.isInteger(size) || size < 1) {
    throw new RelayError("bad-request", '"pageSize" must be a whole number from 1 on.', { param: "pageSize" });
  }
  return Math.min(size, SIZE_MAX);
}
