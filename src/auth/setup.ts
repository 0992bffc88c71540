/** The token that guards the first registration: as configured, or made at start, and void after its use. */
import type { AccountRepositories } from "../store/types.ts";
import { digestSecretHex } from "../support/secret.ts";
import { type AccountsConfig, isSsoOnly } from "./caller.ts";
import { type FillRandom, randomToken } from "./randomness.ts";

export interface SetupOptions {
  readonly accounts: AccountRepositories;
  readonly config: () => AccountsConfig;
  readonly fillRandom: FillRandom;
}

export interface SetupStatus {
  readonly initialized: boolean;
  readonly needsSetup: boolean;
  readonly registration: "open" | "invite" | "closed";
  readonly setupTokenRequired: boolean;
  readonly ssoOnly: boolean;
}

export interface Setup {
  /**
   * Puts the configured rule into force, at start and after each reload. Returns a token that was made and has to be
   * printed: nobody can ask for it again.
   */
  prepare(): Promise<string | undefined>;
  /** Makes a token that the first registration needs, whatever is configured; earlier ones stop working. */
  make(): Promise<string>;
  /** The same for a clearing of all accounts, which puts the digest into force itself. */
  makeFor<T>(work: (digest: string) => Promise<T>): Promise<{ readonly token: string; readonly result: T }>;
  status(): Promise<SetupStatus>;
}

export function createSetup({ accounts, config, fillRandom }: SetupOptions): Setup {
  /** One after another: a reload and a start must not void each other's token. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work);
    last = next.catch(() => {});
    return next;
  };
  /** A reload that changes nothing keeps the token that was printed. */
  let isMadeInForce = false;

  const enforce = async (digests: readonly string[]): Promise<void> => {
    await accounts.tokens.setSetupTokens(digests);
    isMadeInForce = false;
  };
  const make = async (): Promise<string> => {
    const token = randomToken(fillRandom);
    await enforce([digestSetupToken(token)]);
    isMadeInForce = true;
    return token;
  };

  return {
    prepare: () =>
      inTurn(async () => {
        if (await accounts.users.hasAny()) return undefined;
        const { setupToken } = config().auth;
        const isForced = await accounts.tokens.isSetupForced();
        if (setupToken === null && !isForced) {
          await enforce([]);
          return undefined;
        }
        if (setupToken !== null && setupToken !== "auto") {
          const digest = digestSetupToken(setupToken);
          // One that has been used once may be known; after a clearing another one takes its place.
          if (!isForced && !(await accounts.tokens.isSetupTokenUsed(digest))) {
            await enforce([digest]);
            return undefined;
          }
        }
        return isMadeInForce ? undefined : make();
      }),
    make: () => inTurn(make),
    makeFor: (work) =>
      inTurn(async () => {
        const token = randomToken(fillRandom);
        const result = await work(digestSetupToken(token));
        isMadeInForce = true;
        return { token, result };
      }),
    async status() {
      const initialized = await accounts.users.hasAny();
      return {
        initialized,
        needsSetup: !initialized,
        registration: config().auth.registration,
        setupTokenRequired: !initialized && (await accounts.tokens.checkSetup(undefined)).isRequired,
        ssoOnly: isSsoOnly(config()),
      };
    },
  };
}

/** Compared by digest: how far a guess was right shows nowhere. */
export function digestSetupToken(token: string): string {
  return digestSecretHex(`setup ${token}`);
}
