/** Remembers things under secrets that are good once and for a while; when too many wait, the oldest make room. */
import type { Clock } from "../support/clock.ts";
import { digestSecretHex } from "../support/secret.ts";

export interface OneTimeStoreOptions {
  readonly clock: Clock;
  readonly ttlMs: number;
  readonly max: number;
}

export interface OneTimeStore<Value> {
  put(secret: string, value: Value): void;
  /** The value, this once; `undefined` when the secret is unknown, used or too old. */
  take(secret: string): Value | undefined;
  readonly size: number;
}

export function createOneTimeStore<Value>({ clock, ttlMs, max }: OneTimeStoreOptions): OneTimeStore<Value> {
  /** By digest, so that how far a guess was right shows nowhere; in order of age. */
  const waiting = new Map<string, { readonly value: Value; readonly at: number }>();

  const dropOld = (): void => {
    for (const [key, { at }] of waiting) {
      if (clock.monotonic() - at < ttlMs) return;
      waiting.delete(key);
    }
  };

  return {
    get size() {
      return waiting.size;
    },
    put(secret, value) {
      dropOld();
      for (const key of waiting.keys()) {
        if (waiting.size < max) break;
        waiting.delete(key);
      }
      waiting.set(digestSecretHex(secret), { value, at: clock.monotonic() });
    },
    take(secret) {
      dropOld();
      const key = digestSecretHex(secret);
      const found = waiting.get(key);
      waiting.delete(key);
      return found?.value;
    },
  };
}
