/** What the rest of the house may ask of the accounts: words that all of it shares, the audit trail, the throttle. */
import type { CallerLimits } from "../contract/host.ts";
import type { Page, PageRequest } from "./types.ts";
import type { ApiKeyRepository, SessionRepository } from "./types-credentials.ts";
import type { InviteRepository, OneTimeTokenRepository, OrgRepository, UserRepository } from "./types-people.ts";

export type * from "./types-credentials.ts";
export type * from "./types-people.ts";

export type UserRole = "super_admin" | "admin" | "user";
export type OrgRole = "owner" | "admin" | "member";
/** In whose words a key was asked for; `imported`: its text is not of our making. */
export type KeyStyle = "native" | "relay" | "openrelay" | "imported";
export type StoredLimits = CallerLimits;

/** Globs over model names; an empty `allow` allows all. */
export interface StoredModels {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/** Who changes something, and from where. Every change is written to the audit trail in its own transaction. */
export interface Actor {
  /** `id` of an identity, or `system`. */
  readonly actor: string;
  /** The account behind it; nobody edits himself. */
  readonly userId: number | null;
  /** The credential that asks, if it is one of ours: it has to be good still when the change is made. */
  readonly sessionId?: string;
  /** UUID. */
  readonly apiKeyId?: string;
  /** Not with all that an admin may do: admins are out of its reach. */
  readonly isPartial?: true;
  /** How it was recognised, e.g. `session`, `api-key`, `cli`. */
  readonly via: string;
  readonly ip: string | null;
  readonly requestId: string | null;
}

export interface AuditEntry {
  readonly id: number;
  /** ms since epoch. */
  readonly at: number;
  readonly actor: string;
  readonly via: string;
  readonly ip: string | null;
  /** e.g. `user.update`. */
  readonly action: string;
  /** e.g. `user:7`, `key_…`. */
  readonly target: string | null;
  readonly before: object | null;
  readonly after: object | null;
  /** `ok`, or the wire code of the refusal. */
  readonly outcome: string;
  readonly requestId: string | null;
}

export interface AuditFilter {
  readonly actor?: string;
  readonly action?: string;
  readonly target?: string;
  /** ms since epoch, both inclusive. */
  readonly from?: number;
  readonly to?: number;
}

export interface AuditRepository {
  append(
    by: Actor,
    entry: Pick<AuditEntry, "action" | "target" | "outcome"> & { readonly before?: object; readonly after?: object },
  ): Promise<void>;
  /** Newest first. */
  list(filter?: AuditFilter, page?: PageRequest): Promise<Page<AuditEntry>>;
}

/** How much failure has gathered under a key. */
export interface ThrottleEntry {
  readonly key: string;
  readonly level: number;
  /** ms since epoch. */
  readonly updatedAt: number;
  /** ms since epoch; 0 = never blocked. */
  readonly blockedUntil: number;
}

export interface ThrottleRepository {
  /** Newest first, at most `max`. */
  load(max: number): Promise<readonly ThrottleEntry[]>;
  save(entries: readonly ThrottleEntry[]): Promise<void>;
  /** Forgets these keys. */
  remove(keys: readonly string[]): Promise<void>;
}

/** Clearing at the super admin's word; the audit trail stays. */
export interface ResetRepository {
  /**
   * `users`: all accounts with their sessions, identities, invitations and organisations, every key, whose what lies
   * with upstreams is, and which accounts the names in `sso.admin_usernames` had come to mean; the first registration then needs one of `setupHashes`. `keys`: every key.
   */
  clear(
    what: { readonly users: boolean; readonly keys: boolean },
    setupHashes: readonly string[],
    by: Actor,
  ): Promise<{ readonly users: number; readonly keys: number }>;
}

export interface AccountRepositories {
  readonly users: UserRepository;
  readonly tokens: OneTimeTokenRepository;
  readonly sessions: SessionRepository;
  readonly apiKeys: ApiKeyRepository;
  readonly orgs: OrgRepository;
  readonly invites: InviteRepository;
  readonly audit: AuditRepository;
  readonly throttle: ThrottleRepository;
  readonly reset: ResetRepository;
  /**
   * Whether accounts existed and none does now, though nobody has cleared them. `wasClaimed`: something outside of the
   * database knows of them.
   */
  areLost(wasClaimed?: boolean): Promise<boolean>;
  /** Changes whenever another connection has written to the file: what is cached may be old then. */
  outsideVersion(): number;
}
