/** A configured provider, ready to be routed to. */
import type { ProviderConfig } from "../config/types.ts";
import type { Client } from "../net/answer.ts";
import type { WayOut } from "../net/way-out.ts";
import type { Codec, ModelCost, Provider, Traits } from "../plugin/index.ts";
import type { KeyPool } from "./key-pool.ts";
import type { Layers } from "./layers.ts";

export interface ProviderEntry {
  readonly name: string;
  readonly config: ProviderConfig;
  readonly provider: Provider;
  /** In order of preference, the entry's `dialects` applied. */
  readonly codecs: readonly Codec[];
  /** Those in which chat calls of a model are made; absent = `codecs`, whatever the model. */
  codecsOf?: ((model: string) => readonly Codec[]) | undefined;
  /** `models.include` of the entry, else what the plugin offers by itself. Empty = any model. */
  readonly include: readonly string[];
  readonly keys: KeyPool;
  /** What the operator wants changed in bodies; absent = nothing, whatever the model. */
  readonly layers: Layers | undefined;
  /** Where its calls go; empty for a provider without an upstream. */
  readonly baseUrl: string;
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
  /** Sends prepared requests with the entry's connections, proxy and roots. */
  readonly client: Client;
  /** What a model costs here, remembered for the life of this generation; `undefined` = nobody knows. */
  price(model: string): ModelCost | undefined;
  /** The same proxy and roots, for what is no request: WebSockets. */
  readonly way: WayOut;
  /** Traits of a model, remembered for the life of this generation. */
  traits(model: string): Traits;
}
