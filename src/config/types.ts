/** The configuration as the house sees it: camelCase, durations in ms, sizes in bytes, secrets resolved, frozen. */
import type { JsonObject } from "../contract/chat.ts";

/** `allow`/`deny` globs over model names; an empty `allow` allows all. */
export interface ModelFilter {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface Budget {
  readonly usd: number;
  readonly window: "hour" | "day" | "week" | "month" | "total";
}

/** `0` = no limit. */
export interface Limits {
  readonly rpm: number;
  readonly tpm: number;
  readonly concurrency: number;
  readonly budgets: readonly Budget[];
}

export interface ServerConfig {
  readonly host: string;
  readonly port: number;
  readonly unixSocket: string | null;
  /** `null` = not set: one is generated at the first start and kept as a digest in the data directory. */
  readonly accessKey: string | null;
  readonly accessKeyEnabled: boolean;
  readonly accessKeyScopes: readonly string[];
  readonly previousAccessKey: string | null;
  /** ms since epoch. */
  readonly previousAccessKeyUntil: number | null;
  readonly logLevel: "DEBUG" | "INFO" | "WARNING" | "ERROR";
  readonly corsOrigins: readonly string[];
  readonly publicHost: string | null;
  readonly turnstileEnabled: boolean;
  readonly turnstileSiteKey: string | null;
  readonly turnstileSecretKey: string | null;
  readonly jwtSecret: string | null;
  readonly allowedHosts: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly publicModels: boolean;
  readonly publicPricing: boolean;
  readonly detectPublicIp: boolean;
  readonly healthDetail: "full" | "basic" | "minimal";
  readonly infoDetail: "full" | "minimal";
  readonly docs: "admin" | "public" | "off";
  readonly relayHeaders: boolean;
  readonly legacyHeaders: boolean;
  readonly legacyErrorStatus: boolean;
  readonly pathAliases: boolean;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly shutdownGraceMs: number;
}

export interface AuthConfig {
  readonly chain: readonly string[];
  readonly registration: "open" | "invite" | "closed";
  readonly setupToken: string | null;
  readonly jwt: {
    readonly accessTtlMs: number;
    readonly refreshTtlMs: number;
    readonly sessionTtlMs: number;
    readonly algorithm: "HS256" | "EdDSA";
    readonly issuer: string;
    readonly audience: string;
  };
  readonly password: {
    readonly minLength: number;
    readonly maxLength: number;
    readonly blocklist: boolean;
    readonly hash: { readonly memoryKib: number; readonly iterations: number };
  };
  readonly throttle: { readonly account: number; readonly network: number; readonly windowMs: number };
  readonly cutStreams: boolean;
  readonly reauthTtlMs: number;
  readonly cookieSecure: "auto" | boolean;
}

export interface ApiKeysConfig {
  readonly prefix: string;
  readonly relayPrefix: string;
  readonly openrelayPrefix: string;
  readonly acceptedPrefixes: readonly string[];
  readonly defaultScopes: readonly string[];
  readonly defaultLimits: Limits;
  readonly defaultModels: ModelFilter;
  /** `0` = never. */
  readonly defaultExpiryMs: number;
  readonly maxExpiryMs: number;
  readonly maxPerUser: number;
  readonly userCreated: boolean;
}

export interface ProviderKeyConfig {
  readonly key: string;
  /** Stable address: as written, else derived from the key's fingerprint. */
  readonly id: string;
  readonly label: string;
  readonly weight: number;
  readonly enabled: boolean;
  readonly quotaLimit: number;
  readonly quotaUsed: number;
  readonly rateLimitRps: number;
  readonly usageWindowLimits: { readonly window5h: number; readonly window1d: number; readonly window7d: number };
  /** ms since epoch; `null` = never. */
  readonly expiresAt: number | null;
  readonly metadata: JsonObject;
  readonly proxy: string | null;
  readonly rpm: number;
  readonly tpm: number;
  readonly concurrency: number;
}

/** `null` = not set here, the global value rules; `0` is possible for `totalMs` only and means none. */
export interface ProviderTimeouts {
  readonly connectMs: number | null;
  readonly firstTokenMs: number | null;
  readonly idleMs: number | null;
  readonly totalMs: number | null;
}

export interface ModelParams {
  readonly modelPattern: string;
  readonly params: JsonObject;
  readonly systemPrompt: string | null;
}

export interface ProviderConfig {
  readonly name: string;
  readonly enabled: boolean;
  /** Plugin id; `api` is already resolved to `openai`. */
  readonly type: string;
  /** As written, without a trailing slash and without the parts the plugin adds; `null` = the plugin's own. */
  readonly baseUrl: string | null;
  /** The plugin's own options, camelCase, validated, with defaults. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly keys: readonly ProviderKeyConfig[];
  readonly rateLimitCooldownMs: number;
  /** `timeout` of the entry is already folded into `firstTokenMs` and `idleMs`. */
  readonly timeouts: ProviderTimeouts;
  readonly models: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly headersOverrideAuth: boolean;
  /** Headers of `cloaking`, lower case: `user-agent`, `referer`, `origin`, `accept`, `accept-language`. */
  readonly cloaking: Readonly<Record<string, string>>;
  readonly params: JsonObject;
  readonly systemPrompt: string | null;
  readonly modelParams: readonly ModelParams[];
  readonly testModel: string | null;
  readonly consoleUrl: string | null;
  readonly costPerMInput: number;
  readonly costPerMOutput: number;
  readonly retry: {
    readonly enabled: boolean;
    readonly maxRetries: number;
    readonly retryOnStatus: readonly number[];
    readonly retryOnErrors: readonly string[];
    readonly backoffFactor: number;
    /** Seconds in the file, ms here. */
    readonly backoffMaxMs: number;
  };
  readonly ignore: {
    readonly enabled: boolean;
    readonly ignoreErrors: readonly string[];
    readonly action: "finish" | "error";
  };
  readonly dialects: readonly string[] | null;
  readonly priority: number;
  readonly weight: number;
  readonly proxy: string | null;
  readonly allowPrivate: "auto" | boolean;
  readonly breaker: {
    readonly enabled: boolean;
    readonly failures: number;
    readonly windowMs: number;
    readonly openMs: number;
    readonly probes: number;
  };
  readonly limits: Limits;
}

export interface RoutingConfig {
  readonly enabled: boolean;
  readonly mode: "passthrough";
  readonly aliases: Readonly<Record<string, string>>;
  /** Globs in file order. */
  readonly providerMapping: readonly { readonly pattern: string; readonly provider: string }[];
  readonly modelOverrides: readonly { readonly pattern: string; readonly model: string }[];
  readonly complexity: {
    readonly enabled: boolean;
    readonly simple: string;
    readonly moderate: string;
    readonly complex: string;
    readonly appliesTo: readonly string[];
  };
  readonly cascade: { readonly enabled: boolean; readonly models: readonly string[]; readonly maxRetries: number };
  readonly payloadTransformation: {
    readonly enabled: boolean;
    readonly rules: readonly {
      readonly models: readonly string[];
      readonly injectParams: JsonObject;
      readonly overrideParams: JsonObject;
      readonly removeParams: readonly string[];
    }[];
  };
  readonly globalParams: {
    readonly enabled: boolean;
    readonly mode: "default" | "override";
    readonly params: JsonObject;
    readonly systemPrompt: string | null;
  };
  readonly modelParams: readonly ModelParams[];
  readonly groups: Readonly<
    Record<
      string,
      {
        readonly strategy: "weighted" | "priority" | "lowest_latency" | "lowest_cost";
        readonly targets: readonly {
          readonly model: string;
          readonly provider: string;
          readonly weight: number;
          readonly priority: number;
        }[];
      }
    >
  >;
  readonly fallbacks: readonly { readonly pattern: string; readonly models: readonly string[] }[];
  readonly failover: { readonly enabled: boolean; readonly maxAttempts: number; readonly budget: number };
  readonly defaultModel: string | null;
  readonly unsupportedParams: "drop" | "reject" | "forward";
  readonly countTokens: "upstream" | "estimate";
  readonly listAliases: boolean;
  readonly listProviderSuffix: boolean;
  readonly stateful: { readonly provider: string | null; readonly unknownIds: "deny" | "forward" };
}

export type KeyStrategy = "round-robin" | "random" | "weighted" | "least_inflight" | "lowest_latency";

export interface Config {
  readonly version: 1;
  readonly server: ServerConfig;
  readonly auth: AuthConfig;
  readonly apiKeys: ApiKeysConfig;
  /** In file order. While the section is empty: one entry named `echo`. */
  readonly providers: readonly ProviderConfig[];
  readonly modelRouting: RoutingConfig;
  readonly keySelection: { readonly strategy: KeyStrategy; readonly stickiness: "none" | "key" | "session" };
  readonly toolCalling: {
    readonly autoDowngrade: boolean;
    readonly unsupportedModels: readonly string[];
    readonly emulate: boolean;
  };
  readonly timeouts: {
    readonly connectMs: number;
    readonly firstTokenMs: number;
    readonly idleMs: number;
    /** `0` = none. */
    readonly totalMs: number;
    readonly sseKeepaliveMs: number;
    /** `0` = off. */
    readonly earlyHeadersMs: number;
  };
  readonly limits: {
    readonly maxBody: number;
    readonly maxUpload: number;
    readonly maxAdminBody: number;
    readonly requestEncodings: readonly ("gzip" | "deflate" | "br" | "zstd")[];
    readonly maxConcurrency: number;
    readonly perIp: { readonly connections: number; readonly rpm: number };
    readonly user: Limits;
    readonly org: Limits;
    readonly accessKey: Limits;
    readonly reserveOutputTokens: number;
    readonly streamMaxDurationMs: number;
    readonly streamMaxSize: number;
    readonly preCommitBuffer: number;
  };
  readonly network: {
    readonly proxy: string | null;
    readonly caFile: string | null;
    readonly allowPrivateNetworks: readonly string[];
  };
  readonly cache: {
    readonly enabled: boolean;
    readonly ttlMs: number;
    readonly maxSize: number;
    readonly maxBytes: number;
    readonly scope: "key" | "user" | "org";
    readonly models: readonly string[];
    readonly maxTemperature: number;
    readonly singleFlight: boolean;
  };
  readonly prices: {
    readonly source: "builtin" | "none";
    readonly refreshUrl: string | null;
    readonly refreshIntervalMs: number;
    readonly onUnknown: "allow" | "block";
    readonly overrides: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
  readonly logging: {
    readonly enabled: boolean;
    /** Absolute. */
    readonly dbPath: string;
    readonly maxAgeDays: number;
    readonly contentPreviewLength: number;
    readonly bodies: "off" | "preview" | "full";
    readonly bodyLimit: number;
    readonly maxDbSize: number;
    readonly redact: readonly string[];
    readonly clientIp: "full" | "network" | "hash" | "off";
    readonly userAgent: boolean;
    readonly format: "auto" | "pretty" | "logfmt" | "json";
  };
  readonly telemetry: {
    readonly prometheus: {
      readonly enabled: boolean;
      readonly access: "scope" | "loopback" | "public";
      readonly listen: string | null;
      readonly perKey: boolean;
    };
    readonly otlp: {
      readonly endpoint: string | null;
      readonly headers: Readonly<Record<string, string>>;
      readonly sampleRatio: number;
      readonly captureContent: boolean;
    };
    readonly updateCheck: boolean;
  };
  readonly sso: {
    readonly enabled: boolean;
    readonly ssoOnly: boolean;
    /** The single form is already folded in. */
    readonly providers: readonly SsoProviderConfig[];
    readonly adminUsernames: readonly string[];
  };
  readonly sync: {
    readonly enabled: boolean;
    readonly gistId: string | null;
    readonly autoPush: boolean;
    readonly intervalMs: number;
    readonly secrets: "strip" | "encrypt";
    readonly passphrase: string | null;
    readonly remotes: readonly {
      readonly name: string;
      readonly type: "gist" | "webdav" | "http" | "file";
      readonly id: string | null;
      readonly url: string | null;
      readonly path: string | null;
      readonly token: string | null;
      readonly username: string | null;
      readonly password: string | null;
    }[];
  };
  readonly plugins: {
    /** Absolute. */
    readonly dir: string;
    readonly list: readonly PluginListEntry[];
    /** Per plugin, camelCase, validated with defaults for auth plugins in the chain. */
    readonly options: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    readonly isolate: "none";
    readonly requireHash: boolean;
  };
  readonly database: {
    /** Absolute path of the accounts database. */
    readonly path: string;
    readonly busyTimeoutMs: number;
    readonly synchronous: "full" | "normal";
    readonly backup: { readonly schedule: string | null; readonly dir: string; readonly keep: number };
  };
  readonly secrets: { readonly masterKey: string | null; readonly fileDirs: readonly string[] };
}

export interface SsoProviderConfig {
  readonly id: string;
  readonly type: string;
  readonly label: string;
  readonly enabled: boolean;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly issuer: string | null;
  readonly scopes: readonly string[] | null;
  readonly allowedDomains: readonly string[];
  readonly allowedOrgs: readonly string[];
  readonly adminGroups: readonly string[];
  readonly adminSubjects: readonly string[];
  /** Where its answers arrive: at a path of its own, or at the one that old files (the single form) have registered. */
  readonly callback: "own" | "shared";
  readonly options: Readonly<Record<string, unknown>>;
}

export interface PluginListEntry {
  readonly name: string;
  readonly sha256: string | null;
  readonly enabled: boolean;
}

export type ProblemCode =
  | "yaml_syntax"
  | "unknown_key"
  | "duplicate_key"
  | "wrong_type"
  | "out_of_range"
  | "bad_value"
  | "missing"
  | "unresolved_variable"
  | "bad_reference"
  | "cycle"
  | "conflict"
  | "unsupported"
  | "address_not_allowed"
  | "plugin";

/** One thing wrong (or suspicious) in a configuration. Lines and columns count from 1; 0 = no place in the file. */
export interface Problem {
  /** e.g. `providers.openai.keys[0].weight`. */
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly code: ProblemCode;
  /** A sentence without input values that may be secret. */
  readonly message: string;
  /** The nearest valid name or value. */
  readonly suggestion: string | null;
}
