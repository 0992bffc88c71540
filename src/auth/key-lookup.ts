/** Who shows an API key: without the database while it is remembered, and never a moment longer than it may be used. */
import type { Identity, Logger, MaybePromise } from "../contract/host.ts";
import type { AccountRepositories, ApiKeyStanding } from "../store/types.ts";
import type { Clock, Schedule } from "../support/clock.ts";
import { digestSecretHex } from "../support/secret.ts";
import type { AccountsConfig } from "./caller.ts";
import { keyIdentity } from "./identity.ts";
import { createKeyPrefixes, type KeyPrefixes } from "./key-prefixes.ts";
import { hasChecksum } from "./key-text.ts";
import { createLastUse } from "./last-use.ts";
import { createLiveCache } from "./live-cache.ts";
import type { Revocations } from "./revocations.ts";

export interface KeyLookupOptions {
  readonly accounts: Pick<AccountRepositories, "apiKeys" | "outsideVersion">;
  readonly config: () => AccountsConfig;
  /** Of a whole key, as it is stored. */
  readonly digest: (secret: string) => string;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Logger;
}

export interface KeyLookup {
  /** Whether it can be nothing but an API key, going by its prefix. */
  isKey(secret: string): boolean;
  /** Whether it begins like the keys that are made here. */
  isOwn(secret: string): boolean;
  /** Whether there may be keys whose text says nothing about them. */
  hasImported(): boolean;
  /** Who shows this key. Without a promise when it was shown a moment ago, or can be none of ours. */
  find(secret: string): MaybePromise<Identity | undefined>;
  /** What this identity, once found, is now; past every cache. */
  renew(identity: Identity): Promise<Identity | undefined>;
  /** Who may use a key of this standing, if anybody now. */
  identify(standing: ApiKeyStanding | undefined): Identity | undefined;
  /** Reads what has to be known before the first request. */
  start(): Promise<void>;
  /** Writes when keys were last used; for the end of the process. */
  flush(): Promise<void>;
}

export function createKeyLookup(options: KeyLookupOptions): KeyLookup {
  const { accounts, config, digest, revocations, clock, schedule, log } = options;
  const cache = createLiveCache<Identity>({ clock, outsideVersion: accounts.outsideVersion });
  const lastUse = createLastUse({
    clock,
    schedule,
    write: accounts.apiKeys.touch,
    onError: (error) => log.warn("when API keys were last used cannot be written", { error }),
  });
  let rules = config().apiKeys;
  let made = createKeyPrefixes(rules);
  const prefixes = (): KeyPrefixes => {
    const { apiKeys } = config();
    if (apiKeys !== rules) {
      rules = apiKeys;
      made = createKeyPrefixes(apiKeys);
    }
    return made;
  };

  let isAnyImported = false;
  const lookForImported = async (): Promise<void> => {
    isAnyImported = await accounts.apiKeys.hasImported();
  };
  revocations.subscribe(({ principalId }) => {
    cache.clear();
    if (principalId !== null) return;
    lookForImported().catch((error: unknown) => log.warn("imported API keys could not be looked for", { error }));
  });

  const identify = (standing: ApiKeyStanding | undefined): Identity | undefined => {
    const { accessKeyEnabled, accessKeyScopes } = config().server;
    return standing && keyIdentity(standing, accessKeyEnabled ? accessKeyScopes : null, clock.now());
  };
  const judge = (identity: Identity | undefined): Identity | undefined => {
    if (identity === undefined) return undefined;
    // What is remembered may have expired since.
    if (identity.expiresAt !== undefined && clock.now() >= identity.expiresAt) return undefined;
    if (identity.userId === null && !config().server.accessKeyEnabled) return undefined;
    lastUse.note(identity.apiKeyId!);
    return identity;
  };

  return {
    isKey: (secret) => prefixes().isKey(secret),
    isOwn: (secret) => prefixes().ownPrefixOf(secret) !== undefined,
    hasImported: () => isAnyImported,
    find(secret) {
      // Remembered under a digest of its own: the one that is stored takes a keyed hash, several times as long.
      const mark = digestSecretHex(secret);
      const known = cache.get(mark);
      if (known !== undefined) return judge(known);
      const own = prefixes().ownPrefixOf(secret);
      if (own !== undefined && !hasChecksum(secret, own)) return undefined;
      return cache.load(mark, async () => identify(await accounts.apiKeys.standing(digest(secret)))).then(judge);
    },
    renew: async ({ apiKeyId }) => (apiKeyId === null ? undefined : identify(await accounts.apiKeys.find(apiKeyId))),
    identify,
    start: lookForImported,
    flush: lastUse.flush,
  };
}
