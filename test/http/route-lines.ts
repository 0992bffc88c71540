/** The dump of all routes as the tests of the gate read it: a name, who may call it, and a path that names nothing. */
import type { Policy } from "../../src/http/policy.ts";
import { apiRoutes, describeRoutes, type RouteLine } from "../../src/http/routes.ts";
import { DOCUMENTED, type May } from "./documented-routes.ts";

/** No handler runs here: the table alone is looked at. */
export const ROUTES = describeRoutes(apiRoutes(undefined as never, "/nonexistent"));

export const lineOf = ({ method, path }: RouteLine) => `${method} ${path}`;
export const policyText = (policy: Policy): string =>
  "scope" in policy && policy.scope !== undefined ? `${policy.type}:${policy.scope}` : policy.type;
export const mayOf = (route: RouteLine): May =>
  route.kind === "management" ? (DOCUMENTED[lineOf(route)] as May) : (policyText(route.policy) as May);
export const scopeOf = (may: May): string | undefined => /^(?:any|admin|org):(.+)$/.exec(may)?.[1];

/** Ids that name nothing; the organisation is the callers' own, so that what refuses is the policy. */
export function pathOf({ path }: RouteLine, orgId: string): string {
  return path
    .replace(/\{\w+\}/g, "nothing")
    .replace(":orgId", orgId)
    .replace("/api/orgs/:id", `/api/orgs/${orgId}`)
    .replace(":user_id", "999999")
    .replace(/^(\/api\/users\/):id/, "$1999999")
    .replace("/:id", "/nothing-of-this-name")
    .replace(/\/:\w+/g, "/nothing");
}
