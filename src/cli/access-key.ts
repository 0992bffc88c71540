/** The access key of an installation that configures none: made at the first start, and the same ever after. */
import { generateAccessKey } from "../auth/access-key.ts";
import type { Config } from "../config/types.ts";
import type { Store } from "../store/types.ts";
import { digestSecretHex } from "../support/secret.ts";

const ACCESS_KEY_SETTING = "access_key_digest";

export interface AccessKey {
  /** Hex digest of the generated key; `null` while the configuration names one. */
  readonly digest: string | null;
  /** The key itself, at the start that made it. */
  readonly fresh: string | null;
}

/** Made once, printed once, kept as a digest: it stays the same over restarts. */
export async function ensureAccessKey(store: Store, config: Config): Promise<AccessKey> {
  const { accessKey, accessKeyEnabled } = config.server;
  const stored = (await store.settings.get(ACCESS_KEY_SETTING)) ?? null;
  if (stored !== null || accessKey !== null || !accessKeyEnabled) return { digest: stored, fresh: null };
  const fresh = generateAccessKey();
  const digest = digestSecretHex(fresh);
  const isFirst = await store.settings.add(ACCESS_KEY_SETTING, digest);
  if (isFirst) return { digest, fresh };
  return { digest: (await store.settings.get(ACCESS_KEY_SETTING)) ?? null, fresh: null };
}
