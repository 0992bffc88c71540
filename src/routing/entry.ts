/** A configured provider, ready to be routed to. */
import type { ProviderConfig } from "../config/types.ts";
import type { Codec, Provider, Traits } from "../plugin/index.ts";
import type { KeyPool } from "./key-pool.ts";

export interface ProviderEntry {
  readonly name: string;
  readonly config: ProviderConfig;
  readonly provider: Provider;
  /** In order of preference, the entry's `dialects` applied. */
  readonly codecs: readonly Codec[];
  /** `models.include` of the entry, else what the plugin offers by itself. Empty = any model. */
  readonly include: readonly string[];
  readonly keys: KeyPool;
  /** Where its calls go; empty for a provider without an upstream. */
  readonly baseUrl: string;
  /** What has to be connected to first: the proxy if there is one, else `baseUrl`. */
  readonly reachBy: string;
  readonly userAgent: string;
  /** `headers` and `cloaking` of the entry, lower case; absent if it has none. */
  readonly extraHeaders: Readonly<Record<string, string>> | undefined;
  /** The entry's own times, else the global ones. `totalMs` 0 = none. */
  readonly timeouts: {
    readonly connectMs: number;
    readonly firstTokenMs: number;
    readonly idleMs: number;
    readonly totalMs: number;
  };
  /** Sends a prepared request with the entry's connection pool, proxy and roots. */
  readonly send: (url: string, init: RequestInit) => Promise<Response>;
  /** Traits of a model, remembered for the life of this generation. */
  traits(model: string): Traits;
}
