/** What a caller may do to a key that it sees: change or end it, or have it handed out anew. */
import { expandScopes } from "../config/scopes.ts";
import type { Identity } from "../contract/host.ts";
import type { ApiKeyStanding } from "../store/types.ts";
import { requireScopesOf } from "./grants.ts";
import { withinReach } from "./key-bounds.ts";
import { forbidden } from "./refusals.ts";

/**
 * `held`: the scopes that the key grants now, `undefined` when it grants none. Nobody but its owner changes the super
 * admin's; a key changes itself, and others only if they could not do more than itself. Throws 403.
 */
export function requireMastery(
  { key, owner }: ApiKeyStanding,
  held: ReadonlySet<string> | undefined,
  caller: Identity,
): void {
  if (owner?.role === "super_admin" && key.userId !== caller.userId && caller.role !== "super-admin") {
    throw forbidden("super_admin_protected", "Only the super admin changes keys of the super admin");
  }
  if (caller.kind !== "api-key" || caller.apiKeyId === key.id) return;
  requireScopesOf(held ?? expandScopes(key.scopes), caller);
  withinReach(key, caller);
}

/**
 * The successor acts as the owner, and its text is handed to the caller: so that is the owner, or the command line,
 * with no fewer scopes. Throws 403.
 */
export function requireOwnership(
  { key }: ApiKeyStanding,
  held: ReadonlySet<string> | undefined,
  caller: Identity,
): void {
  const isOperator = caller.kind === "service" && caller.role === "super-admin";
  if (isOperator) return;
  if (key.userId !== caller.userId) {
    throw forbidden(
      "key_owner_required",
      "Only the owner of a key rotates it; others revoke it and make one of theirs",
    );
  }
  requireScopesOf(held ?? expandScopes(key.scopes), caller);
  withinReach(key, caller);
  // What a key makes is counted with its maker; what it got hold of by rotating would not be.
  const isLimited = caller.limits !== undefined || caller.makers !== undefined;
  if (caller.kind === "api-key" && isLimited && caller.apiKeyId !== key.id) {
    throw forbidden("key_limited", "A key with limits, its own or its maker's, rotates no key but itself");
  }
}
