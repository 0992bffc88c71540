/** What may be asked of the accounts about credentials: sessions and API keys. */
import type { JsonObject } from "../contract/chat.ts";
import type { Page, PageRequest } from "./types.ts";
import type { Actor, KeyStyle, OrgRole, StoredLimits, StoredModels, UserRole } from "./types-accounts.ts";
import type { Home, UserRefusal } from "./types-people.ts";

export interface Session {
  readonly id: string;
  readonly userId: number;
  /** `password` or `sso:<provider>`. */
  readonly method: string;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly expiresAt: number;
  readonly idleExpiresAt: number;
  readonly reauthAt: number;
}

/** A live session with everything its identity is made of, as of the moment it was read. */
export interface SessionStanding {
  readonly session: Session;
  readonly user: { readonly id: number; readonly username: string; readonly role: UserRole };
  readonly home: Home | null;
}

export interface NewSession {
  readonly id: string;
  readonly userId: number;
  /** The account's epoch when the person proved who he is; if it has moved on since, there will be no session. */
  readonly epoch: number;
  readonly method: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly expiresAt: number;
  readonly idleExpiresAt: number;
  readonly refreshHash: string;
}

export interface Rotation {
  readonly hash: string;
  readonly successorHash: string;
  /** From the first use of a token: so long its user may ask again and gets the same successor. */
  readonly graceMs: number;
  readonly idleMs: number;
  /** Sessions of this method get nothing. */
  readonly refusedMethod: string | null;
}

export type RotationOutcome =
  | { readonly type: "rotated" | "repeated"; readonly standing: SessionStanding }
  /** Somebody used a token that had been used before: the whole session has ended. */
  | { readonly type: "replayed"; readonly sessionId: string; readonly userId: number }
  | { readonly type: "refused" };

export interface SessionRepository {
  /** Also notes the sign-in on the account. `undefined`: the account is gone, inactive, or its epoch has moved on. */
  create(session: NewSession, by: Actor): Promise<SessionStanding | undefined>;
  /** Only live ones: prepared, for every request that the cache does not know. */
  standing(id: string): Promise<SessionStanding | undefined>;
  rotate(rotation: Rotation, by: Actor): Promise<RotationOutcome>;
  /** The session a refresh token was made for. `isUsed`: it has had its successor. */
  findByRefresh(
    hash: string,
  ): Promise<{ readonly id: string; readonly userId: number; readonly isUsed: boolean } | undefined>;
  /** Notes the latest use of many; never goes back. */
  touch(uses: readonly Use[]): Promise<void>;
  setReauthenticated(id: string, at: number, by: Actor): Promise<boolean>;
  /** Live ones, newest first. */
  list(userId: number, page?: PageRequest): Promise<Page<Session>>;
  /** Ends one session of this account. `false`: it has none of that id that lives. */
  revoke(id: string, userId: number, by: Actor): Promise<boolean>;
  /** Ends all sessions of the account; returns how many lived. */
  revokeAll(userId: number, by: Actor): Promise<number>;
  /** As an administrator does it to somebody else. */
  revokeAllOf(userId: number, by: Actor, mayTouchSuperAdmin: boolean): Promise<"ended" | UserRefusal>;
  /** Ends every session of everybody. */
  revokeEverything(by: Actor): Promise<number>;
  /** Forgets sessions that ended before this instant (ms since epoch); returns how many. */
  prune(before: number): Promise<number>;
}

/** That something was used at this instant (ms since epoch). */
export interface Use {
  readonly id: string;
  readonly at: number;
}

export interface ApiKey {
  /** UUID. */
  readonly id: string;
  /** `key_…` */
  readonly publicId: string;
  readonly name: string;
  readonly prefix: string;
  readonly last4: string;
  readonly orgId: string;
  /** `null` = made by the static access key. */
  readonly userId: number | null;
  readonly style: KeyStyle;
  /** As granted, sets unexpanded. */
  readonly scopes: readonly string[];
  readonly models: StoredModels;
  readonly defaultModel: string | null;
  /** Names of configured providers; empty = all. */
  readonly providers: readonly string[];
  readonly limits: StoredLimits;
  /** Addresses and networks; empty = any. */
  readonly ipAllow: readonly string[];
  readonly logBodies: "off" | "preview" | "full" | null;
  readonly exposeRouting: boolean;
  readonly metadata: JsonObject;
  readonly createdAt: number;
  /** `id` of the identity that made it. */
  readonly createdBy: string;
  /** Exclusive. */
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
  readonly revokedAt: number | null;
  /** Id of the key it was made to replace. */
  readonly replaces: string | null;
  /** Id of the first key of its line of replacements: there it is counted, or a rotation would renew its limits. */
  readonly countsAs: string;
}

