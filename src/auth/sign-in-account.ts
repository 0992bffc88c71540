/** From a profile to an account: the one it is linked to, or a new one if the house takes people in; never by address. */
import type { Profile } from "../contract/auth.ts";
import type { RelayError } from "../contract/errors.ts";
import type { AccountRepositories, NewUser, User } from "../store/types.ts";
import { type AccountsConfig, anonymousActor, type Origin } from "./caller.ts";
import { principalOfUser } from "./identity.ts";
import { canonicalEmail, checkNewName, isReservedLater } from "./names.ts";
import { type FillRandom, randomBase62 } from "./randomness.ts";
import { forbidden, unauthenticated } from "./refusals.ts";
import { refusalOf } from "./registration.ts";
import type { Revocations } from "./revocations.ts";
import type { SignInEntry } from "./sign-in.ts";

/** Remembers for good what a name has come to mean. */
export interface Ties {
  get(name: string): Promise<string | undefined>;
  /** `false`: it means something already. */
  add(name: string, meaning: string): Promise<boolean>;
}

export interface SignInAccountsOptions {
  readonly accounts: AccountRepositories;
  readonly config: () => AccountsConfig;
  readonly revocations: Revocations;
  /** Of bare names in `sso.admin_usernames`, to accounts. */
  readonly ties: Ties;
  /** Of the ids of identity providers, to who stands behind them. */
  readonly issuers: Ties;
  readonly newOrgId: () => string;
  readonly fillRandom: FillRandom;
}

export interface SignInAccounts {
  /**
   * Throws `unauthenticated` for a profile that is none, 403 `not_allowed`, and 403 `issuer_changed` when other people
   * have signed in through this entry with the word of another issuer: its subjects are not theirs.
   */
  admit(entry: SignInEntry, profile: Profile): Promise<Person>;
  /** Somebody has signed in through this entry: from now on its subjects are those of this issuer. */
  tie(entry: SignInEntry): Promise<void>;
  /** Throws 403 `account_inactive` and what registration throws. */
  find(entry: SignInEntry, person: Person, origin: Origin): Promise<User>;
}

/** A checked profile. */
export interface Person {
  readonly subject: string;
  /** In canonical form. */
  readonly verifiedEmail: string | null;
  readonly names: readonly string[];
  readonly login: string | undefined;
  readonly groups: readonly string[];
}

const SUBJECT = /^[\x21-\x7e]{1,255}$/;
const NAME_LENGTH_MAX = 50;
/** Numbers tried behind a name that is taken, before one that nobody would choose. */
const NUMBERED_MAX = 9;

