/** What administrators and people themselves do with accounts; who may touch whom is judged with the change itself. */
import type { RelayError } from "../contract/errors.ts";
import type {
  AccountRepositories,
  Page,
  PageRequest,
  User,
  UserFilter,
  UserPatch,
  UserRefusal,
} from "../store/types.ts";
import type { Clock } from "../support/clock.ts";
import { digestSecretHex } from "../support/secret.ts";
import type { AuditTrail } from "./audit.ts";
import {
  type AccountsConfig,
  actorOf,
  anonymousActor,
  beyondPartial,
  type Caller,
  type Origin,
  refuseIfSsoOnly,
  requireFresh,
  requireSession,
  requireWholeAdmin,
} from "./caller.ts";
import { principalOfUser } from "./identity.ts";
import { canonicalName, checkNewEmail } from "./names.ts";
import { checkNewPassword } from "./password-rules.ts";
import type { Passwords } from "./password.ts";
import { type FillRandom, randomToken } from "./randomness.ts";
import { badRequest, conflict, forbidden, invalid, notFound, problem, throwInvalid } from "./refusals.ts";
import type { CreateInput, Registration } from "./registration.ts";
import type { Revocations } from "./revocations.ts";
import type { Setup } from "./setup.ts";
import type { Throttle } from "./throttle.ts";

export interface AccountsOptions {
  readonly accounts: AccountRepositories;
  readonly config: () => AccountsConfig;
  readonly passwords: Passwords;
  readonly registration: Registration;
  readonly setup: Setup;
  readonly throttle: Throttle;
  readonly audit: AuditTrail;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly fillRandom: FillRandom;
}

export interface ResetToken {
  readonly token: string;
  /** ms since epoch. */
  readonly expiresAt: number;
}

/** Each throws a `RelayError` with the status and code of `http-api` §§7, 9 and 24. */
export interface Accounts {
  list(filter?: UserFilter, page?: PageRequest): Promise<Page<User>>;
  get(id: number): Promise<User>;
  findByName(username: string): Promise<User | undefined>;
  /** Without a password there is a link to set one, shown this once. */
  create(input: CreateInput, caller: Caller): Promise<{ readonly user: User; readonly reset?: ResetToken }>;
  update(id: number, patch: UserPatch, caller: Caller): Promise<User>;
  delete(id: number, caller: Caller): Promise<void>;
  /** `confirm`: the target's name. */
  transferOwnership(id: number, confirm: string, caller: Caller): Promise<User>;
  /** Ends all sessions of somebody else. */
  logout(id: number, caller: Caller): Promise<void>;
  createReset(id: number, caller: Caller): Promise<ResetToken>;
  resetPassword(input: { readonly token: string; readonly newPassword: string }, origin: Origin): Promise<void>;
  /** One's own account. */
  updateOwn(patch: { readonly email?: string | null }, caller: Caller): Promise<User>;
  /** Ends every session of everybody, the caller's too. */
  logoutEverybody(caller: Caller): Promise<number>;
  /** `setupToken`: to be printed, once the accounts are gone. The caller makes the backup first. */
  clear(
    what: { readonly users: boolean; readonly keys: boolean },
    caller: Caller,
  ): Promise<{ readonly users: number; readonly keys: number; readonly setupToken?: string }>;
}

const RESET_MS = 24 * 3_600_000;

