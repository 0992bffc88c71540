/** What accounts, sessions and organisations look like from outside: built field by field, so that nothing else leaves. */
import type { IssuedTokens } from "../../auth/session.ts";
import type { SignInEntry } from "../../auth/sign-in.ts";
import type { AuditEntry, Invite, LinkedIdentity, Member, Org, OrgRole, Session, User } from "../../store/types.ts";

/** RFC 3339 in UTC. */
export function instant(ms: number): string {
  return new Date(ms).toISOString();
}

export function instantOrNull(ms: number | null): string | null {
  return ms === null ? null : instant(ms);
}

/** `http-api` section 9. */
export function userView(user: User) {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    is_active: user.isActive,
    is_admin: user.role !== "user",
    is_super_admin: user.role === "super_admin",
    sso_provider: user.sso?.provider ?? null,
    sso_id: user.sso?.subject ?? null,
    created_at: instant(user.createdAt),
    last_login: instantOrNull(user.lastLoginAt),
  };
}

/** The same fields for a caller that is nobody's account. */
export const NO_USER = {
  id: null,
  username: null,
  email: null,
  is_active: false,
  is_admin: false,
  is_super_admin: false,
  sso_provider: null,
  sso_id: null,
  created_at: null,
  last_login: null,
} as const;

/** `http-api` section 7. In a browser's session both tokens travel as cookies and are `null` here. */
export function tokenView({ accessToken, refreshToken, expiresInS, user }: IssuedTokens, isInCookies: boolean) {
  return {
    access_token: isInCookies ? null : accessToken,
    token_type: "bearer",
    expires_in: expiresInS,
    refresh_token: isInCookies ? null : refreshToken,
    user: {
      id: user.id,
      username: user.username,
      email: user.email,
      is_admin: user.role !== "user",
      is_super_admin: user.role === "super_admin",
    },
  };
}

export function sessionView(session: Session & { readonly isCurrent: boolean }) {
  return {
    id: session.id,
    created_at: instant(session.createdAt),
    last_seen_at: instant(session.lastSeenAt),
    ip: session.ip,
    user_agent: session.userAgent,
    current: session.isCurrent,
  };
}

/** What anybody may know of an identity provider: the button of the sign-in page. */
export function signInView({ config: { id, type, label } }: SignInEntry) {
  return { id, type, label };
}

export function identityView({ id, provider, subject, email, linkedAt }: LinkedIdentity) {
  return { id, provider, subject, email, linked_at: instant(linkedAt) };
}

export function orgView(org: Org & { readonly role: OrgRole | null }) {
  return {
    id: org.id,
    name: org.name,
    role: org.role,
    is_default: org.isDefault,
    // As keys show theirs; null = none.
    limits: org.limits,
    created_at: instant(org.createdAt),
  };
}

export function memberView({ userId, username, email, role, joinedAt }: Member) {
  return { user_id: userId, username, email, role, joined_at: instant(joinedAt) };
}

export function inviteView(invite: Invite) {
  return {
    id: invite.id,
    email: invite.email,
    org_id: invite.orgId,
    role: invite.role,
    created_by: invite.createdBy,
    created_at: instant(invite.createdAt),
    expires_at: instant(invite.expiresAt),
    used_at: instantOrNull(invite.usedAt),
    used_by: invite.usedBy,
    revoked_at: instantOrNull(invite.revokedAt),
  };
}

export function auditView(entry: AuditEntry) {
  return {
    id: entry.id,
    at: instant(entry.at),
    actor: entry.actor,
    via: entry.via,
    ip: entry.ip,
    action: entry.action,
    target: entry.target,
    before: entry.before,
    after: entry.after,
    outcome: entry.outcome,
    request_id: entry.requestId,
  };
}
