/** Finds the relay's route for a path that holds more than the route's name: a model and a verb, or the id of an object. */
import { RelayError } from "../plugin/index.ts";
import type { Said } from "../relay/said.ts";
import type { RelayRoute } from "../relay/route.ts";
import { jsonArrayStream } from "../wire/json-array.ts";
import { findGeminiObject, GEMINI_MAKERS } from "./gemini-object-routes.ts";
import { findObjectRoute } from "./object-routes.ts";
import { CREDITS_ROUTE, GEMINI_ROUTES, REALTIME_ROUTE } from "./relay-routes.ts";

export interface FoundRoute {
  readonly route: RelayRoute;
  readonly said: Said;
  /** Of the client, without what was read from it: with the leading `?`, or empty. */
  readonly query: string;
  /** The credential in the query, where the family allows one there. */
  readonly queryKey: string | undefined;
}

const GEMINI_PATH = /^\/v1(?:beta|alpha)?\/models\/(.+):([A-Za-z]+)$/;

/** `undefined`: no such route. A list: the route is there, but takes only these methods. */
export function findRelayRoute(
  path: string,
  method: string,
  query: string,
  headers: Headers,
): FoundRoute | readonly string[] | undefined {
  const gemini = GEMINI_PATH.exec(path);
  if (gemini === null) return foundObject(path, method, query, headers);
  const route = GEMINI_ROUTES.get(gemini[2]!) ?? GEMINI_MAKERS.get(gemini[2]!);
  if (route === undefined) {
    if (method !== "POST") return undefined;
    throw new RelayError("not-found", `There is no method "${gemini[2]!.slice(0, 64)}" here.`, {
      wireCode: "not_found",
    });
  }
  // Below /v1 a name with a colon may also be that of a model in a list.
  if (method !== "POST") return path.startsWith("/v1/") ? undefined : ["POST"];
  const parameters = new URLSearchParams(query);
  const stream = route.streams === true;
  const isArray = stream && parameters.get("alt") !== "sse";
  return {
    route,
    said: {
      model: modelIn(gemini[1]!),
      stream,
      ...(isArray ? { framing: jsonArrayStream() } : {}),
    },
    query: withoutParameters(query, OWN_PARAMETERS),
    queryKey: queryKeyIn(query),
  };
}

function foundObject(
  path: string,
  method: string,
  query: string,
  headers: Headers,
): FoundRoute | readonly string[] | undefined {
  if (path === CREDITS_ROUTE.path) {
    if (method !== "GET" && method !== "HEAD") return ["GET", "HEAD"];
    return { route: CREDITS_ROUTE, said: {}, query, queryKey: undefined };
  }
  if (path === REALTIME_ROUTE.path) {
    if (method !== "GET") return ["GET"];
    return { route: REALTIME_ROUTE, said: {}, query, queryKey: undefined };
  }
  // A list or a file may be looked at without being fetched.
  const asked = method === "HEAD" ? "GET" : method;
  const gemini = findGeminiObject(path, asked, headers.has("x-goog-api-client"));
  if (gemini !== undefined) {
    if (!("route" in gemini)) return gemini;
    const { route, id, path: below } = gemini;
    const said = { path: below, ...(id === undefined ? {} : { id }) };
    // What is downloaded is asked for with `alt`.
    return { route, said, query: withoutParameters(query, ["key"]), queryKey: queryKeyIn(query) };
  }
  const found = findObjectRoute(path, asked, headers.has("anthropic-version"));
  if (found === undefined || !("route" in found)) return found;
  const { route, id } = found;
  const said = { path: path.slice("/v1".length), ...(id === undefined ? {} : { id }) };
  return { route, said, query, queryKey: undefined };
}

/** Of Gemini's clients, these are for the relay. */
const OWN_PARAMETERS = ["key", "alt", "$alt"];

/** Where Gemini clients may put their credential. */
export function queryKeyIn(query: string): string | undefined {
  return new URLSearchParams(query).get("key") ?? undefined;
}

function modelIn(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new RelayError("bad-request", "The model in the path is malformed.", { param: "model", cause });
  }
}

/** Leaves the others as they were written. */
function withoutParameters(query: string, names: readonly string[]): string {
  const kept = query
    .replace(/^\?/, "")
    .split("&")
    .filter((pair) => pair !== "" && !names.includes(new URLSearchParams(pair).keys().next().value ?? ""));
  return kept.length === 0 ? "" : `?${kept.join("&")}`;
}
