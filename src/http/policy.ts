/** Who may call a route: every route declares it, nothing is open by omission. */
import { type Identity, RelayError } from "../plugin/index.ts";
import type { Scope } from "../config/scopes.ts";

export type Policy =
  | { readonly type: "public" }
  /** Any valid credential; with a scope, one that holds it. */
  | { readonly type: "any"; readonly scope?: Scope }
  /** An API key, and nothing else. */
  | { readonly type: "api-key" }
  /** A signed-in user, session credential. */
  | { readonly type: "user" }
  /** The role in the organisation that the path names decides, in the handler; who is not signed in needs the scope too. */
  | { readonly type: "org"; readonly scope: Scope }
  /** Role admin and the scope. The access key acts as admin only for management scopes granted to it. */
  | { readonly type: "admin"; readonly scope: Scope }
  /** The super admin in a session. */
  | { readonly type: "super" };

/** Throws `unauthenticated` or `forbidden`; returns when the caller may go on. */
export function enforce(policy: Policy, identity: Identity | undefined): void {
  if (policy.type === "public") return;
  if (identity === undefined) throw new RelayError("unauthenticated", "Unauthorized");
  switch (policy.type) {
    case "any":
      if (policy.scope !== undefined && !identity.scopes.has(policy.scope)) throw insufficient(policy.scope);
      return;
    case "api-key":
      if (identity.kind !== "api-key") throw refused("Only API keys have this", "api_key_required");
      return;
    case "org":
      if (identity.kind !== "session" && !identity.scopes.has(policy.scope)) throw insufficient(policy.scope);
      return;
    case "user":
      if (identity.kind !== "session") throw refused("Sign in to use this", "session_required");
      return;
    case "admin":
      // Without the scope the role does not matter, and the answer must not tell it.
      if (identity.role === "user") throw refused("Admin access required", "admin_required");
      if (!identity.scopes.has(policy.scope)) throw insufficient(policy.scope);
      return;
    case "super":
      if (identity.kind !== "session" || identity.role !== "super-admin") {
        throw refused("Super admin access required", "super_admin_required");
      }
  }
}

function insufficient(scope: Scope): RelayError {
  return refused(`This credential lacks the scope "${scope}"`, "insufficient_scope");
}

function refused(message: string, wireCode: string): RelayError {
  return new RelayError("forbidden", message, { wireCode });
}
