/** Takes the path out of a request line and puts it into its one normal form. */

/** `null`: no path that any route could have (400). */
export interface Target {
  readonly path: string | null;
  /** With the leading `?`, or empty. */
  readonly query: string;
}

/**
 * With a `Host` that a URL may have, the runtime has resolved dot segments and turned `\` round before anybody is asked,
 * so of those only what comes without one, or with a strange port, is seen here.
 */
const FORBIDDEN = /\\|%5c|%00|\0|(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;

const ALIASES: readonly (readonly [prefix: string, replacement: string])[] = [
  ["/v1/v1/", "/v1/"],
  ["/openai/v1/", "/v1/"],
  ["/anthropic/v1/", "/v1/"],
  ["/gemini/v1beta/", "/v1beta/"],
  ["/v1beta/openai/", "/v1/"],
];

/**
 * The part behind the host, without relying on how a URL parser reads a foreign `Host`: everything from the first
 * slash after `://`.
 */
export function splitTarget(url: string): Target {
  const scheme = url.indexOf("://");
  const slash = scheme < 0 ? 0 : url.indexOf("/", scheme + 3);
  const from = slash < 0 ? url.length : slash;
  const hash = url.indexOf("#", from);
  const end = hash < 0 ? url.length : hash;
  const mark = url.indexOf("?", from);
  const cut = mark < 0 || mark > end ? end : mark;
  return { path: url.slice(from, cut) || "/", query: url.slice(cut, end) };
}

/** Doubled and trailing slashes go, forgiving base URLs are folded; `null` for what no honest client sends. */
export function normalisePath(raw: string, takesAliases: boolean): string | null {
  let path = raw;
  if (FORBIDDEN.test(path)) return null;
  if (path.includes("//")) path = path.replace(/\/{2,}/g, "/");
  if (path.length > 1 && path.endsWith("/")) path = path.slice(0, -1);
  if (takesAliases) {
    for (const [prefix, replacement] of ALIASES) {
      if (path.startsWith(prefix)) return normalisePath(replacement + path.slice(prefix.length), false);
    }
  }
  return path;
}
