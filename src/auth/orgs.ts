/** Organisations and members, each action held against the caller's role there. */
import type { CallerLimits, Identity } from "../contract/host.ts";
import type { AccountRepositories, Invite, Member, Org, OrgRole, Page, PageRequest } from "../store/types.ts";
import type { AuditTrail } from "./audit.ts";
import { actorOf, type Caller } from "./caller.ts";
import { inOrg, principalOfUser } from "./identity.ts";
import type { Invites } from "./invites.ts";
import { checkKeyFields, wholeLimits } from "./key-fields.ts";
import { canonicalEmail } from "./names.ts";
import { conflict, forbidden, invalid, notFound, problem } from "./refusals.ts";
import type { Revocations } from "./revocations.ts";
import { isAdminRole } from "./roles.ts";

export interface OrgsOptions {
  readonly accounts: AccountRepositories;
  readonly invites: Invites;
  readonly audit: AuditTrail;
  readonly revocations: Revocations;
  readonly newId: () => string;
}

export type OrgView = Org & { readonly role: OrgRole | null };

/** Each throws a `RelayError` with the status and code of `http-api` §10; organisations of others are 404. */
export interface Orgs {
  /** `isAll` counts for admins only. */
  list(caller: Identity, isAll: boolean, page?: PageRequest): Promise<Page<OrgView>>;
  get(id: string, caller: Identity): Promise<OrgView>;
  /** The caller becomes its owner. */
  create(name: string, caller: Caller): Promise<OrgView>;
  /** `limits` are for admins of the house. */
  update(
    id: string,
    patch: { readonly name?: string; readonly limits?: Partial<CallerLimits> | null },
    caller: Caller,
  ): Promise<OrgView>;
  delete(id: string, caller: Caller): Promise<void>;
  /** A plain member sees no addresses of others, and in the default organisation no others. */
  members(id: string, caller: Identity, page?: PageRequest): Promise<Page<Member>>;
  addMember(
    id: string,
    /** By number for admins of the house; by address if somebody else than the person says that it is theirs. */
    who: { readonly userId: number } | { readonly email: string },
    role: OrgRole,
    caller: Caller,
  ): Promise<Member>;
  /** The same, but an address that nobody has so is invited. */
  addOrInvite(
    id: string,
    email: string,
    role: OrgRole,
    caller: Caller,
  ): Promise<
    | { readonly type: "member"; readonly member: Member }
    | { readonly type: "invited"; readonly invite: Invite; readonly code: string }
  >;
  setRole(id: string, userId: number, role: OrgRole, caller: Caller): Promise<Member>;
  removeMember(id: string, userId: number, caller: Caller): Promise<void>;
  /** The identity of a session that acts in another organisation (`x-relay-org`). Throws 403 unless it is a member. */
  enter(identity: Identity, id: string): Promise<Identity>;
}

const NAME_LENGTH_MAX = 100;
const NOBODY_VOUCHED_FOR =
  "No account has this address on the word of an identity provider or an admin; an admin can add it by user_id";
const RANK: Readonly<Record<OrgRole, number>> = { member: 1, admin: 2, owner: 3 };

