/** Which scopes a caller may write on a key: never more than it holds itself. */
import { expandScopes, SCOPE_NAMES, SCOPE_SETS } from "../config/scopes.ts";
import type { Identity } from "../contract/host.ts";
import type { RelayError } from "../contract/errors.ts";
import type { KeyStyle } from "../store/types.ts";
import { forbidden, invalid, problem } from "./refusals.ts";
import { isAdminRole, isManagementScope } from "./roles.ts";

const KNOWN: ReadonlySet<string> = new Set(SCOPE_NAMES);
/** Scopes of another product, which its clients ask for: kept, and good for nothing here. */
const FOREIGN: ReadonlySet<string> = new Set(
  ["clusters", "vms", "billing"].flatMap((resource) => [`${resource}:*`, `${resource}:read`, `${resource}:write`]),
);
const LENGTH_MAX = 64;

/**
 * The list to store, sets unexpanded. `undefined` asked: `defaults` for native keys, else the caller's own as far as
 * they belong to an account. Throws 422 for names that are none, 403 for scopes the caller lacks.
 */
export function grantScopes(
  asked: readonly string[] | undefined,
  style: KeyStyle,
  caller: Identity,
  defaults: readonly string[],
): readonly string[] {
  const list = asked ?? (style === "native" || style === "imported" ? defaults : ownAccountScopes(caller));
  const wanted = style === "relay" && list.length === 0 ? ["account"] : [...new Set(list)];
  if (wanted.length === 0) throw invalid(problem("scopes", "must name at least one scope"));
  if (wanted.length > LENGTH_MAX) throw invalid(problem("scopes", `must be at most ${LENGTH_MAX} scopes`));
  const unknown = wanted.findIndex((name) => !KNOWN.has(name) && !(style === "openrelay" && FOREIGN.has(name)));
  if (unknown >= 0) throw invalid(problem(`scopes.${unknown}`, "is not a scope"));
  if (wanted.includes("*") && caller.role !== "super-admin") throw lacking("*");
  for (const scope of expandScopes(wanted)) {
    if (!caller.scopes.has(scope)) throw lacking(scope);
    if (isManagementScope(scope) && caller.role === "user") throw lacking(scope);
  }
  return wanted;
}

/** Throws 403 when a key may do something that the caller may not: handing it out would hand that out. */
export function requireScopesOf(granted: ReadonlySet<string>, caller: Identity): void {
  for (const scope of granted) if (!caller.scopes.has(scope)) throw lacking(scope);
}

/** What this caller may write on a key, scope by scope. */
export function isGrantable(scope: string, caller: Identity): boolean {
  if (scope === "*") return caller.role === "super-admin";
  const expanded = expandScopes([scope]);
  const isHeld = expanded.size > 0 && [...expanded].every((each) => caller.scopes.has(each));
  const isManagement = [...expanded].some(isManagementScope);
  return isHeld && (!isManagement || isAdminRole(caller.role) || caller.role === "service");
}

function ownAccountScopes({ scopes }: Identity): readonly string[] {
  const own = SCOPE_SETS.account.filter((scope) => scopes.has(scope));
  return own.length === SCOPE_SETS.account.length ? ["account"] : own;
}

function lacking(scope: string): RelayError {
  return forbidden("insufficient_scope", `This credential lacks the scope "${scope}"`);
}
