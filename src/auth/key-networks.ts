/** Holds the address of a client against the networks a key may be used from. */
import { RelayError } from "../contract/errors.ts";
import type { Identity } from "../contract/host.ts";
import { isInNetworks } from "../support/addresses.ts";

/** Throws `forbidden` (`ip_not_allowed`). An address nobody knows, as on a Unix socket, lies in no network. */
export function requireAddress({ ipAllow }: Identity, address: string): void {
  if (ipAllow === undefined || isInNetworks(address, ipAllow)) return;
  throw new RelayError("forbidden", "This credential may not be used from this address.", {
    wireCode: "ip_not_allowed",
  });
}
