/** The session of a browser: two cookies that scripts cannot read, taken from requests of our own pages alone. */
import type { IssuedTokens } from "../auth/session.ts";
import type { Config } from "../config/types.ts";
import { RelayError } from "../plugin/index.ts";

/** With `Secure`; a host of its own, so that no neighbour domain can set it. */
const SESSION = "__Host-mr_session";
/** Goes only to where it is used. */
const REFRESH = "__Secure-mr_refresh";
const REFRESH_PATH = "/api/auth";
/** On plain http, where browsers refuse the others. */
const PLAIN_SESSION = "mr_session";
const PLAIN_REFRESH = "mr_refresh";

const LOOPBACK = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i;

/** What cookies are made by, and whose pages are ours. */
export type Settings = Pick<Config, "auth"> & { readonly server: Pick<Config["server"], "tls" | "publicHost"> };

/** The access token in the cookie of a same-origin request. */
export function sessionCookie(headers: Headers, config: Settings): string | undefined {
  return ownCookie(headers, config, SESSION, PLAIN_SESSION);
}

export function refreshCookie(headers: Headers, config: Settings): string | undefined {
  return ownCookie(headers, config, REFRESH, PLAIN_REFRESH);
}

/** Only of the kind that is set here: a neighbour domain can set the plain one, and would sign people in as somebody else. */
function ownCookie(headers: Headers, config: Settings, secure: string, plain: string): string | undefined {
  if (!isSameOrigin(headers, config)) return undefined;
  return readCookie(headers, [isSecure(headers, config) ? secure : plain]);
}

/**
 * Whether a page of our own made the request. A browser says so itself, and no page can forge what it says; one that
 * does not tell where a request comes from gets no cookie read.
 */
function isSameOrigin(headers: Headers, config: Settings): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin";
  const origin = headers.get("origin");
  return origin !== null && isOwnOrigin(origin, headers, config);
}

/** Throws 403 for a request that another site's page made: signing somebody in there is an attack too. */
export function refuseForeignOrigin(headers: Headers, config: Settings): void {
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  // Behind a proxy that changes the host only the browser knows that the two are the same.
  const isForeign =
    site === null
      ? origin !== null && !isOwnOrigin(origin, headers, config)
      : site !== "same-origin" && site !== "none";
  if (!isForeign) return;
  throw new RelayError("forbidden", "Pages of other origins may not use this", { wireCode: "foreign_origin" });
}

function isOwnOrigin(origin: string, headers: Headers, { server }: Settings): boolean {
  const host = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]?.toLowerCase();
  if (host === undefined) return false;
  return host === headers.get("host")?.toLowerCase() || host === publicName(server);
}

/** `server.public_host` without scheme and path. */
function publicName({ publicHost }: Settings["server"]): string | undefined {
  return publicHost
    ?.replace(/^https?:\/\//i, "")
    .replace(/\/.*$/, "")
    .toLowerCase();
}

/** `undefined` when it is not there, or there in different values. */
export function readCookie(headers: Headers, names: readonly string[]): string | undefined {
  const header = headers.get("cookie");
  if (header === null) return undefined;
  const values = header
    .split(";")
    .map((pair) => pair.trim())
    .flatMap((pair) => {
      const name = names.find((each) => pair.startsWith(`${each}=`));
      return name === undefined ? [] : [pair.slice(name.length + 1)];
    })
    .filter((value) => value !== "");
  // Two different ones: somebody has put his own beside it.
  return new Set(values).size === 1 ? values[0] : undefined;
}

/** `set-cookie` fields that begin a session in the browser. */
export function sessionCookies(tokens: IssuedTokens, headers: Headers, config: Settings): readonly string[] {
  const refreshS = Math.floor(config.auth.jwt.refreshTtlMs / 1000);
  return isSecure(headers, config)
    ? [
        cookie(SESSION, tokens.accessToken, "/", tokens.expiresInS, true),
        cookie(REFRESH, tokens.refreshToken, REFRESH_PATH, refreshS, true),
      ]
    : [
        cookie(PLAIN_SESSION, tokens.accessToken, "/", tokens.expiresInS, false),
        cookie(PLAIN_REFRESH, tokens.refreshToken, REFRESH_PATH, refreshS, false),
      ];
}

/** `set-cookie` fields that end it, whichever kind there is; browsers pass over those they could not have. */
export function endedCookies(): readonly string[] {
  return [
    cookie(SESSION, "", "/", 0, true),
    cookie(REFRESH, "", REFRESH_PATH, 0, true),
    cookie(PLAIN_SESSION, "", "/", 0, false),
    cookie(PLAIN_REFRESH, "", REFRESH_PATH, 0, false),
  ];
}

function cookie(name: string, value: string, path: string, maxAgeS: number, secure: boolean): string {
  return `${name}=${value}; Path=${path}; Max-Age=${maxAgeS}; HttpOnly; SameSite=Strict${secure ? "; Secure" : ""}`;
}

/** `auto`: always, but for plain http on this very machine, where a browser would drop such a cookie. */
export function isSecure(headers: Headers, { auth, server }: Settings): boolean {
  if (auth.cookieSecure !== "auto") return auth.cookieSecure;
  if (server.tls !== null || /^https:/i.test(server.publicHost ?? "")) return true;
  const name = (headers.get("host") ?? "").replace(/:\d+$/, "");
  return !LOOPBACK.test(name);
}
