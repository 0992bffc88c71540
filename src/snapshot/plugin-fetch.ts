/** What plugins are lent as `host.fetch`: http and https to checked addresses, no redirects, proxy and roots of the configuration. */
import { isIP } from "node:net";
import { type Destination, destinationOf } from "../net/destinations.ts";
import type { Lookup } from "../net/dial.ts";
import { rootsWith } from "../net/roots.ts";
import { bridgeTo } from "../net/socks-bridge.ts";
import type { WayOut } from "../net/way-out.ts";

/** A plugin's own small requests (model lists, token exchanges) may take this long. */
const PLUGIN_FETCH_MAX_MS = 30_000;

export interface PluginFetchOptions {
  readonly way: WayOut;
  /** `network.allow_private_networks`. */
  readonly allowed: readonly string[];
  /** `URL.origin`s that may lie anywhere. */
  readonly trusted: ReadonlySet<string>;
  /** All addresses of a name; default: the system's resolver. */
  readonly names?: Lookup;
}

export type PluginFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

export function createPluginFetch({ way, ...rules }: PluginFetchOptions): PluginFetch {
  const roots = way.roots === null ? {} : { ca: [...rootsWith(way.roots)] };
  let session: Bun.FetchSession | undefined;
  return async (input, init) => {
    const destination = await destinationOf(input instanceof Request ? input.url : String(input), rules);
    session ??= new Bun.FetchSession({ tls: roots });
    const timeout = AbortSignal.timeout(PLUGIN_FETCH_MAX_MS);
    const signal = init?.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
    const own = { signal, redirect: "manual" } as const;
    const { protocol, hostname, port } = destination.url;
    const isTls = protocol === "https:";
    const to = { isTls, hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || (isTls ? 443 : 80) };
    const proxy = way.proxyFor(to);
    if (proxy === null) {
      if (destination.type === "any") return session.fetch(input, { ...init, ...own, proxy: false });
      return connectTo(destination, session, input, init, { ...own, tls: roots });
    }
    // Behind a proxy names are the proxy's to resolve: what they are here has been looked at, if they are anything.
    if (proxy.scheme !== "socks5") {
      return session.fetch(input, { ...init, ...own, proxy: { url: proxy.url, respectNoProxy: false } });
    }
    // The bridge is there for CONNECT, and the runtime asks for that with https only.
    if (!isTls) throw new TypeError("host.fetch through a SOCKS proxy takes https only");
    const bridge = await bridgeTo(proxy);
    try {
      return await session.fetch(input, { ...init, ...own, proxy: { url: bridge.url, respectNoProxy: false } });
    } finally {
      bridge.close();
    }
  };
}

type Own = Pick<RequestInit, "signal" | "redirect"> & { readonly tls: { readonly ca?: string[] } };

/** To the addresses that were checked and no others: the name goes along in `Host` and in the handshake. */
async function connectTo(
  { url, addresses }: Destination & { readonly type: "checked" },
  session: Bun.FetchSession,
  input: string | URL | Request,
  init: RequestInit | undefined,
  own: Own,
): Promise<Response> {
  const request = new Request(input as string, { ...init, signal: own.signal ?? null });
  const headers = new Headers(request.headers);
  headers.set("host", url.host);
  const body = request.body === null ? null : await request.arrayBuffer();
  const serverName = url.hostname.replace(/^\[|\]$/g, "");
  const tls = { ...own.tls, rejectUnauthorized: true, ...(isIP(serverName) === 0 ? { serverName } : {}) };
  let failure: unknown = new TypeError(`${url.hostname} could not be resolved`);
  for (const address of addresses) {
    const there = new URL(url);
    there.hostname = isIP(address) === 6 ? `[${address}]` : address;
    try {
      return await session.fetch(there.href, { method: request.method, headers, body, ...own, tls, proxy: false });
    } catch (error) {
      failure = error;
      if (own.signal?.aborted === true) break;
    }
  }
  throw failure;
}
