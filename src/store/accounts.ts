/** All repositories of the accounts over one file. */
import { createAccountsFile } from "./accounts-file.ts";
import { createApiKeys } from "./api-keys.ts";
import { createAudit } from "./audit.ts";
import { createInvites } from "./invites.ts";
import { createOneTimeTokens } from "./one-time-tokens.ts";
import { createOrgs } from "./orgs.ts";
import { createReset } from "./reset.ts";
import { createSessions } from "./sessions.ts";
import type { AccountsOptions } from "./settings.ts";
import { createThrottleStore } from "./throttle.ts";
import type { AccountRepositories } from "./types.ts";
import { areAccountsLost } from "./user-create.ts";
import { createUsers } from "./users.ts";

/** `claimed` is told once the first account is kept; it must not throw. */
export function createAccountRepositories(
  options: AccountsOptions,
  claimed: () => void = () => {},
): AccountRepositories {
  const file = createAccountsFile(options);
  const users = createUsers(file);
  const version = options.client.prepare<{ data_version: number }, []>("PRAGMA data_version");
  return {
    users: {
      ...users,
      async create(user, by) {
        const outcome = await users.create(user, by);
        if (outcome.type === "created" && outcome.isFirst) claimed();
        return outcome;
      },
    },
    tokens: createOneTimeTokens(file),
    sessions: createSessions(file),
    apiKeys: createApiKeys(file),
    orgs: createOrgs(file),
    invites: createInvites(file),
    audit: createAudit(file),
    throttle: createThrottleStore(file),
    reset: createReset(file),
    areLost: (wasClaimed = false) => file.read((db) => areAccountsLost(db, wasClaimed)),
    outsideVersion: () => version.get()?.data_version ?? 0,
  };
}
