/** What keeps browsers from doing more with an answer than was meant: framing it, guessing its type, telling its address on. */
import type { Snapshot } from "../snapshot/snapshot.ts";

const YEAR_S = 31_536_000;

/** On every answer but those of calls to models, which no page shows. */
export function addPageHeaders(headers: Headers, { config: { server } }: Snapshot): void {
  headers.set("x-content-type-options", "nosniff");
  headers.set("x-frame-options", "DENY");
  headers.set("referrer-policy", "no-referrer");
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-resource-policy", "same-origin");
  // Over http browsers do not listen to it.
  if (server.tls !== null || /^https:/i.test(server.publicHost ?? "")) {
    headers.set("strict-transport-security", `max-age=${YEAR_S}`);
  }
}
