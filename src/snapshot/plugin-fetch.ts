/** What plugins are lent as `host.fetch`: http and https, no redirects, proxy and roots of the configuration. */
import { rootsWith } from "../net/roots.ts";
import { bridgeTo } from "../net/socks-bridge.ts";
import type { WayOut } from "../net/way-out.ts";

/** A plugin's own small requests (model lists, token exchanges) may take this long. */
const PLUGIN_FETCH_MAX_MS = 30_000;

export type PluginFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

export function createPluginFetch({ proxyFor, roots }: WayOut): PluginFetch {
  let session: Bun.FetchSession | undefined;
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const { protocol } = url;
    // fetch also reads files and data URLs, which no plugin has any business with.
    if (protocol !== "http:" && protocol !== "https:")
      throw new TypeError(`host.fetch takes http and https, not ${protocol}`);
    session ??= new Bun.FetchSession(roots === null ? {} : { tls: { ca: [...rootsWith(roots)] } });
    const isTls = protocol === "https:";
    const hostname = url.hostname.replace(/^\[|\]$/g, "");
    const proxy = proxyFor({ isTls, hostname, port: Number(url.port) || (isTls ? 443 : 80) });
    // The bridge is there for CONNECT, and the runtime asks for that with https only.
    if (proxy?.scheme === "socks5" && !isTls) throw new TypeError("host.fetch through a SOCKS proxy takes https only");
    const bridge = proxy?.scheme === "socks5" ? await bridgeTo(proxy) : undefined;
    const through = bridge?.url ?? proxy?.url;
    const timeout = AbortSignal.timeout(PLUGIN_FETCH_MAX_MS);
    const signal = init?.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
    try {
      return await session.fetch(input, {
        ...init,
        proxy: through === undefined ? false : { url: through, respectNoProxy: false },
        signal,
        redirect: "manual",
      });
    } finally {
      bridge?.close();
    }
  };
}
