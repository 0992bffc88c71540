/** What plugins are lent as `host.fetch`: http and https to checked addresses, no redirects, proxy and roots of the configuration. */
import { isIP } from "node:net";
import type { Config } from "../config/types.ts";
import { type Destination, destinationOf } from "../net/destinations.ts";
import type { Lookup } from "../net/dial.ts";
import { rootsWith } from "../net/roots.ts";

/** A plugin's own small requests (model lists, token exchanges) may take this long. */
const PLUGIN_FETCH_MAX_MS = 30_000;

export interface PluginFetchOptions {
  readonly network: Pick<Config["network"], "proxy" | "allowPrivateNetworks">;
  readonly extraRoots: string | null;
  /** `HTTP_PROXY` or its like is set: it rules where the configuration is silent. */
  readonly hasEnvironmentProxy: boolean;
  /** `URL.origin`s that may lie anywhere. */
  readonly trusted: ReadonlySet<string>;
  /** All addresses of a name; default: the system's resolver. */
  readonly names?: Lookup;
}

export type PluginFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

export function createPluginFetch(options: PluginFetchOptions): PluginFetch {
  const { network, extraRoots, trusted, names } = options;
  const { proxy } = network;
  const isThroughProxy = proxy === null ? options.hasEnvironmentProxy : proxy !== "none";
  const roots = extraRoots === null ? undefined : [...rootsWith(extraRoots)];
  const rules = { allowed: network.allowPrivateNetworks, trusted, ...(names === undefined ? {} : { names }) };
  let session: Bun.FetchSession | undefined;
  return async (input, init) => {
    const destination = await destinationOf(input instanceof Request ? input.url : String(input), rules);
    session ??= new Bun.FetchSession({
      ...(proxy === null || proxy === "none" ? {} : { proxy: { url: proxy, respectNoProxy: false } }),
      ...(roots === undefined ? {} : { tls: { ca: roots } }),
    });
    const timeout = AbortSignal.timeout(PLUGIN_FETCH_MAX_MS);
    const signal = init?.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
    const own = { signal, redirect: "manual", ...(isThroughProxy ? {} : { proxy: false as const }) } as const;
    // Behind a proxy names are the proxy's to resolve: what they are here has been looked at, if they are anything.
    if (destination.type === "any" || isThroughProxy) return session.fetch(input, { ...init, ...own });
    return connectTo(destination, session, input, init, { ...own, tls: roots === undefined ? {} : { ca: roots } });
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
      return await session.fetch(there.href, { method: request.method, headers, body, ...own, tls });
    } catch (error) {
      failure = error;
      if (own.signal?.aborted === true) break;
    }
  }
  throw failure;
}
