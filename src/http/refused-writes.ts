/** Writes into the audit trail that somebody known was refused an administrative change by the route's policy alone. */
import type { AuditTrail } from "../auth/audit.ts";
import type { Origin } from "../auth/caller.ts";
import { createRepetition } from "../auth/repetition.ts";
import { type Identity, RelayError } from "../plugin/index.ts";
import type { Clock } from "../support/clock.ts";
import type { ApiRoute } from "./api.ts";

export type RefusedWrite = (
  route: Pick<ApiRoute, "method" | "path" | "policy">,
  identity: Identity | undefined,
  origin: Origin,
  cause: unknown,
) => Promise<void>;

/** What services refuse themselves (another's key, the super admin) they write down with what it was about. */
export function createRefusedWrites(audit: Pick<AuditTrail, "refused">, clock: Pick<Clock, "now">): RefusedWrite {
  const isRepeated = createRepetition(clock);
  return async ({ method, path, policy }, identity, origin, cause) => {
    const isAdministrative = policy.type === "admin" || policy.type === "super" || policy.type === "org";
    if (identity === undefined || !isAdministrative || method === "GET") return;
    if (!RelayError.is(cause) || cause.status !== 403) return;
    const target = `${method} ${path}`;
    if (isRepeated(identity.id, target)) return;
    await audit.refused({ identity, origin }, "request.refused", target, cause);
  };
}
