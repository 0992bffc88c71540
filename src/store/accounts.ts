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

export function createAccountRepositories(options: AccountsOptions): AccountRepositories {
  const file = createAccountsFile(options);
  const version = options.client.prepare<{ data_version: number }, []>("PRAGMA data_version");
  return {
    users: createUsers(file),
    tokens: createOneTimeTokens(file),
    sessions: createSessions(file),
    apiKeys: createApiKeys(file),
    orgs: createOrgs(file),
    invites: createInvites(file),
    audit: createAudit(file),
    throttle: createThrottleStore(file),
    reset: createReset(file),
    areLost: () => file.read(areAccountsLost),
    outsideVersion: () => version.get()?.data_version ?? 0,
  };
}
