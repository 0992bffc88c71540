/** Which addresses lie in the public network: everything else may be a door to somebody's own. */
import { BlockList, isIP } from "node:net";
import { isInNetworks } from "../support/addresses.ts";

/** IANA's special-purpose registries, multicast and reserved space included. */
const SPECIAL: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  "::/96",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23",
  "2001:db8::/32",
  "3fff::/20",
  "5f00::/16",
  "fc00::/7",
  "fe80::/9",
  "ff00::/8",
];

/** Of these, those that nobody serves models at: this host, link-local and multicast, where clouds have their metadata. */
const CLOSED: readonly string[] = [
  "0.0.0.0/8",
  "100.100.100.200/32",
  "169.254.0.0/16",
  "224.0.0.0/4",
  "255.255.255.255/32",
  "::/128",
  "fd00:ec2::/32",
  "fe80::/10",
  "ff00::/8",
];

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits = ""] = network.split("/");
    list.addSubnet(address, Number(bits), isIP(address) === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

const special = listOf(SPECIAL);
const closed = listOf(CLOSED);

/** IPv6 forms that carry an IPv4 address: mapped, NAT64, 6to4. What counts is where they lead. */
const CARRIERS: readonly (readonly [prefix: string, bits: number, at: number])[] = [
  ["::ffff:0:0", 96, 6],
  ["64:ff9b::", 96, 6],
  ["2002::", 16, 1],
];

/** `allowed`: networks that are none the less permitted, as the operator wrote them. */
export function isReachableAddress(address: string, allowed: readonly string[]): boolean {
  return isOutside(special, address, allowed);
}

/** Whether an address needs a listing even where loopback and private ones do not; what is no address is closed too. */
export function isClosedAddress(address: string, allowed: readonly string[]): boolean {
  return !isOutside(closed, address, allowed);
}

function isOutside(list: BlockList, address: string, allowed: readonly string[]): boolean {
  const plain = address.replace(/^\[|\]$|%.*$/g, "");
  const version = isIP(plain);
  if (version === 0) return false;
  if (isInNetworks(plain, allowed)) return true;
  if (version === 4) return !list.check(plain, "ipv4");
  const carried = carriedAddress(plain);
  if (carried !== undefined) return isOutside(list, carried, allowed);
  return !list.check(plain, "ipv6");
}

function carriedAddress(address: string): string | undefined {
  for (const [prefix, bits, at] of CARRIERS) {
    const list = new BlockList();
    list.addSubnet(prefix, bits, "ipv6");
    if (!list.check(address, "ipv6")) continue;
    const groups = groupsOf(address);
    const [high = 0, low = 0] = [groups[at], groups[at + 1]];
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  return undefined;
}

/** The eight groups as numbers. */
function groupsOf(address: string): number[] {
  // A URL writes every address in its shortest form, without dots.
  const text = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = "", tail] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...(tail === undefined ? [] : zeros), ...right].map((group) => Number.parseInt(group, 16));
}
