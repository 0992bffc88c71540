/** The secrets the account services work with, each from the place where it lives. */
import { join } from "node:path";
import type { Logger } from "../contract/host.ts";
import type { SettingsRepository } from "../store/types.ts";
import type { AccountsConfig } from "./caller.ts";
import { deriveKey, readOrMakeSecret } from "./key-files.ts";
import type { FillRandom } from "./randomness.ts";

export interface AuthSecrets {
  /** Signs access tokens: as configured, or the file's. Asked each time, so that a new one rules at once. */
  readonly jwt: () => string;
  /** API keys are stored as digests under this. */
  readonly pepper: Uint8Array;
  /** Successors of refresh tokens follow from this. */
  readonly refreshKey: Uint8Array;
}

export interface AuthSecretsOptions {
  readonly dataDir: string;
  readonly config: () => AccountsConfig;
  readonly settings: SettingsRepository;
  readonly fillRandom: FillRandom;
  readonly log: Logger;
}

const JWT_FILE = "jwt_secret";
const SEAL_FILE = "secrets.key";
const CHECK_SETTING = "api_key_pepper_check";

/**
 * Reads them from the data directory, or makes them there. Throws a `StoreError` when one can be neither read nor
 * saved. Another `secrets.key` than the one that API keys were made with is told, and does not stop the rest.
 */
export async function openAuthSecrets(options: AuthSecretsOptions): Promise<AuthSecrets> {
  const { dataDir, config, settings, fillRandom, log } = options;
  const seal = readOrMakeSecret(join(dataDir, SEAL_FILE), fillRandom);
  let own: string | undefined;
  const jwt = () => config().server.jwtSecret ?? (own ??= readOrMakeSecret(join(dataDir, JWT_FILE), fillRandom));
  // Now, so that a directory that cannot keep it is found out before anybody signs in.
  jwt();

  const check = Buffer.from(deriveKey(seal, "API key pepper check")).toString("hex").slice(0, 16);
  if (!(await settings.add(CHECK_SETTING, check)) && (await settings.get(CHECK_SETTING)) !== check) {
    log.error(
      `${SEAL_FILE} is not the one that API keys were made with: none of them is recognised until it is restored`,
      { path: join(dataDir, SEAL_FILE) },
    );
  }
  return {
    jwt,
    pepper: deriveKey(seal, "API key digests"),
    refreshKey: deriveKey(seal, "refresh token successors"),
  };
}
