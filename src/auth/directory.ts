/** Answers the auth plugins' one question: whose credential is this? */
import type { CallerLimits, Directory } from "../contract/host.ts";
import type { AccountRepositories } from "../store/types.ts";
import type { ApiKeys } from "./api-keys.ts";
import { linkedIdentity } from "./identity.ts";
import type { Sessions } from "./session.ts";

/** What outlives a reload. */
export interface AccountDirectory extends Omit<Directory, "findByAccessKey"> {
  /** `null` until there is an account. */
  defaultOrgId(): string | null;
  /** Limits of the default organisation; `null` = none. */
  defaultOrgLimits(): CallerLimits | null;
  /** Whether there may be keys whose text says nothing about them. */
  hasImportedKeys(): boolean;
}

export interface AccountDirectoryOptions {
  readonly accounts: Pick<AccountRepositories, "users" | "orgs">;
  readonly apiKeys: Pick<ApiKeys, "find" | "isKey" | "hasImported">;
  readonly sessions: Pick<Sessions, "find">;
  readonly defaultOrgId: () => string | null;
  readonly defaultOrgLimits: () => CallerLimits | null;
}

export function createAccountDirectory(options: AccountDirectoryOptions): AccountDirectory {
  const { accounts, apiKeys, sessions, defaultOrgId, defaultOrgLimits } = options;
  const { users, orgs } = accounts;
  return {
    defaultOrgId,
    defaultOrgLimits,
    hasImportedKeys: apiKeys.hasImported,
    isApiKey: apiKeys.isKey,
    findByApiKey: apiKeys.find,
    findBySession: sessions.find,
    async findByLink(provider, subject) {
      const user = await users.findByIdentity(provider, subject);
      if (user === undefined || !user.isActive) return undefined;
      return linkedIdentity(user, (await orgs.homeOf(user.id)) ?? null);
    },
  };
}

/** The directory of one generation: the access key is part of its configuration. */
export function createDirectory(accounts: AccountDirectory, findByAccessKey: Directory["findByAccessKey"]): Directory {
  const { isApiKey, findByApiKey, findBySession, findByLink } = accounts;
  return {
    findByAccessKey,
    isApiKey,
    findByApiKey(secret) {
      if (isApiKey(secret)) return findByApiKey(secret);
      // Without imported keys, which is the rule, a call with the access key pays for no look-up here.
      if (!accounts.hasImportedKeys()) return undefined;
      return findByAccessKey(secret) === undefined ? findByApiKey(secret) : undefined;
    },
    findBySession,
    findByLink,
  };
}

/** Where there are no accounts: for a configuration that is only being checked. */
export const NO_ACCOUNTS: AccountDirectory = {
  defaultOrgId: () => null,
  defaultOrgLimits: () => null,
  hasImportedKeys: () => false,
  isApiKey: () => false,
  findByApiKey: () => undefined,
  findBySession: () => undefined,
  findByLink: () => undefined,
};
