/** How connections leave the house: through which proxy, and whose certificates are trusted. */
import { DIRECT, type ProxyChoice } from "./proxy.ts";

export interface WayOut {
  readonly proxyFor: ProxyChoice;
  /** Certificates in PEM that are trusted beside those of the runtime; `null` = none. */
  readonly roots: string | null;
}

/** No proxy, no further roots. */
export const PLAIN_WAY: WayOut = { proxyFor: DIRECT, roots: null };
