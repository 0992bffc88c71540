/** The certificates that are trusted when an operator has added some. */
import { getCACertificates } from "node:tls";

/** In PEM. The runtime would trust `ca` instead of its own roots, not beside them. */
export function rootsWith(ca: string): readonly string[] {
  return [...getCACertificates("default"), ca];
}
