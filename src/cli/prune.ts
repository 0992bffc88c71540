/** Throws away what has been kept for long enough: at start, and then every hour. */
import type { AuthServices } from "../auth/services.ts";
import type { Logger } from "../contract/host.ts";
import type { SnapshotHolder } from "../snapshot/snapshot.ts";
import type { Store } from "../store/types.ts";

/** Records older than `logging.max_age_days` go once at start and then this often. */
const PRUNE_INTERVAL_MS = 3_600_000;
const DAY_MS = 86_400_000;

/**
 * Vendors keep answers for 30 days, and uploads that were begun for one or two; whose they were is nobody's business
 * after that.
 */
const KEPT_DAYS: Readonly<Record<string, number>> = { response: 31, "gemini-upload": 3 };

export function prunePeriodically(
  store: Store,
  accounts: AuthServices,
  holder: SnapshotHolder,
  log: Logger,
): () => void {
  const prune = (): void => {
    accounts.prune().catch((error) => log.warn("ended sessions could not be removed", { error }));
    for (const [kind, days] of Object.entries(KEPT_DAYS)) {
      store.objects
        .prune(kind, Date.now() - days * DAY_MS)
        .catch((error) => log.warn("the owners of what is gone could not be removed", { kind, error }));
    }
    const { maxAgeDays } = holder.current.config.logging;
    if (maxAgeDays === 0) return;
    store.calls
      .prune(Date.now() - maxAgeDays * DAY_MS)
      .catch((error) => log.warn("old call records could not be removed", { error }));
  };
  const timer = setInterval(prune, PRUNE_INTERVAL_MS);
  timer.unref();
  setImmediate(prune);
  return () => clearInterval(timer);
}
