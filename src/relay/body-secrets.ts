/** Secrets that callers write into bodies, for servers of tools which a vendor is to ask: kept out of what is recorded. */
import { isObject } from "../codec/shared/json.ts";
import type { RelayError } from "../plugin/index.ts";
import { bufferOf } from "../wire/part.ts";

/** In every body that names such a server, in either dialect that has them; the latter where letters were escaped. */
const MARKS = ['"mcp', "\\u00"];
/** Where such servers stand: at the top, in what was said before, in each request of a batch. */
const LISTS: ReadonlySet<string> = new Set(["tools", "mcp_servers"]);
/** Shorter ones would take ordinary words out of a message. */
const SECRET_CHARS_MIN = 4;
/** As part of a server's path; words such as `messages` are none. */
const PATH_SECRET_CHARS_MIN = 8;
const WORD = /^[a-z]{1,12}$/;

/** Several attempts of one call may fail. */
const known = new WeakMap<Uint8Array, readonly string[]>();

/** Takes them out of an upstream's words, should it repeat them in a failure. Looks closer only where there are any. */
export function hideBodySecrets(error: RelayError, body: Uint8Array | undefined): RelayError {
  const isTheirs = error.code.startsWith("upstream-") && error.message !== "";
  if (isTheirs) error.message = withoutBodySecrets(error.message, body);
  return error;
}

/** @param text words, or a JSON text that holds them */
export function withoutBodySecrets(text: string, body: Uint8Array | undefined): string {
  return secretsOf(body).reduce((clean, secret) => clean.replaceAll(secret, "[redacted]"), text);
}

/** A body without any need not be kept for the sake of them. */
export function mayHoldSecrets(body: Uint8Array): boolean {
  return MARKS.some((mark) => bufferOf(body).includes(mark));
}

function secretsOf(body: Uint8Array | undefined): readonly string[] {
  if (body === undefined || !mayHoldSecrets(body)) return [];
  const found = known.get(body) ?? secretsIn(body);
  known.set(body, found);
  return found;
}

/** Longest first: one may stand inside another. */
function secretsIn(body: Uint8Array): readonly string[] {
  const found = new Set<string>();
  collect(parsedOr(bufferOf(body).toString()), found);
  for (const secret of [...found]) found.add(JSON.stringify(secret).slice(1, -1));
  return [...found].sort((a, b) => b.length - a.length);
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no JSON, so no server that could have been asked
  }
}

function collect(value: unknown, found: Set<string>): void {
  if (Array.isArray(value)) {
    for (const entry of value) collect(entry, found);
    return;
  }
  if (!isObject(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    if (LISTS.has(name) && Array.isArray(inner)) {
      for (const secret of inner.filter(isObject).flatMap(secretsOfServer)) found.add(secret);
    }
    collect(inner, found);
  }
}

function secretsOfServer(server: Readonly<Record<string, unknown>>): string[] {
  const { authorization, authorization_token, headers, url, server_url } = server;
  const written = [authorization, authorization_token, ...(isObject(headers) ? Object.values(headers) : [])];
  const tokens = written.flatMap((value) => (typeof value === "string" ? [value, value.replace(/^\w+\s+/, "")] : []));
  return [
    ...tokens.filter((token) => token.length >= SECRET_CHARS_MIN),
    ...secretsInUrl(url),
    ...secretsInUrl(server_url),
  ];
}

/** Of an address all but the host may be what opens the door: name and password, parts of the path, the query. */
function secretsInUrl(value: unknown): string[] {
  const url = typeof value === "string" ? URL.parse(value) : null;
  if (url === null) return [];
  const query = url.search
    .slice(1)
    .split("&")
    .flatMap((pair) => [pair.slice(pair.indexOf("=") + 1)]);
  const words = [url.username, url.password, ...query].filter((word) => word.length >= SECRET_CHARS_MIN);
  const parts = url.pathname.split("/").filter((part) => part.length >= PATH_SECRET_CHARS_MIN && !WORD.test(part));
  return [...words, ...parts].flatMap((word) => [word, decoded(word)]);
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word; // a `%` of its own
  }
}
