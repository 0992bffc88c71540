/** Lists of the caller's own objects: the upstream's pages without what belongs to others. */
import { type Json, type JsonObject, RelayError } from "../plugin/index.ts";
import type { UpstreamObject } from "../store/types.ts";
import type { Call } from "./call.ts";
import { forwardedHeaders } from "./headers.ts";
import { ownedBy, type Place, whereIs } from "./object-places.ts";
import { answerFrom, failureOf, Shape } from "./upstream.ts";
import { parseAnswer } from "./answer-text.ts";
import { answerOwn, readWhole } from "./whole.ts";

/** Of one caller's objects of one kind, so many are known here; older ones are found by their ids alone. */
export const OWN_MAX = 10_000;
/** Pages of an upstream that are searched for the caller's own before what was found is given. */
export const PAGES_MAX = 20;
const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 100;

/** Names of the cursors, and what a list says of itself: vendors agree on the shape of their lists, but for these. */
const CURSORS = {
  "anthropic-messages": { after: "after_id", before: "before_id", own: {} },
  others: { after: "after", before: "before", own: { object: "list" } },
} as const;

interface Page {
  readonly data: readonly JsonObject[];
  readonly hasMore: boolean;
}

export async function listObjects(call: Call): Promise<Response> {
  const { kind } = call.route.object!;
  const parameters = new URLSearchParams(call.query);
  const names = call.route.codec.id === "anthropic-messages" ? CURSORS["anthropic-messages"] : CURSORS.others;
  const limit = limitIn(parameters);
  const own = await call.services.objects.list(kind, ownedBy(call.identity), OWN_MAX);
  const groups = groupsOf(own);
  const after = parameters.get(names.after);
  // Several places are walked one behind the other; a cursor says in which of them the last page ended.
  const from = after === null ? 0 : groups.findIndex(({ ids }) => ids.has(after));
  const data: JsonObject[] = [];
  let hasMore = false;
  for (let at = Math.max(0, from); at < groups.length && !hasMore; at += 1) {
    const { first, ids } = groups[at]!;
    if (data.length === limit) {
      hasMore = true;
      break;
    }
    if (at > from) parameters.delete(names.after);
    const page = await pagesOf(call, whereIs(call, first), parameters, names.after, ids, limit - data.length);
    data.push(...page.data);
    hasMore = page.hasMore;
  }
  return answerOwn(call, { ...names.own, data: data as Json[], has_more: hasMore, ...ends(data) });
}

export interface Group {
  readonly first: UpstreamObject;
  readonly ids: ReadonlySet<string>;
}

export function groupsOf(own: readonly UpstreamObject[]): Group[] {
  const groups = new Map<string, { first: UpstreamObject; ids: Set<string> }>();
  for (const object of own) {
    const name = `${object.provider}\n${object.keyId}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { first: object, ids: new Set([object.id]) });
    else group.ids.add(object.id);
  }
  return [...groups.values()];
}

function limitIn(parameters: URLSearchParams): number {
  const text = parameters.get("limit");
  if (text === null) return LIMIT_DEFAULT;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new RelayError("bad-request", '"limit" must be a whole number from 1 on.', { param: "limit" });
  }
  return Math.min(limit, LIMIT_MAX);
}

/** The caller's own of one place, as many as are wanted, however many of others' lie between them. */
async function pagesOf(
  call: Call,
  place: Place,
  parameters: URLSearchParams,
  after: string,
  ids: ReadonlySet<string>,
  wanted: number,
): Promise<Page> {
  const data: JsonObject[] = [];
  const query = new URLSearchParams(parameters);
  query.set("limit", String(LIMIT_MAX));
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const body = await fetchPage(call, place, `?${query}`);
    const all = (Array.isArray(body["data"]) ? body["data"] : []) as JsonObject[];
    for (const object of all) {
      if (!ids.has(String(object["id"]))) continue;
      if (data.length === wanted) return { data, hasMore: true };
      data.push(object);
    }
    const last = all.at(-1)?.["id"];
    if (body["has_more"] !== true || typeof last !== "string") return { data, hasMore: false };
    query.set(after, last);
  }
  return { data, hasMore: true };
}

export async function fetchPage(call: Call, { entry, key }: Place, query: string): Promise<JsonObject> {
  const { route } = call;
  call.key = key;
  const path = call.said?.path ?? route.path.slice("/v1".length);
  const headers = forwardedHeaders(call.request.headers);
  const { operation, codec } = route;
  const shape = new Shape(
    call,
    operation,
    codec,
    "GET",
    path,
    query,
    "",
    null,
    "application/json",
    headers,
    key.secret,
  );
  try {
    return parseAnswer(await readWhole(call, entry, await answerFrom(call, entry, key, shape)));
  } catch (cause) {
    call.abandonAttempt();
    throw failureOf(call, cause);
  }
}

function ends(data: readonly JsonObject[]): { first_id: Json; last_id: Json } {
  return { first_id: data[0]?.["id"] ?? null, last_id: data.at(-1)?.["id"] ?? null };
}
