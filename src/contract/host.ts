/** What the house lends a plugin; anything not here, a plugin cannot reach. */

export type MaybePromise<T> = T | Promise<T>;

/** Who a request comes from, as found by the auth chain. */
export interface Identity {
  /** `service`: the static access key, which has no user. */
  readonly kind: "session" | "api-key" | "service";
  /** Stable id of the principal, for limits and records: `access-key`, `key_...`, `user:1`. */
  readonly id: string;
  /** Shown in lists and logs; never a secret. */
  readonly name: string;
  readonly userId: number | null;
  readonly orgId: string | null;
  readonly apiKeyId: string | null;
  readonly role: "super-admin" | "admin" | "user" | "service";
  /** Expanded scopes, e.g. `chat:write`. */
  readonly scopes: ReadonlySet<string>;
  /** Plugin id that accepted, for the log. */
  readonly via: string;
  /** Globs over model names; absent = all. */
  readonly models?: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  /** The caller's own role in the organisation of `orgId`; absent = not a member. */
  readonly orgRole?: "owner" | "admin" | "member";
  /** Sessions only. */
  readonly sessionId?: string;
  /** Sessions only: when password or identity provider last vouched for the person, ms since epoch. */
  readonly reauthAt?: number;
  /** Work begun before must not outlive this instant (ms since epoch, exclusive); absent = no end. */
  readonly expiresAt?: number;
  /** Of the API key; absent = none. */
  readonly limits?: CallerLimits;
  /** Under whose id this key is counted: that of the first key it descends from by rotation. Absent = its own. */
  readonly countsAs?: string;
  /** Of the keys that made this one, each with the id it is counted under; they hold beside its own. Absent = none. */
  readonly makers?: readonly { readonly countsAs: string; readonly limits: CallerLimits }[];
  /** Of the organisation, beside those of the key; absent = none. */
  readonly orgLimits?: CallerLimits;
  /** Addresses or networks this key may be used from; absent = any. */
  readonly ipAllow?: readonly string[];
  /** Names of the providers this key may reach; absent = all. */
  readonly providers?: readonly string[];
  /** For calls of this key that name no model. */
  readonly defaultModel?: string;
  /** How much of this key's bodies the log keeps; absent = as configured. */
  readonly logBodies?: "off" | "preview" | "full";
  /** `false`: answers to this key do not tell where they came from. Absent = `true`. */
  readonly exposeRouting?: boolean;
}

/** `0` = no limit. */
export interface CallerLimits {
  readonly rpm: number;
  readonly tpm: number;
  readonly concurrency: number;
  readonly budgets: readonly {
    readonly usd: number;
    readonly window: "hour" | "day" | "week" | "month" | "total";
  }[];
}

export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

export interface Directory {
  /** The static access key (also the previous one while it is valid). Constant time. */
  findByAccessKey(secret: string): MaybePromise<Identity | undefined>;
  /** Whether it can be nothing but an API key, going by how it begins. Whether it is a good one is another question. */
  isApiKey(secret: string): boolean;
  /** Keys brought from elsewhere may look like anything and are found too; the access key never is. */
  findByApiKey(secret: string): MaybePromise<Identity | undefined>;
  /** `token`: an access token. */
  findBySession(token: string): MaybePromise<Identity | undefined>;
  /** Who is linked to this subject of an outside identity provider? */
  findByLink(provider: string, subject: string): MaybePromise<Identity | undefined>;
}

export interface Host {
  readonly pluginId: string;
  /** Name of the configuration entry this instance serves (auth: the plugin's own name). */
  readonly entry: string;
  /** Tagged with the plugin; secrets are redacted at the sink. */
  readonly log: Logger;
  /**
   * http and https only; no redirects followed; proxy and roots of the configuration. Goes to public addresses, to
   * networks of `network.allow_private_networks`, and to origins that stand in the entry's own options or `base_url`;
   * rejects with a `TypeError` for others. The connection is made to the address that was checked. Behind a proxy, which
   * resolves names itself, the URL is checked, and the name as far as it can be resolved here.
   */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /**
   * Lets `fetch` go to the origin of this URL wherever that lies: for addresses that the operator has named outside of
   * the options (a file, the environment). Never for what an answer names.
   */
  readonly allowOrigin: (url: string | URL) => void;
  /** ms since epoch; tests control it. */
  readonly now: () => number;
  readonly directory: Directory;
  /** Aborted when this generation is disposed of. */
  readonly signal: AbortSignal;
}

export interface ProviderHost extends Host {
  /** The entry's `base_url` without a trailing slash, else the plugin's own; empty if neither exists. */
  readonly baseUrl: string;
  /**
   * The metadata service of this machine: http past every proxy, link-local and loopback addresses only, ≤ 2 s. It
   * rejects unless the entry says `allow_metadata: true`, an option that the plugin has to declare.
   */
  readonly metadata: (url: string, init?: RequestInit) => Promise<Response>;
}
