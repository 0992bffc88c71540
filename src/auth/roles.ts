/** What roles mean: their names inside and outside of the store, and the scopes they hold. */
import { expandScopes, type Scope } from "../config/scopes.ts";
import type { Identity } from "../contract/host.ts";
import type { OrgRole, UserRole } from "../store/types.ts";

/** As identities name it. */
export function roleName(role: UserRole): "super-admin" | "admin" | "user" {
  return role === "super_admin" ? "super-admin" : role;
}

export function isAdminRole(role: Identity["role"]): boolean {
  return role === "admin" || role === "super-admin";
}

const EVERYTHING = expandScopes(["*"]);
const ACCOUNT = expandScopes(["account"]);
const MANAGEMENT = expandScopes(["management"]);
/** Members of an organisation are managed by its owner and admins, whatever their role in the house. */
const ORG_MANAGER = new Set<Scope>([...ACCOUNT, "orgs:write"]);

/** All scopes of a role, and the most that any credential of such an account can hold. */
export function scopesOfRole(role: UserRole, orgRole: OrgRole | null): ReadonlySet<Scope> {
  if (role !== "user") return EVERYTHING;
  return orgRole === "owner" || orgRole === "admin" ? ORG_MANAGER : ACCOUNT;
}

/**
 * Whether an admin acts with all of his role: in person, or by a credential that holds every management scope. One that
 * holds some must not come by the others through an account whose password it sets.
 */
export function isWholeAdmin({ kind, role, scopes }: Identity): boolean {
  return kind === "session" || role === "super-admin" || scopes.isSupersetOf(MANAGEMENT);
}

export function isManagementScope(scope: string): boolean {
  return (MANAGEMENT as ReadonlySet<string>).has(scope) && !(ACCOUNT as ReadonlySet<string>).has(scope);
}
