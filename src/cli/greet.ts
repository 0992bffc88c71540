/** What is said when the relay is ready: a page for a person, lines for a log, and secrets that are shown this once. */
import { isLoopback } from "../config/addresses.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { VERSION } from "../support/build-info.ts";
import type { ProcessLogger } from "../support/log.ts";
import { renderBanner, unusedKeys } from "./banner.ts";

export interface Greeting {
  readonly isQuiet: boolean;
  readonly url: string;
  readonly dataDir: string;
  readonly configPath: string | null;
  readonly configText: string;
  readonly snapshot: Snapshot;
  /** Only at the start that made it. */
  readonly accessKey: string | null;
  /** Nobody has an account yet. */
  readonly isFirstRun: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The access key appears exactly once, whoever reads. */
export function greet(log: ProcessLogger, greeting: Greeting): void {
  const { url, dataDir, configPath, configText, snapshot, accessKey, isFirstRun, env } = greeting;
  const readyMs = performance.now();
  const providers = snapshot.providers.filter(({ enabled }) => enabled);
  if (process.stderr.isTTY && !greeting.isQuiet) {
    process.stderr.write(
      renderBanner({
        version: VERSION,
        readyMs,
        url,
        dataDir,
        configPath,
        accessKey,
        isFirstRun,
        providers: providers.length,
        models: snapshot.router.offered().length,
        generation: snapshot.generation,
        hasEcho: providers.some(({ type }) => type === "echo"),
        unusedKeys: unusedKeys(env, configText),
      }),
    );
    return;
  }
  log.notice("ready", {
    url,
    data: dataDir,
    providers: providers.length,
    ready_ms: Math.round(readyMs),
    version: VERSION,
  });
  // There is no other channel: the line is written past the redaction that would take the key out.
  if (accessKey !== null) process.stderr.write(`monorelay: access key (shown once, may call models): ${accessKey}\n`);
}

/** There is no other channel: the line is written past the redaction that would take the token out. */
export function printSetupToken(token: string | undefined): void {
  if (token === undefined) return;
  process.stderr.write(`monorelay: setup token (shown once, the first registration needs it): ${token}\n`);
}

/** Whoever finds a relay without an account first becomes its super admin. */
export function warnOfOpenSetup(
  log: Pick<ProcessLogger, "warn">,
  { isFirstRun, hasSetupToken, host }: { isFirstRun: boolean; hasSetupToken: boolean; host: string },
): void {
  if (!isFirstRun || hasSetupToken || isLoopback(host)) return;
  log.warn(
    "anybody who reaches this relay first becomes its super admin: run monorelay user create NAME, or set auth.setup_token",
    { host },
  );
}
