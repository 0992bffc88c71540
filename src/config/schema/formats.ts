/** Texts with a form of their own: hosts, URLs, networks, globs, schedules and the like. */
import { ipVersion } from "../addresses.ts";
import type { Fault } from "../problem.ts";
import { SCOPE_NAMES } from "../scopes.ts";
import { suggest } from "../suggest.ts";
import type { Parsed, ScalarSpec } from "./kit.ts";
import { checkGlob, hasControlCharacters, NAME_LENGTH_MAX } from "./names.ts";
import { str } from "./scalars.ts";

/** A fault of the value itself. */
export function bad(message: string, suggestion: string | null = null): { fault: Fault } {
  return { fault: { code: "bad_value", message, suggestion } };
}

const HOST_NAME = /^(?=.{1,253}$)(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?$/;

function isHost(text: string): boolean {
  // A last label of digits makes an address of it, and then it must be a right one.
  return ipVersion(text) !== 0 || (HOST_NAME.test(text) && !/(?:^|\.)\d+\.?$/.test(text));
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

/** Apps in a browser's clothes have schemes of their own: `app://obsidian.md`. */
const OTHER_ORIGIN = /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\]+$/;

/** `*`, or scheme and host as a browser sends them. */
export function origin(): ScalarSpec<string, ""> {
  return str({
    check(text) {
      if (text === "*" || OTHER_ORIGIN.test(text)) return { value: text };
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
