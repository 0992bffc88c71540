/** How long a key may live: as asked, as configured, and no longer than the key that makes it. */
import type { ApiKeysConfig } from "../config/types.ts";
import type { Identity } from "../contract/host.ts";
import type { ApiKey } from "../store/types.ts";
import { invalid, problem } from "./refusals.ts";

type Rules = Pick<ApiKeysConfig, "defaultExpiryMs" | "maxExpiryMs">;

/** `undefined` asked: the default. `null` = never. Throws 422 for an explicit instant that is too late. */
export function boundedExpiry(
  asked: number | null | undefined,
  now: number,
  rules: Rules,
  caller: Identity,
): number | null {
  const latest = latestExpiry(now, rules, caller);
  if (asked === undefined) {
    const wanted = rules.defaultExpiryMs > 0 ? now + rules.defaultExpiryMs : Number.POSITIVE_INFINITY;
    const expiresAt = Math.min(wanted, latest);
    return Number.isFinite(expiresAt) ? expiresAt : null;
  }
  if ((asked ?? Number.POSITIVE_INFINITY) > latest) {
    throw invalid(problem("expires_at", `must not be later than ${new Date(latest).toISOString()}`));
  }
  return asked === null ? null : Math.floor(asked);
}

/** A successor lives as long as its predecessor was meant to, counted from now. */
export function rotatedExpiry(
  { createdAt, expiresAt }: Pick<ApiKey, "createdAt" | "expiresAt">,
  now: number,
  rules: Rules,
  caller: Identity,
): number | null {
  const wanted = expiresAt === null ? Number.POSITIVE_INFINITY : now + (expiresAt - createdAt);
  const bounded = Math.min(wanted, latestExpiry(now, rules, caller));
  return Number.isFinite(bounded) ? bounded : null;
}

function latestExpiry(now: number, { maxExpiryMs }: Rules, { kind, expiresAt }: Identity): number {
  const byRule = maxExpiryMs > 0 ? now + maxExpiryMs : Number.POSITIVE_INFINITY;
  return kind === "api-key" && expiresAt !== undefined ? Math.min(byRule, expiresAt) : byRule;
}
