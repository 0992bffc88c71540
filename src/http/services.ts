/** What the routes are lent by the composition root. */
import type { AuthServices } from "../auth/services.ts";
import type { SignInServices } from "../auth/sign-in-services.ts";
import type { RelayServices } from "../relay/services.ts";
import type { SnapshotHolder } from "../snapshot/snapshot.ts";
import type { SyncAnswer, SyncOptions } from "../sync/sync.ts";
import type { Store } from "../store/types.ts";
import type { Ids } from "../support/ids.ts";

export interface HttpServices {
  readonly relay: RelayServices;
  readonly auth: AuthServices;
  readonly signIn: SignInServices;
  readonly store: Pick<Store, "backup" | "calls">;
  /** Where backups are kept, one directory each. */
  readonly backupDir: string;
  /** Shows the operator a token that the next first registration needs; there is no other way to learn it. */
  readonly showSetupToken: (token: string) => void;
  readonly holder: SnapshotHolder;
  readonly ids: Ids;
  readonly version: string;
  readonly startedAt: number;
  /** http(s) to the outside, by the proxy and roots of the configuration; redirects are not followed. */
  readonly fetchOutside: (input: string, init: RequestInit) => Promise<Response>;
  /** The port really bound; 0 until then. */
  readonly boundPort: () => number;
  /** Why the relay is not ready, or `undefined`. */
  readonly notReady: () => string | undefined;
  readonly sync: (options: SyncOptions) => Promise<SyncAnswer>;
}
