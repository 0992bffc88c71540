/** The head of a request: where a URL leads, which headers go out, and that none of them can smuggle in a line. */
import { NAME_CHARS } from "../wire/http1-head.ts";

/** Where requests to one URL go. */
export interface Target {
  /** `http` or `https`, host and port; connections are shared among targets of one origin. */
  readonly origin: string;
  readonly isTls: boolean;
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  /** Path and query, then version and `Host`: what follows the method on the wire. */
  readonly line: string;
  /** Heads made lately, the latest first: most calls to one URL differ in their body alone. */
  readonly heads: Head[];
}

interface Head {
  readonly method: string;
  readonly names: readonly string[];
  readonly values: readonly string[];
  readonly bytes: Uint8Array;
}

/** As many as there may be keys in turn. */
const HEADS_MAX = 8;

/** Throws a `TypeError` for anything but an http(s) URL without credentials; its message does not repeat the URL. */
export function targetOf(url: string): Target {
  const parsed = URL.parse(url);
  if (parsed === null) throw new TypeError("The URL of a request is malformed.");
  const { protocol, hostname, port, host } = parsed;
  if (protocol !== "http:" && protocol !== "https:") throw new TypeError("A request needs an http or https URL.");
  if (parsed.username !== "" || parsed.password !== "") throw new TypeError("The URL of a request has credentials.");
  const isTls = protocol === "https:";
  return {
    origin: parsed.origin,
    isTls,
    hostname: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
    port: port === "" ? (isTls ? 443 : 80) : Number(port),
    line: ` ${parsed.pathname}${parsed.search} HTTP/1.1\r\nhost: ${host}\r\n`,
    heads: [],
  };
}

/** The client frames its requests and keeps its connections itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
  "expect",
]);

/** Names already looked at, and whether they go out. Forgotten when there are suspiciously many. */
const seenNames = new Map<string, boolean>();
const SEEN_NAMES_MAX = 4096;

/** A control character ends a line or a string somewhere; a character beyond Latin-1 would be cut down to one. */
const FORBIDDEN_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Method line and headers of a request, up to the framing of its body; not to be changed, as others get the same bytes.
 * Throws a `TypeError` for a method, a name or a value that is not one; its message repeats at most the name.
 */
export function requestHead(method: string, target: Target, headers: Readonly<Record<string, string>>): Uint8Array {
  const { heads } = target;
  for (let index = 0; index < heads.length; index += 1) {
    const head = heads[index]!;
    if (head.method === method && isSame(head, headers)) return head.bytes;
  }
  const head = writeHead(method, target, headers);
  if (heads.length === HEADS_MAX) heads.pop();
  heads.unshift(head);
  return head.bytes;
}

function isSame({ names, values }: Head, headers: Readonly<Record<string, string>>): boolean {
  let count = 0;
  for (const name in headers) {
    if (names[count] !== name || values[count] !== headers[name]) return false;
    count += 1;
  }
  return count === names.length;
}

function writeHead(method: string, target: Target, headers: Readonly<Record<string, string>>): Head {
  let text = (METHOD.test(method) ? method : refuseMethod()) + target.line;
  for (const name in headers) {
    if (!isSent(name)) continue;
    const value = headers[name]!;
    if (FORBIDDEN_IN_VALUE.test(value))
      throw new TypeError(`The value of the header "${name}" has a forbidden character.`);
    text += `${name}: ${value}\r\n`;
  }
  return { method, names: Object.keys(headers), values: Object.values(headers), bytes: Buffer.from(text, "latin1") };
}

function refuseMethod(): never {
  throw new TypeError("The method of a request is malformed.");
}

/** Whether a header of the caller goes out; some are the client's own business. Throws a `TypeError` for a bad name. */
export function isSent(name: string): boolean {
  return seenNames.get(name) ?? judge(name);
}

function judge(name: string): boolean {
  if (name === "") throw new TypeError("A header has no name.");
  for (let i = 0; i < name.length; i += 1) {
    if (NAME_CHARS[name.charCodeAt(i)] !== 1) throw new TypeError("The name of a header has a forbidden character.");
  }
  if (seenNames.size >= SEEN_NAMES_MAX) seenNames.clear();
  const isOurs = OWN_HEADERS.has(name.toLowerCase());
  seenNames.set(name, !isOurs);
  return !isOurs;
}