export function createAccounts(options: AccountsOptions): Accounts {
  const { accounts, config, passwords, registration, setup, throttle, audit, revocations, clock, fillRandom } = options;
  const { users, tokens } = accounts;

  const endEverywhere = async (userId: number, keyIds?: readonly string[]): Promise<void> => {
    revocations.emit({ type: "ended", principalId: principalOfUser(userId) });
    for (const principalId of keyIds ?? (await accounts.apiKeys.publicIdsOf(userId))) {
      revocations.emit({ type: "ended", principalId });
    }
  };
  const changeEverywhere = async (userId: number): Promise<void> => {
    revocations.emit({ type: "changed", principalId: principalOfUser(userId) });
    for (const principalId of await accounts.apiKeys.publicIdsOf(userId)) {
      revocations.emit({ type: "changed", principalId });
    }
  };
  const checkEmail = (email: string | null | undefined): string | null | undefined => {
    if (email == null) return email;
    const checked = checkNewEmail(email);
    if ("problem" in checked) throw invalid(checked.problem);
    return checked.value;
  };
  /** Only whoever stands above all roles resets the super admin: the command line. */
  const mayTouchSuperAdmin = ({ identity }: Caller): boolean => identity.role === "super-admin";
  const makeReset = async (id: number, caller: Caller): Promise<ResetToken> => {
    const token = randomToken(fillRandom);
    const expiresAt = Math.floor(clock.now()) + RESET_MS;
    const by = actorOf(caller);
    const outcome = await tokens.createReset(id, digestReset(token), expiresAt, by, mayTouchSuperAdmin(caller));
    if (outcome !== "created") throw refusalOf(outcome);
    return { token, expiresAt };
  };
  const get = async (id: number): Promise<User> => {
    const user = await users.find(id);
    if (user === undefined) throw notFound();
    return user;
  };

  return {
    list: (filter, page) => users.list(filter, page),
    get,
    async findByName(username) {
      const key = canonicalName(username);
      return key === undefined ? undefined : users.findByName(key);
    },

    create: (input, caller) =>
      audit.refusing(caller, "user.create", null, async () => {
        if (input.isAdmin) requireWholeAdmin(caller);
        const user = await registration.create(input, caller);
        return input.password === undefined ? { user, reset: await makeReset(user.id, caller) } : { user };
      }),

    update: (id, patch, caller) =>
      audit.refusing(caller, "user.update", principalOfUser(id), async () => {
        if (patch.isAdmin) requireWholeAdmin(caller);
        const email = checkEmail(patch.email);
        const outcome = await users.update(
          id,
          { ...patch, ...(email === undefined ? {} : { email }) },
          actorOf(caller),
        );
        if (outcome.type !== "updated") throw refusalOf(outcome.type);
        if (outcome.user.isActive) await changeEverywhere(id);
        else await endEverywhere(id);
        return outcome.user;
      }),

    delete: (id, caller) =>
      audit.refusing(caller, "user.delete", principalOfUser(id), async () => {
        const outcome = await users.delete(id, actorOf(caller));
        if (outcome.type !== "deleted") throw refusalOf(outcome.type);
        await endEverywhere(id, outcome.keyIds);
      }),

    transferOwnership: (id, confirm, caller) =>
      audit.refusing(caller, "user.transfer_ownership", principalOfUser(id), async () => {
        const { userId } = requireSession(caller);
        if (caller.identity.role !== "super-admin")
          throw forbidden("super_admin_required", "Super admin access required");
        requireFresh(caller, config().auth.reauthTtlMs, clock.now());
        const target = await get(id);
        if (canonicalName(confirm) !== canonicalName(target.username)) {
          throw invalid(problem("confirm", "must be the user name of the account that is to take over"));
        }
        const outcome = await users.transferOwnership(id, actorOf(caller));
        if (outcome.type === "target-inactive") throw conflict("target_inactive", "The account is not active");
        if (outcome.type !== "transferred") throw refusalOf(outcome.type);
        await changeEverywhere(userId);
        await changeEverywhere(id);
        return outcome.user;
      }),

    logout: (id, caller) =>
      audit.refusing(caller, "session.revoke_all", principalOfUser(id), async () => {
        const outcome = await accounts.sessions.revokeAllOf(id, actorOf(caller), mayTouchSuperAdmin(caller));
        if (outcome !== "ended") throw refusalOf(outcome);
        revocations.emit({ type: "ended", principalId: principalOfUser(id) });
      }),

    createReset: (id, caller) =>
      audit.refusing(caller, "user.create_password_reset", principalOfUser(id), () => makeReset(id, caller)),

    async resetPassword({ token, newPassword }, origin) {
      refuseIfSsoOnly(config());
      const attempt = throttle.begin({ address: origin.address });
      const user = await tokens.findReset(digestReset(token)).catch((error: unknown) => {
        attempt.withdrawn();
        throw error;
      });
      if (user === undefined) {
        attempt.failed();
        throw tokenInvalid();
      }
      attempt.withdrawn();
      const { auth, server } = config();
      const context = [user.username, user.email, server.publicHost];
      throwInvalid([checkNewPassword("new_password", newPassword, auth.password, context)]);
      const hash = await passwords.hash(newPassword);
      const owner = await tokens.useReset(digestReset(token), hash, anonymousActor(origin, "password-reset"));
      if (owner === undefined) throw tokenInvalid();
      revocations.emit({ type: "ended", principalId: principalOfUser(owner.id) });
    },

    updateOwn: (patch, caller) =>
      audit.refusing(caller, "user.update_email", caller.identity.id, async () => {
        const { userId, sessionId } = requireSession(caller);
        requireFresh(caller, config().auth.reauthTtlMs, clock.now());
        const email = checkEmail(patch.email);
        if (email !== undefined) {
          const outcome = await users.setOwnEmail(userId, email, sessionId, actorOf(caller));
          if (outcome !== "updated") throw refusalOf(outcome);
          revocations.emit({ type: "ended", principalId: principalOfUser(userId), exceptSessionId: sessionId });
        }
        return get(userId);
      }),

    async logoutEverybody(caller) {
      const count = await accounts.sessions.revokeEverything(actorOf(caller));
      revocations.emit({ type: "changed", principalId: null });
      return count;
    },

    clear: (what, caller) =>
      audit.refusing(caller, "accounts.clear", null, async () => {
        requireSession(caller);
        if (caller.identity.role !== "super-admin")
          throw forbidden("super_admin_required", "Super admin access required");
        requireFresh(caller, config().auth.reauthTtlMs, clock.now());
        const by = actorOf(caller);
        if (!what.users) {
          const cleared = await accounts.reset.clear(what, [], by);
          revocations.emit({ type: "changed", principalId: null });
          return cleared;
        }
        const { token, result } = await setup.makeFor((digest) => accounts.reset.clear(what, [digest], by));
        revocations.emit({ type: "changed", principalId: null });
        return { ...result, setupToken: token };
      }),
  };
}

function digestReset(token: string): string {
  return digestSecretHex(`password reset ${token}`);
}

function tokenInvalid(): RelayError {
  return badRequest("token_invalid", "The link is not valid any more; ask for a new one");
}

function refusalOf(type: UserRefusal | "email-taken"): RelayError {
  switch (type) {
    case "not-found":
      return notFound();
    case "own-account":
      return forbidden("own_account", "Nobody changes the own account here");
    case "super-admin-protected":
      return forbidden("super_admin_protected", "The super admin can only hand the role over");
    case "admin-protected":
      return beyondPartial();
    case "actor-not-allowed":
      return forbidden("admin_required", "Admin access required");
    case "email-taken":
      return conflict("email_taken", "This e-mail address is taken");
  }
}
