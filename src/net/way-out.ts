/** How connections leave the house: through which proxy, and whose certificates are trusted. */
import type { Client } from "./answer.ts";
import { DIRECT, type ProxyChoice } from "./proxy.ts";

export interface WayOut {
  readonly proxyFor: ProxyChoice;
  /** Certificates in PEM that are trusted beside those of the runtime; `null` = none. */
  readonly roots: string | null;
  /** Whether an address may be connected to, where no proxy does that; absent = any may. */
  readonly mayReach?: ((address: string) => boolean) | undefined;
}

/** With the connections that are kept on it. */
export interface OpenWay extends WayOut {
  readonly client: Client;
}

/** No proxy, no further roots. */
export const PLAIN_WAY: WayOut = { proxyFor: DIRECT, roots: null };
