/** What providers are lent as `host.metadata`: the services of the machine they run on, and nothing farther away. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { isInNetworks } from "../support/addresses.ts";
import { PLAIN_WAY } from "../net/way-out.ts";
import type { ProviderHost } from "../plugin/index.ts";
import { createPluginFetch } from "./plugin-fetch.ts";

/** They answer at once or are not there. */
const METADATA_MAX_MS = 2000;

/** Loopback, link-local, and the unique local addresses that EC2 has for the same. */
const NEARBY: readonly string[] = ["127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10", "fd00:ec2::/32"];

export const refuseMetadata: ProviderHost["metadata"] = () =>
  Promise.reject(new TypeError("host.metadata is there only where the entry says allow_metadata: true"));

export const fetchMetadata: ProviderHost["metadata"] = async (address, init) => {
  const request = new Request(address, init);
  const url = new URL(request.url);
  if (url.protocol !== "http:") throw new TypeError(`host.metadata takes http, not ${url.protocol}`);
  const headers = new Headers(request.headers);
  headers.set("host", url.host);
  url.hostname = await nearbyAddress(url.hostname.replace(/^\[|\]$/g, ""));
  const timeout = AbortSignal.timeout(METADATA_MAX_MS);
  // A proxy would answer for its own machine.
  const direct = createPluginFetch({ way: PLAIN_WAY, allowed: [], trusted: new Set([url.origin]) });
  return direct(url, {
    method: request.method,
    headers,
    body: request.body === null ? null : await request.arrayBuffer(),
    signal: init?.signal ? AbortSignal.any([init.signal, timeout]) : timeout,
  });
};

/** As a URL writes it. One address farther away spoils a name. */
async function nearbyAddress(hostname: string): Promise<string> {
  const found =
    isIP(hostname) === 0 ? await lookup(hostname, { all: true, order: "ipv4first" }) : [{ address: hostname }];
  const addresses = found.map(({ address }) => address);
  if (addresses.length === 0 || !addresses.every((address) => isInNetworks(address, NEARBY))) {
    throw new TypeError("host.metadata takes link-local and loopback addresses only");
  }
  const [first = ""] = addresses;
  return first.includes(":") ? `[${first}]` : first;
}
