/** API keys as each of the three families shows them; none of them can show more than prefix and last four. */
import { statusOf } from "../../auth/api-keys.ts";
import { expandScopes, SCOPE_NAMES } from "../../config/scopes.ts";
import type { ApiKey } from "../../store/types.ts";
import { instant, instantOrNull } from "./views.ts";

/** `http-api` section 11.1. */
export function keyView(key: ApiKey, now: number) {
  return {
    id: key.id,
    public_id: key.publicId,
    name: key.name,
    prefix: key.prefix,
    last4: key.last4,
    org_id: key.orgId,
    user_id: key.userId,
    style: key.style,
    status: statusOf(key, now),
    scopes: key.scopes,
    models: { allow: key.models.allow, deny: key.models.deny },
    default_model: key.defaultModel,
    providers: key.providers,
    limits: {
      rpm: key.limits.rpm,
      tpm: key.limits.tpm,
      concurrency: key.limits.concurrency,
      budgets: key.limits.budgets.map(({ usd, window }) => ({ usd, window })),
    },
    ip_allow: key.ipAllow,
    log_bodies: key.logBodies,
    expose_routing: key.exposeRouting,
    metadata: key.metadata,
    created_at: instant(key.createdAt),
    created_by: key.createdBy,
    expires_at: instantOrNull(key.expiresAt),
    last_used_at: instantOrNull(key.lastUsedAt),
    revoked_at: instantOrNull(key.revokedAt),
    replaces: key.replaces,
  };
}

/** Section 11.2: seconds without a fraction, and `[]` for everything that an account may do. */
export function relayKeyView(key: ApiKey) {
  return {
    id: key.id,
    name: key.name,
    key_prefix: key.prefix,
    scopes: key.scopes.length === 1 && key.scopes[0] === "account" ? [] : key.scopes,
    created_at: wholeSeconds(key.createdAt),
    expires_at: key.expiresAt === null ? null : wholeSeconds(key.expiresAt),
    last_used_at: key.lastUsedAt === null ? null : wholeSeconds(key.lastUsedAt),
  };
}

/** Section 11.3. */
export function openrelayKeyView(key: ApiKey) {
  return {
    id: key.publicId,
    name: key.name,
    keyPrefix: key.prefix,
    scopes: shownScopes(key.scopes),
    lastUsedAt: instantOrNull(key.lastUsedAt),
    expiresAt: instantOrNull(key.expiresAt),
    revokedAt: instantOrNull(key.revokedAt),
    createdAt: instant(key.createdAt),
  };
}

const KNOWN: ReadonlySet<string> = new Set(SCOPE_NAMES);

/** Sets expanded; scopes of the other product, which grant nothing here, as they were asked for. */
export function shownScopes(scopes: readonly string[]): readonly string[] {
  return [...expandScopes(scopes), ...scopes.filter((scope) => !KNOWN.has(scope))];
}

function wholeSeconds(ms: number): string {
  return instant(ms).replace(/\.\d+Z$/, "Z");
}
