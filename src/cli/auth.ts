/** Opens the account services over a store and a data directory: for the server, and for commands that act beside it. */
import type { JwtEngine, JwtKey } from "../auth/jwt-engine.ts";
import { systemRandom } from "../auth/randomness.ts";
import { openAuthSecrets } from "../auth/secrets.ts";
import { type AuthServices, createAuthServices } from "../auth/services.ts";
import type { Config } from "../config/types.ts";
import type { Logger } from "../contract/host.ts";
import type { Store } from "../store/types.ts";
import { systemClock, systemSchedule } from "../support/clock.ts";
import { createIds } from "../support/ids.ts";

export interface OpenAuthOptions {
  readonly store: Store;
  readonly dataDir: string;
  /** The configuration of this moment. */
  readonly config: () => Config;
  readonly log: Logger;
  /** Default: jose. */
  readonly createJwtEngine?: (key: JwtKey) => JwtEngine;
}

/** Nothing is watched or restored until `start()`. Throws a `StoreError`. */
export async function openAuth({
  store,
  dataDir,
  createJwtEngine,
  ...options
}: OpenAuthOptions): Promise<AuthServices> {
  const { config, log } = options;
  const secrets = await openAuthSecrets({ dataDir, config, settings: store.settings, fillRandom: systemRandom, log });
  return createAuthServices({
    accounts: store.accounts,
    config,
    secrets,
    clock: systemClock,
    schedule: systemSchedule,
    ids: createIds(),
    fillRandom: systemRandom,
    log,
    ...(createJwtEngine === undefined ? {} : { createJwtEngine }),
  });
}
