/** All account services over one store: made once, they live as long as the process and read the configuration live. */
import { RelayError } from "../contract/errors.ts";
import type { Identity, Logger } from "../contract/host.ts";
import type { AccountRepositories } from "../store/types.ts";
import type { Clock, Schedule } from "../support/clock.ts";
import type { Ids } from "../support/ids.ts";
import { type Accounts, createAccounts } from "./accounts.ts";
import { type ApiKeys, createApiKeys } from "./api-keys.ts";
import { type AuditTrail, createAuditTrail } from "./audit.ts";
import type { AccountsConfig } from "./caller.ts";
import { createDefaultOrg } from "./default-org.ts";
import { type AccountDirectory, createAccountDirectory } from "./directory.ts";
import { createInvites, type Invites } from "./invites.ts";
import { type AccessTokens, createAccessTokens } from "./jwt.ts";
import type { JwtEngine, JwtKey } from "./jwt-engine.ts";
import { createLogin, type Login } from "./login.ts";
import { createOrgs, type Orgs } from "./orgs.ts";
import { watchOutsideChanges } from "./outside-changes.ts";
import { createPasswords, type Hasher, type Passwords } from "./password.ts";
import { type FillRandom, randomBase62 } from "./randomness.ts";
import { createRegistration, type Registration } from "./registration.ts";
import { createRepetition } from "./repetition.ts";
import { createRevocations, type Revocations } from "./revocations.ts";
import type { AuthSecrets } from "./secrets.ts";
import { createSessions, type Sessions } from "./session.ts";
import { createSetup, type Setup } from "./setup.ts";
import { createThrottle, type Throttle } from "./throttle.ts";

export interface AuthServicesOptions {
  readonly accounts: AccountRepositories;
  /** The configuration of this moment; asked for each time. */
  readonly config: () => AccountsConfig;
  readonly secrets: AuthSecrets;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly ids: Pick<Ids, "uuid">;
  readonly fillRandom: FillRandom;
  readonly log: Logger;
  /** Default: argon2id. */
  readonly hasher?: Hasher;
  /** How many the machine has for this process; they decide how many passwords are hashed at once. */
  readonly cores?: number;
  /** Default: jose. */
  readonly createJwtEngine?: (key: JwtKey) => JwtEngine;
}

export interface AuthServices {
  readonly accounts: Accounts;
  readonly registration: Registration;
  readonly login: Login;
  readonly passwords: Passwords;
  readonly tokens: AccessTokens;
  readonly sessions: Sessions;
  readonly apiKeys: ApiKeys;
  readonly orgs: Orgs;
  readonly invites: Invites;
  readonly audit: AuditTrail;
  readonly setup: Setup;
  readonly throttle: Throttle;
  readonly revocations: Revocations;
  readonly directory: AccountDirectory;
  /** What they are made of, for services that are made later. */
  readonly parts: AuthParts;
  /** Makes the id of an organisation. */
  readonly newOrgId: () => string;
  /** What an identity, once found, is now; `undefined`: nobody any more. The access key is judged by its generation. */
  renew(identity: Identity): Promise<Identity | undefined>;
  /**
   * Restores what was counted, puts the rule for the first registration into force, and watches for other processes.
   * Returns a setup token that has been made and has to be printed.
   */
  start(): Promise<string | undefined>;
  /** Forgets sessions that are long over; from time to time. */
  prune(): Promise<void>;
  /** Ends the watch and writes what is not written yet. */
  stop(): Promise<void>;
}

export type AuthParts = Omit<AuthServicesOptions, "hasher" | "cores" | "createJwtEngine" | "secrets">;

const ORG_ID_LENGTH = 20;
/** How long an ended session is kept, so that the replay of one of its tokens is still known for what it is. */
const ENDED_SESSION_KEPT_MS = 30 * 86_400_000;

export function createAuthServices(options: AuthServicesOptions): AuthServices {
  const { hasher, cores, createJwtEngine, secrets, ...given } = options;
  const { config, clock, schedule, ids, fillRandom, log } = given;
  const revocations = createRevocations((error) => log.error("a revocation could not be acted upon", { error }));
  const defaultOrg = createDefaultOrg(given.accounts, revocations, log);
  const { accounts: repositories } = defaultOrg;
  const parts: AuthParts = { ...given, accounts: repositories };
  const audit = createAuditTrail(repositories.audit, log, createRepetition(clock));
  const shared = { ...parts, audit, revocations };

  const passwords = createPasswords(() => config().auth.password.hash, hasher, cores);
  const throttle = createThrottle({
    config: () => config().auth.throttle,
    repository: repositories.throttle,
    clock,
    schedule,
    onError: (error) => log.warn("failed sign-ins cannot be written down; they go on counting", { error }),
  });
  const tokens = createAccessTokens({
    clock,
    settings: () => config().auth.jwt,
    secret: secrets.jwt,
    newId: ids.uuid,
    ...(createJwtEngine === undefined ? {} : { createEngine: createJwtEngine }),
  });
  const sessions = createSessions({ ...shared, tokens, refreshKey: secrets.refreshKey, newId: ids.uuid });
  const apiKeys = createApiKeys({ ...shared, pepper: secrets.pepper, newUuid: ids.uuid });
  const newOrgId = () => `org_${randomBase62(ORG_ID_LENGTH, fillRandom)}`;
  const setup = createSetup(parts);
  const registration = createRegistration({ ...parts, passwords, sessions, throttle, newOrgId });
  const login = createLogin({ ...shared, passwords, sessions, throttle, audit });
  const invites = createInvites({ ...shared, newId: ids.uuid });
  const orgs = createOrgs({ ...shared, invites, newId: newOrgId });
  const accounts = createAccounts({ ...shared, passwords, registration, setup, throttle });
  const directory = createAccountDirectory({
    accounts: repositories,
    apiKeys,
    sessions,
    defaultOrgId: defaultOrg.id,
    defaultOrgLimits: defaultOrg.limits,
  });
  let stopWatch = () => {};

  return {
    accounts,
    registration,
    login,
    passwords,
    tokens,
    sessions,
    apiKeys,
    orgs,
    invites,
    audit,
    setup,
    throttle,
    revocations,
    directory,
    parts,
    newOrgId,
    async renew(identity) {
      if (identity.kind === "service") return identity;
      if (identity.kind === "api-key") return apiKeys.renew(identity);
      const now = await sessions.renew(identity);
      if (now === undefined || identity.orgId === null || identity.orgId === now.orgId) return now;
      try {
        return await orgs.enter(now, identity.orgId);
      } catch (error) {
        if (RelayError.is(error) && error.code === "forbidden") return undefined;
        throw error;
      }
    },
    async start() {
      await Promise.all([throttle.restore(), apiKeys.start(), defaultOrg.start()]);
      stopWatch = watchOutsideChanges({ outsideVersion: repositories.outsideVersion, revocations, schedule });
      return setup.prepare();
    },
    async prune() {
      await repositories.sessions.prune(Math.floor(clock.now()) - ENDED_SESSION_KEPT_MS);
    },
    async stop() {
      stopWatch();
      await Promise.all([throttle.flush(), sessions.flush(), apiKeys.flush()]);
    },
  };
}
