/** The network a client counts as when failures are counted: an IPv4 address, or the /64 of an IPv6 one. */
import { isIP } from "node:net";
import { plainAddress } from "../support/addresses.ts";

const GROUPS_COUNTED = 4;

/** In canonical form, so that no spelling of an address begins a count of its own. */
export function networkOf(address: string): string {
  const plain = plainAddress(address);
  if (isIP(plain) !== 6) return plain;
  const groups = groupsOf(plain);
  // The other spelling of a mapped IPv4 address: ::ffff:7f00:1.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const [high = 0, low = 0] = groups.slice(6);
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  const counted = groups.slice(0, GROUPS_COUNTED).map((group) => group.toString(16));
  return `${counted.join(":")}::/64`;
}

/** The eight 16-bit groups; what follows `%` names an interface of ours and nothing else. */
function groupsOf(address: string): number[] {
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const left = parse(head);
  const right = tail === undefined ? [] : parse(tail);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array.from({ length: zeros }, () => 0), ...right];
}

function parse(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
