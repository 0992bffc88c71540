/** What may be asked of the accounts about people: users, how they sign in, organisations, invitations. */
import type { Page, PageRequest } from "./types.ts";
import type { Actor, OrgRole, StoredLimits, UserRole } from "./types-accounts.ts";

export interface User {
  readonly id: number;
  /** As written at registration; unique without regard to case. */
  readonly username: string;
  /** In canonical form. */
  readonly email: string | null;
  readonly role: UserRole;
  /** Id of the identity provider that made this account an admin. */
  readonly roleFrom: string | null;
  readonly isActive: boolean;
  readonly hasPassword: boolean;
  readonly createdAt: number;
  readonly lastLoginAt: number | null;
  /** Sessions begun under an earlier number have ended. */
  readonly epoch: number;
  /** The first identity linked to it, if any. */
  readonly sso: { readonly provider: string; readonly subject: string } | null;
}

export interface LinkedIdentity {
  readonly id: number;
  readonly provider: string;
  readonly subject: string;
  readonly email: string | null;
  readonly linkedAt: number;
}

/** What admits a new account; the very first one is admitted whatever this says, save for a setup token. */
export type Admission =
  /** The person comes by himself. `inviteEmail`: an address somebody vouches for, to which an invitation may go. */
  | {
      readonly type: "rule";
      readonly registration: "open" | "invite" | "closed";
      readonly inviteHash?: string;
      readonly inviteEmail?: string;
    }
  /** Somebody who may do so makes the account. */
  | { readonly type: "granted"; readonly role: "admin" | "user" };

export interface NewUser {
  readonly username: string;
  /** Canonical form of the name. Further names are tried when it is taken: for accounts that identity providers make. */
  readonly usernameKey: string;
  readonly otherNames?: readonly string[];
  /** The name is free to the first account only. */
  readonly isReservedLater?: boolean;
  readonly email: string | null;
  /** An address that is taken is left out rather than refused. */
  readonly isEmailOptional?: boolean;
  readonly passwordHash: string | null;
  readonly identity?: { readonly provider: string; readonly subject: string; readonly email: string | null };
  readonly admission: Admission;
  readonly setupHash?: string;
  /** For the default organisation, should there be none yet. */
  readonly newOrgId: string;
}

export type CreateUserOutcome =
  | { readonly type: "created"; readonly user: User; readonly isFirst: boolean }
  | {
      readonly type:
        | "username-taken"
        | "username-reserved"
        | "email-taken"
        | "identity-taken"
        | "registration-closed"
        | "invite-required"
        | "invite-invalid"
        | "setup-token-required";
    };

export interface UserPatch {
  readonly isActive?: boolean;
  readonly isAdmin?: boolean;
  readonly email?: string | null;
}

/** Why an account was left alone. */
export type UserRefusal =
  | "not-found"
  | "own-account"
  | "super-admin-protected"
  | "admin-protected"
  | "actor-not-allowed";

export interface UserFilter {
  /** Part of the name or address, any case. */
  readonly search?: string;
  readonly isActive?: boolean;
  readonly role?: UserRole;
}

export interface UserRepository {
  hasAny(): Promise<boolean>;
  find(id: number): Promise<User | undefined>;
  /** By canonical name. */
  findByName(usernameKey: string): Promise<User | undefined>;
  /** By canonical address; only of who did not just type it himself. */
  findByVouchedEmail(email: string): Promise<User | undefined>;
  findByIdentity(provider: string, subject: string): Promise<User | undefined>;
  /** The one place that hands out the stored hash: for checking a password. */
  findForSignIn(
    by: { readonly usernameKey: string } | { readonly email: string } | { readonly id: number },
  ): Promise<{ readonly user: User; readonly passwordHash: string | null } | undefined>;
  /** Newest first. */
  list(filter?: UserFilter, page?: PageRequest): Promise<Page<User>>;
  /** One transaction: admission, the account, its memberships, its identity. The first account is the super admin. */
  create(user: NewUser, by: Actor): Promise<CreateUserOutcome>;
  /** What an administrator may change. All of it or nothing; judged by the roles of that instant. */
  update(
    id: number,
    patch: UserPatch,
    by: Actor,
  ): Promise<{ readonly type: "updated"; readonly user: User } | { readonly type: UserRefusal | "email-taken" }>;
  /** Revokes the keys, ends the sessions; organisations left without an owner go to the super admin. */
  delete(
    id: number,
    by: Actor,
  ): Promise<{ readonly type: "deleted"; readonly keyIds: readonly string[] } | { readonly type: UserRefusal }>;
  /** The super admin hands over to another account and stays admin. */
  transferOwnership(
    targetId: number,
    by: Actor,
  ): Promise<
    { readonly type: "transferred"; readonly user: User } | { readonly type: UserRefusal | "target-inactive" }
  >;
  /** The account's own address. Other sessions than `keepSession` end. */
  setOwnEmail(
    id: number,
    email: string | null,
    keepSession: string,
    by: Actor,
  ): Promise<"updated" | "email-taken" | "not-found">;
  /** A new password of the account itself. Other sessions than `keepSession` end. `false`: no such active account. */
  setPassword(id: number, passwordHash: string, keepSession: string | null, by: Actor): Promise<boolean>;
  /** Replaces a hash by a stronger one of the same password; nothing else changes. */
  upgradePassword(id: number, before: string, after: string): Promise<void>;
  /** An identity provider's rule makes or unmakes an admin; never the super admin, never one made by other means. */
  setRoleFromProvider(id: number, provider: string, isAdmin: boolean, by: Actor): Promise<User | undefined>;