export interface NewApiKey extends Omit<ApiKey, "createdAt" | "lastUsedAt" | "revokedAt" | "countsAs"> {
  readonly hash: string;
}

export type ApiKeyPatch = Partial<
  Pick<
    ApiKey,
    | "name"
    | "scopes"
    | "models"
    | "defaultModel"
    | "providers"
    | "limits"
    | "ipAllow"
    | "logBodies"
    | "exposeRouting"
    | "metadata"
    | "expiresAt"
  >
>;

/** A key with its owner and organisation, as of the moment it was read; revoked and expired ones included. */
export interface ApiKeyStanding {
  readonly key: ApiKey;
  /** `null`: made by the access key, or the account is gone. */
  readonly owner: { readonly username: string; readonly role: UserRole; readonly isActive: boolean } | null;
  /** The owner's role in the key's organisation. */
  readonly orgRole: OrgRole | null;
  readonly orgLimits: StoredLimits | null;
  /** Keys that made this one, or made its maker, and so on: what it uses they use. */
  readonly makers: readonly KeyMaker[];
}

export interface KeyMaker {
  /** As in `ApiKey`. */
  readonly countsAs: string;
  readonly limits: StoredLimits;
}

export interface ApiKeyFilter {
  readonly orgId?: string;
  readonly userId?: number;
  /** Only keys without an account, which the access key made. */
  readonly isOwnerless?: boolean;
  readonly style?: KeyStyle;
  /** Absent = all. */
  readonly status?: "active" | "expired" | "revoked" | "not-revoked";
}

export interface CreateKeyRules {
  /** Live keys that the owner may have with this one. */
  readonly liveMax: number;
  readonly idempotency: {
    /** Digest of the caller and its key. */
    readonly key: string;
    /** Digest of what is asked for. */
    readonly digest: string;
    readonly withinMs: number;
  } | null;
}

export type CreateKeyOutcome =
  | { readonly type: "created" | "replayed"; readonly key: ApiKey }
  /** The idempotency key came with something else before. */
  | { readonly type: "conflict" }
  /** A key of this digest is here, revoked or not. */
  | { readonly type: "known" }
  | { readonly type: "too-many" }
  /** It would descend from so many keys that their limits could not be read with every call. */
  | { readonly type: "line-too-long" }
  | { readonly type: "org-not-found" }
  /** The owner is gone or inactive. */
  | { readonly type: "owner-refused" };

export interface RotateKeyRules {
  readonly graceMs: number;
  /** Live keys that the owner may have, with the new one, and the old one during its grace. */
  readonly liveMax: number;
}

export type RotateKeyOutcome =
  /** `ended`: public ids of keys that live no more. */
  | { readonly type: "rotated"; readonly key: ApiKey; readonly ended: readonly string[] }
  | { readonly type: "not-active" }
  /** Another live key is in its place already. */
  | { readonly type: "has-successor" }
  | { readonly type: "too-many" | "line-too-long" };

export interface ApiKeyRepository {
  create(key: NewApiKey, rules: CreateKeyRules, by: Actor): Promise<CreateKeyOutcome>;
  /** Prepared, for every request that the cache does not know. */
  standing(hash: string): Promise<ApiKeyStanding | undefined>;
  /** By UUID or public id. */
  find(id: string): Promise<ApiKeyStanding | undefined>;
  /** Newest first. */
  list(filter?: ApiKeyFilter, page?: PageRequest): Promise<Page<ApiKey>>;
  /** Ids of an account's keys that are not revoked. */
  publicIdsOf(userId: number): Promise<readonly string[]>;
  /** Whether there is a live key whose text was not made here. */
  hasImported(): Promise<boolean>;
  /** `undefined`: there is no such key, or it is revoked. `too-many`: an expired one would live again beside `liveMax`. */
  update(id: string, patch: ApiKeyPatch, liveMax: number, by: Actor): Promise<ApiKey | "too-many" | undefined>;
  revoke(id: string, by: Actor): Promise<"revoked" | "already" | "not-found">;
  /** Puts a new key in the place of a live one, which ends after the grace; those that it replaced end now. */
  rotate(id: string, successor: NewApiKey, rules: RotateKeyRules, by: Actor): Promise<RotateKeyOutcome>;
  /** Notes the latest use of many; never goes back. */
  touch(uses: readonly Use[]): Promise<void>;
}
