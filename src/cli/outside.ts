/** Requests of the relay itself to services outside: by the proxy, roots and addresses that the configuration allows now. */
import { readFileSync } from "node:fs";
import type { Config } from "../config/types.ts";
import type { Clients } from "../snapshot/clients.ts";
import { createPluginFetch } from "../snapshot/plugin-fetch.ts";

/** `trusted`: origins that the operator has named, which may lie anywhere. Redirects are not followed. */
export type FetchOutside = (input: string, init?: RequestInit, trusted?: ReadonlySet<string>) => Promise<Response>;

/** What the house itself asks outside goes to addresses that stand in its code. */
const NOBODY: ReadonlySet<string> = new Set();

export function createOutside(config: () => Config, clients: Clients): FetchOutside {
  return (input, init, trusted = NOBODY) => {
    const now = config();
    const way = clients.get(now.network.proxy, rootsOf(now));
    return createPluginFetch({ way, allowed: now.network.allowPrivateNetworks, trusted })(input, init);
  };
}

/** The text of `network.ca_file`. */
export function rootsOf({ network }: Config): string | null {
  return network.caFile === null ? null : readFileSync(network.caFile, "utf8");
}
