/** Which keys a caller sees: its own, those of organisations it manages, all of them. */
import type { Identity } from "../contract/host.ts";
import type { ApiKey, ApiKeyFilter, OrgRepository, OrgRole } from "../store/types.ts";
import { notFound } from "./refusals.ts";
import { isAdminRole } from "./roles.ts";

export interface KeyView {
  sees(key: Pick<ApiKey, "orgId" | "userId" | "createdBy">, caller: Identity): Promise<boolean>;
  /** The filter narrowed to what the caller may see. Throws 404 for an organisation that is not the caller's. */
  narrow(filter: ApiKeyFilter, caller: Identity): Promise<ApiKeyFilter>;
  /** The caller's role in an organisation; key callers have one in their own only. */
  roleIn(orgId: string, caller: Identity): Promise<OrgRole | undefined>;
}

export function createKeyView(orgs: OrgRepository): KeyView {
  const roleIn = async (orgId: string, { kind, orgId: own, userId }: Identity): Promise<OrgRole | undefined> => {
    if (userId === null || (kind === "api-key" && orgId !== own)) return undefined;
    return (await orgs.membership(orgId, userId))?.role;
  };
  const manages = async (orgId: string, caller: Identity): Promise<boolean> => {
    const role = await roleIn(orgId, caller);
    return role === "owner" || role === "admin";
  };
  const isOwn = (key: Pick<ApiKey, "userId" | "createdBy">, caller: Identity): boolean =>
    caller.userId === null ? key.userId === null : key.userId === caller.userId;
  const seesAll = ({ role }: Identity): boolean => isAdminRole(role);

  return {
    roleIn,
    async sees(key, caller) {
      // A key looks no further than the organisation it belongs to, whoever owns it.
      if (caller.kind === "api-key" && key.orgId !== caller.orgId) return false;
      return seesAll(caller) || isOwn(key, caller) || (await manages(key.orgId, caller));
    },
    async narrow(filter, caller) {
      const orgId = filter.orgId ?? (caller.kind === "api-key" ? (caller.orgId ?? undefined) : undefined);
      if (caller.kind === "api-key" && orgId !== caller.orgId) throw notFound();
      const narrowed = orgId === undefined ? filter : { ...filter, orgId };
      if (seesAll(caller)) return narrowed;
      if (orgId !== undefined) {
        if (await manages(orgId, caller)) return narrowed;
        if (filter.orgId !== undefined && caller.userId !== null && (await roleIn(orgId, caller)) === undefined) {
          throw notFound();
        }
      }
      if (caller.userId === null) return { ...narrowed, isOwnerless: true };
      // Asking for somebody else's keys finds none rather than telling whether there are any.
      if (filter.userId !== undefined && filter.userId !== caller.userId) return { ...narrowed, userId: 0 };
      return { ...narrowed, userId: caller.userId };
    },
  };
}
