/** Signals: reload on SIGHUP, drain on the first SIGTERM or SIGINT, leave at once on the second. */
import type { Logger } from "../contract/host.ts";
import { CLOSE_NOTICE_MS, type RunningServer } from "../http/server.ts";
import type { ActiveCalls } from "../relay/active.ts";

export interface ShutdownParts {
  readonly server: RunningServer;
  readonly active: ActiveCalls;
  readonly log: Logger;
  readonly graceMs: () => number;
  /** From now on `/readyz` says no, and answers close their connections. */
  readonly draining: () => void;
  readonly reload: () => Promise<unknown>;
}

/** After the grace, streams get this long to take their last event. */
const LAST_WORDS_MS = 500;

/** Resolves with the exit code once everything has ended. */
export async function runUntilStopped(parts: ShutdownParts): Promise<number> {
  const { promise: asked, resolve: ask } = Promise.withResolvers<NodeJS.Signals>();
  const { promise: hurried, resolve: hurry } = Promise.withResolvers<number>();
  let isAsked = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isAsked) hurry(signal === "SIGINT" ? 130 : 143);
    isAsked = true;
    ask(signal);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  process.on("SIGHUP", () => void parts.reload().catch((error) => parts.log.error("the reload failed", { error })));
  process.on("SIGUSR1", () => {});
  process.on("SIGPIPE", () => {});
  process.on("unhandledRejection", (error) => parts.log.error("a promise failed that nobody waited for", { error }));
  process.on("uncaughtException", (error) => parts.log.error("an error was thrown that nobody caught", { error }));

  const signal = await asked;
  parts.log.info("stopping", { signal, calls: parts.active.size });
  parts.draining();
  return Promise.race([hurried, drain(parts)]);
}

async function drain({ server, active, log, graceMs }: ShutdownParts): Promise<number> {
  // Clients on idle connections learn from their next answer that the connection closes; then no request is lost.
  server.announceClose();
  await Bun.sleep(CLOSE_NOTICE_MS);
  server.stopListening();
  const isDrained = await Promise.race([active.drained().then(() => true), Bun.sleep(graceMs()).then(() => false)]);
  if (!isDrained) {
    log.warn("calls were cut at the end of server.shutdown_grace", { calls: active.size });
    active.cutAll();
    await Bun.sleep(LAST_WORDS_MS);
  }
  return 0;
}
