/** Notices that another process, e.g. the command line, has written to the accounts. */
import type { Schedule } from "../support/clock.ts";
import type { Revocations } from "./revocations.ts";

/** Revocation by another process acts within two seconds, on running streams within five. */
export const LOOK_MS = 500;

export interface OutsideChangesOptions {
  /** Changes with every such write; a quarter of a microsecond. */
  readonly outsideVersion: () => number;
  readonly revocations: Pick<Revocations, "emit">;
  readonly schedule: Schedule;
}

/** Tells the bus that anybody's rights may have changed. The result ends the watch. */
export function watchOutsideChanges({ outsideVersion, revocations, schedule }: OutsideChangesOptions): () => void {
  const read = (): number | undefined => {
    try {
      return outsideVersion();
    } catch {
      // The file is out of reach for the moment: to be looked at again.
      return undefined;
    }
  };
  let seen = read();
  let cancel = () => {};
  const look = () => {
    const version = read();
    if (version !== undefined && version !== seen) {
      seen = version;
      revocations.emit({ type: "changed", principalId: null });
    }
    cancel = schedule(LOOK_MS, look);
  };
  cancel = schedule(LOOK_MS, look);
  return () => cancel();
}
