/** Texts with a form of their own: hosts, URLs, networks, globs, paths, schedules and the like. */
import { isAbsolute, join, resolve, sep } from "node:path";
import { ipVersion } from "../addresses.ts";
import type { Fault } from "../problem.ts";
import { SCOPE_NAMES } from "../scopes.ts";
import { normalizeName, suggest } from "../suggest.ts";
import type { KeyRule, Parsed, ScalarSpec } from "./kit.ts";
import { parseText, str } from "./scalars.ts";

const NAME_LENGTH_MAX = 256;
/** `sun_path` holds 108 bytes with its end mark. */
const SOCKET_PATH_BYTES_MAX = 107;

const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

export function hasControlCharacters(text: string): boolean {
  return CONTROL.test(text);
}

function bad(message: string, suggestion: string | null = null): { fault: Fault } {
  return { fault: { code: "bad_value", message, suggestion } };
}

const HOST_NAME = /^(?=.{1,253}$)(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?$/;

function isHost(text: string): boolean {
  return ipVersion(text) !== 0 || HOST_NAME.test(text);
}

/** A host name or an IP address without port; IPv6 without brackets. */
export function host(): ScalarSpec<string, ""> {
  return str({
    check(text) {
      const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
      return isHost(bare) ? { value: bare } : bad("must be a host name or an IP address, without scheme and port");
    },
  });
}

/** `name`, `name:port` or an address, in lower case. */
export function hostWithPort(needsPort: boolean): ScalarSpec<string, ""> {
  const wanted = needsPort
    ? "must be host:port, such as 127.0.0.1:9090"
    : "must be a host name, with a port if need be";
  return str({
    check(text) {
      if (ipVersion(text) === 6) return needsPort ? bad(wanted) : { value: text.toLowerCase() };
      const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
      if (match === null || (needsPort && match[2] === undefined)) return bad(wanted);
      const name = match[1]!.replace(/^\[|\]$/g, "");
      if (!isHost(name) || Number(match[2] ?? 0) > 65_535) return bad(wanted);
      return { value: text.toLowerCase() };
    },
  });
}

export interface UrlRules {
  readonly schemes?: readonly string[];
  readonly hasQuery?: boolean;
  /** User and password in front of the host are refused unless this is set. */
  readonly hasUser?: boolean;
}

/** Absolute, without fragment; http or https unless `schemes` say otherwise. A trailing slash is cut. */
export function checkUrl(text: string, rules: UrlRules = {}): Parsed<string> {
  const { schemes = ["http", "https"], hasQuery = false, hasUser = false } = rules;
  const trimmed = text.trim();
  // The parser would drop line breaks and read backslashes as slashes: what is checked must be what is used.
  const isStrange = /[\s\\]/.test(trimmed) || hasControlCharacters(trimmed);
  const url = isStrange || !/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? null : URL.parse(trimmed);
  const wanted = `must be an absolute ${schemes.join(" or ")} URL`;
  if (url === null || url.hostname === "") return bad(wanted);
  if (!schemes.includes(url.protocol.slice(0, -1).toLowerCase())) return bad(wanted);
  if (!hasUser && /^[^/]*\/\/[^/?#]*@/.test(trimmed)) return bad("must not contain a user name or password");
  if (trimmed.includes("#")) return bad("must not contain a fragment (#)");
  if (!hasQuery && trimmed.includes("?")) return bad("must not contain a query (?)");
  return { value: hasQuery && trimmed.includes("?") ? trimmed : trimmed.replace(/\/+$/, "") };
}

export function url(rules: UrlRules = {}): ScalarSpec<string, ""> {
  return str({ check: (text) => checkUrl(text, rules) });
}

/** http, https or socks5 URL, or `none` for a direct connection. A password inside is a secret. */
export function proxy(): ScalarSpec<string, ""> {
  return {
    ...str({
      check: (text) =>
        text === "none" ? { value: text } : checkUrl(text, { schemes: ["http", "https", "socks5"], hasUser: true }),
    }),
    secretsIn: (value) => {
      const password = /^[^/]*\/\/[^/?#:]*:([^/?#]*)@/.exec(value)?.[1];
      return password === undefined || password === "" ? [] : [password];
    },
  };
}

/** `*`, or scheme and host as a browser sends them. */
export function origin(): ScalarSpec<string, ""> {
  return str({
    check(text) {
      if (text === "*") return { value: text };
      const parsed = checkUrl(text);
      if ("fault" in parsed) return bad('must be "*" or an origin such as https://app.example.com');
      const exact = new URL(parsed.value).origin;
      return exact === text
        ? { value: text }
        : bad("must be an origin: scheme, host and port only, in lower case", exact);
    },
  });
}

/** A host, or a URL without path but for `/v1`; kept without that path and without a trailing slash. */
export function publicHost(): ScalarSpec<string, ""> {
  const wanted = "must be a host such as relay.example.com, or a URL without a path but /v1";
  return str({
    check(text) {
      const bare = text.trim().replace(/\/+$/, "").replace(/\/v1$/, "");
      if (/^https?:\/\//i.test(bare)) {
        const parsed = checkUrl(bare);
        return "fault" in parsed || new URL(parsed.value).pathname !== "/" ? bad(wanted) : parsed;
      }
      return "fault" in checkUrl(`http://${bare}`) || /[/?#@]/.test(bare) ? bad(wanted) : { value: bare };
    },
  });
}

/** `address/bits`; a bare address is a network of one. */
export function cidr(): ScalarSpec<string, ""> {
  return str({
    check(text) {
      const [address = "", bits, ...rest] = text.split("/");
      const version = ipVersion(address);
      const bitsMax = version === 6 ? 128 : 32;
      if (version === 0 || rest.length > 0) return bad("must be a network such as 10.0.0.0/8 or fd00::/8");
      if (bits === undefined) return { value: `${address}/${bitsMax}` };
      if (!/^\d{1,3}$/.test(bits) || Number(bits) > bitsMax) return bad(`must end in /0 to /${bitsMax}`);
      return { value: text };
    },
  });
}

function checkName(text: string): Fault | null {
  if (text.trim() === "") return { code: "bad_value", message: "must not be blank" };
  if (hasControlCharacters(text)) return { code: "bad_value", message: "must not contain control characters" };
  if (text.length <= NAME_LENGTH_MAX) return null;
  return { code: "out_of_range", message: `must have at most ${NAME_LENGTH_MAX} characters` };
}

/** `*`, `?` and `[…]`. */
function checkGlob(text: string): Fault | null {
  const fault = checkName(text);
  if (fault !== null) return fault;
  const withoutClasses = text.replace(/\[[!^]?[^\]]+\]/g, "");
  return withoutClasses.includes("[") ? { code: "bad_value", message: 'has a "[" without its "]"' } : null;
}

export function glob(): ScalarSpec<string, ""> {
  return str({
    check(text) {
      const fault = checkGlob(text);
      return fault === null ? { value: text } : { fault };
    },
  });
}

/** A model, an alias, a label: one line of printable characters. */
export function name(max = NAME_LENGTH_MAX): ScalarSpec<string, ""> {
  return str({ max, pattern: /^[^\x00-\x1f\x7f-\x9f]*$/, wanted: "one line without control characters" });
}

/** A header's value, RFC 9110 §5.5. */
export function headerValue(): ScalarSpec<string, ""> {
  return str({
    max: 8192,
    pattern: /^[\t\x20-\x7e\x80-\xff]*$/,
    wanted: "one line of characters that a header can carry",
  });
}

export function regex(): ScalarSpec<string, ""> {
  return str({
    max: 1000,
    check(text) {
      try {
        new RegExp(text);
        return { value: text };
      } catch {
        return bad("must be a regular expression");
      }
    },
  });
}

const CRON_FIELDS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

/** Five fields: minute, hour, day of month, month, day of week; `*`, lists, ranges and steps in numbers. */
export function cron(): ScalarSpec<string, ""> {
  const isField = (text: string, [min, max]: readonly [number, number]): boolean =>
    text.split(",").every((part) => {
      const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part);
      if (match === null || match[3] === "0") return false;
      const [from, to] = [Number(match[1] ?? min), Number(match[2] ?? match[1] ?? max)];
      return from >= min && to <= max && from <= to;
    });
  return str({
    check(text) {
      const fields = text.trim().split(/\s+/);
      const isSchedule = fields.length === 5 && fields.every((part, index) => isField(part, CRON_FIELDS[index]!));
      return isSchedule ? { value: text.trim() } : bad('must be a schedule of five fields such as "0 3 * * *"');
    },
  });
}

export function scope(): ScalarSpec<string, ""> {
  return {
    ...str({
      check: (text) =>
        SCOPE_NAMES.includes(text)
          ? { value: text }
          : bad("must be a scope or a set of scopes", suggest(text, SCOPE_NAMES)),
    }),
    json: { enum: [...SCOPE_NAMES] },
  };
}

/** Kept absolute. `./data/…` lies in the data directory, everything else is relative to the config file. */
export function path(kind: "file" | "socket" = "file"): ScalarSpec<string, ""> {
  return {
    ...str(),
    isConverted: true,
    parse(written, surroundings) {
      const text = parseText(written, { max: 4096 });
      if ("fault" in text) return text;
      const resolved = resolvePath(text.value, surroundings);
      if ("fault" in resolved || kind === "file") return resolved;
      return Buffer.byteLength(resolved.value) <= SOCKET_PATH_BYTES_MAX
        ? resolved
        : {
            fault: {
              code: "out_of_range",
              message: `must be at most ${SOCKET_PATH_BYTES_MAX} bytes as an absolute path`,
            },
          };
    },
  };
}

export function resolvePath(text: string, surroundings: Parameters<ScalarSpec["parse"]>[1]): Parsed<string> {
  const { baseDir, dataDir, allowsPath } = surroundings;
  if (hasControlCharacters(text)) return bad("must not contain control characters");
  if (text.startsWith("~")) return bad('must be a path without "~", which is not expanded here');
  if (/^[A-Za-z]:[\\/]|^\\\\/.test(text) && sep === "/") return bad("must be a path of this system, with /");
  let absolute: string;
  if (/^\.\/data(?:\/|$)/.test(text)) {
    absolute = join(dataDir, text.slice("./data".length));
    const isInside = absolute === dataDir || absolute.startsWith(dataDir.endsWith(sep) ? dataDir : dataDir + sep);
    if (!isInside) return bad("must stay inside the data directory");
  } else {
    absolute = isAbsolute(text) ? resolve(text) : resolve(baseDir, text);
  }
  if (allowsPath !== undefined && !allowsPath(absolute)) return bad("must stay inside the data directory");
  return { value: absolute };
}

/** `sqlite:<path>`; kept as the absolute path. */
export function databaseUrl(): ScalarSpec<string, ""> {
  return {
    ...str(),
    isConverted: true,
    encode: (value) => `sqlite:${value}`,
    parse(written, surroundings) {
      const text = parseText(written, { max: 4096 });
      if ("fault" in text) return text;
      if (/^postgres(?:ql)?:/i.test(text.value)) {
        return { fault: { code: "unsupported", message: "PostgreSQL is not supported yet; write sqlite:<path>" } };
      }
      const file = /^sqlite:(?:\/\/)?(.+)$/.exec(text.value)?.[1];
      return file === undefined || file === ":memory:"
        ? bad("must be sqlite:<path>", "sqlite:./data/monorelay.db")
        : resolvePath(file, surroundings);
    },
  };
}

function keyRule(check: (key: string) => Fault | null, flags: Partial<KeyRule> = {}): KeyRule {
  return { check, same: (key) => key, keep: (key) => key, json: {}, ...flags };
}

/** Names of models and aliases: compared without case, `-` and `_`. */
export const NAME_KEY = keyRule(checkName, { same: normalizeName });

/** Names that are taken as written. */
export const EXACT_KEY = keyRule(checkName);

export const GLOB_KEY = keyRule(checkGlob, { same: (key) => key.toLowerCase() });

export const PROVIDER_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export const PROVIDER_KEY = keyRule(
  (key) =>
    PROVIDER_NAME.test(key)
      ? null
      : {
          code: "bad_value",
          message: "a provider's name is 1 to 64 of a-z, 0-9, ., _ and -, beginning with a letter or digit",
          suggestion: PROVIDER_NAME.test(key.toLowerCase()) ? key.toLowerCase() : null,
        },
  { same: normalizeName, json: { pattern: PROVIDER_NAME.source } },
);

export const PLUGIN_ID = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** Names of request headers, RFC 9110 §5.6.2; kept in lower case. */
export const HEADER_KEY = keyRule(
  (key) =>
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(key)
      ? null
      : { code: "bad_value", message: "must be the name of a header" },
  { same: (key) => key.toLowerCase(), keep: (key) => key.toLowerCase() },
);