export function createSignInAccounts(options: SignInAccountsOptions): SignInAccounts {
  const { accounts, config, revocations, ties, issuers, newOrgId, fillRandom } = options;
  const { users } = accounts;

  /** A bare name is a login of the first provider of this type, and of the one account there that bore it first. */
  const isTied = async ({ config: entry }: SignInEntry, { subject, login }: Person): Promise<boolean> => {
    const { providers, adminUsernames } = config().sso;
    const first = providers.find(({ type, enabled }) => enabled && type === "github");
    // A look-alike must not be lower-cased into the name.
    if (login === undefined || !SUBJECT.test(login) || first?.id !== entry.id) return false;
    const name = login.toLowerCase();
    if (!adminUsernames.some((each) => each.toLowerCase() === name)) return false;
    const account = `${entry.id}:${subject}`;
    return (await ties.add(name, account)) || (await ties.get(name)) === account;
  };

  const isAdmin = async (entry: SignInEntry, person: Person): Promise<boolean> => {
    const { id, adminSubjects, adminGroups } = entry.config;
    const { subject, verifiedEmail, groups } = person;
    if (adminSubjects.includes(subject) || groups.some((group) => adminGroups.includes(group))) return true;
    const isNamed = config().sso.adminUsernames.some((name) => {
      if (name === `${id}:${subject}`) return true;
      const colon = name.indexOf(":");
      const isHere = colon >= 0 && name.slice(0, colon) === id;
      return isHere && verifiedEmail !== null && canonicalEmail(name.slice(colon + 1)) === verifiedEmail;
    });
    return isNamed || isTied(entry, person);
  };

  const create = async (entry: SignInEntry, person: Person, origin: Origin): Promise<User | undefined> => {
    const { id } = entry.config;
    const { subject, verifiedEmail } = person;
    const [username, ...otherNames] = [...person.names, `user-${randomBase62(10, fillRandom).toLowerCase()}`];
    const inviteEmail = verifiedEmail === null ? {} : { inviteEmail: verifiedEmail };
    const input: NewUser = {
      username: username!,
      usernameKey: username!,
      otherNames,
      isReservedLater: isReservedLater(username!),
      // An address that an account has keeps leading there: this one goes without.
      email: verifiedEmail,
      isEmailOptional: true,
      passwordHash: null,
      identity: { provider: id, subject, email: verifiedEmail },
      admission: { type: "rule", registration: config().auth.registration, ...inviteEmail },
      newOrgId: newOrgId(),
    };
    const outcome = await users.create(input, anonymousActor(origin, `sso:${id}`));
    if (outcome.type === "created") return outcome.user;
    // The same person, in another window, was quicker.
    if (outcome.type === "identity-taken") return undefined;
    throw refusalOf(outcome.type);
  };

  const obeyRules = async (entry: SignInEntry, person: Person, user: User, origin: Origin): Promise<User> => {
    const { id } = entry.config;
    const admin = await isAdmin(entry, person);
    const now = await users.setRoleFromProvider(user.id, id, admin, anonymousActor(origin, `sso:${id}`));
    if (now === undefined) throw accountGone();
    if (now.role !== user.role) {
      const keys = await accounts.apiKeys.publicIdsOf(user.id);
      for (const principalId of [principalOfUser(user.id), ...keys]) revocations.emit({ type: "changed", principalId });
    }
    return now;
  };

  const requireSameIssuer = async (entry: SignInEntry["config"]): Promise<void> => {
    const { id } = entry;
    const known = await issuers.get(id);
    if (known === undefined || known === issuerOf(entry)) return;
    throw forbidden(
      "issuer_changed",
      `The accounts of "${id}" belong to another issuer than the configured one; give the new one an id of its own`,
    );
  };

  return {
    async admit({ config: entry }, profile) {
      const { id, allowedDomains } = entry;
      const { subject, displayName, login, groups = [] } = profile;
      if (typeof subject !== "string" || !SUBJECT.test(subject)) {
        throw unauthenticated("profile_invalid", "The identity provider named nobody");
      }
      const verifiedEmail =
        profile.verifiedEmail === undefined ? null : (canonicalEmail(profile.verifiedEmail) ?? null);
      const domain = verifiedEmail?.slice(verifiedEmail.lastIndexOf("@") + 1);
      if (allowedDomains.length > 0 && !allowedDomains.some((each) => each.toLowerCase() === domain)) {
        throw forbidden("not_allowed", "The account is not among those that may sign in");
      }
      await requireSameIssuer(entry);
      const names = namesFor([displayName, login, verifiedEmail?.slice(0, verifiedEmail.lastIndexOf("@"))], id);
      return { subject, verifiedEmail, names, login, groups };
    },

    async tie({ config: entry }) {
      await issuers.add(entry.id, issuerOf(entry));
    },

    async find(entry, person, origin) {
      const { id } = entry.config;
      const known = await users.findByIdentity(id, person.subject);
      const user = known ?? (await create(entry, person, origin)) ?? (await users.findByIdentity(id, person.subject));
      if (user === undefined) throw accountGone();
      if (!user.isActive) throw forbidden("account_inactive", "The account is not active");
      return obeyRules(entry, person, user, origin);
    },
  };
}

/** With nothing configured the type stands for its vendor. */
function issuerOf({ type, issuer }: SignInEntry["config"]): string {
  return issuer?.replace(/\/+$/, "") ?? type;
}

function accountGone(): RelayError {
  return unauthenticated("account_gone", "The account has been deleted");
}

/** Names to try in turn. What is no name becomes one; a name that is taken gets a number, never its owner's account. */
function namesFor(wishes: readonly (string | undefined)[], provider: string): string[] {
  const base = wishes.map((wish) => toName(wish ?? "")).find((name) => name !== undefined) ?? `${provider}-user`;
  const short = base.slice(0, NAME_LENGTH_MAX - 2);
  const numbered = Array.from({ length: NUMBERED_MAX - 1 }, (_, index) => `${short}-${index + 2}`);
  return [base, ...numbered].filter((name) => "value" in checkNewName(name));
}

function toName(wish: string): string | undefined {
  const plain = wish
    .normalize("NFKD")
    .replace(/\p{Mark}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .slice(0, NAME_LENGTH_MAX)
    .replace(/^[-.]+|[-.]+$/g, "");
  const checked = checkNewName(plain);
  return "value" in checked ? checked.value : undefined;
}
