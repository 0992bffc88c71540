/** Sign-ins through the compiled binary: a browser goes out to a provider and comes back, step by step or all at once. */
import { Browser, type Visit } from "./browser.ts";

export interface Flow {
  readonly browser: Browser;
  readonly loginUrl: string;
  readonly state: string;
}

export interface Outcome {
  /** The path it was sent to. */
  readonly page: string;
  readonly code: string | undefined;
  readonly error: string | undefined;
}

/** `GET /api/auth/sso/login`. */
export async function begin(
  relay: string,
  provider: string,
  options: { readonly browser?: Browser; readonly query?: string; readonly headers?: Record<string, string> } = {},
): Promise<Flow> {
  const { browser = new Browser(), query = "", headers = {} } = options;
  const answer = await browser.visit(`${relay}/api/auth/sso/login?provider=${provider}${query}`, { headers });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  const { login_url: loginUrl, state } = JSON.parse(answer.text) as { login_url: string; state: string };
  return { browser, loginUrl, state };
}

/** To the provider and through it; returns the address at the relay that the answer comes to, unvisited. */
export function throughProvider(relay: string, { browser, loginUrl }: Flow): Promise<string> {
  return browser.follow(loginUrl, (url) => url.origin === relay);
}

/** Delivers the answer at the relay. */
export async function arrive(browser: Browser, callback: string): Promise<Outcome> {
  const { status, headers, text } = await browser.visit(callback);
  const location = headers.get("location");
  if (status !== 303 || location === null || text !== "") throw new Error(`${status} ${location} ${text}`);
  const [page = "", fragment = ""] = location.split("#");
  const words = new URLSearchParams(fragment);
  return { page, code: words.get("sso_code") ?? undefined, error: words.get("sso_error") ?? undefined };
}

/** Out and back; where the browser was sent in the end. */
export async function goAndReturn(
  relay: string,
  provider: string,
  options: Parameters<typeof begin>[2] = {},
): Promise<Outcome & { readonly browser: Browser }> {
  const flow = await begin(relay, provider, options);
  return { ...(await arrive(flow.browser, await throughProvider(relay, flow))), browser: flow.browser };
}

export interface Token {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly user: {
    readonly id: number;
    readonly username: string;
    readonly email: string | null;
    readonly is_admin: boolean;
    readonly is_super_admin: boolean;
  };
}

export function exchange(relay: string, browser: Browser, code: string, more: object = {}): Promise<Visit> {
  return browser.post(`${relay}/api/auth/sso/exchange`, { code, ...more });
}

/** All of it, for somebody who must get in. */
export async function signIn(
  relay: string,
  provider: string,
  options: Parameters<typeof begin>[2] = {},
): Promise<Token> {
  const { browser, code, error } = await goAndReturn(relay, provider, options);
  if (code === undefined) throw new Error(`refused: ${error}`);
  const answer = await exchange(relay, browser, code);
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return JSON.parse(answer.text) as Token;
}
