/** Where the URLs of providers lead as far as that is written out; names are looked at when they are connected to. */
import { isIP } from "node:net";
import { isClosedAddress, isReachableAddress } from "../../net/public-addresses.ts";
import type { Decoder } from "../decode.ts";
import type { Settings } from "../schema/index.ts";
import { keyPath } from "../tree.ts";

export function checkAddresses(decoder: Decoder, { providers, network }: Settings): void {
  if (decoder.isFaultyBelow("network")) return;
  for (const { name, baseUrl, allowPrivate } of providers) {
    const host = baseUrl === null ? undefined : URL.parse(baseUrl)?.hostname.replace(/^\[|\]$|\.$/g, "");
    const address = host !== undefined && isIP(host) !== 0 ? host : host === "localhost" ? "127.0.0.1" : undefined;
    const where = `${keyPath("providers", name)}.base_url`;
    if (address === undefined || decoder.isFaulty(where)) continue;
    if (isClosedAddress(address, network.allowPrivateNetworks)) {
      const message = "leads to an address that has to be listed in network.allow_private_networks";
      decoder.error(where, { code: "address_not_allowed", message });
    } else if (allowPrivate === false && !isReachableAddress(address, network.allowPrivateNetworks)) {
      const message = "leads to a private address, which allow_private: false forbids";
      decoder.error(where, { code: "address_not_allowed", message });
    }
  }
}
