/** The cookie that ties a sign-in to the browser it began in; it says nothing, and no script can read it. */
import { CODE_MS, PENDING_MS } from "../../auth/sign-in.ts";
import { isSecure, readCookie, type Settings } from "../cookies.ts";

/** With `Secure`; a host of its own, so that no neighbour domain can set it. */
const NAME = "__Host-mr_sso";
/** On plain http on this machine, where browsers refuse the other. */
const PLAIN_NAME = "mr_sso";
const VALUE = /^[A-Za-z0-9_-]{43}$/;

/** What the browser brings; on https only the name that nobody else can have set counts. */
export function ssoCookie(headers: Headers, config: Settings): string | undefined {
  const value = readCookie(headers, [isSecure(headers, config) ? NAME : PLAIN_NAME]);
  return value !== undefined && VALUE.test(value) ? value : undefined;
}

/** A `set-cookie` field. Lax: the provider sends the browser back from another site. */
function field(headers: Headers, config: Settings, value: string, maxAgeMs: number): string {
  const secure = isSecure(headers, config);
  const rest = `Path=/; Max-Age=${maxAgeMs / 1000}; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
  return `${secure ? NAME : PLAIN_NAME}=${value}; ${rest}`;
}

/** For the way to the provider and back. */
export function begunCookie(headers: Headers, config: Settings, browser: string): string {
  return field(headers, config, browser, PENDING_MS);
}

/** From the provider's answer to the exchange of the code. */
export function answeredCookie(headers: Headers, config: Settings, browser: string): string {
  return field(headers, config, browser, CODE_MS);
}

export function endedCookie(headers: Headers, config: Settings): string {
  return field(headers, config, "", 0);
}
