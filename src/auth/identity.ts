/** Turns sessions and keys, with the accounts behind them, into the identity that the rest of the house knows. */
import { expandScopes } from "../config/scopes.ts";
import type { Identity } from "../contract/host.ts";
import type { ApiKeyStanding, OrgRole, SessionStanding, StoredLimits, User } from "../store/types.ts";
import { roleName, scopesOfRole } from "./roles.ts";

export function principalOfUser(userId: number): string {
  return `user:${userId}`;
}

/** A signed-in person holds every scope of the role. */
export function sessionIdentity({ session, user, home }: SessionStanding): Identity {
  return Object.freeze({
    ...personOf(user, home, "jwt"),
    sessionId: session.id,
    reauthAt: session.reauthAt,
    expiresAt: session.expiresAt,
  });
}

/** The account itself, without a session: what an outside provider's link leads to. */
export function linkedIdentity(user: User, home: SessionStanding["home"]): Identity {
  return Object.freeze(personOf(user, home, "sso"));
}

function personOf(user: SessionStanding["user"], home: SessionStanding["home"], via: string): Identity {
  return {
    kind: "session",
    id: principalOfUser(user.id),
    name: user.username,
    userId: user.id,
    orgId: home?.orgId ?? null,
    apiKeyId: null,
    role: roleName(user.role),
    scopes: scopesOfRole(user.role, home?.role ?? null),
    via,
    ...(home === null ? {} : { orgRole: home.role }),
    ...limitsOf("orgLimits", home?.limits ?? null),
  };
}

/** The same person, acting in another organisation. */
export function inOrg(
  identity: Identity,
  org: { readonly id: string; readonly limits: StoredLimits | null },
  role: OrgRole,
): Identity {
  const { orgLimits: _limits, ...rest } = identity;
  const storedRole = identity.role === "super-admin" ? "super_admin" : identity.role === "admin" ? "admin" : "user";
  return Object.freeze({
    ...rest,
    orgId: org.id,
    orgRole: role,
    scopes: scopesOfRole(storedRole, role),
    ...limitsOf("orgLimits", org.limits),
  });
}

/**
 * `undefined`: the key may not be used now, for whatever reason. It holds what is written on it, cut to what its owner
 * may do at this moment; `serviceScopes` are the bound of keys that the access key made, `null` while it is switched off.
 */
export function keyIdentity(
  { key, owner, orgRole, orgLimits, makers }: ApiKeyStanding,
  serviceScopes: readonly string[] | null,
  now: number,
): Identity | undefined {
  if (key.revokedAt !== null || (key.expiresAt !== null && now >= key.expiresAt)) return undefined;
  if (key.userId !== null) {
    if (owner === null || !owner.isActive) return undefined;
    // An admin of the house, too, acts only in organisations that are his.
    if (orgRole === null) return undefined;
  } else if (serviceScopes === null) return undefined;
  const bound: ReadonlySet<string> =
    owner === null ? expandScopes(serviceScopes ?? []) : scopesOfRole(owner.role, orgRole);
  const { models, limits } = key;
  return Object.freeze({
    kind: "api-key",
    id: key.publicId,
    name: key.name,
    userId: key.userId,
    orgId: key.orgId,
    apiKeyId: key.id,
    role: owner === null ? "service" : owner.role === "user" ? "user" : "admin",
    scopes: (expandScopes(key.scopes) as ReadonlySet<string>).intersection(bound),
    via: "api-key",
    ...(models.allow.length + models.deny.length === 0 ? {} : { models }),
    ...(orgRole === null ? {} : { orgRole }),
    ...(key.expiresAt === null ? {} : { expiresAt: key.expiresAt }),
    ...(key.countsAs === key.id ? {} : { countsAs: key.countsAs }),
    ...(makers.length === 0 ? {} : { makers }),
    ...limitsOf("limits", limits),
    ...limitsOf("orgLimits", orgLimits),
    ...(key.ipAllow.length === 0 ? {} : { ipAllow: key.ipAllow }),
    ...(key.providers.length === 0 ? {} : { providers: key.providers }),
    ...(key.defaultModel === null ? {} : { defaultModel: key.defaultModel }),
    ...(key.logBodies === null ? {} : { logBodies: key.logBodies }),
    ...(key.exposeRouting ? {} : { exposeRouting: false }),
  } satisfies Identity);
}

/** Limits that limit nothing are left out: whoever has none is asked for none. */
export function limitsOf<Name extends "limits" | "orgLimits">(
  name: Name,
  limits: StoredLimits | null,
): { [key in Name]?: StoredLimits } {
  const isNone =
    limits === null ||
    (limits.rpm === 0 && limits.tpm === 0 && limits.concurrency === 0 && limits.budgets.length === 0);
  return (isNone ? {} : { [name]: limits }) as { [key in Name]?: StoredLimits };
}
