/** What the routes are lent by the composition root. */
import type { RelayServices } from "../relay/services.ts";
import type { SnapshotHolder } from "../snapshot/snapshot.ts";
import type { SyncAnswer, SyncOptions } from "../sync/sync.ts";
import type { Ids } from "../support/ids.ts";

export interface HttpServices {
  readonly relay: RelayServices;
  readonly holder: SnapshotHolder;
  readonly ids: Ids;
  readonly version: string;
  readonly startedAt: number;
  /** The port really bound; 0 until then. */
  readonly boundPort: () => number;
  /** Why the relay is not ready, or `undefined`. */
  readonly notReady: () => string | undefined;
  readonly sync: (options: SyncOptions) => Promise<SyncAnswer>;
}
