/** Where requests of plugins may go: origins that the operator names, and otherwise public addresses only. */
import { lookup as resolve } from "node:dns/promises";
import { isIP } from "node:net";
import type { Lookup } from "./dial.ts";
import { isReachableAddress } from "./public-addresses.ts";

export interface DestinationRules {
  /** Networks that are none the less permitted. */
  readonly allowed: readonly string[];
  /** `URL.origin`s that may lead anywhere: whoever wrote the configuration wrote them. Asked each time. */
  readonly trusted: ReadonlySet<string>;
  /** All addresses of a name; default: the system's resolver. */
  readonly names?: Lookup;
}

/** `any`: the runtime finds the way. Otherwise the addresses to connect to, checked; empty = the name has none here. */
export type Destination =
  | { readonly type: "any"; readonly url: URL }
  | { readonly type: "checked"; readonly url: URL; readonly addresses: readonly string[] };

/** Names of the own machine and of clouds' metadata: unknown here, a proxy may still know them. */
const INSIDE = /(^|\.)(localhost|localdomain|internal|instance-data)\.?$|^metadata(\.goog)?\.?$/i;

/**
 * Throws a `TypeError` for other schemes than http and https, for a credential in the URL, and for an address that is
 * not public. A name that cannot be resolved has no addresses: through a proxy that may be right.
 */
export async function destinationOf(text: string, rules: DestinationRules): Promise<Destination> {
  const url = new URL(text);
  // fetch also reads files and data URLs, which no plugin has any business with.
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new TypeError(`host.fetch takes http and https, not ${url.protocol}`);
  if (url.username !== "" || url.password !== "") throw new TypeError("host.fetch takes no credential in a URL");
  url.hash = "";
  if (rules.trusted.has(url.origin)) return { type: "any", url };
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0) {
    if (!isReachableAddress(host, rules.allowed)) throw refused(host);
    return { type: "checked", url, addresses: [host] };
  }
  const addresses = await (rules.names ?? allAddresses)(host).catch(() => []);
  // One bad address spoils the name: nobody honest mixes them.
  const isInside = addresses.some((address) => !isReachableAddress(address, rules.allowed));
  if (isInside || (addresses.length === 0 && INSIDE.test(host))) throw refused(host);
  return { type: "checked", url, addresses };
}

async function allAddresses(hostname: string): Promise<readonly string[]> {
  return (await resolve(hostname, { all: true })).map(({ address }) => address);
}

function refused(host: string): TypeError {
  return new TypeError(
    `host.fetch does not go to ${host}: its address is not public. Where that is meant, list its network in network.allow_private_networks`,
  );
}

/** Origins of all http and https URLs that stand in these options, at any depth. */
export function originsIn(options: unknown, found: Set<string> = new Set()): Set<string> {
  if (typeof options === "string") {
    if (/^https?:\/\//i.test(options) && URL.canParse(options)) found.add(new URL(options).origin);
  } else if (typeof options === "object" && options !== null) {
    for (const value of Object.values(options)) originsIn(value, found);
  }
  return found;
}
