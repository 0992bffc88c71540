/** Writes into the audit trail that somebody known was refused an administrative change by the route's policy alone. */
import type { AuditTrail } from "../auth/audit.ts";
import type { Origin } from "../auth/caller.ts";
import { type Identity, RelayError } from "../plugin/index.ts";
import type { Clock } from "../support/clock.ts";
import type { ApiRoute } from "./api.ts";

export type RefusedWrite = (
  route: Pick<ApiRoute, "method" | "path" | "policy">,
  identity: Identity | undefined,
  origin: Origin,
  cause: unknown,
) => Promise<void>;

/** Who tries again and again leaves one line per route in this time: the trail must not be filled up by asking. */
const REPEATED_MS = 60_000;
const REMEMBERED_MAX = 10_000;

/** What services refuse themselves (another's key, the super admin) they write down with what it was about. */
export function createRefusedWrites(audit: Pick<AuditTrail, "refused">, clock: Pick<Clock, "now">): RefusedWrite {
  const lately = new Map<string, number>();
  return async ({ method, path, policy }, identity, origin, cause) => {
    const isAdministrative = policy.type === "admin" || policy.type === "super" || policy.type === "org";
    if (identity === undefined || !isAdministrative || method === "GET") return;
    if (!RelayError.is(cause) || cause.status !== 403) return;
    const target = `${method} ${path}`;
    const name = `${identity.id} ${target}`;
    const now = clock.now();
    const last = lately.get(name);
    if (last !== undefined && Math.abs(now - last) < REPEATED_MS) return;
    if (lately.size >= REMEMBERED_MAX) lately.clear();
    lately.set(name, now);
    await audit.refused({ identity, origin }, "request.refused", target, cause);
  };
}
