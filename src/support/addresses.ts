/** Addresses of clients: which one counts behind trusted proxies, and networks it may be compared with. */
import { createHash } from "node:crypto";
import { BlockList, isIP } from "node:net";

const lists = new WeakMap<readonly string[], BlockList>();

/** `10.0.0.0/8`, `2001:db8::/32` or single addresses. Entries that are neither match nothing. */
export function networkList(networks: readonly string[]): BlockList {
  let list = lists.get(networks);
  if (list !== undefined) return list;
  list = new BlockList();
  for (const network of networks) {
    const [address, bits] = network.split("/");
    const version = isIP(address ?? "");
    if (version === 0) continue;
    const family = version === 4 ? "ipv4" : "ipv6";
    if (bits === undefined) list.addAddress(address!, family);
    else list.addSubnet(address!, Number(bits), family);
  }
  lists.set(networks, list);
  return list;
}

export function isInNetworks(address: string, networks: readonly string[]): boolean {
  if (networks.length === 0) return false;
  const plain = plainAddress(address);
  const version = isIP(plain);
  return version !== 0 && networkList(networks).check(plain, version === 4 ? "ipv4" : "ipv6");
}

const MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/** An IPv4 address mapped into IPv6 is the IPv4 address. */
export function plainAddress(address: string): string {
  return address.startsWith("::") ? address.replace(MAPPED, "") : address;
}

/**
 * The peer, or, when the peer is a trusted proxy, the last address of `X-Forwarded-For` that is not one: whatever
 * stands before it, anybody could have written.
 */
export function clientAddress(peer: string, headers: Headers, trustedProxies: readonly string[]): string {
  if (trustedProxies.length === 0 || !isInNetworks(peer, trustedProxies)) return plainAddress(peer);
  const forwarded = (headers.get("x-forwarded-for") ?? "").split(",").map(withoutPort);
  for (const address of forwarded.reverse()) {
    if (isIP(address) === 0) break;
    if (!isInNetworks(address, trustedProxies)) return plainAddress(address);
  }
  return plainAddress(peer);
}

/** Some proxies write the port behind it: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  const [, v6, v4] = /^(?:\[([0-9a-f:.]+)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+):\d{1,5})$/i.exec(text.trim()) ?? [];
  return v6 ?? v4 ?? text.trim();
}

/** An address as far as it may be kept: whole, its network (/24, /48), a digest that tells addresses apart, or not. */
export function shownAddress(address: string, detail: "full" | "network" | "hash" | "off"): string | null {
  if (address === "" || detail === "off") return null;
  if (detail === "full") return address;
  if (detail === "hash") return createHash("sha256").update(HASH_SALT).update(address).digest("hex").slice(0, 16);
  if (isIP(address) === 4) return `${address.split(".").slice(0, 3).join(".")}.0/24`;
  const groups = expand(address).slice(0, 3);
  return `${groups.join(":")}::/48`;
}

/** New for each process: four billion addresses are quickly tried out, and the digest has to tell them apart only today. */
const HASH_SALT = crypto.getRandomValues(new Uint8Array(16));

/** The eight groups of an IPv6 address. */
function expand(address: string): string[] {
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array.from({ length: Math.max(0, zeros) }, () => "0"), ...right];
}
