/** The default organisation, at hand without a look into the database: the access key belongs to it. */
import type { Logger } from "../contract/host.ts";
import type { AccountRepositories, StoredLimits } from "../store/types.ts";
import type { Revocations } from "./revocations.ts";

export interface DefaultOrg {
  /** `null` until there is an account; from then on it stays the same until all accounts are cleared. */
  id(): string | null;
  /** As last written; `null` = none. */
  limits(): StoredLimits | null;
  /** The same accounts; the first one made through these is noticed at once, by others within half a second. */
  readonly accounts: AccountRepositories;
  /** Reads it for the first time. */
  start(): Promise<void>;
}

export function createDefaultOrg(accounts: AccountRepositories, revocations: Revocations, log: Logger): DefaultOrg {
  let id: string | null = null;
  let limits: StoredLimits | null = null;
  const read = async (): Promise<void> => {
    const org = await accounts.orgs.findDefault();
    id = org?.id ?? null;
    limits = org?.limits ?? null;
  };
  const readLater = (): void => {
    read().catch((error: unknown) => log.warn("the default organisation could not be looked up", { error }));
  };
  revocations.subscribe(({ principalId }) => {
    if (principalId === null) readLater();
  });
  return {
    id: () => id,
    limits: () => limits,
    accounts: {
      ...accounts,
      users: {
        ...accounts.users,
        async create(user, by) {
          const outcome = await accounts.users.create(user, by);
          if (outcome.type === "created" && outcome.isFirst) readLater();
          return outcome;
        },
      },
    },
    start: read,
  };
}