  identities(userId: number): Promise<readonly LinkedIdentity[]>;
  link(
    userId: number,
    identity: { readonly provider: string; readonly subject: string; readonly email: string | null },
    keepSession: string,
    by: Actor,
  ): Promise<"linked" | "already" | "taken" | "not-found">;
  /** `last-login-method`: without it nobody could sign in any more. */
  unlink(
    userId: number,
    identityId: number,
    keepSession: string,
    isPasswordUsable: boolean,
    by: Actor,
  ): Promise<"unlinked" | "not-found" | "last-login-method">;
}

/** Tokens that are good for one act. Only digests come here. */
export interface OneTimeTokenRepository {
  /** Replaces the tokens that the first registration accepts; an empty list means that it needs none. */
  setSetupTokens(hashes: readonly string[]): Promise<void>;
  /** After all accounts were cleared the first registration needs a token, whatever is configured. */
  isSetupForced(): Promise<boolean>;
  /** Whether a setup token of this digest has been used. */
  isSetupTokenUsed(hash: string): Promise<boolean>;
  /** `isRequired`: the first registration needs one; `isValid`: this is one. */
  checkSetup(hash: string | undefined): Promise<{ readonly isRequired: boolean; readonly isValid: boolean }>;
  /** Voids earlier ones of the account. An administrator's, therefore judged like `UserRepository.update`. */
  createReset(
    userId: number,
    hash: string,
    expiresAt: number,
    by: Actor,
    mayTouchSuperAdmin: boolean,
  ): Promise<"created" | UserRefusal>;
  /** Whose it is, while it is good. */
  findReset(hash: string): Promise<User | undefined>;
  /** Uses the token up, sets the password and ends all sessions, in one transaction. */
  useReset(hash: string, passwordHash: string, by: Actor): Promise<User | undefined>;
}

export interface Membership {
  readonly orgId: string;
  readonly role: OrgRole;
}

/** Where an account acts unless it says otherwise. */
export interface Home extends Membership {
  readonly limits: StoredLimits | null;
}

export interface Org {
  readonly id: string;
  readonly name: string;
  readonly isDefault: boolean;
  readonly limits: StoredLimits | null;
  readonly createdAt: number;
}

export interface Member {
  readonly userId: number;
  readonly username: string;
  readonly email: string | null;
  readonly role: OrgRole;
  readonly joinedAt: number;
}

export interface OrgRepository {
  create(org: { readonly id: string; readonly name: string }, ownerId: number, by: Actor): Promise<Org | undefined>;
  find(id: string): Promise<Org | undefined>;
  /** `undefined` until there is an account. */
  findDefault(): Promise<Org | undefined>;
  membership(orgId: string, userId: number): Promise<Membership | undefined>;
  homeOf(userId: number): Promise<Home | undefined>;
  /** With the role of `userId`; without one, all organisations. By age, the default one first. */
  list(
    userId: number | null,
    isAll: boolean,
    page?: PageRequest,
  ): Promise<Page<Org & { readonly role: OrgRole | null }>>;
  update(
    id: string,
    patch: { readonly name?: string; readonly limits?: StoredLimits | null },
    by: Actor,
  ): Promise<Org | undefined>;
  delete(id: string, by: Actor): Promise<"deleted" | "not-found" | "is-default" | "has-active-keys">;
  /** `userId`: that member alone. */
  members(orgId: string, page?: PageRequest, userId?: number): Promise<Page<Member>>;
  addMember(
    orgId: string,
    userId: number,
    role: OrgRole,
    by: Actor,
  ): Promise<{ readonly type: "added" | "already"; readonly member: Member } | { readonly type: "not-found" }>;
  setMemberRole(
    orgId: string,
    userId: number,
    role: OrgRole,
    by: Actor,
  ): Promise<
    | { readonly type: "updated"; readonly member: Member }
    | { readonly type: "not-found" }
    | { readonly type: "last-owner" }
  >;
  removeMember(orgId: string, userId: number, by: Actor): Promise<"removed" | "not-found" | "last-owner">;
}

export interface Invite {
  readonly id: string;
  readonly email: string | null;
  readonly orgId: string | null;
  readonly role: OrgRole;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number | null;
  readonly usedBy: number | null;
  readonly revokedAt: number | null;
}

export interface InviteRepository {
  create(
    invite: Omit<Invite, "createdAt" | "createdBy" | "usedAt" | "usedBy" | "revokedAt"> & { readonly codeHash: string },
    by: Actor,
  ): Promise<Invite | "org-not-found">;
  /** Newest first. */
  list(page?: PageRequest): Promise<Page<Invite>>;
  /** One that may be used now. */
  findOpen(by: { readonly codeHash: string } | { readonly email: string }): Promise<Invite | undefined>;
  /** `false`: there is none that is open. */
  revoke(id: string, by: Actor): Promise<boolean>;
}