export function createOrgs({ accounts, invites, audit, revocations, newId }: OrgsOptions): Orgs {
  const { orgs, users } = accounts;

  const ownRole = async (id: string, { kind, orgId, userId }: Identity): Promise<OrgRole | null> => {
    if (kind === "api-key" && orgId !== id) return null;
    return userId === null ? null : ((await orgs.membership(id, userId))?.role ?? null);
  };
  /** Admins of the house count as admins of every organisation, its super admin as an owner; keys only in their own. */
  const rankIn = async (
    id: string,
    caller: Identity,
  ): Promise<{ readonly role: OrgRole | null; readonly rank: number }> => {
    const role = await ownRole(id, caller);
    const isForeignKey = caller.kind === "api-key" && caller.orgId !== id;
    const byHouse =
      isForeignKey || !isAdminRole(caller.role) ? 0 : caller.role === "super-admin" ? RANK.owner : RANK.admin;
    return { role, rank: Math.max(byHouse, role === null ? 0 : RANK[role]) };
  };
  const enterAs = async (id: string, caller: Identity, least: OrgRole): Promise<OrgView> => {
    const org = await orgs.find(id);
    const { role, rank } = await rankIn(id, caller);
    if (org === undefined || rank === 0) throw notFound();
    if (rank < RANK[least]) throw forbidden("org_role_required", `Only an ${least} of the organisation may do this`);
    return { ...org, role };
  };
  const checkName = (name: string): string => {
    const isGood = name.trim() !== "" && [...name].length <= NAME_LENGTH_MAX && !/[\p{C}\p{Zl}\p{Zp}]/u.test(name);
    if (!isGood) throw invalid(problem("name", `must be 1 to ${NAME_LENGTH_MAX} printable characters`));
    return name;
  };
  /** Nobody gives a role above his own, nor touches somebody who has one. */
  const requireRank = async (id: string, caller: Identity, ...roles: (OrgRole | undefined)[]): Promise<void> => {
    const { rank } = await rankIn(id, caller);
    if (roles.some((role) => role !== undefined && RANK[role] > rank)) {
      throw forbidden("org_role_required", "Only an owner of the organisation may do this");
    }
  };
  const add = async (id: string, userId: number, role: OrgRole, caller: Caller): Promise<Member> => {
    const outcome = await orgs.addMember(id, userId, role, actorOf(caller));
    if (outcome.type === "not-found") throw notFound();
    if (outcome.type === "already") throw conflict("already_member", "The account is a member already");
    revocations.emit({ type: "changed", principalId: principalOfUser(userId) });
    return outcome.member;
  };

  return {
    list: async (caller, isAll, page) => {
      if (caller.kind !== "api-key") return orgs.list(caller.userId, isAll && isAdminRole(caller.role), page);
      const own = caller.orgId === null ? undefined : await orgs.find(caller.orgId);
      const items = own === undefined ? [] : [{ ...own, role: await ownRole(own.id, caller) }];
      return { items, nextCursor: null };
    },
    get: (id, caller) => enterAs(id, caller, "member"),

    create: (name, caller) =>
      audit.refusing(caller, "org.create", null, async () => {
        const { userId } = caller.identity;
        if (userId === null) throw forbidden("session_required", "An organisation needs an account as its owner");
        const org = await orgs.create({ id: newId(), name: checkName(name) }, userId, actorOf(caller));
        if (org === undefined) throw notFound();
        revocations.emit({ type: "changed", principalId: principalOfUser(userId) });
        return { ...org, role: "owner" };
      }),

    update: (id, { name, limits }, caller) =>
      audit.refusing(caller, "org.update", id, async () => {
        const { role } = await enterAs(id, caller.identity, "admin");
        if (limits !== undefined && !isAdminRole(caller.identity.role)) {
          throw forbidden("admin_required", "Admin access required");
        }
        if (limits != null) checkKeyFields({ limits }, "native", 0);
        const patch = {
          ...(name === undefined ? {} : { name: checkName(name) }),
          ...(limits === undefined ? {} : { limits: limits === null ? null : wholeLimits(limits) }),
        };
        const updated = await orgs.update(id, patch, actorOf(caller));
        if (updated === undefined) throw notFound();
        revocations.emit({ type: "changed", principalId: null });
        return { ...updated, role };
      }),

    delete: (id, caller) =>
      audit.refusing(caller, "org.delete", id, async () => {
        await enterAs(id, caller.identity, "owner");
        const outcome = await orgs.delete(id, actorOf(caller));
        if (outcome === "not-found") throw notFound();
        if (outcome === "is-default") throw conflict("default_org", "The default organisation stays");
        if (outcome === "has-active-keys") {
          throw conflict("has_active_keys", "Revoke the keys of the organisation first");
        }
        revocations.emit({ type: "changed", principalId: null });
      }),

    async members(id, caller, page) {
      const { isDefault } = await enterAs(id, caller, "member");
      const { rank } = await rankIn(id, caller);
      // Registering is all it takes to be in the default organisation: names and addresses of the others stay theirs.
      const isAlone = isDefault && rank < RANK.admin && caller.userId !== null;
      const found = await orgs.members(id, page, isAlone ? caller.userId : undefined);
      if (rank >= RANK.admin) return found;
      const shown = (member: Member): Member => (member.userId === caller.userId ? member : { ...member, email: null });
      return { ...found, items: found.items.map(shown) };
    },

    addMember: (id, who, role, caller) =>
      audit.refusing(caller, "org.add_member", id, async () => {
        await enterAs(id, caller.identity, "admin");
        await requireRank(id, caller.identity, role);
        if ("userId" in who) {
          // Numbers can be counted: whoever may add by them sees names and addresses of all accounts.
          if (!isAdminRole(caller.identity.role)) throw forbidden("admin_required", "Only admins add by user_id");
          return add(id, who.userId, role, caller);
        }
        const email = canonicalEmail(who.email);
        const user = email === undefined ? undefined : await users.findByVouchedEmail(email);
        if (user === undefined) throw notFound(NOBODY_VOUCHED_FOR);
        return add(id, user.id, role, caller);
      }),

    addOrInvite: (id, email, role, caller) =>
      audit.refusing(caller, "org.add_member", id, async () => {
        await enterAs(id, caller.identity, "admin");
        await requireRank(id, caller.identity, role);
        const canonical = canonicalEmail(email);
        if (canonical === undefined) throw invalid(problem("email", "must be an e-mail address"));
        const user = await users.findByVouchedEmail(canonical);
        if (user !== undefined) return { type: "member", member: await add(id, user.id, role, caller) };
        return { type: "invited", ...(await invites.create({ email: canonical, orgId: id, role }, caller)) };
      }),

    setRole: (id, userId, role, caller) =>
      audit.refusing(caller, "org.update_member", id, async () => {
        await enterAs(id, caller.identity, "admin");
        await requireRank(id, caller.identity, role, (await orgs.membership(id, userId))?.role);
        const outcome = await orgs.setMemberRole(id, userId, role, actorOf(caller));
        if (outcome.type === "not-found") throw notFound();
        if (outcome.type === "last-owner") throw lastOwner();
        revocations.emit({ type: "changed", principalId: principalOfUser(userId) });
        return outcome.member;
      }),

    removeMember: (id, userId, caller) =>
      audit.refusing(caller, "org.remove_member", id, async () => {
        await enterAs(id, caller.identity, "admin");
        await requireRank(id, caller.identity, (await orgs.membership(id, userId))?.role);
        const outcome = await orgs.removeMember(id, userId, actorOf(caller));
        if (outcome === "not-found") throw notFound();
        if (outcome === "last-owner") throw lastOwner();
        // Keys bound to the organisation are not let in any more: whoever runs one has to look again.
        revocations.emit({ type: "changed", principalId: principalOfUser(userId) });
        for (const principalId of await accounts.apiKeys.publicIdsOf(userId)) {
          revocations.emit({ type: "changed", principalId });
        }
      }),

    async enter(identity, id) {
      const refused = () => forbidden("forbidden", "This organisation is not open to this credential");
      if (identity.orgId === id) return identity;
      if (identity.kind !== "session" || identity.userId === null) throw refused();
      const org = await orgs.find(id);
      const membership = await orgs.membership(id, identity.userId);
      if (org === undefined || membership === undefined) throw refused();
      return inOrg(identity, org, membership.role);
    },
  };
}

function lastOwner(): Error {
  return conflict("last_owner", "An organisation keeps at least one owner");
}
