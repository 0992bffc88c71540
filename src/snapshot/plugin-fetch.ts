/** What plugins are lent as `host.fetch`: http and https, no redirects, proxy and roots of the configuration. */
import type { Config } from "../config/types.ts";

/** A plugin's own small requests (model lists, token exchanges) may take this long. */
const PLUGIN_FETCH_MAX_MS = 30_000;

function createSession(proxy: string | null, extraRoots: string | null): Bun.FetchSession {
  return new Bun.FetchSession({
    ...(proxy === null || proxy === "none" ? {} : { proxy: { url: proxy, respectNoProxy: false } }),
    ...(extraRoots === null ? {} : { tls: { ca: extraRoots } }),
  });
}

export function createPluginFetch(
  network: Pick<Config["network"], "proxy">,
  extraRoots: string | null,
): (input: string | URL | Request, init?: RequestInit) => Promise<Response> {
  let session: Bun.FetchSession | undefined;
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const { protocol } = new URL(url);
    // fetch also reads files and data URLs, which no plugin has any business with.
    if (protocol !== "http:" && protocol !== "https:")
      throw new TypeError(`host.fetch takes http and https, not ${protocol}`);
    session ??= createSession(network.proxy, extraRoots);
    const direct = network.proxy === "none" ? { proxy: false as const } : {};
    const timeout = AbortSignal.timeout(PLUGIN_FETCH_MAX_MS);
    const signal = init?.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
    return session.fetch(input, { ...init, ...direct, signal, redirect: "manual" });
  };
}
