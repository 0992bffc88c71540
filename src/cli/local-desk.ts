/** The desk of a data directory here: the account services themselves. */
import type { Caller } from "../auth/caller.ts";
import { linkedIdentity } from "../auth/identity.ts";
import { conflict, notFound } from "../auth/refusals.ts";
import type { AuthServices } from "../auth/services.ts";
import { RelayError } from "../contract/errors.ts";
import { keyFields } from "../http/accounts/key-body.ts";
import { keyView } from "../http/accounts/key-views.ts";
import { instant, userView } from "../http/accounts/views.ts";
import { allPages } from "../http/query.ts";
import type { User } from "../store/types.ts";
import { operator } from "./accounts.ts";
import type { Desk } from "./desk.ts";

/** `url`: where people reach the relay. */
export function createLocalDesk(services: AuthServices, url: string, now: () => number): Desk {
  const { accounts, apiKeys, setup, parts } = services;
  const find = async (name: string): Promise<User> => {
    const user = await accounts.findByName(name);
    if (user === undefined) throw notFound(`There is no account "${name.slice(0, 64)}"`);
    return user;
  };
  const superAdmin = async (): Promise<User> => {
    const [user] = (await accounts.list({ role: "super_admin" }, { limit: 1 })).items;
    if (user !== undefined) return user;
    throw conflict("setup_required", "There is no account yet. Make one first: monorelay user create NAME");
  };
  /** Whoever owns the data directory makes a key for somebody: within what that account may do. */
  const inPlaceOf = async (user: User): Promise<Caller> => {
    const home = await parts.accounts.orgs.homeOf(user.id);
    const { orgRole: _role, ...person } = linkedIdentity(user, home ?? null);
    const { id, name, via } = operator.identity;
    // `api_keys.user_created` is a rule for users; scopes stay those of the account.
    const role = person.role === "user" ? "admin" : person.role;
    return { identity: { ...person, id, name, via, role }, origin: operator.origin };
  };
  return {
    async createUser({ is_admin: isAdmin, ...rest }) {
      const input = { ...rest, ...(isAdmin === undefined ? {} : { isAdmin }) };
      try {
        return userView((await accounts.create(input, operator)).user);
      } catch (error) {
        if (!RelayError.is(error) || error.wireCode !== "setup_token_required") throw error;
        // Who may write here owns the instance, and needs no proof of it.
        return userView((await accounts.create({ ...input, setupToken: await setup.make() }, operator)).user);
      }
    },
    users: async () => (await allPages((page) => accounts.list({}, page))).map(userView),
    findUser: async (name) => userView(await find(name)),
    updateUser: async (id, { is_active: isActive, is_admin: isAdmin, email }) =>
      userView(
        await accounts.update(
          id,
          {
            ...(isActive === undefined ? {} : { isActive }),
            ...(isAdmin === undefined ? {} : { isAdmin }),
            ...(email === undefined ? {} : { email }),
          },
          operator,
        ),
      ),
    async resetLink(id) {
      const { token, expiresAt } = await accounts.createReset(id, operator);
      await accounts.logout(id, operator);
      return { reset_url: `${url}/login#reset=${token}`, expires_at: instant(expiresAt) };
    },
    async setPassword(id, newPassword) {
      const { token } = await accounts.createReset(id, operator);
      await accounts.resetPassword({ token, newPassword }, operator.origin);
    },
    async createKey({ name, org_id: orgId, ...body }, owner) {
      const caller = await inPlaceOf(owner === undefined ? await superAdmin() : await find(owner));
      const request = { ...keyFields(body), name, ...(orgId === undefined ? {} : { orgId }) };
      const { key, secret } = await apiKeys.create(request, { style: "native" }, caller);
      return { ...keyView(key, now()), key: secret! };
    },
    async importKey({ name, org_id: orgId, ...body }, text, owner) {
      const caller = await inPlaceOf(owner === undefined ? await superAdmin() : await find(owner));
      const request = { ...keyFields(body), name, ...(orgId === undefined ? {} : { orgId }) };
      return keyView((await apiKeys.create(request, { style: "imported", text }, caller)).key, now());
    },
    async keys(userId) {
      const filter = { status: "not-revoked", ...(userId === undefined ? {} : { userId }) } as const;
      const found = await allPages((page) => apiKeys.list(filter, page, operator.identity));
      return found.map((key) => keyView(key, now()));
    },
    async revokeKey(id) {
      await apiKeys.revoke(id, operator);
    },
    async rotateKey(id, graceMs) {
      const { key, secret } = await apiKeys.rotate(id, graceMs, operator);
      return { ...keyView(key, now()), key: secret! };
    },
  };
}
