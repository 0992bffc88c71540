/** Answers the auth plugins' one question: whose credential is this? */
import type { Directory } from "../contract/host.ts";
import type { AccountRepositories } from "../store/types.ts";
import type { ApiKeys } from "./api-keys.ts";
import { linkedIdentity } from "./identity.ts";
import type { Sessions } from "./session.ts";

/** What outlives a reload; the access key belongs to one generation of the configuration. */
export type AccountDirectory = Omit<Directory, "findByAccessKey">;

export interface AccountDirectoryOptions {
  readonly accounts: Pick<AccountRepositories, "users" | "orgs">;
  readonly apiKeys: Pick<ApiKeys, "find">;
  readonly sessions: Pick<Sessions, "find">;
}

export function createAccountDirectory({ accounts, apiKeys, sessions }: AccountDirectoryOptions): AccountDirectory {
  const { users, orgs } = accounts;
  return {
    findByApiKey: apiKeys.find,
    findBySession: sessions.find,
    async findByLink(provider, subject) {
      const user = await users.findByIdentity(provider, subject);
      if (user === undefined || !user.isActive) return undefined;
      const home = await orgs.homeOf(user.id);
      return linkedIdentity(user, home ?? null);
    },
  };
}
